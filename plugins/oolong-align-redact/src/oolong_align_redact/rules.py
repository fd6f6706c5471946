"""The rules of a run, and masking a transcript. The number of words and their times do not change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import regex

from oolong_align.errors import UsageError
from oolong_align.types import Speaker, Transcript, Word
from oolong_align_redact.emails import find_emails
from oolong_align_redact.names import Name, find_introduced, find_names, find_spelled, names_of, writes_capitals
from oolong_align_redact.numbers import find_numbers
from oolong_align_redact.patterns import Phrases, compile_pattern, find_pattern, find_phrases, read_phrases
from oolong_align_redact.stream import Span, Stream

__all__ = ["KINDS", "Rules", "forget_speakers", "is_masked", "mask_transcript", "read_rules"]

KINDS: Final = ("names", "numbers", "emails", "speakers")
EMAIL: Final = "[email]"
NUMBER: Final = "[number]"
NAME: Final = "[name]"
CUSTOM: Final = "[redacted]"
_MASKED: Final = regex.compile(r"[^\p{L}\p{M}\p{N}]*\[(?:email|number|name|redacted)\][^\p{L}\p{M}\p{N}]*")
_CORE: Final = regex.compile(r"[\p{L}\p{M}\p{N}](?:.*[\p{L}\p{M}\p{N}])?", regex.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What to mask.

    Attributes
    ----------
    kinds : frozenset of str
        A subset of `KINDS`.
    phrases : tuple of Phrases
        From files of words.
    patterns : tuple
        Compiled expressions of the package ``regex``.
    """

    kinds: frozenset[str] = frozenset()
    phrases: tuple[Phrases, ...] = ()
    patterns: tuple[Any, ...] = ()

    @property
    def mask_words(self) -> bool:
        """Whether any word can be masked."""
        return bool(self.kinds - {"speakers"} or self.phrases or self.patterns)


def read_rules(options: Mapping[str, Any]) -> Rules:
    """Read the options ``redact``, ``redact_pattern`` and ``redact_words``.

    Raises
    ------
    UsageError
        If a kind is unknown, or an expression or file is invalid.
    """
    given = options.get("redact") or ()
    kinds = [each.strip() for each in (given.split(",") if isinstance(given, str) else given) if each.strip()]
    for kind in kinds:
        if kind not in KINDS:
            raise UsageError(f"Unknown kind {kind!r} in --redact. Available: {', '.join(KINDS)}")
    return Rules(
        kinds=frozenset(kinds),
        phrases=tuple(read_phrases(Path(path)) for path in options.get("redact_words") or ()),
        patterns=tuple(compile_pattern(text) for text in options.get("redact_pattern") or ()),
    )


def mask_transcript(transcript: Transcript, rules: Rules) -> Transcript:
    """Mask words.

    Parameters
    ----------
    transcript : Transcript
        The names of its speakers are masked too.
    rules : Rules

    Returns
    -------
    Transcript
        Words keep their time, speaker and surrounding punctuation. Existing masks do not change.

    Raises
    ------
    UsageError
        If an expression takes too long.
    """
    if not rules.mask_words:
        return transcript
    words = transcript.words
    opaque = [is_masked(word) for word in words]
    streams = _streams(words, opaque)
    touched: dict[int, tuple[str, Span]] = {}
    for mask, stream, span in _find(streams, transcript, rules):
        for place, inside in stream.words_in(span):
            if opaque[place]:
                continue
            first, before = touched.get(place, (mask, inside))
            touched[place] = first, Span(min(before.start, inside.start), max(before.end, inside.end))
    masked = iter(
        replace(word, text=_masked_text(word.text, *touched[place])) if place in touched else word
        for place, word in enumerate(words)
    )
    return replace(
        transcript,
        utterances=tuple(
            replace(utterance, words=tuple(next(masked) for _ in utterance.words))
            for utterance in transcript.utterances
        ),
    )


def forget_speakers(transcript: Transcript) -> Transcript:
    """Remove the speakers' names and all data that can identify their voices. The labels stay."""
    speakers = {
        label: Speaker(label=label, seconds=speaker.seconds, words=speaker.words)
        for label, speaker in transcript.speakers.items()
    }
    diarization = transcript.diarization
    if diarization is not None:
        diarization = replace(diarization, embeddings={}, voice=None)
    return replace(transcript, speakers=speakers, diarization=diarization)


def is_masked(word: Word) -> bool:
    """Whether a word is a mask."""
    return bool(_MASKED.fullmatch(word.text))


def _streams(words: Sequence[Word], opaque: Sequence[bool]) -> list[Stream]:
    """All words in order of time, and each speaker's: a number may continue after another speaker's "mhm"."""
    speakers = dict.fromkeys(word.speaker for word in words)
    parts = [list(enumerate(words))]
    if len(speakers) > 1:
        parts += [[(place, word) for place, word in parts[0] if word.speaker == speaker] for speaker in speakers]
    return [Stream(part, opaque) for part in parts]


def _find(streams: Sequence[Stream], transcript: Transcript, rules: Rules) -> Iterator[tuple[str, Stream, Span]]:
    """Yield mask, stream and span of everything to hide. If several overlap, the first mask is written."""
    for stream in streams:
        if "emails" in rules.kinds:
            yield from ((EMAIL, stream, span) for span in find_emails(stream))
    for stream in streams:
        if "numbers" in rules.kinds:
            yield from ((NUMBER, stream, span) for span in find_numbers(stream))
    if "names" in rules.kinds:
        yield from _find_all_names(streams, transcript.speakers.values())
    for stream in streams:
        for phrases in rules.phrases:
            yield from ((CUSTOM, stream, span) for span in find_phrases(stream, phrases))
        for pattern in rules.patterns:
            yield from ((CUSTOM, stream, span) for span in find_pattern(stream, pattern))


def _find_all_names(streams: Sequence[Stream], speakers: Iterable[Speaker]) -> Iterator[tuple[str, Stream, Span]]:
    cased = writes_capitals(streams)
    names: set[Name] = {name for speaker in speakers for name in names_of(speaker.name or "")}
    for stream in streams:
        for span, found in find_introduced(stream, cased=cased):
            yield NAME, stream, span
            names.update(found)
        yield from ((NAME, stream, span) for span in find_spelled(stream))
    for stream in streams:
        yield from ((NAME, stream, span) for span in find_names(stream, names, cased=cased))


def _masked_text(text: str, mask: str, span: Span) -> str:
    """Replace all letters and digits by a mask, also those outside the span; keep punctuation around them."""
    core = _CORE.search(text)
    start, end = (min(span.start, core.start()), max(span.end, core.end())) if core else span
    return text[:start] + mask + text[end:]
