from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from oolong_align.audio.recording import load_audio
from oolong_align.transcription.clips import Clip, join_clips, plan_clips
from oolong_align.types import SpeechRange

S = 16000
SECONDS = 100
AUDIO = load_audio(np.random.default_rng(0).normal(0, 0.1, SECONDS * S).astype(np.float32))

spans = st.builds(
    lambda start, length: SpeechRange(start, start + length), st.floats(-2, SECONDS + 2), st.floats(-0.1, 60)
)
parts = st.lists(st.integers(0, 60 * S), min_size=2, max_size=12, unique=True).map(
    lambda edges: Clip(tuple(zip(*[iter(sorted(edges)[: len(edges) // 2 * 2])] * 2, strict=True)))
)


@settings(max_examples=60)
@given(st.lists(spans, max_size=20), st.sampled_from([0.0, 0.1, 0.2, 0.5]))
def test_clips_contain_all_speech_once_and_only_padding_around_it(speech: list[SpeechRange], padding_s: float) -> None:
    clips = plan_clips(AUDIO, speech, padding_s=padding_s)
    taken = np.zeros(SECONDS * S, np.int8)
    for clip in clips:
        assert 0 < clip.num_samples <= 29 * S
        assert all(start < stop for start, stop in clip.parts)
        assert all(before[1] < after[0] for before, after in zip(clip.parts, clip.parts[1:], strict=False))
        for start, stop in clip.parts:
            taken[start:stop] += 1
    assert taken.max() <= 1
    spoken, near = np.zeros(SECONDS * S, bool), np.zeros(SECONDS * S, bool)
    for span in speech:
        start, stop = max(round(span.start * S), 0), min(round(span.end * S), SECONDS * S)
        if start < stop:
            spoken[start:stop] = True
            near[max(0, start - round(padding_s * S)) : stop + round(padding_s * S)] = True
    assert not (spoken & (taken == 0)).any()
    assert not (~near & (taken == 1)).any()
    assert [clip.parts[0] for clip in clips] == sorted(clip.parts[0] for clip in clips)


@given(parts, st.lists(st.tuples(st.floats(0, 70), st.floats(0, 40)), max_size=40))
def test_located_words_are_sorted_and_within_parts(clip: Clip, words: list[tuple[float, float]]) -> None:
    starts = np.sort(np.array([start for start, _ in words], dtype=np.float64))
    found, ends = clip.locate(starts, starts + np.array([length for _, length in words], dtype=np.float64))
    assert len(found) == len(words)
    assert (found < ends).all()
    assert (ends[:-1] <= found[1:] + 1e-9).all()
    inside = [
        any(a / S - 1e-9 <= s and e <= b / S + 1e-9 for a, b in clip.parts) for s, e in zip(found, ends, strict=True)
    ]
    assert all(inside)


@given(parts, st.integers(-10, 61 * S), st.integers(-10, 61 * S))
def test_cut_clips_join_to_the_original(clip: Clip, one: int, other: int) -> None:
    first, second = sorted((one, other))
    cuts = [clip.cut(-10, first), clip.cut(first, second), clip.cut(second, 61 * S)]
    assert sum(each.num_samples for each in cuts) == clip.num_samples
    joined = join_clips(cuts, longest_s=100)
    assert [part for each in joined for part in each.parts] == list(clip.parts)
