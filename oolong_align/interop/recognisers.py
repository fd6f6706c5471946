"""Reads words from results of other recognisers: their objects, and the dicts that they write as JSON.

A result's fields determine which tool made it. Values are checked strictly: a time or a probability is a finite
number from 0, or missing. Times are not repaired here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from oolong_align.errors import InputError
from oolong_align.interop.fields import UnknownShapeError, field, is_number, items, number, short, text_of
from oolong_align.interop.recognised import RECORDS, RecognisedSegment, RecognisedTranscript
from oolong_align.interop.spelling import are_words, count_spoken, fit_to_text, split_text, with_spaces
from oolong_align.interop.values import clean, make_word, read_language
from oolong_align.interop.whisper_cpp import WHISPER_CPP, read_segment
from oolong_align.types import Word, Words

__all__ = ["Recognised", "coerce_words", "read_recognised"]

Recognised: TypeAlias = Words | Mapping[str, Any] | Iterable[Any]
"""Words, `Word` records, faster-whisper's segments (alone or with their info), or the dict of another tool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """A dict or object with results of a recogniser, and those of its fields that are lists (empty if missing)."""

    record: Any
    language: Any
    chunks: Sequence[Any]
    segments: Sequence[Any]
    words: Sequence[Any]
    word_segments: Sequence[Any]

    @classmethod
    def of(cls, record: Any) -> _Document:
        lists = {
            name: [] if (value := field(record, name)) is None else items(value, name)
            for name in ("chunks", "segments", "words", "word_segments")
        }
        language = field(record, "language") or field(field(record, "info"), "language")
        return cls(record=record, language=language, **lists)

    def has(self, *names: str) -> bool:
        """Return whether any of the fields is present, even if it is empty."""
        return any(field(self.record, name) is not None for name in names)

    @property
    def text(self) -> str:
        """Text of the document, or of all its segments."""
        text = field(self.record, "text")
        return text if isinstance(text, str) else " ".join(text_of(each, "text", "segment") for each in self.segments)


def read_recognised(recognised: Any) -> RecognisedTranscript:
    """Read a recogniser's result after detecting the tool.

    Parameters
    ----------
    recognised : Recognised
        Segments can be objects or dicts with ``words``, or with ``text`` only. A generator is consumed.

    Raises
    ------
    InputError
        If the format is not supported, or a value is invalid.
    """
    if isinstance(recognised, tuple) and len(recognised) == 2 and hasattr(recognised[1], "language"):
        return _read_segments("faster-whisper", recognised[0], recognised[1].language)
    if isinstance(recognised, Mapping) or hasattr(recognised, "segments"):
        if field(recognised, "transcription") is not None:
            return _read_whisper_cpp(recognised)
        document = _Document.of(recognised)
        return next(read(document) for matches, read in _FORMATS if matches(document))
    given = items(recognised, "words")
    if given and all(isinstance(item, Word) for item in given):
        return RecognisedTranscript(RECORDS, "", (RecognisedSegment(None, None, coerce_words(given)),))
    return _read_segments("faster-whisper", given, None)


def coerce_words(words: Any) -> tuple[Word, ...]:
    """Check the types in `Word` records. Times can be missing or any number, because they are repaired later.

    Raises
    ------
    InputError
        If an item is not a `Word`, or a time or probability is not a number.
    """
    checked = tuple(items(words, "words"))
    for word in checked:
        if not isinstance(word, Word) or not isinstance(word.text, str):
            raise UnknownShapeError(f"Invalid words: expected Word records with a text, not {short(word)}")
        for value in (word.start, word.end, word.probability):
            if value is not None and not is_number(value):
                raise InputError(
                    f"Invalid word {word.text!r}: times and probability must be numbers, not {short(value)}"
                )
    return checked


def _read_whisper_cpp(record: Any) -> RecognisedTranscript:
    segments = tuple(read_segment(each) for each in items(field(record, "transcription"), "transcription"))
    return RecognisedTranscript(WHISPER_CPP, read_language(field(field(record, "result"), "language")), segments)


