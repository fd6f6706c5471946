"""Rename, merge and assign; the rules are those of the package's docstring."""

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

_SURE: Final = 1.0


def rename(transcript: Transcript, label: str, name: str | None) -> Transcript:
    """Give a speaker a name, or take it away with ``None`` or an empty text.

    Raises
    ------
    InputError
        If nobody has the label, nothing of the name can be printed, or it is another label.
    """
    speaker = _known(transcript, label)
    if name and not clean_name(name):
        raise InputError(f"{name!r} is no name: nothing of it can be printed; give letters, or nothing for no name")
    clean = clean_text(name or "")
    if clean != label and clean in transcript.speakers:
        raise InputError(
            f"{clean} is another speaker, whom nobody could tell from {label}; if they are one person, merge them: "
            f"--merge {label}={clean}"
        )
    if clean != label and speaker_number(clean) is not None:
        raise InputError(f"{clean} is a label, which may be somebody new one day: give a name")
    renamed = replace(speaker, name=clean or None)
    return replace(transcript, speakers={**transcript.speakers, label: renamed})


def merge(transcript: Transcript, source: str, target: str) -> Transcript:
    """Give all that one speaker said to another one, who is the same person.

    Parameters
    ----------
    transcript : Transcript
    source, target : str
        Labels; the source is removed.

    Raises
    ------
    InputError
        If nobody has a label, or the two are one.
    """
    gone, kept = _known(transcript, source), _known(transcript, target)
    if source == target:
        raise InputError(f"{source} cannot be merged with itself; name two speakers")
    speakers = {label: speaker for label, speaker in transcript.speakers.items() if label != source}
    identity = max(kept, gone, key=_rank)  # the first of equals
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
        raise InputError(f"{target} cannot have turns: their labels are SPEAKER_00, SPEAKER_01 and so on")
    diarization = _merge_turns(old, numbers[0], numbers[1], (gone.seconds, kept.seconds))
    return _without_single_overlaps(replace(merged, diarization=diarization), diarization)


def add_speaker(transcript: Transcript, label: str) -> Transcript:
    """Add somebody whom nobody found, for assignments; nothing is theirs yet.

    Parameters
    ----------
    transcript : Transcript
    label : str
        The one behind the highest that is there, so that no typing error makes a person.

    Raises
    ------
    InputError
        If it is another.
    """
    found = {number for label in transcript.speakers if (number := speaker_number(label)) is not None}
    if transcript.diarization is not None:
        found.update(transcript.diarization.speaker_ids)
    new = speaker_label(max(found, default=-1) + 1)
    if label != new:
        known = label_names(transcript.speakers) or "nobody"
        raise InputError(f"there is no speaker {label!r}, only {known}; a new speaker must be {new}")
    return replace(transcript, speakers={**transcript.speakers, new: Speaker(label=new)})


def assign(transcript: Transcript, start: float, end: float, label: str) -> Transcript:
    """Give a speaker all that is said in a time.

    Parameters
    ----------
    transcript : Transcript
    start, end : float
        Seconds, the end excluded.
    label : str
        Who speaks there; also somebody new, as `add_speaker` adds them.

    Raises
    ------
    InputError
        If nobody has the label and no new speaker may have it, the end is not after the start, or the start not inside
        the recording.
    """
    if label not in transcript.speakers:
        transcript = add_speaker(transcript, label)
    if not (0 <= start < end < math.inf):
        raise InputError(f"{start:g}-{end:g} is no time: the end must be after the start, both seconds from 0 on")
    if start >= transcript.duration:
        raise InputError(f"{start:g}-{end:g} is after the end of the recording at {transcript.duration:g} s")
    number = speaker_number(label)
    utterances = tuple(
        part for utterance in transcript.utterances for part in _assign_words(utterance, start, end, label)
    )
    assigned = replace(transcript, utterances=_join_utterances(transcript, utterances))
    old = transcript.diarization
    if old is not None:
        if number is None:
            raise InputError(f"{label} cannot have turns: their labels are SPEAKER_00, SPEAKER_01 and so on")
        assigned = replace(assigned, diarization=_assign_turns(old, start, end, number))
    return _with_counts(transcript, assigned)


