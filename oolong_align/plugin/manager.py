"""Finding, registering and calling plugins; every failure names its plugin and the way out.

This is the only module that touches pluggy's manager. It knows nothing about what hooks mean: ``host.py`` does.
"""

from __future__ import annotations

import inspect
import os
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from types import CodeType
from typing import Any, Final, TypeVar

import pluggy

from oolong_align.errors import OolongError, PluginError, UsageError
from oolong_align.plugin import spec
from oolong_align.plugin.contract import BrokenRuleError
from oolong_align.version import __version__

__all__ = ["CORE", "Owner", "PluginManager", "PluginRow"]

CORE: Final = "core"
ALLOW_LIST: Final = "OOLONG_PLUGINS"
Returned = TypeVar("Returned")


@dataclass(frozen=True, slots=True)
class Owner:
    """Who a hook implementation or an entry belongs to."""

    name: str
    distribution: str | None = None
    version: str | None = None

    def __str__(self) -> str:
        package = " ".join(part for part in (self.distribution, self.version) if part)
        return f"plugin {self.name!r}" + (f" ({package})" if package else "")

    @property
    def way_out(self) -> str:
        """What to type to run without this plugin."""
        return f"-p no:{self.name}"


@dataclass(frozen=True, slots=True)
class PluginRow:
    """One line of ``oolong plugins``."""

    owner: Owner
    hooks: tuple[str, ...]
    wrappers: tuple[str, ...]


