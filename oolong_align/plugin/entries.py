"""What plugins hand to the host and get from it: entries of the plural hooks, option groups, the configuration.

Left out on purpose: the hooks themselves (``hookspecs.py``) and everything that loads, calls or checks a plugin
(``host.py``). Plugin authors import all of these names from :mod:`oolong_align.hookspecs`.
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
"""Those that can have a plugin's options."""
Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class DiarizeCall(Protocol):
    """What ``DiarizerEntry.build`` returns."""

    def __call__(
        self,
        audio: Audio,
        *,
        num_speakers: int | None = None,
        min_speakers: int | None = None,
        max_speakers: int | None = None,
        progress: Progress | None = None,
    ) -> Diarization:
        """Tell who speaks when. Audio without speech gives no segments, never an error."""


class TranscribeCall(Protocol):
    """What ``TranscriberEntry.build`` returns."""

    def __call__(self, audio: Audio, speech: Sequence[SpeechRange], *, progress: Progress | None = None) -> Words:
        """Recognise the words inside the speech ranges, times in seconds of the whole recording."""


@dataclass(frozen=True, slots=True)
class DiarizerEntry:
    """A diarizer that ``--diarizer NAME`` can choose; ``build`` is called once a run, when it is needed."""

    name: str
    summary: str
    build: Callable[[Config], DiarizeCall]


@dataclass(frozen=True, slots=True)
class TranscriberEntry:
    """A transcriber that ``--transcriber NAME`` can choose; ``build`` is called once a run, when needed.

    ``prepare``, where an entry has it, is called once a run before any recording is diarized: to fetch what ``build``
    will load, and to raise what a user should not learn minutes later.
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
    """A kind of store of voices, chosen by the scheme of ``--speakers URL``."""

    scheme: str
    summary: str
    open: Callable[[str], SpeakerStore]


class Executor(Protocol):
    """Where the recordings of one run are worked on; ``concurrent.futures.ThreadPoolExecutor`` is one.

    The function it is given shares this process's models and plugins: threads may run it, other processes not.
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
        """Stop; nothing runs any more when it returns."""

    def map(self, function: Callable[[Item], Outcome], items: Iterable[Item], /) -> Iterator[Outcome]:
        """Give the function's result for each item, in the order of the items, each as soon as it is there."""


@dataclass(frozen=True, slots=True)
class ExecutorEntry:
    """A place where many files run, chosen by ``--executor NAME``."""

    name: str
    summary: str
    open: Callable[[Config], Executor]


@dataclass(frozen=True, slots=True)
class PluginOption:
    """One option, the plugin that adds it, its group in ``--help`` and the commands that have it."""

    option: click.Option
    plugin: str
    heading: str
    commands: tuple[str, ...]


class OptionGroup:
    """Collects the command-line options of one plugin; they are listed under the plugin's name in ``--help``."""

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
            Which commands have it: ``"transcribe"``, ``"align"``, ``"diarize"``, ``"vad"``, ``"edit"``. By default the
            two that make transcripts, because they run the stages of alignment and identification.
        heading : str, optional
            Title of the group in ``--help``; the plugin's name by default.
        **attributes
            Other arguments of :class:`click.Option`: ``default``, ``help``, ``type``, ``is_flag`` and so on. An option
            with ``hidden=True`` is listed by ``--help-advanced`` only. ``required`` is not allowed, because an
            installed plugin must not change how users call the command.
        """
        import click

        if attributes.get("required"):
            raise ValueError(f"{declarations[0]} cannot be required; check it in oolong_configure")
        commands = (commands,) if isinstance(commands, str) else tuple(commands)
        for name in commands:
            if name not in COMMANDS:
                raise ValueError(f"{declarations[0]}: there is no command {name!r}, only {', '.join(COMMANDS)}")
        option = click.Option(list(declarations), **attributes)
        heading = heading or f"Options of plugin {self._plugin}"
        self.options.append(PluginOption(option, self._plugin, heading, commands))


class _Built:
    """Engines of one run, each built once; remembers how long that took."""

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
    """Everything one run was asked to do.

    Attributes
    ----------
    command : str
        ``"transcribe"``, ``"align"``, ``"diarize"`` or ``"edit"``.
    options : mapping of str to value
        Every option of the command by its name with underscores, the core's and the plugins', defaults filled in.
    diarizer, transcriber, executor : entries
        The chosen ones.
    formats : tuple of OutputFormat
        What will be written.
    store : SpeakerStoreEntry or None
        The kind of store that ``--speakers`` names; ``None`` without that option.
    progress : callable or None
        ``progress(stage, done, total)``, to be called by long stages.
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
        """Return the chosen diarizer, built at the first call."""
        engine: DiarizeCall = self._built.get("diarizer", lambda: self.diarizer.build(self))
        return engine

    def prepare_transcriber(self) -> None:
        """Let the chosen transcriber fetch what it will load, at the first call."""
        prepare = self.transcriber.prepare
        if prepare is not None:
            self._built.get("transcriber's files", lambda: prepare(self))

    def build_transcriber(self) -> TranscribeCall:
        """Return the chosen transcriber, built at the first call."""
        engine: TranscribeCall = self._built.get("transcriber", lambda: self.transcriber.build(self))
        return engine

    @property
    def build_seconds(self) -> float:
        """Time spent so far on building engines: finding, fetching and loading models."""
        return self._built.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of one recording: a transcript and what was made of it, or an error.

    Attributes
    ----------
    outputs : tuple of Path
        The files that were written; empty where the outputs went to stdout.
    texts : tuple of str
        Then the rendered formats, in the order of ``Config.formats``.
    warnings : tuple of str
        What the user should know, one sentence each.
    seconds : mapping of str to float
        Wall time of each stage: models (loading them), audio, diarize, transcribe, align, identify, write.
    """

    source: Path
    transcript: Transcript | None = None
    outputs: tuple[Path, ...] = ()
    texts: tuple[str, ...] = ()
    error: Exception | None = None
    warnings: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