def prune(transcript: Transcript) -> Transcript:
    """Remove speakers who have no word, utterance, segment, piece and turn, and their mean embeddings."""
    present = _counted(transcript)
    speakers = {label: speaker for label, speaker in transcript.speakers.items() if label in present}
    diarization = transcript.diarization
    if diarization is not None:
        kept = {number: each for number, each in diarization.embeddings.items() if speaker_label(number) in present}
        diarization = replace(diarization, embeddings=kept)
    return replace(transcript, speakers=speakers, diarization=diarization)


def _known(transcript: Transcript, label: str) -> Speaker:
    if label not in transcript.speakers:
        raise InputError(f"there is no speaker {label!r}, only {label_names(transcript.speakers) or 'nobody'}")
    return transcript.speakers[label]


def _rank(speaker: Speaker) -> int:
    return 2 if speaker.name else int(speaker.voice is not None)


def _merge_turns(old: Diarization, source: int, target: int, seconds: tuple[float, float]) -> Diarization:
    def own(speaker: int) -> int:
        return target if speaker == source else speaker

    pieces, vectors = stored_pieces(old)
    embeddings = {speaker: vector for speaker, vector in old.embeddings.items() if speaker != source}
    if source in old.embeddings:
        both = [old.embeddings[source], old.embeddings.get(target, old.embeddings[source])]
        embeddings[target] = _mean_embedding(both, seconds)
    return _rebuilt(
        old,
        segments=[(segment.start, segment.end, own(segment.speaker_id)) for segment in old.segments],
        turns=join_turns([(turn.start, turn.end, own(turn.speaker_id)) for turn in old.turns], target),
        pieces=[(piece.start, piece.end, own(piece.speaker_id)) for piece in pieces],
        vectors=vectors,
        embeddings=embeddings,
    )


def _mean_embedding(embeddings: Sequence[FloatArray], seconds: Sequence[float]) -> FloatArray:
    """Mean of the source's and the target's embedding as they are written, ``float32[D]``."""
    source, target = (np.round(each.astype(np.float64), EMBEDDING_DECIMALS) for each in embeddings)
    weights = [round(each, 3) for each in seconds] if any(round(each, 3) for each in seconds) else [1.0, 1.0]
    total = weights[1] * target + weights[0] * source
    length = float(np.sqrt((total * total).sum()))
    mean = total / length if length else target
    return np.round(mean, EMBEDDING_DECIMALS).astype(np.float32)


def _assign_words(utterance: Utterance, start: float, end: float, label: str) -> Iterable[Utterance]:
    words = tuple(
        replace(word, speaker=label, speaker_confidence=_SURE, overlap=False)
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
    """Utterances after an edit, joined where a change of speaker is gone; what ended for another reason still does."""
    former = [word.speaker for word in before.words]
    joined: list[Utterance] = []
    place = 0
    for utterance in utterances:
        words = utterance.words
        last = joined[-1] if joined else None
        if (
            last is not None
            and last.words
            and words
            and former[place - 1] != former[place]
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


def _without_single_overlaps(transcript: Transcript, diarization: Diarization) -> Transcript:
    """Transcript without the marks of overlapped words that no two speakers' turns meet."""
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


def _with_counts(before: Transcript, after: Transcript) -> Transcript:
    """Transcript with the seconds and words that an assignment moved."""
    had, has = _counted(before), _counted(after)
    nothing = (0.0, 0)
    speakers = {
        label: replace(
            speaker,
            seconds=max(speaker.seconds + has.get(label, nothing)[0] - had.get(label, nothing)[0], 0.0),
            words=max(speaker.words + has.get(label, nothing)[1] - had.get(label, nothing)[1], 0),
        )
        for label, speaker in after.speakers.items()
    }
    return replace(after, speakers=speakers)


def _counted(transcript: Transcript) -> dict[str, tuple[float, int]]:
    """Exclusive seconds and words of everybody who has an utterance, word, segment, piece or turn."""
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
