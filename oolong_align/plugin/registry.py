"""The entries that plugins offer, by name; each is guarded on behalf of its owner."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

from oolong_align.errors import PluginError
from oolong_align.plugin.contract import BrokenRuleError, validate_diarization, validate_type, validate_words
from oolong_align.plugin.entries import (
    Config,
    DiarizeCall,
    DiarizerEntry,
    Executor,
    ExecutorEntry,
    OptionGroup,
    OutputFormat,
    PluginOption,
    SpeakerStoreEntry,
    TranscribeCall,
    TranscriberEntry,
)
from oolong_align.plugin.guards import GuardedExecutor, guard_evidence
from oolong_align.plugin.manager import PluginManager
from oolong_align.plugin.owners import CORE, Guard, Owner
from oolong_align.types import Diarization, Transcript

__all__ = ["RESERVED", "Registry", "check_option_names", "clash", "flag_name"]

RESERVED: Final = frozenset(
    {
        *("files", "output_dir", "o", "f", "p", "no_plugins", "quiet", "q", "debug", "timing", "version"),
        *("help", "help_advanced"),
        *("file", "audio", "rename", "assign", "merge"),
    }
)
"""Names of the command line's own parameters; a plugin's option cannot have one."""

_ALIGN_PARAMETERS: Final = ("transcript", "turns")
_NAME: Final = re.compile(r"[a-z][a-z0-9_.+-]*")
Entry = TypeVar("Entry", DiarizerEntry, TranscriberEntry, OutputFormat, SpeakerStoreEntry, ExecutorEntry)


class Registry:
    """Entries by name in order of registration: those of the built-in plugin come first.

    Exceptions in an entry's callables become errors that name its owner. The results of the callables are checked.

    Raises
    ------
    PluginError
        If an entry is malformed, two entries of a kind have the same name, or two formats have the same suffix.
    """

    def __init__(self, manager: PluginManager) -> None:
        self._manager = manager
        self._owners: dict[tuple[str, str], Owner] = {}
        self.diarizers = self._collect("oolong_diarizers", "diarizer", DiarizerEntry, self._diarizer)
        self.transcribers = self._collect("oolong_transcribers", "transcriber", TranscriberEntry, self._transcriber)
        self.formats = self._collect("oolong_formats", "format", OutputFormat, self._format)
        self.stores = self._collect("oolong_speaker_stores", "speaker store", SpeakerStoreEntry, self._store)
        self.executors = self._collect("oolong_executors", "executor", ExecutorEntry, self._executor)

    def selection_options(self) -> list[PluginOption]:
        """Options that select entries: one for each kind, and a flag for each output format."""
        every: tuple[str, ...] = ("transcribe", "align", "diarize")
        core = OptionGroup(CORE)
        for kind, entries, commands in (
            ("diarizer", self.diarizers, every),
            ("transcriber", self.transcribers, ("transcribe",)),
            ("executor", self.executors, every),
        ):
            summaries = "; ".join(f"{name}: {entry.summary}" for name, entry in entries.items())
            core.add(
                f"--{kind}",
                commands=commands,
                heading="Components",
                metavar="NAME",
                default=next(iter(entries), None),
                hidden=len(entries) < 2,
                help=f"{kind.capitalize()}. {summaries}.",
            )
        stores = ", ".join(self.stores) or "none is installed"
        for commands, use in (
            (every, "recognise its voices and store new ones"),
            (("edit",), "update speaker names from it"),
        ):
            core.add(
                "--speakers",
                commands=commands,
                heading="Speakers",
                metavar="URL",
                help=f"Voice library: {use} (stores: {stores}).",
            )
        core.add(
            "--output_format",
            "-f",
            commands=(*every, "edit"),
            heading="Output",
            metavar="NAME",
            multiple=True,
            help="Output formats by name, separated by commas, or all. Can be repeated.",
        )
        options = core.options
        for name, each in self.formats.items():
            group = OptionGroup(self._owners["format", name].name)
            commands = ("transcribe", "align", "edit") if each.words else (*every, "edit")
            group.add(
                f"--{name}", flag_name(name), commands=commands, heading="Output", is_flag=True, help=f"{each.summary}."
            )
            options.extend(group.options)
        return options

    def _collect(
        self, hook: str, kind: str, expected: type[Entry], guard: Callable[[Owner, Entry], Entry]
    ) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        suffixes: dict[str, Owner] = {}
        for owner, value in self._manager.collect(hook):
            with Guard(owner, hook)():
                entry = validate_type(value, expected)
                name = entry.scheme if isinstance(entry, SpeakerStoreEntry) else entry.name
                if not (isinstance(name, str) and _NAME.fullmatch(name)):
                    raise BrokenRuleError(
                        f"invalid name {name!r}; use lowercase letters, digits, '_', '-', '.' and '+'"
                    )
            if name in found:
                raise clash(kind, name, self._owners[kind, name], owner)
            self._owners[kind, name] = owner
            found[name] = guard(owner, entry)
            if isinstance(entry, OutputFormat):
                suffix = entry.suffix.casefold()  # some file systems ignore case
                if suffix in suffixes:
                    raise clash("suffix", entry.suffix, suffixes[suffix], owner)
                suffixes[suffix] = owner
        return found

    def _diarizer(self, owner: Owner, entry: DiarizerEntry) -> DiarizerEntry:
        guard = Guard(owner, f"diarizer {entry.name!r}")

        def check(value: object) -> Diarization:
            return guard_evidence(validate_diarization(value), guard)

        def build(config: Config) -> DiarizeCall:
            return guard.wrap(guard.wrap(entry.build, _check_engine)(config), check)

        return replace(entry, build=build)

    def _transcriber(self, owner: Owner, entry: TranscriberEntry) -> TranscriberEntry:
        guard = Guard(owner, f"transcriber {entry.name!r}")

        def build(config: Config) -> TranscribeCall:
            return guard.wrap(guard.wrap(entry.build, _check_engine)(config), validate_words)

        prepare = entry.prepare and guard.wrap(entry.prepare, lambda _: None)
        return replace(entry, build=build, prepare=prepare)

    def _format(self, owner: Owner, entry: OutputFormat) -> OutputFormat:
        guard = Guard(owner, f"format {entry.name!r}")
        with guard():
            if not flag_name(entry.name).isidentifier():
                raise BrokenRuleError(
                    f"the name {entry.name!r} cannot be an option; use lowercase letters, digits, '_' and '-'"
                )
            if not re.fullmatch(r"\.[^/\\\x00-\x1f]+", validate_type(entry.suffix, str)):
                raise BrokenRuleError(f"invalid suffix {entry.suffix!r}; it must start with a dot and contain no '/'")
        render_text, with_config = guard.wrap(entry.render, _check_text), _takes_config(entry.render, 1)

        def render(transcript: Transcript, config: Config) -> str:
            return render_text(transcript, config) if with_config else render_text(transcript)

        if entry.render_file is None:
            return replace(entry, render=render)
        render_all, file_with_config = guard.wrap(entry.render_file, _check_text), _takes_config(entry.render_file, 3)

        def render_file(transcript: Transcript, recording: Path, target: Path, config: Config) -> str:
            given = (transcript, recording, target)
            return render_all(*given, config) if file_with_config else render_all(*given)

        return replace(entry, render=render, render_file=render_file)

    def _store(self, owner: Owner, entry: SpeakerStoreEntry) -> SpeakerStoreEntry:
        check = _check_methods("model", "put", "get", "list", "nearest", "count", "forget", "transaction", "close")
        return replace(entry, open=Guard(owner, f"speaker store {entry.scheme!r}").wrap(entry.open, check))

    def _executor(self, owner: Owner, entry: ExecutorEntry) -> ExecutorEntry:
        guard = Guard(owner, f"executor {entry.name!r}")
        check = _check_methods("map", "__enter__", "__exit__")

        def open_guarded(config: Config) -> Executor:
            return GuardedExecutor(guard.wrap(entry.open, check)(config), guard)

        return replace(entry, open=open_guarded)


def flag_name(name: str) -> str:
    """Name of the option that belongs to a format's flag."""
    return name.replace("-", "_")


