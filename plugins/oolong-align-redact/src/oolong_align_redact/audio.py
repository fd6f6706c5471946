"""A copy of a recording without the masked words: FLAC, 16 kHz, mono, without tags.

The copy has the recogniser's sample rate and channel, so word times match exactly. Tags and pictures are dropped.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from oolong_align.errors import OutputError
from oolong_align.hookspecs import SAMPLE_RATE, load_audio, seconds_to_samples

if TYPE_CHECKING:
    from oolong_align.types import Word

__all__ = ["COVERS", "masked_spans", "write_audio"]

COVERS: Final = ("tone", "silence")
TONE_HZ: Final = 1000
TONE_PEAK: Final = 0.1
# Word times of Whisper are off by 0.1 s or more. With 0.15 s, first letters remained recognisable after the tone.
MARGIN_S: Final = 0.25
_BLOCK: Final = 10 * SAMPLE_RATE


def masked_spans(words: Iterable[Word], *, margin_s: float = MARGIN_S) -> list[tuple[int, int]]:
    """Samples that cover words with a margin on both sides: sorted, disjoint ``(start, end)``."""
    spans: list[tuple[int, int]] = []
    for word in sorted(words, key=lambda each: (each.start, each.end)):
        start = max(seconds_to_samples(max(word.start - margin_s, 0.0)), 0)
        end = seconds_to_samples(word.end + margin_s)
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], end))
        else:
            spans.append((start, end))
    return spans


def write_audio(source: Path, target: Path, spans: Sequence[tuple[int, int]], *, cover: str) -> None:
    """Write the copy atomically.

    Parameters
    ----------
    source : Path
        Any supported recording. It is decoded again, in bounded memory.
    target : Path
        A FLAC file; an existing file is replaced.
    spans : sequence of (int, int)
        Samples at 16 kHz, sorted and disjoint.
    cover : {"tone", "silence"}
        Replace the words by a sine of 1 kHz or by silence.

    Raises
    ------
    AudioError
        If the recording cannot be decoded again.
    OutputError
        If the copy cannot be written.
    """
    temporary = target.with_name(f".{target.name[:200]}.{os.getpid()}.part")
    try:
        with load_audio(source) as audio:
            _encode(temporary, _covered(audio.blocks(_BLOCK), spans, cover))
        temporary.replace(target)
    except OSError as error:
        raise OutputError(f"Could not write {target}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _covered(
    blocks: Iterable[npt.NDArray[np.float32]], spans: Sequence[tuple[int, int]], cover: str
) -> Iterator[npt.NDArray[np.float32]]:
    """Yield blocks of shape ``(samples,)`` with the spans covered."""
    ends = [end for _, end in spans]
    first = 0
    for block in blocks:
        copy = block.copy()
        last = first + len(copy)
        for start, end in spans[bisect_right(ends, first) :]:
            if start >= last:
                break
            places = np.arange(max(start, first), min(end, last))
            tone = TONE_PEAK * np.sin(2 * np.pi * TONE_HZ / SAMPLE_RATE * (places % SAMPLE_RATE))
            copy[places - first] = tone if cover == "tone" else 0.0
        first = last
        yield copy


def _encode(path: Path, blocks: Iterable[npt.NDArray[np.float32]]) -> None:
    import av

    with av.open(str(path), "w", format="flac", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("flac", rate=SAMPLE_RATE, layout="mono")
        stream.codec_context.format = "s16"
        written = 0
        for block in blocks:
            samples = np.clip(np.rint(block * 32768.0), -32768, 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")  # (1, samples)
            frame.sample_rate = SAMPLE_RATE
            frame.pts = written
            written += len(samples)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
