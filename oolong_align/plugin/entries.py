"""Objects that plugins and the host exchange: entries of the plural hooks, option groups, the configuration.

Plugins import these names from :mod:`oolong_align.hookspecs`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

from oolong_align.speakers.records import SpeakerStore, Voice
from oolong_align.types import Diarization, Progress, SpeechRange, Transcript, Words

if TYPE_CHECKING:
    import click

    from oolong_align.audio.recording import Audio

__all__ = [
    "Config",
    "DiarizeCall",
    "DiarizerEntry",
    "Executor",
    "ExecutorEntry",
    "OptionGroup",
    "OutputFormat",
    "PluginOption",
    "Result",
    "SpeakerStore",
    "SpeakerStoreEntry",
    "TranscribeCall",
    "TranscriberEntry",
    "Voice",
]

COMMANDS: Final = ("transcribe", "align", "diarize", "vad", "edit")
"""Commands that can have a plugin's options."""
Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class DiarizeCall(Protocol):
    """The result of ``DiarizerEntry.build``."""

    def __call__(
        self,
        audio: Audio,
        *,
        num_speakers: int | None = None,
        min_speakers: int | None = None,
        max_speakers: int | None = None,
        progress: Progress | None = None,
    ) -> Diarization:
        """Detect who speaks when. Audio without speech is not an error: the result has no segments."""


class TranscribeCall(Protocol):
    """The result of ``TranscriberEntry.build``."""

    def __call__(self, audio: Audio, speech: Sequence[SpeechRange], *, progress: Progress | None = None) -> Words:
        """Recognise the words inside the speech ranges. Times are seconds from the start of the recording."""


@dataclass(frozen=True, slots=True)
class DiarizerEntry:
    """A diarizer for ``--diarizer NAME``; ``build`` is called once per run, when it is needed."""

    name: str
    summary: str
    build: Callable[[Config], DiarizeCall]


@dataclass(frozen=True, slots=True)
class TranscriberEntry:
    """A transcriber for ``--transcriber NAME``; ``build`` is called once per run, when it is needed.

    The optional ``prepare`` is called once per run before the first recording is diarized. It downloads the files that
    ``build`` loads, and raises errors that should not appear minutes later.
    """

    name: str
    summary: str
    build: Callable[[Config], TranscribeCall]
    prepare: Callable[[Config], None] | None = None


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """A text format, selected by the flag ``--<name>`` or ``--output_format <name>``.

    Attributes
    ----------
    name : str
        Lowercase letters, digits, ``_`` and ``-``.
    suffix : str
        End of the file's name, such as ``".srt"``.
    summary : str
        Shown in ``--help``.
    render : callable
        ``render(transcript, config) -> str`` returns the whole file. ``config`` holds the options of the run. A
        renderer with the transcript as its only parameter works as well and is called without ``config``.
    words : bool
        False if the format is useful for a diarization without words. ``oolong diarize`` offers only such formats.
    render_file : callable, optional
        ``render_file(transcript, recording, target, config) -> str``, for formats that contain or name the recording.
        If the recording is available, it is called instead of ``render``, with the paths of the recording and of the
        file to be written. ``config`` may be left out here, too.
    """

    name: str
    suffix: str
    summary: str
    render: Callable[[Transcript, Config], str] | Callable[[Transcript], str]
    words: bool = True
    render_file: Callable[[Transcript, Path, Path, Config], str] | Callable[[Transcript, Path, Path], str] | None = None

    def render_for(self, transcript: Transcript, config: Config, recording: Path | None, target: Path) -> str:
        """Text of `target`. The host calls this method; it passes ``config`` to renderers that take it."""
        render, render_file = cast(Any, self.render), cast(Any, self.render_file)
        text: str = (
            render(transcript, config)
            if render_file is None or recording is None
            else render_file(transcript, recording, target, config)
        )
        return text


@dataclass(frozen=True, slots=True)
class SpeakerStoreEntry:
    """A kind of speaker store, selected by the scheme of ``--speakers URL``."""

    scheme: str
    summary: str
    open: Callable[[str], SpeakerStore]


class Executor(Protocol):
    """Processes the recordings of one run, like ``concurrent.futures.ThreadPoolExecutor``.

    The function shares the models and plugins of this process, so it cannot run in other processes.
    """

    def __enter__(self) -> Executor:
        """Start."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> bool | None:
        """Stop, and return when all work has ended."""

    def map(self, function: Callable[[Item], Outcome], items: Iterable[Item], /) -> Iterator[Outcome]:
        """Yield the function's result for each item, in the order of the items, as soon as it is available."""


@dataclass(frozen=True, slots=True)
class ExecutorEntry:
    """An executor for ``--executor NAME``."""

    name: str
    summary: str
    open: Callable[[Config], Executor]


