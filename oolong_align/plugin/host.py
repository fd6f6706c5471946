"""The host: a typed facade over all plugins, with one method for each hook. It checks the results of the hooks.

Other modules find and call plugins (``manager.py``), collect their entries (``registry.py``) and process recordings
(``pipeline``).
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from oolong_align.errors import PluginError, UsageError
from oolong_align.plugin.contract import validate_diarization, validate_transcript, validate_words
from oolong_align.plugin.entries import (
    Config,
    DiarizerEntry,
    ExecutorEntry,
    OptionGroup,
    OutputFormat,
    PluginOption,
    Result,
    SpeakerStore,
    SpeakerStoreEntry,
    TranscriberEntry,
)
from oolong_align.plugin.guards import guard_evidence
from oolong_align.plugin.manager import PluginManager, PluginRow
from oolong_align.plugin.owners import CORE, Guard, Owner
from oolong_align.plugin.registry import Registry, check_option_names, clash, flag_name
from oolong_align.speakers.urls import store_scheme
from oolong_align.types import Diarization, Progress, SpeechRange, Transcript, Words

if TYPE_CHECKING:
    import click

    from oolong_align.audio.recording import Audio

__all__ = ["Host"]

Entry = TypeVar("Entry")


class Host:
    """Typed facade over the registered plugins.

    Raises
    ------
    PluginError
        If a plural hook fails, or two entries have the same name. Entries are collected once, at construction.
    """

    def __init__(self, manager: PluginManager) -> None:
        self._manager = manager
        self._registry = Registry(manager)
        self._options: tuple[PluginOption, ...] | None = None
        self._commands: dict[str, Owner] = {}

    def plugins(self) -> list[PluginRow]:
        """Name, version, distribution, hooks and wrappers of every plugin, the built-in one first."""
        return self._manager.rows()

    # Plural hooks: entries by name, those of the built-in plugin first.

    def diarizers(self) -> Mapping[str, DiarizerEntry]:
        """Diarizers by name."""
        return self._registry.diarizers

    def transcribers(self) -> Mapping[str, TranscriberEntry]:
        """Transcribers by name."""
        return self._registry.transcribers

    def formats(self) -> Mapping[str, OutputFormat]:
        """Output formats by name."""
        return self._registry.formats

    def speaker_stores(self) -> Mapping[str, SpeakerStoreEntry]:
        """Speaker stores by the scheme of their URLs."""
        return self._registry.stores

    def executors(self) -> Mapping[str, ExecutorEntry]:
        """Executors by name."""
        return self._registry.executors

    def open_store(self, url: str) -> SpeakerStore:
        """Open the speaker store at a URL.

        Raises
        ------
        UsageError
            If no plugin offers a store for the scheme.
        StoreError
            If it cannot be opened.
        """
        return _choose_store(url, self.speaker_stores()).open(url)

    # Hooks that are called for every plugin.

    def add_options(self) -> Sequence[PluginOption]:
        """Options that select entries, then those of the built-in plugin and of the others.

        Raises
        ------
        PluginError
            If two plugins add the same option to one command.
        """
        if self._options is None:
            options = self._registry.selection_options()
            for owner, call in self._manager.each("oolong_add_options"):
                group = OptionGroup(owner.name)
                call(options=group)
                options.extend(group.options)
            check_option_names(options, {owner.name: owner for owner in self._manager.owners()})
            self._options = tuple(options)
        return self._options

    def configure(self, config: Config) -> None:
        """Let every plugin check its options."""
        for _, call in self._manager.each("oolong_configure"):
            call(config=config)

    def commands(self, cli: click.Group) -> None:
        """Let every plugin add its subcommands.

        Raises
        ------
        PluginError
            If the name of a command is taken. The message names both owners.
        """
        before = dict(cli.commands)
        owners = dict.fromkeys(before, self._manager.owners()[0])
        for owner, call in self._manager.each("oolong_commands"):
            call(cli=cli)
            for name, command in cli.commands.items():
                if before.get(name, command) is not command:
                    raise clash("command", name, owners[name], owner)
                owners.setdefault(name, owner)
            before = dict(cli.commands)
        self._commands = owners

    def blame_command(self, name: str | None, error: Exception) -> PluginError | None:
        """Error that names the plugin of a failed command; ``None`` for a built-in command."""
        owner = self._commands.get(name or "")
        try:
            if owner is not None and owner.name != CORE:
                with Guard(owner, f"command {name!r}")():
                    raise error
        except PluginError as blamed:
            return blamed
        return None

    def finish(self, results: Sequence[Result], config: Config) -> None:
        """Pass the results of a finished run to every plugin."""
        for _, call in self._manager.each("oolong_finish"):
            call(results=tuple(results), config=config)

    # Stage hooks.

    def diarize(self, audio: Audio, config: Config) -> Diarization:
        """Find out who speaks when."""
        arguments = {"audio": audio, "config": config}
        found, answers = self._manager.call_first("oolong_diarize", validate_diarization, arguments)
        owner = next(owner for owner, answer in answers if getattr(answer, "voice", None) is found.voice)
        found = guard_evidence(found, Guard(owner, "oolong_diarize"))
        if found.recording or not found.embeddings:
            return found
        return replace(found, recording=audio.fingerprint())

    def transcribe(self, audio: Audio, speech: Sequence[SpeechRange], config: Config) -> Words:
        """Recognise the words inside the speech ranges."""
        arguments = {"audio": audio, "speech": speech, "config": config}
        return self._manager.call_first("oolong_transcribe", validate_words, arguments)[0]

    def align(self, words: Words, diarization: Diarization, config: Config) -> Transcript:
        """Assign a speaker to every word."""
        arguments = {"words": words, "diarization": diarization, "config": config}
        return self._manager.call_first("oolong_align", validate_transcript, arguments)[0]

    def identify(self, transcript: Transcript, diarization: Diarization, config: Config) -> Transcript:
        """Assign names to speakers."""
        arguments = {"transcript": transcript, "diarization": diarization, "config": config}
        return self._manager.call_first("oolong_identify", validate_transcript, arguments)[0]

    # One run.

    def resolve(
        self,
        command: str,
        options: Mapping[str, Any],
        *,
        formats: Iterable[str] = (),
        progress: Progress | None = None,
    ) -> Config:
        """Select entries, build the configuration and let every plugin check it.

        Parameters
        ----------
        command : str
            ``"transcribe"``, ``"align"``, ``"diarize"`` or ``"edit"``.
        options : mapping
            Options by name; missing ones have their defaults.
        formats : iterable of str
            Output formats in addition to those that the options request.
        progress : callable, optional
            Called by long stages.

        Raises
        ------
        UsageError
            If an option, an entry or a format is unknown, or a plugin rejects its options.
        """
        values = self.complete(command, options)
        url = values.get("speakers")
        config = Config(
            command=command,
            options=MappingProxyType(values),
            diarizer=_choose("diarizer", values.get("diarizer"), self.diarizers()),
            transcriber=_choose("transcriber", values.get("transcriber"), self.transcribers()),
            executor=_choose("executor", values.get("executor"), self.executors()),
            store=None if url is None else _choose_store(url, self.speaker_stores()),
            formats=self._choose_formats(command, [*self.requested_formats(values), *formats]),
            progress=progress,
        )
        self.configure(config)
        return config

    def complete(self, command: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Check and convert option values as the command line would, and fill in the defaults.

        Raises
        ------
        UsageError
            If an option is unknown or its value is invalid.
        """
        import click

        declared = {str(each.option.name): each.option for each in self.add_options() if command in each.commands}
        for name in given:
            if name not in declared:
                near = difflib.get_close_matches(name, declared, n=1)
                raise UsageError(f"Unknown option {name!r}" + (f". Did you mean {near[0]!r}?" if near else ""))
        context = click.Command(command, params=list(declared.values())).make_context(command, [])
        values = dict(context.params)
        for name, value in given.items():
            option = declared[name]
            try:
                values[name] = option.type_cast_value(
                    context, [value] if option.multiple and isinstance(value, str) else value
                )
            except click.UsageError as error:
                raise UsageError(f"Invalid option {name}={value!r}: {error.message}") from error
        return values

    def requested_formats(self, options: Mapping[str, Any]) -> list[str]:
        """Names of the formats that option values request, by ``--output_format`` or by a flag."""
        listed = [name.strip() for value in options["output_format"] for name in value.split(",")]
        return [*filter(None, listed), *(name for name in self.formats() if options.get(flag_name(name)))]

    def _choose_formats(self, command: str, names: Collection[str]) -> tuple[OutputFormat, ...]:
        """Formats in order of registration, each once; for ``diarize``, those that need no words."""
        known = {name: each for name, each in self.formats().items() if command != "diarize" or not each.words}
        for name in names:
            if name != "all":
                _choose("output format", name, known)
        return tuple(each for name, each in known.items() if name in names or "all" in names)


def _choose(kind: str, name: object, entries: Mapping[str, Entry]) -> Entry:
    """Return the entry with a name, or the first one without a name."""
    if name is None and entries:
        return next(iter(entries.values()))
    if name not in entries:
        raise UsageError(f"Unknown {kind} {name!r}. Available: {', '.join(entries) or 'none'}")
    return entries[str(name)]


def _choose_store(url: str, stores: Mapping[str, SpeakerStoreEntry]) -> SpeakerStoreEntry:
    scheme = store_scheme(url)
    if scheme not in stores:
        available = ", ".join(stores) or "none"
        # Not the whole URL: it may contain a password.
        raise UsageError(f"Unknown speaker store {scheme!r} in --speakers. Available: {available}")
    return stores[scheme]
