"""The plugin interface.

To offer something that the user can choose, return it from a plural hook (``oolong_formats``). To observe or change
what happens, implement a stage hook (``oolong_align``), usually as a wrapper.

A plugin is a module or an object with functions that are marked ``@hookimpl`` and have the names below. A distribution
announces it as an entry point of the group ``oolong_align``. An implementation takes any of the arguments of its hook,
by name and without defaults.

A stage hook calls the plugins from the last registered to the first, and the built-in one last, until a plugin returns
a result. Return ``None`` to leave the work to the next plugin; an empty result counts as a result. Only stage hooks
can be wrapped, with ``@hookimpl(wrapper=True)``::

    @hookimpl(wrapper=True)
    def oolong_align(words):
        transcript = yield            # the result of the plugins inside this wrapper
        return edit(transcript)

The functions ``oolong_*`` in this module are specifications and are never called. A plugin imports from this module,
:mod:`oolong_align.types`, :mod:`oolong_align.errors`, :mod:`oolong_align.testing` and :mod:`oolong_align` only: other
modules may change in any release.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from oolong_align.plugin.spec import (
    PROJECT,
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
    hookimpl,
    hookspec,
    oolong_add_options,
    oolong_align,
    oolong_commands,
    oolong_configure,
    oolong_diarize,
    oolong_diarizers,
    oolong_executors,
    oolong_finish,
    oolong_formats,
    oolong_identify,
    oolong_speaker_stores,
    oolong_transcribe,
    oolong_transcribers,
)

if TYPE_CHECKING:
    from oolong_align.alignment.word_times import sanitise_times
    from oolong_align.audio.recording import Audio, load_audio
    from oolong_align.formats.json_field import parse_object
    from oolong_align.formats.json_reader import read_json
    from oolong_align.interop import read_words
    from oolong_align.interop.files import read_transcript
    from oolong_align.interop.turns import read_rttm, rttm_speakers
    from oolong_align.speakers.records import (
        Reference,
        VoiceModel,
        check_imported_number,
        check_same_model,
        check_voice,
        check_voice_embedding,
        forgotten_voice_error,
        voice_id,
        voice_number,
    )
    from oolong_align.speakers.sqlite import SqliteStore
    from oolong_align.text.scripts import ends_sentence, is_spaceless
    from oolong_align.timing.grid import SAMPLE_RATE, seconds_to_samples
    from oolong_align.timing.timeline import Timeline
    from oolong_align.util.tables import print_table

# Imported on first use, so that importing this module stays fast.
_TOOLS: Final = {
    "SAMPLE_RATE": "timing.grid",
    "Audio": "audio.recording",
    "Reference": "speakers.records",
    "SqliteStore": "speakers.sqlite",
    "Timeline": "timing.timeline",
    "VoiceModel": "speakers.records",
    "check_voice_embedding": "speakers.records",
    "check_imported_number": "speakers.records",
    "check_same_model": "speakers.records",
    "check_voice": "speakers.records",
    "ends_sentence": "text.scripts",
    "forgotten_voice_error": "speakers.records",
    "is_spaceless": "text.scripts",
    "load_audio": "audio.recording",
    "parse_object": "formats.json_field",
    "print_table": "util.tables",
    "read_json": "formats.json_reader",
    "read_rttm": "interop.turns",
    "read_transcript": "interop.files",
    "read_words": "interop",
    "rttm_speakers": "interop.turns",
    "sanitise_times": "alignment.word_times",
    "seconds_to_samples": "timing.grid",
    "voice_id": "speakers.records",
    "voice_number": "speakers.records",
}

__all__ = [
    "PROJECT",
    "SAMPLE_RATE",
    "Audio",
    "Config",
    "DiarizeCall",
    "DiarizerEntry",
    "Executor",
    "ExecutorEntry",
    "OptionGroup",
    "OutputFormat",
    "Reference",
    "Result",
    "SpeakerStore",
    "SpeakerStoreEntry",
    "SqliteStore",
    "Timeline",
    "TranscribeCall",
    "TranscriberEntry",
    "Voice",
    "VoiceModel",
    "check_imported_number",
    "check_same_model",
    "check_voice",
    "check_voice_embedding",
    "ends_sentence",
    "forgotten_voice_error",
    "hookimpl",
    "hookspec",
    "is_spaceless",
    "load_audio",
    "oolong_add_options",
    "oolong_align",
    "oolong_commands",
    "oolong_configure",
    "oolong_diarize",
    "oolong_diarizers",
    "oolong_executors",
    "oolong_finish",
    "oolong_formats",
    "oolong_identify",
    "oolong_speaker_stores",
    "oolong_transcribe",
    "oolong_transcribers",
    "parse_object",
    "print_table",
    "read_json",
    "read_rttm",
    "read_transcript",
    "read_words",
    "rttm_speakers",
    "sanitise_times",
    "seconds_to_samples",
    "voice_id",
    "voice_number",
]


def __getattr__(name: str) -> Any:
    if name in _TOOLS:
        return getattr(import_module(f"oolong_align.{_TOOLS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