class PluginManager:
    """Registered plugins and their owners, the core first."""

    def __init__(self, core: object) -> None:
        self._pluggy = pluggy.PluginManager(spec.PROJECT)
        self._pluggy.add_hookspecs(spec)
        self._owners: dict[str, Owner] = {}
        self._plugins: dict[str, object] = {}
        self.register(core, Owner(CORE, "oolong-align", __version__))

    def register(self, plugin: object, owner: Owner) -> None:
        """Register one plugin.

        Raises
        ------
        PluginError
            If its name is taken, or a function of it does not fit its hook.
        """
        taken = self._owners.get(owner.name)
        if taken is not None:
            others = " and ".join(str(each.distribution or "no distribution") for each in (taken, owner))
            raise PluginError(f"two plugins have the name {owner.name!r}: {others}; uninstall one of them")
        try:
            if inspect.isclass(plugin):
                raise BrokenRuleError("the entry point names a class; name a module or an instance")
            self._pluggy.register(plugin, owner.name)
            self._pluggy.check_pending()
            self._check_implementations(plugin)
        except Exception as error:  # pluggy raises several kinds, and runs the plugin's own attributes
            if self._pluggy.is_registered(plugin):
                self._pluggy.unregister(plugin)
            raise PluginError(f"{owner} does not fit: {_one_line(error)}; {_run_without(owner)}") from error
        self._owners[owner.name] = owner
        self._plugins[owner.name] = plugin

    def load_entry_points(
        self,
        *,
        disabled: Collection[str] = (),
        allowed: Collection[str] | None = None,
    ) -> None:
        """Import and register every installed plugin, in order of their names.

        Parameters
        ----------
        disabled : collection of str
            Names given by ``-p no:NAME``.
        allowed : collection of str, optional
            Only these; by default ``OOLONG_PLUGINS``, names with commas, and everything where that is not set.

        Raises
        ------
        UsageError
            If a name is not the name of an installed plugin.
        PluginError
            If a plugin cannot be imported or registered.
        """
        if allowed is None:
            listed = os.environ.get(ALLOW_LIST, "")
            allowed = {name.strip() for name in listed.split(",") if name.strip()} or None
        found = sorted(entry_points(group=spec.PROJECT), key=lambda each: (each.name, _distribution(each)[0] or ""))
        installed = {each.name for each in found}
        if CORE in disabled:
            raise UsageError(f"-p no:{CORE}: the core's own defaults cannot be switched off")
        for origin, names in (("-p no:", disabled), (f"{ALLOW_LIST}=", allowed or ())):
            unknown = sorted(set(names) - installed)
            if unknown:
                there = ", ".join(sorted(installed)) or "none"
                raise UsageError(f"{origin}{unknown[0]}: no such plugin is installed; installed: {there}")
        for each in found:
            if each.name not in disabled and (allowed is None or each.name in allowed):
                owner = Owner(each.name, *_distribution(each))
                self.register(_import(each, owner), owner)

    def owners(self) -> list[Owner]:
        """All owners in order of registration."""
        return list(self._owners.values())

    def rows(self) -> list[PluginRow]:
        """Hooks and wrappers of every plugin, in order of registration."""
        rows = []
        for name, owner in self._owners.items():
            hooks: dict[bool, list[str]] = {False: [], True: []}
            for caller in self._pluggy.get_hookcallers(self._plugins[name]) or ():
                for implementation in caller.get_hookimpls():
                    if implementation.plugin_name == name:
                        hooks[implementation.wrapper].append(caller.name)
            rows.append(PluginRow(owner, tuple(sorted(hooks[False])), tuple(sorted(hooks[True]))))
        return rows

    def each(self, hook: str) -> Iterator[tuple[Owner, Callable[..., list[Any]]]]:
        """Plugins that implement a hook, in order of registration, each with a guarded call of its own part."""
        for name, owner in self._owners.items():
            others = [plugin for other, plugin in self._plugins.items() if other != name]
            caller = self._pluggy.subset_hook_caller(hook, others)
            if caller.get_hookimpls():
                yield owner, self.guarded(hook, owner, caller, list)

    def collect(self, hook: str) -> Iterator[tuple[Owner, Any]]:
        """Call a plural hook plugin by plugin; gives every entry with its owner."""
        for owner, call in self.each(hook):
            for entries in call():
                # The list is made inside the guard: a generator fails only when it is iterated.
                for entry in self.guarded(hook, owner, _entries, list)(entries):
                    yield owner, entry

    def guarded(
        self, where: str, owner: Owner, call: Callable[..., Any], check: Callable[[Any], Returned]
    ) -> Callable[..., Returned]:
        """Wrap a call on behalf of an owner: exceptions are the owner's, and the result is checked."""

        def guarded(*args: Any, **kwargs: Any) -> Returned:
            with self.guard(where, owner):
                return check(call(*args, **kwargs))

        return guarded

    def call_first(self, hook: str, check: Callable[[object], Returned], arguments: Mapping[str, object]) -> Returned:
        """Call a stage hook: all plugins together, the first result wins, wrappers around it; check the result."""
        with self.guard(hook):
            result = getattr(self._pluggy.hook, hook)(**arguments)
        try:
            if result is None:
                raise BrokenRuleError("gave None: somebody must give a result, and a wrapper return what it got")
            return check(result)
        except Exception as error:  # a check may stumble over what nobody thought of
            raise self._blame(hook, None, f"broke the contract in {hook}: {_one_line(error)}") from error

    @contextmanager
    def guard(self, where: str, owner: Owner | None = None) -> Iterator[None]:
        """Turn an exception of a plugin into a :class:`PluginError`.

        Errors of this package pass unchanged, and so does what the core itself raises. Without an owner ``where`` is
        a stage hook, and the owner is the one of the deepest traceback frame that runs an implementation of it.
        """
        try:
            yield
        except OolongError:
            raise
        except (Exception, SystemExit) as error:  # a plugin that exits would end the run without any output
            owner = owner or self._culprit(where, error)
            if owner is not None and owner.name == CORE and not isinstance(error, BrokenRuleError):
                raise
            if isinstance(error, BrokenRuleError):
                raise self._blame(where, owner, f"broke the contract in {where}: {error}") from error
            raise self._blame(where, owner, f"failed in {where}: {_one_line(error)}") from error

    def _blame(self, hook: str, owner: Owner | None, what: str) -> PluginError:
        suspects = [owner] if owner else self._implementers(hook)
        if len(suspects) == 1:
            return PluginError(f"{suspects[0]} {what}; {_run_without(suspects[0])}")
        names = ", ".join(str(each) for each in suspects)
        return PluginError(f"one of {names} {what}; run without one: {', '.join(each.way_out for each in suspects)}")

    def _implementers(self, hook: str) -> list[Owner]:
        """Owners of a hook's implementations: the plugins, or the core where there is no other."""
        names = {each.plugin_name for each in getattr(self._pluggy.hook, hook).get_hookimpls()}
        return [self._owners[name] for name in self._owners if name in names - {CORE}] or [self._owners[CORE]]

    def _culprit(self, hook: str, error: BaseException) -> Owner | None:
        implementations = getattr(self._pluggy.hook, hook).get_hookimpls()
        if isinstance(error.__cause__, StopIteration):  # which a generator must not raise
            error = error.__cause__
        deeper = ""
        for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
            # pluggy throws an exception into the wrappers around the one that raised it: they are not to blame.
            passed, deeper = deeper.startswith("pluggy."), str(frame.f_globals.get("__name__"))
            for each in implementations if not passed else ():
                code = _code(each.function)
                if code is not frame.f_code:
                    continue
                # Two instances of one class share their code: the frame's first argument tells them apart.
                bound = getattr(each.function, "__self__", None)
                if bound is None or frame.f_locals.get(next(iter(code.co_varnames), ""), bound) is bound:
                    return self._owners[each.plugin_name]
        return None

    def _check_implementations(self, plugin: object) -> None:
        for caller in self._pluggy.get_hookcallers(plugin) or ():
            specification = caller.spec
            if specification is None:  # an optional hook of somebody else
                continue
            stage = specification.opts["firstresult"]
            for each in caller.get_hookimpls():
                if each.plugin is not plugin:
                    continue
                if each.hookwrapper:
                    raise BrokenRuleError(f"{caller.name}: old-style wrapper; write @hookimpl(wrapper=True)")
                if each.wrapper and not stage:
                    raise BrokenRuleError(f"{caller.name} is no stage hook and cannot be wrapped")
                for parameter in inspect.signature(each.function).parameters.values():
                    if parameter.name in specification.argnames and parameter.default is not inspect.Parameter.empty:
                        raise BrokenRuleError(
                            f"{caller.name}: argument {parameter.name!r} has a default, so it would not be passed; "
                            "remove the default"
                        )


def _entries(value: object) -> Iterable[Any]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise BrokenRuleError(f"must return a list, not {type(value).__name__}")
    return value


def _import(each: EntryPoint, owner: Owner) -> object:
    try:
        return each.load()
    except (Exception, SystemExit) as error:
        raise PluginError(f"{owner} cannot be imported: {_one_line(error)}; {_run_without(owner)}") from error


def _distribution(each: EntryPoint) -> tuple[str | None, str | None]:
    return (each.dist.name, each.dist.version) if each.dist is not None else (None, None)


def _code(function: Any) -> CodeType | None:
    """Code object that runs when an implementation is called, below decorators that keep ``__wrapped__``."""
    function = inspect.unwrap(function)
    while isinstance(function, partial):
        function = function.func
    return getattr(function, "__code__", None)


def _run_without(owner: Owner) -> str:
    return "please report this" if owner.name == CORE else f"run without it: {owner.way_out}"


def _one_line(error: BaseException) -> str:
    if isinstance(error, BrokenRuleError | pluggy.PluginValidationError):
        return " ".join(str(error).split())
    return f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")