@dataclass(frozen=True, slots=True)
class PluginOption:
    """One option with its plugin, its group in ``--help`` and its commands."""

    option: click.Option
    plugin: str
    heading: str
    commands: tuple[str, ...]


class OptionGroup:
    """Collects the command-line options of one plugin. ``--help`` lists them under the plugin's name."""

    def __init__(self, plugin: str) -> None:
        self._plugin = plugin
        self.options: list[PluginOption] = []

    def add(
        self,
        *declarations: str,
        commands: str | Sequence[str] = ("transcribe", "align"),
        heading: str | None = None,
        **attributes: Any,  # passed to click
    ) -> None:
        """Add one option.

        Parameters
        ----------
        *declarations : str
            The option's names, as for :class:`click.Option`: ``"--mask"`` or ``"--mask/--no-mask"``.
        commands : str or sequence of str
            Commands that have the option: ``"transcribe"``, ``"align"``, ``"diarize"``, ``"vad"``, ``"edit"``. By
            default, the two commands that run the stages of alignment and identification.
        heading : str, optional
            Title of the group in ``--help``; the plugin's name by default.
        **attributes
            Other arguments of :class:`click.Option`: ``default``, ``help``, ``type``, ``is_flag`` and so on. An option
            with ``hidden=True`` is listed by ``--help-advanced`` only. ``required`` is not allowed, because an
            installed plugin must not change how users call the command.
        """
        import click

        if attributes.get("required"):
            raise ValueError(f"Option {declarations[0]} cannot be required. Check it in oolong_configure")
        commands = (commands,) if isinstance(commands, str) else tuple(commands)
        for name in commands:
            if name not in COMMANDS:
                raise ValueError(
                    f"Unknown command {name!r} of option {declarations[0]}. Available: {', '.join(COMMANDS)}"
                )
        option = click.Option(list(declarations), **attributes)
        heading = heading or f"Options of plugin {self._plugin}"
        self.options.append(PluginOption(option, self._plugin, heading, commands))


class _Built:
    """Engines of one run, each built once, and the time for building them."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._engines: dict[str, Any] = {}
        self.seconds = 0.0

    def get(self, kind: str, build: Callable[[], Any]) -> Any:
        with self._lock:
            if kind not in self._engines:
                began = time.perf_counter()
                self._engines[kind] = build()
                self.seconds += time.perf_counter() - began
            return self._engines[kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The configuration of one run.

    Attributes
    ----------
    command : str
        ``"transcribe"``, ``"align"``, ``"diarize"`` or ``"edit"``.
    options : mapping of str to value
        All options of the command, including those of plugins and defaults, by name with underscores.
    diarizer, transcriber, executor : entries
        The selected entries.
    formats : tuple of OutputFormat
        The formats to write.
    store : SpeakerStoreEntry or None
        The kind of store for ``--speakers``; ``None`` without that option.
    progress : callable or None
        ``progress(stage, done, total)``; long stages call it.
    """

    command: str
    options: Mapping[str, Any]
    diarizer: DiarizerEntry
    transcriber: TranscriberEntry
    executor: ExecutorEntry
    formats: tuple[OutputFormat, ...] = ()
    store: SpeakerStoreEntry | None = None
    progress: Progress | None = None
    _built: _Built = field(default_factory=_Built, init=False, repr=False, compare=False)

    def build_diarizer(self) -> DiarizeCall:
        """Return the selected diarizer. The first call builds it."""
        engine: DiarizeCall = self._built.get("diarizer", lambda: self.diarizer.build(self))
        return engine

    def prepare_transcriber(self) -> None:
        """Prepare the selected transcriber, at the first call."""
        prepare = self.transcriber.prepare
        if prepare is not None:
            self._built.get("transcriber's files", lambda: prepare(self))

    def build_transcriber(self) -> TranscribeCall:
        """Return the selected transcriber. The first call builds it."""
        engine: TranscribeCall = self._built.get("transcriber", lambda: self.transcriber.build(self))
        return engine

    @property
    def build_seconds(self) -> float:
        """Time spent so far on building engines: finding, downloading and loading models."""
        return self._built.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Result of one recording: a transcript with its outputs, or an error.

    Attributes
    ----------
    outputs : tuple of Path
        The written files; empty if the outputs are not written to files.
    texts : tuple of str
        In this case the rendered formats, in the order of ``Config.formats``.
    warnings : tuple of str
        Messages for the user, one sentence each.
    seconds : mapping of str to float
        Wall time of each stage: models (time for loading them), audio, diarize, transcribe, align, identify, write.
    """

    source: Path
    transcript: Transcript | None = None
    outputs: tuple[Path, ...] = ()
    texts: tuple[str, ...] = ()
    error: Exception | None = None
    warnings: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
