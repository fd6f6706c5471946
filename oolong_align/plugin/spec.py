"""The hook specifications. Plugins import them from `oolong_align.hookspecs`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import pluggy

from oolong_align.plugin.entries import (
    Config,
    DiarizeCall,
    DiarizerEntry,
    Executor,
    ExecutorEntry,
    OptionGroup,
    OutputFormat,
    Result,
    SpeakerStore,
    SpeakerStoreEntry,
    TranscribeCall,
    TranscriberEntry,
    Voice,
)
from oolong_align.types import Diarization, SpeechRange, Transcript, Words

if TYPE_CHECKING:
    import click

    from oolong_align.audio.recording import Audio

__all__ = [
    "PROJECT",
    "Config",
    "DiarizeCall",
    "DiarizerEntry",
    "Executor",
    "ExecutorEntry",
    "OptionGroup",
    "OutputFormat",
    "Result",
    "SpeakerStore",
    "SpeakerStoreEntry",
    "TranscribeCall",
    "TranscriberEntry",
    "Voice",
    "hookimpl",
    "hookspec",
]

PROJECT: Final = "oolong_align"  # the pluggy project and the entry-point group
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def oolong_add_options(options: OptionGroup) -> None:
    """Add command-line options to this plugin's group.

    When
        Once, before the command line is parsed. The Python API calls it too: options are keyword arguments there.

    Parameters
    ----------
    options : OptionGroup
        ``options.add`` takes the arguments of :class:`click.Option`. The values are in ``config.options``, by name.

    Examples
    --------
    ::

        @hookimpl
        def oolong_add_options(options):
            options.add("--mask", default="***", help="Text that replaces a name.")
    """


@hookspec
def oolong_configure(config: Config) -> None:
    """Check this plugin's options and open its resources.

    When
        Once per run, after parsing and before any work. If the options are invalid, raise ``UsageError``: it ends the
        run with its message and exit code 2.

    Examples
    --------
    ::

        @hookimpl
        def oolong_configure(config):
            if not config.options["mask"]:
                raise UsageError("Option --mask is empty. Give the text that replaces names")
    """


@hookspec
def oolong_diarizers() -> Iterable[DiarizerEntry]:
    """Offer diarizers, selected by ``--diarizer NAME``.

    When
        Once, before the command line is parsed. ``build(config)`` is called when the diarizer is needed.

    Returns
    -------
    iterable of DiarizerEntry
        Names are unique among all plugins. ``build(config)`` returns a callable
        ``(audio, *, num_speakers, min_speakers, max_speakers, progress) -> Diarization``.

    Examples
    --------
    ::

        @hookimpl
        def oolong_diarizers():
            return [DiarizerEntry("rttm", "Turns from an RTTM file", build_replay)]
    """
    return ()


@hookspec
def oolong_transcribers() -> Iterable[TranscriberEntry]:
    """Offer transcribers, selected by ``--transcriber NAME``.

    When
        Once, before the command line is parsed. ``build(config)`` is called when the transcriber is needed. The
        optional ``prepare(config)`` is called before the first recording is diarized.

    Returns
    -------
    iterable of TranscriberEntry
        ``build(config)`` returns a callable ``(audio, speech, *, progress) -> Words``.

    Examples
    --------
    ::

        @hookimpl
        def oolong_transcribers():
            return [TranscriberEntry("vosk", "Vosk with any of its models", build_vosk)]
    """
    return ()


@hookspec
def oolong_formats() -> Iterable[OutputFormat]:
    """Offer output formats. Each one adds the flag ``--<name>`` and a value of ``--output_format``.

    When
        Once, before the command line is parsed. ``render(transcript, config)`` is called once for each recording.

    Returns
    -------
    iterable of OutputFormat
        Names and suffixes are unique among all plugins. ``render`` returns the file's text; the options of the run are
        in ``config.options``. A renderer with the transcript as its only parameter is called without ``config``.

    Examples
    --------
    ::

        def render_words(transcript, config):
            return config.options["separator"].join(word.text for word in transcript.words)

        @hookimpl
        def oolong_formats():
            return [OutputFormat("words", ".words.txt", "All words", render_words)]
    """
    return ()


@hookspec
def oolong_speaker_stores() -> Iterable[SpeakerStoreEntry]:
    """Offer stores of known voices, selected by the scheme of ``--speakers URL``.

    When
        Once, before the command line is parsed. ``open(url)`` is called when speakers are identified or enrolled.

    Returns
    -------
    iterable of SpeakerStoreEntry
        ``open(url)`` returns a :class:`~oolong_align.speakers.records.SpeakerStore`. A URL without a scheme
        (``voices.db``) uses ``sqlite``.

    Examples
    --------
    ::

        @hookimpl
        def oolong_speaker_stores():
            return [SpeakerStoreEntry("redis", "Voices on a Redis server", open_redis)]
    """
    return ()


@hookspec
def oolong_executors() -> Iterable[ExecutorEntry]:
    """Offer executors, which process the recordings of a run, selected by ``--executor NAME``.

    When
        Once, before the command line is parsed. ``open(config)`` is called once per run.

    Returns
    -------
    iterable of ExecutorEntry
        ``open(config)`` returns a context manager with ``map(function, items)``, such as a
        ``concurrent.futures.ThreadPoolExecutor``.

    Examples
    --------
    ::

        @hookimpl
        def oolong_executors():
            return [ExecutorEntry("threads", "Two files at a time", lambda config: ThreadPoolExecutor(2))]
    """
    return ()


@hookspec
def oolong_commands(cli: click.Group) -> None:
    """Add subcommands to ``oolong``.

    When
        Once, before the command line is parsed.

    Parameters
    ----------
    cli : click.Group
        The command ``oolong``. Adding a name that it already has is an error.

    Examples
    --------
    ::

        @hookimpl
        def oolong_commands(cli):
            @cli.command("hello")
            def hello():
                "Say hello."
                click.echo("hello")
    """


@hookspec(firstresult=True)
def oolong_diarize(audio: Audio, config: Config) -> Diarization | None:
    """Stage: detect who speaks when.

    When
        Once for each recording, as the first stage. The built-in plugin calls the selected diarizer.

    Parameters
    ----------
    audio : Audio
        16 kHz mono samples, read in blocks.
    config : Config
        Long stages call ``config.progress(stage, done, total)`` if it is not ``None``.

    Returns
    -------
    Diarization or None

    Examples
    --------
    ::

        @hookimpl(wrapper=True)
        def oolong_diarize(audio):
            diarization = yield
            log.info("%s: %d speakers", audio.stem, len(diarization.speaker_ids))
            return diarization
    """


@hookspec(firstresult=True)
def oolong_transcribe(audio: Audio, speech: Sequence[SpeechRange], config: Config) -> Words | None:
    """Stage: recognise the words.

    When
        Once for each recording, after diarization. The built-in plugin calls the selected transcriber.

    Parameters
    ----------
    audio : Audio
        16 kHz mono samples, read in blocks.
    speech : sequence of SpeechRange
        Ranges that contain speech. Words outside them are not wanted.
    config : Config
        Long stages call ``config.progress(stage, done, total)`` if it is not ``None``.

    Returns
    -------
    Words or None
        ``Words("en", ())`` if there are no words.

    Examples
    --------
    ::

        @hookimpl(tryfirst=True)
        def oolong_transcribe(audio):
            return load_cached_words(audio.path)  # None if there are none
    """


@hookspec(firstresult=True)
def oolong_align(words: Words, diarization: Diarization, config: Config) -> Transcript | None:
    """Stage: assign a speaker to every word and build utterances.

    When
        Once for each recording, after transcription. ``oolong diarize`` calls it without words.

    Parameters
    ----------
    words : Words
        Words without speakers, sorted by time. In ``oolong align``, the words of the file: a missing time is NaN.
    diarization : Diarization

    Returns
    -------
    Transcript or None
        ``speakers`` contains every speaker of a word.

    Examples
    --------
    ::

        @hookimpl(wrapper=True)
        def oolong_align(words):
            transcript = yield
            return mask_names(transcript)
    """


@hookspec(firstresult=True)
def oolong_identify(transcript: Transcript, diarization: Diarization, config: Config) -> Transcript | None:
    """Stage: assign names to speakers.

    When
        Once for each recording, after alignment. The built-in plugin compares the speakers with the voices of
        ``--speakers``.

    Parameters
    ----------
    transcript : Transcript
        With labels such as ``SPEAKER_00``.
    diarization : Diarization
        ``embeddings`` has the embedding of each speaker; ``voice`` computes embeddings of any time range.
    config : Config
        ``config.options["speakers"]`` is the URL of ``--speakers``, ``config.store`` the entry of its store.

    Returns
    -------
    Transcript or None

    Examples
    --------
    ::

        @hookimpl
        def oolong_identify(transcript):
            speakers = {label: replace(s, name=NAMES.get(label)) for label, s in transcript.speakers.items()}
            return replace(transcript, speakers=speakers)
    """


@hookspec
def oolong_finish(results: Sequence[Result], config: Config) -> None:
    """Process the results of the whole run.

    When
        Once per run, after all outputs are written, even if some recordings failed.

    Parameters
    ----------
    results : sequence of Result
        One for each input, in order: with the transcript and the files, or with the error.

    Examples
    --------
    ::

        @hookimpl
        def oolong_finish(results):
            notify(f"{sum(r.error is None for r in results)} recordings are done")
    """
