"""Which plugin a piece of code belongs to, and errors that name this plugin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import pluggy

from oolong_align.errors import OolongError, PluginError
from oolong_align.plugin.contract import BrokenRuleError

__all__ = ["CORE", "Guard", "Owner", "plugin_error"]

CORE: Final = "core"
"""Name of the built-in plugin."""
Returned = TypeVar("Returned")


@dataclass(frozen=True, slots=True)
class Owner:
    """The plugin that a hook implementation or an entry belongs to."""

    name: str
    distribution: str | None = None
    version: str | None = None

    def __str__(self) -> str:
        package = " ".join(part for part in (self.distribution, self.version) if part)
        return f"plugin {self.name!r}" + (f" ({package})" if package else "")

    @property
    def opt_out(self) -> str:
        """Option that runs the command without this plugin."""
        return f"-p no:{self.name}"


@dataclass(frozen=True, slots=True)
class Guard:
    """Attributes errors raised in a plugin's code to the plugin.

    Attributes
    ----------
    owner : Owner
    where : str
        The hook or entry that runs, such as ``"oolong_align"`` or ``"format 'srt'"``.
    """

    owner: Owner
    where: str

    @contextmanager
    def __call__(self, passing: Iterable[BaseException] = ()) -> Iterator[None]:
        """Turn an exception of the block into a :class:`PluginError` that names the owner.

        Errors of this package and `passing` ones, which were raised elsewhere, pass unchanged. So do errors of the
        built-in plugin, except broken contracts: they are bugs of this package.
        """
        try:
            yield
        except OolongError:
            raise
        except (Exception, SystemExit) as error:  # a plugin that exits would end the run without any output
            own = self.owner.name == CORE and not isinstance(error, BrokenRuleError)
            if own or any(error is each for each in passing):
                raise
            raise self.error(error) from error

    def wrap(self, call: Callable[..., Any], check: Callable[[Any], Returned]) -> Callable[..., Returned]:
        """Return a callable that runs `call` under this guard and checks its result."""

        def guarded(*args: Any, **kwargs: Any) -> Returned:
            with self():
                return check(call(*args, **kwargs))

        return guarded

    def error(self, error: BaseException) -> PluginError:
        """Error that names the owner and the hook or entry."""
        verb = "broke the contract" if isinstance(error, BrokenRuleError) else "failed"
        return plugin_error(self.owner, f"{verb} in {self.where}", error)


def plugin_error(owner: Owner, problem: str, error: BaseException) -> PluginError:
    """Error of one line: the owner, the problem, its cause and how to run without the plugin."""
    cause = " ".join(str(error).split())
    if not isinstance(error, BrokenRuleError | pluggy.PluginValidationError):
        cause = f"{type(error).__name__}: {cause}".rstrip(": ")
    advice = "Please report this" if owner.name == CORE else f"Run without it: {owner.opt_out}"
    return PluginError(f"P{str(owner)[1:]} {problem}: {cause}. {advice}")
