"""Rename, merge, assign and prune; the docstring of the package specifies the rules."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Final

import numpy as np

from oolong_align.alignment.utterances import longest_before
from oolong_align.diarization.speaker_evidence import StoredEvidence
from oolong_align.editing.spans import join_turns, label_names, reassign_span, stored_pieces
from oolong_align.errors import InputError
from oolong_align.formats.json import EMBEDDING_DECIMALS
from oolong_align.text.clean import clean_name, clean_text
from oolong_align.timing.timeline import mark_overlap
from oolong_align.types import (
    Diarization,
    DiarizeSegment,
    FloatArray,
    Speaker,
    Transcript,
    Utterance,
    Word,
    speaker_label,
    speaker_number,
)

__all__ = ["add_speaker", "assign", "merge", "prune", "rename"]

_MANUAL_CONFIDENCE: Final = 1.0


def rename(transcript: Transcript, label: str, name: str | None) -> Transcript:
    """Set the name of a speaker, or remove it with ``None`` or an empty string.

    Raises
    ------
    InputError
        If the label does not exist, or the name has no printable characters or is another label.
    """
    speaker = _find(transcript, label)
    if name and not clean_name(name):
        raise InputError(f"Invalid name {name!r}: no printable characters. Use an empty name to remove the name")
    clean = clean_text(name or "")
    if clean != label and clean in transcript.speakers:
        raise InputError(
            f"Invalid name {clean}: it is the label of another speaker. To combine both speakers, use "
            f"--merge {label}={clean}"
        )
    if clean != label and speaker_number(clean) is not None:
        raise InputError(f"Invalid name {clean}: it is a speaker label, which a new speaker may get. Use another name")
    renamed = replace(speaker, name=clean or None)
    return replace(transcript, speakers={**transcript.speakers, label: renamed})


def merge(transcript: Transcript, source: str, target: str) -> Transcript:
    """Merge one speaker into another one who is the same person.

    Parameters
    ----------
    transcript : Transcript
    source, target : str
        Labels. The source is removed.

    Raises
    ------
    InputError
        If a label does not exist, or both are the same.
    """
    gone, kept = _find(transcript, source), _find(transcript, target)
    if source == target:
        raise InputError(f"Cannot merge {source} with itself. Use two different speakers")
    speakers = {label: speaker for label, speaker in transcript.speakers.items() if label != source}
    identity = max(kept, gone, key=_rank)  # the target if both ranks are equal
    speakers[target] = replace(
        kept,
        name=identity.name,
        voice=identity.voice,
        probability=identity.probability,
        seconds=kept.seconds + gone.seconds,
        words=kept.words + gone.words,
    )
    utterances = tuple(
        replace(
            utterance,
            speaker=target if utterance.speaker == source else utterance.speaker,
            words=tuple(replace(word, speaker=target) if word.speaker == source else word for word in utterance.words),
        )
        for utterance in transcript.utterances
    )
    merged = replace(transcript, speakers=speakers, utterances=_join_utterances(transcript, utterances))
    old = transcript.diarization
    numbers = speaker_number(source), speaker_number(target)
    if old is None or numbers[0] is None:
        return merged
    if numbers[1] is None:
        raise InputError(f"{target} cannot have turns: only labels of the form SPEAKER_00 can")
    diarization = _merge_turns(old, numbers[0], numbers[1], (gone.seconds, kept.seconds))
    return _clear_single_overlaps(replace(merged, diarization=diarization), diarization)


def add_speaker(transcript: Transcript, label: str) -> Transcript:
    """Add a speaker without any speech, as the target of assignments.

    Parameters
    ----------
    transcript : Transcript
    label : str
        Label with the next free number. Others are refused, so that a typing error does not create a speaker.

    Raises
    ------
    InputError
        If it is any other label.
    """
    found = {number for label in transcript.speakers if (number := speaker_number(label)) is not None}
    if transcript.diarization is not None:
        found.update(transcript.diarization.speaker_ids)
    new = speaker_label(max(found, default=-1) + 1)
    if label != new:
        raise InputError(f"{_unknown(transcript, label)}. The label of a new speaker must be {new}")
    return replace(transcript, speakers={**transcript.speakers, new: Speaker(label=new)})


def assign(transcript: Transcript, start: float, end: float, label: str) -> Transcript:
    """Assign all speech in a time range to a speaker.

    Parameters
    ----------
    transcript : Transcript
    start, end : float
        Time range in seconds, end excluded.
    label : str
        The speaker; may be new, see `add_speaker`.

    Raises
    ------
    InputError
        If the label neither exists nor is valid for a new speaker, the end is not after the start, or the start is not
        inside the recording.
    """
    if label not in transcript.speakers:
        transcript = add_speaker(transcript, label)
    if not (0 <= start < math.inf and 0 <= end < math.inf):
        raise InputError(f"Invalid time range {start:g}-{end:g}: times must be finite and not negative")
    if start >= end:
        raise InputError(f"Invalid time range {start:g}-{end:g}: end must be after start")
    if start >= transcript.duration:
        raise InputError(f"Invalid time range {start:g}-{end:g}: the recording ends at {transcript.duration:g} s")
    number = speaker_number(label)
    utterances = tuple(
        part for utterance in transcript.utterances for part in _assign_words(utterance, start, end, label)
    )
    assigned = replace(transcript, utterances=_join_utterances(transcript, utterances))
    old = transcript.diarization
    if old is not None:
        if number is None:
            raise InputError(f"{label} cannot have turns: only labels of the form SPEAKER_00 can")
        assigned = replace(assigned, diarization=_assign_turns(old, start, end, number))
    return _update_counts(transcript, assigned)


def prune(transcript: Transcript) -> Transcript:
    """Remove speakers without words, utterances, segments, pieces and turns, and their mean embeddings."""
    present = _tally(transcript)
    speakers = {label: speaker for label, speaker in transcript.speakers.items() if label in present}
    diarization = transcript.diarization
    if diarization is not None:
        kept = {number: each for number, each in diarization.embeddings.items() if speaker_label(number) in present}
        diarization = replace(diarization, embeddings=kept)
    return replace(transcript, speakers=speakers, diarization=diarization)


def _find(transcript: Transcript, label: str) -> Speaker:
    if label not in transcript.speakers:
        raise InputError(_unknown(transcript, label))
    return transcript.speakers[label]


def _unknown(transcript: Transcript, label: str) -> str:
    return f"Unknown speaker {label!r}. Available: {label_names(transcript.speakers) or 'none'}"


def _rank(speaker: Speaker) -> int:
    return 2 if speaker.name else int(speaker.voice is not None)


def _merge_turns(old: Diarization, source: int, target: int, seconds: tuple[float, float]) -> Diarization:
    def merged(speaker: int) -> int:
        return target if speaker == source else speaker

    pieces, vectors = stored_pieces(old)
    embeddings = {speaker: vector for speaker, vector in old.embeddings.items() if speaker != source}
    if source in old.embeddings:
        both = [old.embeddings[source], old.embeddings.get(target, old.embeddings[source])]
        embeddings[target] = _mean_embedding(both, seconds)
    return _rebuilt(
        old,
        segments=[(segment.start, segment.end, merged(segment.speaker_id)) for segment in old.segments],
        turns=join_turns([(turn.start, turn.end, merged(turn.speaker_id)) for turn in old.turns], target),
        pieces=[(piece.start, piece.end, merged(piece.speaker_id)) for piece in pieces],
        vectors=vectors,
        embeddings=embeddings,
    )


def _mean_embedding(embeddings: Sequence[FloatArray], seconds: Sequence[float]) -> FloatArray:
    """Mean of the embeddings of source and target, rounded as in the JSON file, ``float32[D]``."""
    source, target = (np.round(each.astype(np.float64), EMBEDDING_DECIMALS) for each in embeddings)
    weights = [round(each, 3) for each in seconds] if any(round(each, 3) for each in seconds) else [1.0, 1.0]
    total = weights[1] * target + weights[0] * source
    length = float(np.sqrt((total * total).sum()))
    mean = total / length if length else target
    return np.round(mean, EMBEDDING_DECIMALS).astype(np.float32)


def _assign_words(utterance: Utterance, start: float, end: float, label: str) -> Iterable[Utterance]:
    words = tuple(
        replace(word, speaker=label, speaker_confidence=_MANUAL_CONFIDENCE, overlap=False)
        if start <= (word.start + word.end) / 2 < end
        else word
        for word in utterance.words
    )
    if all(word.speaker == old.speaker for word, old in zip(words, utterance.words, strict=True)):
        return [replace(utterance, words=words)]
    runs = [(speaker, tuple(run)) for speaker, run in groupby(words, key=lambda word: word.speaker)]
    if len(runs) == 1:
        return [replace(utterance, speaker=runs[0][0], words=words)]
    return [Utterance(run[0].start, run[-1].end, speaker, run) for speaker, run in runs]


def _join_utterances(before: Transcript, utterances: Iterable[Utterance]) -> tuple[Utterance, ...]:
    """Join utterances of an edited transcript where the change of speaker between them was removed."""
    old_speakers = [word.speaker for word in before.words]
    joined: list[Utterance] = []
    place = 0
    for utterance in utterances:
        words = utterance.words
        last = joined[-1] if joined else None
        if (
            last is not None
            and last.words
            and words
            and old_speakers[place - 1] != old_speakers[place]
            and last.speaker == utterance.speaker == last.words[-1].speaker == words[0].speaker
            and last.words[-1].end - last.words[0].start < longest_before(last.words[-1], words[0])
        ):
            joined[-1] = Utterance(last.start, utterance.end, last.speaker, (*last.words, *words))
        else:
            joined.append(utterance)
        place += len(words)
    return tuple(joined)


def _assign_turns(old: Diarization, start: float, end: float, number: int) -> Diarization:
    pieces, vectors = stored_pieces(old)
    parts, rows = reassign_span(pieces, start, end, number)
    return _rebuilt(
        old,
        segments=reassign_span(old.segments, start, end, number)[0],
        turns=join_turns(reassign_span(old.turns, start, end, number)[0], number),
        pieces=parts,
        vectors=vectors[rows],
        embeddings=old.embeddings,
    )


def _rebuilt(
    old: Diarization,
    *,
    segments: Sequence[tuple[float, float, int]],
    turns: Sequence[tuple[float, float, int]],
    pieces: Sequence[tuple[float, float, int]],
    vectors: FloatArray,
    embeddings: Mapping[int, FloatArray],
) -> Diarization:
    new_turns = tuple(DiarizeSegment(*turn) for turn in turns)
    voice = StoredEvidence([piece[:2] for piece in pieces], vectors, embeddings) if len(pieces) else None
    return replace(
        old,
        segments=mark_overlap(segments, new_turns),
        turns=new_turns,
        pieces=tuple(DiarizeSegment(*piece) for piece in pieces),
        embeddings=embeddings,
        voice=voice,
    )


def _clear_single_overlaps(transcript: Transcript, diarization: Diarization) -> Transcript:
    """Unmark overlapped words that turns of fewer than two speakers overlap."""
    starts = np.array([turn.start for turn in diarization.turns])
    ends = np.array([turn.end for turn in diarization.turns])
    numbers = np.array([turn.speaker_id for turn in diarization.turns])

    def check(word: Word) -> Word:
        if not word.overlap or len(set(numbers[(starts < word.end) & (ends > word.start)].tolist())) > 1:
            return word
        return replace(word, overlap=False)

    utterances = tuple(
        replace(utterance, words=tuple(check(word) for word in utterance.words)) for utterance in transcript.utterances
    )
    return replace(transcript, utterances=utterances)


def _update_counts(before: Transcript, after: Transcript) -> Transcript:
    """Update seconds and words of all speakers after an assignment."""
    old, new = _tally(before), _tally(after)
    nothing = (0.0, 0)
    speakers = {
        label: replace(
            speaker,
            seconds=max(speaker.seconds + new.get(label, nothing)[0] - old.get(label, nothing)[0], 0.0),
            words=max(speaker.words + new.get(label, nothing)[1] - old.get(label, nothing)[1], 0),
        )
        for label, speaker in after.speakers.items()
    }
    return replace(after, speakers=speakers)


def _tally(transcript: Transcript) -> dict[str, tuple[float, int]]:
    """Seconds of segments and number of words, by label, of all speakers with any speech."""
    seconds: dict[str, float] = {}
    words: dict[str, int] = {}
    for utterance in transcript.utterances:
        for speaker in (utterance.speaker, *(word.speaker for word in utterance.words)):
            if speaker is not None:
                words.setdefault(speaker, 0)
        for word in utterance.words:
            if word.speaker is not None:
                words[word.speaker] += 1
    old = transcript.diarization
    if old is not None:
        for segment in old.segments:
            label = speaker_label(segment.speaker_id)
            seconds[label] = seconds.get(label, 0.0) + segment.end - segment.start
        for span in (*old.turns, *old.pieces):
            seconds.setdefault(speaker_label(span.speaker_id), 0.0)
    return {label: (seconds.get(label, 0.0), words.get(label, 0)) for label in (*seconds, *words)}
