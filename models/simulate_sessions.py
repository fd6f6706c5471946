"""Embed utterances as if each speaker had been recorded twice, in two rooms, over two channels, with two noises.

``python models/simulate_sessions.py utterances/ sessions.npz [--first N --last N]``
``python models/simulate_sessions.py utterances/ clean.npz --clean``    the utterances as they were recorded

The folder is as for `train_plda.py`. The first half of a speaker's utterances is one session, the second half the
other. Each session gets an impulse response (exponential decay, T60 of 0.15 to 0.8 s, direct sound 0 to 12 dB above the
tail), a channel (random tilt of the spectrum; one in four is limited to 300-3400 Hz) and noise of a falling spectrum
(signal-to-noise ratio 5 to 30 dB). What is drawn depends on the speaker's name alone: the same input produces the same
file, also if it is made in parts (``--first``, ``--last``).

The file holds one row per piece, ``embedding (N, D)``, ``speaker (N,)``, ``session (N,)``, ``seconds (N,)``,
``whole (N,)``: whole utterances and, apart from them, each utterance's whole seconds one by one. `calibrate_voices.py`
reads one file or the parts. With ``--clean`` a row is a whole utterance, and ``utterance (N,)`` replaces
``session`` and ``whole``; `train_plda.py` reads this file too.
"""

from __future__ import annotations

import argparse
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from command_line import check_outputs, run
from plda.arrays import save_arrays
from plda.corpora import embed_folder, list_utterances
from scipy.signal import fftconvolve

from oolong_align.audio.recording import load_audio
from oolong_align.diarization.embedding import EmbeddingModel, compute_frames
from oolong_align.diarization.speaker_evidence import FrameEvidence
from oolong_align.errors import InputError
from oolong_align.types import FloatArray
from oolong_align.weights import find_bundle

Array: TypeAlias = npt.NDArray[np.float64]

RATE: Final = 16000
SESSIONS: Final = 2
SHORTEST_SAMPLES: Final = RATE // 10


def shape_spectrum(samples: Array, gain_db: Array, frequencies: Array) -> Array:
    """Filter samples by a gain in dB that is given at some frequencies in Hz, linear between them."""
    spectrum = np.fft.rfft(samples)
    grid = np.fft.rfftfreq(len(samples), 1 / RATE)
    shaped: Array = np.fft.irfft(spectrum * 10 ** (np.interp(grid, frequencies, gain_db) / 20), len(samples))
    return shaped


def impulse_response(random: np.random.Generator) -> Array:
    """A direct sound and a tail of decaying noise, of unit energy."""
    t60, direct_db = random.uniform(0.15, 0.8), random.uniform(0, 12)
    times = np.arange(round(t60 * RATE)) / RATE
    tail = random.standard_normal(len(times)) * 10 ** (-3 * times / t60)
    tail[: round(0.002 * RATE)] = 0
    tail /= np.linalg.norm(tail)
    response: Array = np.concatenate([[10 ** (direct_db / 20)], tail])
    return response / np.linalg.norm(response)


def record(clean: Array, random: np.random.Generator) -> Array:
    """Simulate the recording of a session."""
    heard = fftconvolve(clean, impulse_response(random))[: len(clean)]
    steepness = random.uniform(0, 6)
    noise = shape_spectrum(
        random.standard_normal(len(clean)), np.array([0.0, -steepness * 7]), np.array([60.0, RATE / 2])
    )
    snr_db = random.uniform(5, 30)
    heard += noise * np.sqrt(np.mean(heard**2) / np.mean(noise**2)) * 10 ** (-snr_db / 20)
    frequencies = np.array([0, 150, 500, 1500, 4000, RATE / 2])
    heard = shape_spectrum(heard, random.uniform(-6, 6, len(frequencies)), frequencies)
    if random.uniform() < 0.25:
        heard = shape_spectrum(heard, np.array([-40.0, -40, 0, 0, -40, -40]), np.array([0, 150, 300, 3400, 4000, 8000]))
    scaled: Array = heard / np.abs(heard).max() * 0.5
    return scaled