def _read_chunks(document: _Document) -> RecognisedTranscript:
    """Hugging Face: each chunk is a word or a phrase; the last chunk may have no end."""
    language = field(document.record, "language")
    language = language or next((found for each in document.chunks if (found := field(each, "language"))), None)
    texts = [clean(text_of(each, "text", "chunk")) for each in document.chunks]
    spans = [_read_timestamp(each) for each in document.chunks]
    if are_words(texts):
        words = [make_word(text, *span) for text, span in zip(texts, spans, strict=True)]
        segments = [RecognisedSegment(None, None, tuple(with_spaces(words)))]
    else:
        segments = [
            RecognisedSegment(*span, tuple(with_spaces(split_text(text))))
            for text, span in zip(texts, spans, strict=True)
        ]
    return RecognisedTranscript("Hugging Face", read_language(language), tuple(segments))


def _read_timestamp(chunk: Any) -> tuple[float | None, float | None]:
    value = field(chunk, "timestamp")
    pair = items((None, None) if value is None else value, "timestamp")
    if len(pair) != 2:
        raise UnknownShapeError(f"Invalid timestamp: expected [start, end], not {short(value)}")
    named = {"start": pair[0], "end": pair[1]}
    return number(named, "start"), number(named, "end")


def _is_verbose_json(document: _Document) -> bool:
    """OpenAI verbose_json has words outside of its segments, unless the segments hold more text than these words."""
    if not document.words or any(field(each, "words") for each in document.segments):
        return False
    spoken = sum(count_spoken(_read_word(word).text) for word in document.words)
    return count_spoken(document.text) <= spoken or not document.segments


def _read_verbose_json(document: _Document) -> RecognisedTranscript:
    """OpenAI verbose_json: the words lack punctuation, which comes from the text."""
    words = [_read_word(word) for word in document.words]
    fitted = fit_to_text(words, clean(document.text))
    found = tuple(with_spaces(words) if fitted is None else fitted)
    segments = (RecognisedSegment(None, None, found),)
    return RecognisedTranscript("OpenAI verbose_json", read_language(document.language), segments)


def _read_word_segments(document: _Document) -> RecognisedTranscript:
    words = with_spaces([_read_word(word) for word in document.word_segments])
    segments = (RecognisedSegment(None, None, tuple(words)),)
    return RecognisedTranscript("WhisperX", read_language(document.language), segments)


def _is_diarized_json(document: _Document) -> bool:
    return any(field(each, "type") == "transcript.text.segment" for each in document.segments)


def _refuse(document: _Document) -> RecognisedTranscript:
    shown = short(document.record)
    if isinstance(field(document.record, "text"), str):
        raise UnknownShapeError(
            f"No words in {shown}: the text has no times (OpenAI's API returns them with response_format=verbose_json)"
        )
    raise UnknownShapeError(f"No words in {shown}")


def _segments_of(tool: str) -> Callable[[_Document], RecognisedTranscript]:
    return lambda document: _read_segments(tool, document.segments, document.language)


# The first format that matches reads the document. WhisperX has the fields of Whisper and word_segments.
_FORMATS: Final[tuple[tuple[Callable[[_Document], bool], Callable[[_Document], RecognisedTranscript]], ...]] = (
    (lambda document: bool(document.chunks), _read_chunks),
    (_is_verbose_json, _read_verbose_json),
    (lambda document: bool(document.word_segments) and not document.segments, _read_word_segments),
    (lambda document: document.has("word_segments"), _segments_of("WhisperX")),
    (_is_diarized_json, _segments_of("OpenAI diarized_json")),
    (lambda document: document.has("segments", "words", "chunks"), _segments_of("Whisper")),
    (lambda _: True, _refuse),
)


def _read_segments(tool: str, segments: Any, language: Any) -> RecognisedTranscript:
    found = tuple(_read_segment(segment) for segment in items(segments, "segments"))
    return RecognisedTranscript(tool, read_language(language), found)


def _read_segment(segment: Any) -> RecognisedSegment:
    given, text = field(segment, "words"), field(segment, "text")
    if isinstance(segment, Word) or (given is None and not isinstance(text, str)):
        raise UnknownShapeError(f"Invalid segment: expected words or text in {short(segment)}")
    words = [_read_word(word) for word in items(() if given is None else given, "words of a segment")]
    text = clean(text) if isinstance(text, str) else None
    if not words and text:
        words = split_text(text)
    return RecognisedSegment(number(segment, "start"), number(segment, "end"), tuple(with_spaces(words, text)))


def _read_word(word: Any) -> Word:
    probability = number(word, "probability")
    return make_word(
        clean(text_of(word, "word", "word")),
        number(word, "start"),
        number(word, "end"),
        number(word, "score") if probability is None else probability,
    )
