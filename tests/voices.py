"""Voices for tests of stores."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import numpy as np

from oolong_align.speakers.library import reference_centroid
from oolong_align.speakers.records import Reference, Voice, VoiceModel

MODEL = VoiceModel(name="open", weights="ab" * 32, dimension=16)
ENROLLED = datetime(2024, 5, 17, 8, 30, tzinfo=timezone.utc)


def make_reference(seed: int, **changes: Any) -> Reference:
    embedding = np.random.default_rng(seed).normal(size=MODEL.dimension).astype(np.float32)
    reference = Reference(
        embedding=embedding, source=f"talk {seed}.wav", start=seed, end=seed + 5, seconds=4.0, enrolled=ENROLLED
    )
    return replace(reference, **changes)


def make_voice(*seeds: int, **changes: Any) -> Voice:
    references = tuple(make_reference(seed) for seed in seeds)
    centroid = reference_centroid(references)
    voice = Voice(model=MODEL, seconds=4.0 * len(seeds), centroid=centroid, references=references)
    return replace(voice, **changes)
