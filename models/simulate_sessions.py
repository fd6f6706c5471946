"""Embed utterances of simulated sessions: two per speaker, with different rooms, channels and noise.

``python models/simulate_sessions.py utterances/ sessions.npz [--first N --last N]``
``python models/simulate_sessions.py utterances/ clean.npz --clean``    without simulation

The input is a folder of audio as for `train_plda.py`. The first half of a speaker's utterances forms one session, the
second half the other. Each session has an impulse response (exponential decay, T60 of 0.15 to 0.8 s, direct sound 0 to
12 dB above the tail), a channel (random spectral gains; one in four is limited to 300-3400 Hz) and noise with a falling
spectrum (signal-to-noise ratio 5 to 30 dB). The random numbers depend only on the speaker's name: the same input
produces the same rows, even if ``--first`` and ``--last`` split it into several files.

The output has one row per embedding: ``embedding (N, D)``, ``speaker (N,)``, ``session (N,)``, ``seconds (N,)`` and
``whole (N,)``. Each utterance has a row for the whole utterance and a row for each full second. `calibrate_voices.py`
reads one or several of these files. With ``--clean``, each row is a whole utterance, and ``utterance (N,)`` replaces
``session`` and ``whole``. `train_plda.py` reads this file too.
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
    """Filter samples with gains in dB at frequencies in Hz, interpolated linearly."""
    spectrum = np.fft.rfft(samples)
    grid = np.fft.rfftfreq(len(samples), 1 / RATE)
    shaped: Array = np.fft.irfft(spectrum * 10 ** (np.interp(grid, frequencies, gain_db) / 20), len(samples))
    return shaped


def impulse_response(random: np.random.Generator) -> Array:
    """Create an impulse response of unit energy: direct sound and a tail of decaying noise."""
    t60, direct_db = random.uniform(0.15, 0.8), random.uniform(0, 12)
    times = np.arange(round(t60 * RATE)) / RATE
    tail = random.standard_normal(len(times)) * 10 ** (-3 * times / t60)
    tail[: round(0.002 * RATE)] = 0
    tail /= np.linalg.norm(tail)
    response: Array = np.concatenate([[10 ** (direct_db / 20)], tail])
    return response / np.linalg.norm(response)


def record(clean: Array, random: np.random.Generator) -> Array:
    """Simulate the recording of a session: room, noise and channel. The peak is 0.5."""
    recorded = fftconvolve(clean, impulse_response(random))[: len(clean)]
    steepness = random.uniform(0, 6)
    noise = shape_spectrum(
        random.standard_normal(len(clean)), np.array([0.0, -steepness * 7]), np.array([60.0, RATE / 2])
    )
    snr_db = random.uniform(5, 30)
    recorded += noise * np.sqrt(np.mean(recorded**2) / np.mean(noise**2)) * 10 ** (-snr_db / 20)
    frequencies = np.array([0, 150, 500, 1500, 4000, RATE / 2])
    recorded = shape_spectrum(recorded, random.uniform(-6, 6, len(frequencies)), frequencies)
    if random.uniform() < 0.25:
        recorded = shape_spectrum(
            recorded, np.array([-40.0, -40, 0, 0, -40, -40]), np.array([0, 150, 300, 3400, 4000, 8000])
        )
    scaled: Array = recorded / np.abs(recorded).max() * 0.5
    return scaled


def embed_session(
    model: EmbeddingModel, utterances: list[Array], random: np.random.Generator
) -> list[tuple[FloatArray, float, bool]]:
    """Embed each utterance of a session and its full seconds: rows of (embedding, seconds, whole)."""
    bounds = np.cumsum([0] + [len(each) for each in utterances]) / RATE
    samples = record(np.concatenate(utterances), random).astype(np.float32)
    with load_audio(samples) as audio:
        evidence = FrameEvidence(model, compute_frames(model, audio), {})
    rows = []
    for start, end in pairwise(bounds):
        rows.append((evidence.embed(start, end), end - start, True))
        for second in range(int(end - start)):
            rows.append((evidence.embed(start + second, start + second + 1), 1.0, False))
    return rows


def save_clean(folder: Path, model: Path | None, out: Path) -> None:
    """Embed whole utterances without simulation and write them."""
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
    parser.add_argument("folder", type=Path, help="folder of audio")
    parser.add_argument("out", type=Path, help="output file")
    parser.add_argument("--embedding", type=Path, help="ONNX embedding model (default: that of the default bundle)")
    parser.add_argument("--clean", action="store_true", help="embed the utterances without simulation")
    parser.add_argument("--first", type=int, default=0, help="index of the first speaker (default: 0)")
    parser.add_argument("--last", type=int, help="index after the last speaker (default: all speakers)")
    arguments = parser.parse_args()
    if arguments.first < 0:
        parser.error(f"Invalid --first {arguments.first}: use 0 or more")
    check_outputs([arguments.out], [arguments.folder, *([arguments.embedding] if arguments.embedding else [])])
    if arguments.clean:
        if arguments.first or arguments.last is not None:
            parser.error("--clean embeds all speakers: omit --first and --last")
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
                f"{arguments.folder}: Speaker {speaker} has one utterance, two are needed. Remove the speaker"
            )
        for session, paths in enumerate(np.array_split(np.array(sorted(by_speaker[speaker])), SESSIONS)):
            utterances = []
            for path in paths:
                with load_audio(path) as audio:
                    utterances.append(audio.read(0, audio.num_samples).astype(np.float64))
                if len(utterances[-1]) < SHORTEST_SAMPLES:
                    raise InputError(f"{path}: Shorter than 0.1 s. Remove it from {arguments.folder / 'utt2spk'}")
            if not any(samples.any() for samples in utterances):
                raise InputError(f"{paths[0].parent}: All utterances of a session of {speaker} are silent. Remove them")
            for embedding, seconds, whole in embed_session(model, utterances, random):
                for name, value in zip(columns, (embedding, speaker, session, seconds, whole), strict=True):
                    columns[name].append(value)
    arrays: dict[str, Any] = {name: np.array(values) for name, values in columns.items()}
    if not len(arrays["speaker"]):
        raise InputError(
            f"{arguments.folder}: None of its {len(by_speaker)} speakers selected. Check --first and --last"
        )
    save_arrays(arguments.out, arrays)
    print(f"{arguments.out}: {len(columns['speaker'])} rows of {len(set(columns['speaker']))} speakers")


if __name__ == "__main__":
    run(main)
