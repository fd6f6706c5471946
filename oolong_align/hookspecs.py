"""The contract with plugins.

The rule: **to offer something the user can choose, return it from a plural hook; to observe or change what happens,
implement a stage hook (usually as a wrapper).**

A plugin is a module, or an object, with functions marked ``@hookimpl`` that have the names below; a distribution
announces it as an entry point of the group ``oolong_align``. An implementation takes any subset of the arguments,
by name, without defaults. Stage hooks are asked from the last registered plugin to the first until one gives a
result; only ``None`` passes on, an empty result is a result. The core's own defaults are the last to be asked.
Only new-style wrappers (``@hookimpl(wrapper=True)``) are allowed, and only on stage hooks::

    @hookimpl(wrapper=True)
    def oolong_align(words):
        transcript = yield            # what everybody further in made of it
        return edit(transcript)

Everything a plugin needs can be imported from this module; the functions are specifications and are never called.
"""

from __future__ import annotations

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
]
