"""The hook specifications. Plugins import them, and all they need, from `oolong_align.hookspecs`."""

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
    """Add command-line options to this plugin's own group.

    When
        Once, before the command line is parsed; also for the Python API, where options are keyword arguments.

    Parameters
    ----------
    options : OptionGroup
        ``options.add`` takes what :class:`click.Option` takes. Values arrive in ``config.options`` by name.

    Examples
    --------
    ::

        @hookimpl
        def oolong_add_options(options):
            options.add("--mask", default="***", help="Text put in place of a name.")
    """


@hookspec
def oolong_configure(config: Config) -> None:
    """Check this plugin's options and open what it needs.

    When
        Once a run, after parsing and before any work. Where options do not fit together raise ``UsageError``: it
        ends the run with exit code 2 and its message.

    Examples
    --------
    ::

        @hookimpl
        def oolong_configure(config):
            if not config.options["mask"]:
                raise UsageError("--mask is empty: give the text that replaces names")
    """


@hookspec
def oolong_diarizers() -> Iterable[DiarizerEntry]:
    """Offer diarizers, chosen by ``--diarizer NAME``.

    When
        Once, before the command line is parsed. ``build(config)`` is called when the diarizer is needed.

    Returns
    -------
    iterable of DiarizerEntry
        Names are unique over all plugins. ``build(config)`` gives a callable
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
    """Offer transcribers, chosen by ``--transcriber NAME``.

    When
        Once, before the command line is parsed. ``build(config)`` is called when the transcriber is needed,
        ``prepare(config)``, where there is one, before anything is diarized.

    Returns
    -------
    iterable of TranscriberEntry
        ``build(config)`` gives a callable ``(audio, speech, *, progress) -> Words``.

    Examples
    --------
    ::

        @hookimpl
        def oolong_transcribers():
            return [TranscriberEntry("vosk", "Vosk, any of its models", build_vosk)]
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
    """Offer stores of known voices, chosen by the scheme of ``--speakers URL``.

    When
        Once, before the command line is parsed. ``open(url)`` is called by who identifies speakers.

    Returns
    -------
    iterable of SpeakerStoreEntry
        A URL without scheme (``voices.db``) has the scheme ``sqlite``. Stores keep the records of
        :mod:`oolong_align.speakers.records`, which also has the checks that they share.

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
    """Offer places where the recordings of a run are worked on, chosen by ``--executor NAME``.

    When
        Once, before the command line is parsed. ``open(config)`` is called once a run.

    Returns
    -------
    iterable of ExecutorEntry
        ``open(config)`` gives a context manager with ``map(function, items)``, such as a
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
        ``oolong`` itself. A name that it has already is an error.

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
    """Stage: tell who speaks when.

    When
        Once for each recording, first of all stages. The core calls the diarizer that was chosen.

    Parameters
    ----------
    audio : Audio
        16 kHz mono samples, read in blocks.
    config : Config
        ``config.progress`` may be called.

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
        Once for each recording, after diarization. The core calls the transcriber that was chosen.

    Parameters
    ----------
    audio : Audio
        16 kHz mono samples, read in blocks.
    speech : sequence of SpeechRange
        Where anybody speaks. Nothing outside is to be transcribed.
    config : Config
        ``config.progress`` may be called.

    Returns
    -------
    Words or None
        ``Words("en", ())`` means that there are none.

    Examples
    --------
    ::

        @hookimpl(tryfirst=True)
        def oolong_transcribe(audio):
            return load_cached_words(audio.path)      # None where there are none
    """


@hookspec(firstresult=True)
def oolong_align(words: Words, diarization: Diarization, config: Config) -> Transcript | None:
    """Stage: give every word its speaker and make utterances.

    When
        Once for each recording, after transcription; for ``oolong diarize`` with no words.

    Parameters
    ----------
    words, diarization : Words, Diarization
        Words without speakers, in order of time (``oolong align``: as a file has them, NaN if missing); the turns.

    Returns
    -------
    Transcript or None
        Every speaker that a word names is in ``speakers``.

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
    """Stage: give speakers names.

    When
        Once for each recording, after alignment. The core compares voices with the store, if there is one.

    Parameters
    ----------
    transcript : Transcript
        With labels such as ``SPEAKER_00``.
    diarization : Diarization
        Has the embedding of each speaker, and ``voice`` for more.
    config : Config
        ``config.store`` and ``config.options["speakers"]`` are what ``--speakers`` gave.

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
    """See the results of the whole run.

    When
        Once a run, when all outputs are written, also if some recordings failed.

    Parameters
    ----------
    results : sequence of Result
        One for each input, in order, with transcript and files, or with the error.

    Examples
    --------
    ::

        @hookimpl
        def oolong_finish(results):
            notify(f"{sum(r.error is None for r in results)} recordings are done")
    """
