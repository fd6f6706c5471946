"""Words from what other recognisers return: their objects, and the dicts that they write as JSON.

Which tool it was is told by the fields. Strict about values: a time or a probability is a finite number from 0 on, or
is missing. Repairs no times; only a segment that times none of its words has them spread.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from math import nan
from statistics import fmean
from typing import Any, Final, TypeAlias

from oolong_align.errors import InputError
from oolong_align.interop.fields import UnknownShapeError, field, is_number, items, number, short, text_of
from oolong_align.interop.recognised import RECORDS, RecognisedSegment, RecognisedTranscript
from oolong_align.interop.spelling import are_words, count_spoken, fit_to_text, split_text, with_spaces
from oolong_align.text.languages import language_code
from oolong_align.text.scripts import touches
from oolong_align.types import Word, Words

__all__ = ["WHISPER_CPP", "Recognised", "read_recognised"]

Recognised: TypeAlias = Words | Mapping[str, Any] | Iterable[Any]
"""Words, some `Word`, segments as faster-whisper gives them (alone or with their info), or another tool's dict."""

WHISPER_CPP: Final = "whisper.cpp"
_SPECIAL_TOKEN: Final = re.compile(r"\[_\w+\]")
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_REPLACED: Final = "\ufffd"


def read_recognised(recognised: Any) -> RecognisedTranscript:
    """Find out which tool a result comes from, and read it.

    Parameters
    ----------
    recognised : Recognised
        Segments may be objects or dicts with ``words``, or with ``text`` alone. A generator is read to its end.

    Raises
    ------
    InputError
        If it is something else, or holds a value that cannot be.
    """
    if isinstance(recognised, tuple) and len(recognised) == 2 and hasattr(recognised[1], "language"):
        return _read_segments("faster-whisper", recognised[0], recognised[1].language)
    if isinstance(recognised, Mapping) or hasattr(recognised, "segments"):
        return _read_document(recognised)
    given = items(recognised, "words")
    if given and all(isinstance(item, Word) for item in given):
        return RecognisedTranscript(RECORDS, "", (RecognisedSegment(None, None, coerce_words(given)),))
    return _read_segments("faster-whisper", given, None)


def coerce_words(words: Any) -> tuple[Word, ...]:
    """Check the types in `Word` records, whose times may be missing, or any number: they are repaired later.

    Raises
    ------
    InputError
        If something is no `Word`, or holds what is no number.
    """
    checked = tuple(items(words, "words"))
    for word in checked:
        if not isinstance(word, Word) or not isinstance(word.text, str):
            raise UnknownShapeError(f"words must be Word records with a text, not {short(word)}")
        for value in (word.start, word.end, word.probability):
            if value is not None and not is_number(value):
                raise InputError(f"word {word.text!r}: times and probability must be numbers, not {short(value)}")
    return checked


def _read_document(document: Any) -> RecognisedTranscript:
    """Tell the tools apart by the fields of what they write."""
    transcription = field(document, "transcription")
    if transcription is not None:
        heard = tuple(_read_whisper_cpp(segment) for segment in items(transcription, "transcription"))
        return RecognisedTranscript(WHISPER_CPP, _language(field(field(document, "result"), "language")), heard)
    language = field(document, "language") or field(field(document, "info"), "language")
    sources = {name: field(document, name) for name in ("chunks", "segments", "words", "word_segments")}
    listed = {name: [] if value is None else items(value, name) for name, value in sources.items()}
    chunks, segments, words, word_segments = listed.values()
    if chunks:
        return _read_chunks(chunks, field(document, "language"))
    if words and not any(field(each, "words") for each in segments):
        verbose = _read_verbose(document, words, segments, language)
        if verbose is not None:
            return verbose
    if word_segments and not segments:
        found = with_spaces([_read_word(word) for word in word_segments])
        return RecognisedTranscript("WhisperX", _language(language), (RecognisedSegment(None, None, tuple(found)),))
    if sources["word_segments"] is not None:
        return _read_segments("WhisperX", segments, language)
    if any(field(each, "type") == "transcript.text.segment" for each in segments):
        return _read_segments("OpenAI diarized_json", segments, language)
    if sources["segments"] is None and sources["words"] is None and sources["chunks"] is None:
        if isinstance(field(document, "text"), str):
            raise UnknownShapeError(
                f"words cannot be read from {short(document)}: a text without times (OpenAI's API gives them with the "
                "response_format verbose_json)"
            )
        raise UnknownShapeError(f"words cannot be read from {short(document)}")
    return _read_segments("Whisper", segments, language)


def _read_segments(tool: str, segments: Any, language: Any) -> RecognisedTranscript:
    found = tuple(_read_segment(segment) for segment in items(segments, "segments"))
    return RecognisedTranscript(tool, _language(language), found)


def _read_segment(segment: Any) -> RecognisedSegment:
    given, text = field(segment, "words"), field(segment, "text")
    if isinstance(segment, Word) or (given is None and not isinstance(text, str)):
        raise UnknownShapeError(f"a segment has neither words nor text: {short(segment)}")
    words = [_read_word(word) for word in items(() if given is None else given, "a segment's words")]
    text = _clean(text) if isinstance(text, str) else None
    if not words and text:
        words = split_text(text)
    return RecognisedSegment(number(segment, "start"), number(segment, "end"), tuple(with_spaces(words, text)))


def _read_word(word: Any) -> Word:
    probability = number(word, "probability")
    return _word(
        _clean(text_of(word, "word", "a word")),
        number(word, "start"),
        number(word, "end"),
        number(word, "score") if probability is None else probability,
    )