def check_option_names(options: Iterable[PluginOption], owners: Mapping[str, Owner]) -> None:
    """Check that no command has two options with the same name.

    Raises
    ------
    PluginError
        If a name is taken. The message names both owners.
    """
    taken: dict[tuple[str, str], Owner] = {("align", name): owners[CORE] for name in _ALIGN_PARAMETERS}
    for each in options:
        flags = (*each.option.opts, *each.option.secondary_opts)
        names = {str(each.option.name)} | {flag.lstrip("-").replace("-", "_") for flag in flags}
        owner = owners[each.plugin]
        for command in each.commands:
            for name in names:
                first = owners[CORE] if name in RESERVED and owner.name != CORE else taken.get((command, name))
                if first is not None:
                    raise clash(f"option of {command}", flags[0], first, owner)
            taken.update({(command, name): owner for name in names})


def clash(kind: str, name: str, first: Owner, second: Owner) -> PluginError:
    """Error for a name that two owners use."""
    if first is second:
        return PluginError(f"The {kind} {name!r} is offered twice by {first}. Run without it: {first.opt_out}")
    plugins = {each.name: each for each in (first, second) if each.name != CORE}
    ways = " or ".join(each.opt_out for each in plugins.values())
    return PluginError(f"The {kind} {name!r} belongs to both {first} and {second}. Disable one of them: {ways}")


def _takes_config(render: Callable[..., str], others: int) -> bool:
    """Whether a renderer has a parameter for the configuration after its `others` parameters.

    Plugins for version 0.1 have renderers without it.
    """
    try:
        parameters = inspect.signature(render).parameters.values()
    except ValueError:  # a built-in function without a signature
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    given = [each for each in parameters if each.kind in positional]
    return len([each for each in given if each.default is each.empty or each.name == "config"]) > others


def _check_text(value: object) -> str:
    return validate_type(value, str)


def _check_engine(value: Any) -> Callable[..., Any]:
    if not callable(value):
        raise BrokenRuleError(f"build must return a callable, not {type(value).__name__}")
    engine: Callable[..., Any] = value
    return engine


def _check_methods(*methods: str) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        for method in methods:
            if not callable(getattr(value, method, None)):
                raise BrokenRuleError(f"the result of open must have the method {method}")
        return value

    return check