def embed_session(
    model: EmbeddingModel, utterances: list[Array], random: np.random.Generator
) -> list[tuple[FloatArray, float, bool]]:
    """Rows of (embedding, seconds, whole) of one session."""
    bounds = np.cumsum([0] + [len(each) for each in utterances]) / RATE
    samples = record(np.concatenate(utterances), random).astype(np.float32)
    with load_audio(samples) as audio:
        voice = FrameEvidence(model, compute_frames(model, audio), {})
    rows = []
    for start, end in pairwise(bounds):
        rows.append((voice.embed(start, end), end - start, True))
        for second in range(int(end - start)):
            rows.append((voice.embed(start + second, start + second + 1), 1.0, False))
    return rows


def save_clean(folder: Path, model: Path | None, out: Path) -> None:
    """Embed whole utterances as they are."""
    embedding = embed_folder(folder, model).embedding
    paths, speakers = zip(*list_utterances(folder), strict=True)
    seconds = []
    for path in paths:
        with load_audio(path) as audio:
            seconds.append(audio.duration)
    utterance = np.array([path.stem for path in paths])
    arrays = {"speaker": np.array(speakers), "utterance": utterance, "seconds": np.array(seconds)}
    save_arrays(out, {"embedding": embedding.astype(np.float32), **arrays})
    print(f"{out}: {len(embedding)} utterances of {len(set(speakers))} speakers")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--embedding", type=Path, help="ONNX embedding model; the default bundle's otherwise")
    parser.add_argument("--clean", action="store_true", help="embed the utterances as they are")
    parser.add_argument("--first", type=int, default=0, help="first speaker, from 0")
    parser.add_argument("--last", type=int, help="the one after the last")
    arguments = parser.parse_args()
    if arguments.first < 0:
        parser.error(f"--first {arguments.first}: speakers are counted from 0")
    check_outputs([arguments.out], [arguments.folder, *([arguments.embedding] if arguments.embedding else [])])
    if arguments.clean:
        if arguments.first or arguments.last is not None:
            parser.error("--clean takes all speakers: leave --first and --last out")
        save_clean(arguments.folder, arguments.embedding, arguments.out)
        return
    model = EmbeddingModel(arguments.embedding or find_bundle(parts=("embedding",)).files["embedding"])
    by_speaker: dict[str, list[Path]] = {}
    for path, speaker in list_utterances(arguments.folder):
        by_speaker.setdefault(speaker, []).append(path)
    columns: dict[str, list[Any]] = {"embedding": [], "speaker": [], "session": [], "seconds": [], "whole": []}
    for speaker in sorted(by_speaker)[arguments.first : arguments.last]:
        random = np.random.default_rng(zlib.crc32(speaker.encode()))
        if len(by_speaker[speaker]) < SESSIONS:
            raise InputError(
                f"{arguments.folder}: {speaker} has one utterance, which makes no two sessions; leave the speaker out"
            )
        for session, paths in enumerate(np.array_split(np.array(sorted(by_speaker[speaker])), SESSIONS)):
            utterances = []
            for path in paths:
                with load_audio(path) as audio:
                    utterances.append(audio.read(0, audio.num_samples).astype(np.float64))
                if len(utterances[-1]) < SHORTEST_SAMPLES:
                    raise InputError(f"{path}: shorter than 0.1 s; leave it out of {arguments.folder / 'utt2spk'}")
            if not any(samples.any() for samples in utterances):
                raise InputError(f"{paths[0].parent}: half of the utterances of {speaker} are silent; leave them out")
            for embedding, seconds, whole in embed_session(model, utterances, random):
                for name, value in zip(columns, (embedding, speaker, session, seconds, whole), strict=True):
                    columns[name].append(value)
    arrays: dict[str, Any] = {name: np.array(values) for name, values in columns.items()}
    if not len(arrays["speaker"]):
        raise InputError(f"{arguments.folder}: no speakers from {arguments.first} to {arguments.last}")
    save_arrays(arguments.out, arrays)
    print(f"{arguments.out}: {len(columns['speaker'])} rows of {len(set(columns['speaker']))} speakers")


if __name__ == "__main__":
    run(main)