def _word(text: str, start: float | None, end: float | None, probability: float | None = None) -> Word:
    return Word(nan if start is None else start, nan if end is None else end, text, probability)


def _read_verbose(
    document: Any, words: Sequence[Any], segments: Sequence[Any], language: Any
) -> RecognisedTranscript | None:
    """OpenAI's verbose_json: the words stand beside the segments, and have lost their punctuation.

    ``None`` where the segments say more than the words.
    """
    given = [_read_word(word) for word in words]
    text = field(document, "text")
    if not isinstance(text, str):
        text = " ".join(text_of(each, "text", "a segment") for each in segments)
    fitted = fit_to_text(given, _clean(text))
    if fitted is None and segments and count_spoken(text) > sum(count_spoken(word.text) for word in given):
        return None
    found = tuple(with_spaces(given) if fitted is None else fitted)
    return RecognisedTranscript("OpenAI verbose_json", _language(language), (RecognisedSegment(None, None, found),))


def _read_chunks(chunks: Sequence[Any], language: Any) -> RecognisedTranscript:
    """Hugging Face's pipeline: each chunk is a word or a phrase; the last one may have no end."""
    language = language or next((field(each, "language") for each in chunks if field(each, "language")), None)
    texts = [_clean(text_of(each, "text", "a chunk")) for each in chunks]
    spans = [_read_timestamp(each) for each in chunks]
    if are_words(texts):
        words = [_word(text, *span) for text, span in zip(texts, spans, strict=True)]
        segments = [RecognisedSegment(None, None, tuple(with_spaces(words)))]
    else:
        segments = [
            RecognisedSegment(*span, tuple(with_spaces(split_text(text))))
            for text, span in zip(texts, spans, strict=True)
        ]
    return RecognisedTranscript("Hugging Face", _language(language), tuple(segments))


def _read_timestamp(chunk: Any) -> tuple[float | None, float | None]:
    value = field(chunk, "timestamp")
    pair = items((None, None) if value is None else value, "a chunk's timestamp")
    if len(pair) != 2:
        raise UnknownShapeError(f"a chunk's timestamp must be [start, end], not {short(value)}")
    named = {"start": pair[0], "end": pair[1]}
    return number(named, "start"), number(named, "end")


def _read_whisper_cpp(segment: Any) -> RecognisedSegment:
    """One segment of whisper.cpp: with ``-ojf`` its tokens are joined to words, otherwise its text is spread."""
    start, end = _read_offsets(segment)
    text = _clean(text_of(segment, "text", "a segment"))
    words: list[Word] = []
    confidences: list[list[float]] = []
    for token, span, confidence in _whole_tokens(items(field(segment, "tokens") or (), "a segment's tokens")):
        bare, spaced = token.strip(), token[:1].isspace()
        if words and bare and touches(words[-1].text.strip(), bare, leading_space=spaced) and not spaced:
            words[-1] = _word(words[-1].text + token, words[-1].start, span[1])
            confidences[-1] += confidence
        else:
            words.append(_word(token, *span))
            confidences.append(list(confidence))
    if not words or (_REPLACED not in text and any(_REPLACED in word.text for word in words)):
        return RecognisedSegment(start, end, tuple(with_spaces(split_text(text))))
    rated = [
        Word(word.start, word.end, word.text, fmean(values) if values else None)
        for word, values in zip(words, confidences, strict=True)
    ]
    return RecognisedSegment(start, end, tuple(with_spaces(rated)))


def _whole_tokens(
    tokens: Iterable[Any],
) -> Iterable[tuple[str, tuple[float | None, float | None], list[float]]]:
    """Text, span and confidences of tokens; those that hold parts of one character are given as one."""
    waiting = b""
    start: float | None = None
    end: float | None = None
    confidences: list[float] = []
    for token in tokens:
        text = text_of(token, "text", "a token")
        if _SPECIAL_TOKEN.fullmatch(text):
            continue
        first, end = _read_offsets(token)
        start = start if waiting else first
        probability = number(token, "p")
        confidences += [] if probability is None else [probability]
        waiting += text.encode("utf-8", "surrogateescape" if _is_escaped(text) else "replace")
        if _is_whole(waiting):
            yield waiting.decode("utf-8", "replace"), (start, end), confidences
            waiting, confidences = b"", []
    if waiting:
        yield waiting.decode("utf-8", "replace"), (start, end), confidences


def _read_offsets(record: Any) -> tuple[float | None, float | None]:
    """Span in seconds; whisper.cpp writes milliseconds."""
    offsets = field(record, "offsets")
    if offsets is not None and not isinstance(offsets, Mapping):
        raise UnknownShapeError(f"offsets must be {{'from': .., 'to': ..}}, not {short(offsets)}")
    start, end = number(offsets, "from"), number(offsets, "to")
    return None if start is None else start / 1000, None if end is None else end / 1000


def _is_whole(text: bytes) -> bool:
    """Whether bytes end with a character; bytes that are no UTF-8 at all never will, and count as whole."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.reason != "unexpected end of data"
    return True


def _is_escaped(text: str) -> bool:
    return all("\udc80" <= each <= "\udcff" for each in _SURROGATES.findall(text))


def _clean(text: str) -> str:
    """Put characters together whose bytes were read one by one, and replace what is none."""
    if not _SURROGATES.search(text):
        return text
    if _is_escaped(text):
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return _SURROGATES.sub(_REPLACED, text)


def _language(language: Any) -> str:
    """Code of a language, from its code or its name."""
    if language is None:
        return ""
    if not isinstance(language, str):
        raise UnknownShapeError(f"the language must be a code such as 'en', not {short(language)}")
    return language_code(language)
