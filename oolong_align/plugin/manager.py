"""Find, register and call plugins. Every error names its plugin and how to run without it.

This is the only module that uses pluggy's manager. What the hooks mean is known to ``host.py``.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, TypeVar, cast

import pluggy

from oolong_align.errors import PluginError, UsageError
from oolong_align.plugin import spec
from oolong_align.plugin.contract import BrokenRuleError
from oolong_align.plugin.guards import guard_function, guard_wrapper
from oolong_align.plugin.owners import CORE, Guard, Owner, plugin_error
from oolong_align.version import __version__

__all__ = ["PluginManager", "PluginRow"]

ALLOW_LIST: Final = "OOLONG_PLUGINS"
Returned = TypeVar("Returned")
Answer = tuple[Owner, object]
"""The owner of a hook implementation and what it returned."""

_answers: ContextVar[list[Answer]] = ContextVar("answers")


@dataclass(frozen=True, slots=True)
class PluginRow:
    """One row of ``oolong plugins``."""

    owner: Owner
    hooks: tuple[str, ...]
    wrappers: tuple[str, ...]


class PluginManager:
    """Registered plugins and their owners, the built-in plugin first."""

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
            If the name is taken, or a hook implementation does not match its specification.
        """
        taken = self._owners.get(owner.name)
        if taken is not None:
            others = " and ".join(str(each.distribution or "no distribution") for each in (taken, owner))
            raise PluginError(f"Two plugins have the name {owner.name!r}: {others}. Uninstall one of them")
        try:
            if inspect.isclass(plugin):
                raise BrokenRuleError("the entry point names a class; it must name a module or an instance")
            self._pluggy.register(plugin, owner.name)
            self._pluggy.check_pending()
            self._check_implementations(plugin)
        except Exception as error:  # pluggy raises several kinds, and runs the plugin's own attributes
            if self._pluggy.is_registered(plugin):
                self._pluggy.unregister(plugin)
            raise plugin_error(owner, "cannot be registered", error) from error
        for hook, each in self._implementations(plugin):
            wrap: Callable[..., Any] = guard_wrapper if each.wrapper else guard_function
            report = partial(_report, owner) if self._is_stage(hook) else None
            # pluggy has already read the argument names from the original function.
            cast(Any, each).function = wrap(each.function, Guard(owner, hook), report)
        self._owners[owner.name] = owner
        self._plugins[owner.name] = plugin

    def load_entry_points(
        self,
        *,
        disabled: Collection[str] = (),
        allowed: Collection[str] | None = None,
    ) -> None:
        """Import and register every installed plugin in alphabetical order.

        Parameters
        ----------
        disabled : collection of str
            Names given by ``-p no:NAME``.
        allowed : collection of str, optional
            Load only these. By default, the comma-separated names in ``OOLONG_PLUGINS``; all plugins if it is unset.

        Raises
        ------
        UsageError
            If no installed plugin has one of the names.
        PluginError
            If a plugin cannot be imported or registered.
        """
        if allowed is None:
            listed = os.environ.get(ALLOW_LIST, "")
            allowed = {name.strip() for name in listed.split(",") if name.strip()} or None
        found = sorted(entry_points(group=spec.PROJECT), key=lambda each: (each.name, _distribution(each)[0] or ""))
        installed = {each.name for each in found}
        if CORE in disabled:
            raise UsageError(f"-p no:{CORE}: the built-in plugin cannot be disabled")
        for origin, names in (("-p no:", disabled), (f"{ALLOW_LIST}=", allowed or ())):
            unknown = sorted(set(names) - installed)
            if unknown:
                available = ", ".join(sorted(installed)) or "none"
                raise UsageError(f"Unknown plugin {unknown[0]!r} in {origin}{unknown[0]}. Installed: {available}")
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
            for hook, implementation in self._implementations(self._plugins[name]):
                hooks[implementation.wrapper].append(hook)
            rows.append(PluginRow(owner, tuple(sorted(hooks[False])), tuple(sorted(hooks[True]))))
        return rows

    def each(self, hook: str) -> Iterator[tuple[Owner, Callable[..., list[Any]]]]:
        """Yield each plugin that implements a hook with a function that calls its implementations only."""
        for name, owner in self._owners.items():
            others = [plugin for other, plugin in self._plugins.items() if other != name]
            caller = self._pluggy.subset_hook_caller(hook, others)
            if caller.get_hookimpls():
                yield owner, caller

    def collect(self, hook: str) -> Iterator[tuple[Owner, Any]]:
        """Call a plural hook plugin by plugin; yield every entry with its owner."""
        for owner, call in self.each(hook):
            for entries in call():
                # A generator fails only when it is iterated, so the list is made under the guard.
                for entry in Guard(owner, hook).wrap(_entries, list)(entries):
                    yield owner, entry

    def call_first(
        self, hook: str, check: Callable[[object], Returned], arguments: Mapping[str, object]
    ) -> tuple[Returned, Sequence[Answer]]:
        """Call a stage hook of all plugins: the first result counts, and wrappers may change it.

        Returns
        -------
        result : object
            The checked result.
        answers : sequence of (Owner, object)
            What each implementation returned, from the innermost to the outermost.

        Raises
        ------
        PluginError
            If an implementation fails, or the result breaks the contract.
        """
        answers: list[Answer] = []
        token = _answers.set(answers)
        try:
            result = getattr(self._pluggy.hook, hook)(**arguments)
        finally:
            _answers.reset(token)
        try:
            return _checked(check, result), answers
        except Exception as error:  # noqa: BLE001 -- a check may fail in an unforeseen way on an unforeseen value
            owner, cause = _origin(check, answers) or (self._owners[CORE], error)
        raise plugin_error(owner, f"broke the contract in {hook}", cause) from cause

    def _implementations(self, plugin: object) -> Iterator[tuple[str, pluggy.HookImpl]]:
        """Yield the hook name and the implementation of everything that a plugin implements."""
        for caller in self._pluggy.get_hookcallers(plugin) or ():
            for each in caller.get_hookimpls():
                if each.plugin is plugin:
                    yield caller.name, each

    def _check_implementations(self, plugin: object) -> None:
        for hook, each in self._implementations(plugin):
            if each.hookwrapper:
                raise BrokenRuleError(f"{hook}: old-style wrapper; write @hookimpl(wrapper=True)")
            if each.wrapper and not self._is_stage(hook):
                raise BrokenRuleError(f"{hook} is not a stage hook, so it cannot be wrapped")
            specification = getattr(self._pluggy.hook, hook).spec
            known = () if specification is None else specification.argnames  # an optional hook of another project
            for parameter in inspect.signature(each.function).parameters.values():
                if parameter.name in known and parameter.default is not inspect.Parameter.empty:
                    raise BrokenRuleError(
                        f"{hook}: argument {parameter.name!r} has a default, so pluggy would not pass it; "
                        "remove the default"
                    )

    def _is_stage(self, hook: str) -> bool:
        specification = getattr(self._pluggy.hook, hook).spec
        return specification is not None and bool(specification.opts["firstresult"])


def _report(owner: Owner, value: object) -> None:
    _answers.get().append((owner, value))


def _checked(check: Callable[[object], Returned], value: object) -> Returned:
    if value is None:
        raise BrokenRuleError("returned None; a wrapper must return the result that it received, or a changed one")
    return check(value)


def _origin(check: Callable[[object], object], answers: Sequence[Answer]) -> tuple[Owner, Exception] | None:
    """Owner of the innermost answer from which on every answer breaks the contract, and the rule."""
    found = None
    for owner, answer in reversed(answers):
        try:
            _checked(check, answer)
        except Exception as error:  # noqa: BLE001 -- see call_first
            found = owner, error
        else:
            break
    return found


def _entries(value: object) -> Iterable[Any]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise BrokenRuleError(f"must return a list, not {type(value).__name__}")
    return value


def _import(each: EntryPoint, owner: Owner) -> object:
    try:
        return each.load()
    except (Exception, SystemExit) as error:
        raise plugin_error(owner, "cannot be imported", error) from error


def _distribution(each: EntryPoint) -> tuple[str | None, str | None]:
    return (each.dist.name, each.dist.version) if each.dist is not None else (None, None)
