"""Train the PLDA that compares voices across recordings, and calibrate its scores to log-odds.

``python models/calibrate_voices.py sessions.npz --clean clean.npz --out oolong_align/data``
``python models/calibrate_voices.py sessions.npz --clean clean.npz --embedding model.onnx --name NAME --out FOLDER``

`simulate_sessions.py` creates both input files; ``clean.npz`` contains the same utterances without simulation. The PLDA
is trained on whole utterances, clean and simulated: those of one speaker differ in content, room, channel and noise.

A trial compares speech from the first half of one speaker's utterances with speech from the second half of the same or
another speaker's. Each side has 1, 3, 10 or 30 s of speech, made of single seconds or whole utterances. The sides come
from two simulated rooms, from one room and clean speech, or both from clean speech, where all speakers share a channel.
Each trial is scored by a PLDA trained without its speakers (cross-validation by speaker). The log-odds are linear in
the score and in the logarithm of the seconds. Logistic regression fits them, at even prior odds, to the trials with at
least 3 s on the known side. ``--seed`` determines all random numbers: the same input produces the same files.

References
----------
Bruemmer & du Preez, "Application-independent evaluation of speaker detection", 2006 (calibration, Cllr); Martin et al.,
"The DET curve in assessment of detection task performance", 1997.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from command_line import check_outputs, run
from plda.arrays import numbers, read_npz, save_plda
from plda.corpora import Corpus
from plda.evaluation import equal_error_rate, split_speakers
from plda.training import train
from scipy.optimize import minimize

from oolong_align.diarization.plda import Plda
from oolong_align.errors import InputError, UsageError
from oolong_align.speakers.scoring import VoiceScorer, cosine_scores, duration_feature, plda_scores
from oolong_align.util.files import write_files
from oolong_align.weights import file_hash, find_bundle

Array: TypeAlias = npt.NDArray[np.float64]
Index: TypeAlias = npt.NDArray[np.int64]
Side: TypeAlias = tuple[int, int, int, float, Array]
"""One side of a trial: speaker, session, nominal seconds, actual seconds and embedding."""

LENGTHS: Final = (1, 3, 10, 30)
FOLDS: Final = 5
FEWEST_SPEAKERS: Final = 4 * FOLDS
DRAWS: Final = 2
LEAST_REFERENCE_S: Final = 3
SESSION_VARIANCES: Final = ((1.0, 0.0), (0.6, 1.2), (0.5, 2.0), (0.4, 3.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Rows of a file from `simulate_sessions.py`, with numbered speakers."""

    embedding: Array
    speaker: Index
    session: Index
    seconds: Array
    whole: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """Scores, same or different speaker, nominal and actual seconds, and number of clean sides; ``(N,)`` each."""

    plda: Array
    cosine: Array
    same: npt.NDArray[np.bool_]
    nominal: Index  # (N, 2)
    seconds: Array  # (N, 2)
    clean: Index


def read_rows(path: Path, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Read arrays from a file of `simulate_sessions.py`, one row per embedding.

    Raises
    ------
    InputError
        If an array is missing, has the wrong type, or does not match the others.
    """
    stored = read_npz(path, names)
    embedding = numbers(stored["embedding"], f"{path}: Array embedding", (None, None))
    seconds = numbers(stored["seconds"], f"{path}: Array seconds", (len(embedding),))
    if not embedding.any(axis=1).all() or not (seconds > 0).all():
        raise InputError(f"{path}: A row has no duration or an embedding of zeros. Create the file again")
    kinds = {"speaker": "USiu", "utterance": "USiu", "session": "iu", "whole": "b"}
    for name in set(names) & kinds.keys():
        if stored[name].dtype.kind not in kinds[name] or stored[name].shape != seconds.shape:
            raise InputError(
                f"{path}: Array {name} has the type {stored[name].dtype} and the shape {stored[name].shape}, which do "
                f"not match {len(seconds)} rows. Create the file with simulate_sessions.py"
            )
    return stored


def load_sessions(paths: Sequence[Path], clean: Path) -> Sessions:
    """Read a sessions file, or its parts, and the clean utterances.

    Sessions 0 and 1 are the simulated ones, 2 and 3 the clean ones. Sessions 0 and 2 contain the first half of a
    speaker's utterances, 1 and 3 the second half.

    Raises
    ------
    InputError
        If a file is unusable, or a session of a speaker is missing.
    """
    simulated = [read_rows(path, tuple(Sessions.__dataclass_fields__)) for path in paths]
    original = read_rows(clean, ("embedding", "speaker", "utterance", "seconds"))
    if (found := len(np.unique(original["speaker"]))) < FEWEST_SPEAKERS:
        raise InputError(f"{clean}: Found {found} speakers, but at least {FEWEST_SPEAKERS} are required")
    sizes = {part["embedding"].shape[1:] for part in (*simulated, original)}
    if len(sizes) > 1:
        raise InputError(f"The files contain embeddings of different sizes: {sizes}. Use one embedding model for all")
    columns = {name: np.concatenate([part[name] for part in simulated]) for name in Sessions.__dataclass_fields__}
    half = np.zeros(len(original["speaker"]), dtype=np.int64)
    for speaker in np.unique(original["speaker"]):
        rows = np.flatnonzero(original["speaker"] == speaker)
        rows = rows[np.argsort(original["utterance"][rows])]
        half[np.array_split(rows, 2)[1]] = 1
    columns = {
        "embedding": np.concatenate([columns["embedding"], original["embedding"]]),
        "speaker": np.concatenate([columns["speaker"], original["speaker"]]),
        "session": np.concatenate([columns["session"], half + 2]),
        "seconds": np.concatenate([columns["seconds"], original["seconds"]]),
        "whole": np.concatenate([columns["whole"], np.ones(len(half), dtype=np.bool_)]),
    }
    columns["embedding"] = unit(columns["embedding"].astype(np.float64))
    names, columns["speaker"] = np.unique(columns["speaker"], return_inverse=True)
    found = set(zip(*(columns[name].tolist() for name in ("speaker", "session", "whole")), strict=True))
    for number, name in enumerate(names):
        for piece in ((0, True), (0, False), (1, True), (1, False), (2, True), (3, True)):
            if (number, *piece) not in found:
                raise InputError(
                    f"Speaker {name} needs seconds and whole utterances in both sessions, and two utterances in "
                    f"{clean}. Create all files from the same folder of audio"
                )
    return Sessions(**columns)


def unit(rows: Array) -> Array:
    """Scale rows to unit length."""
    scaled: Array = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return scaled


def draw_sides(data: Sessions, random: np.random.Generator) -> list[Side]:
    """Draw random speech of each length from each session."""
    sides = []
    for speaker in range(int(data.speaker.max()) + 1):
        for session in range(4):
            own = (data.speaker == speaker) & (data.session == session)
            for length in LENGTHS[session > 1 :]:
                for _ in range(DRAWS):
                    rows = random.permutation(np.flatnonzero(own & (data.whole == (length > 1))))
                    needed = int(np.searchsorted(np.cumsum(data.seconds[rows]), length - 0.5)) + 1
                    rows = rows[:needed]
                    weights = data.seconds[rows]
                    embedding = unit(weights @ data.embedding[rows])
                    sides.append((speaker, session, length, float(weights.sum()), embedding))
    return sides


def train_identity(data: Sessions, speakers: Index, dim: int, shrinkage: float) -> Plda:
    """Train a PLDA on the whole utterances of some speakers."""
    rows = data.whole & np.isin(data.speaker, speakers)
    corpus = Corpus.of_one(data.embedding[rows], data.speaker[rows])
    return train(corpus, dim=dim, shrinkage=shrinkage, iterations=20)


def score_trials(sides: Sequence[Side], plda: Plda, held_out: Index, variance: tuple[float, float]) -> Trials:
    """Compare all first sessions of the held-out speakers with all their second sessions."""
    first, second = (
        [side for side in sides if side[1] % 2 == half and side[0] in set(held_out.tolist())] for half in (0, 1)
    )
    embedding = np.stack([side[4] for side in second])
    seconds = np.array([side[3] for side in second])
    own = [(side[4][None], np.array([side[3]])) for side in first]
    pairs = [(a, b) for a in first for b in second]
    return Trials(
        plda=plda_scores(plda, embedding, seconds, own, session=variance[0], second=variance[1]).T.ravel(),
        cosine=cosine_scores(embedding, own).T.ravel(),
        same=np.array([a[0] == b[0] for a, b in pairs]),
        nominal=np.array([(a[2], b[2]) for a, b in pairs]),
        seconds=np.array([(a[3], b[3]) for a, b in pairs]),
        clean=np.array([(a[1] > 1) + (b[1] > 1) for a, b in pairs]),
    )


def join(parts: Sequence[Trials]) -> Trials:
    """Concatenate the trials of several folds."""
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in Trials.__dataclass_fields__}
    return Trials(**columns)


def fit(features: Array, same: npt.NDArray[np.bool_]) -> tuple[Array, float]:
    """Weights of the log-odds at even prior odds, starting with the constant, and the cost in bits (Cllr)."""
    weight = np.where(same, 0.5 / same.sum(), 0.5 / (~same).sum())
    mean, spread = features.mean(axis=0), features.std(axis=0)
    design = np.column_stack([np.ones(len(features)), (features - mean) / spread])
    sign = np.where(same, -1.0, 1.0)

    def cost(beta: Array) -> tuple[float, Array]:
        margin = sign * (design @ beta)
        slope = weight * sign / (1 + np.exp(-margin))
        return float(weight @ np.logaddexp(0, margin)), design.T @ slope

    found = minimize(cost, np.zeros(design.shape[1]), jac=True, method="L-BFGS-B")
    slopes = found.x[1:] / spread
    return np.concatenate([[found.x[0] - slopes @ mean], slopes]), float(found.fun / np.log(2))


def miss_rate(target: Array, nontarget: Array, accepted: float) -> float:
    """Share of targets rejected at a given rate of accepted non-targets: one point of the DET curve."""
    return float(np.mean(target <= np.quantile(nontarget, 1 - accepted)))


def rows_of_table(trials: Trials, scores: dict[str, Array]) -> Iterator[str]:
    """Table rows: equal error rate and DET points, by the seconds of both sides."""
    yield "  rooms      seconds  score       EER     miss rate at 1 % / 0.1 % false accepts"
    for clean, rooms in enumerate(("two", "one, clean", "clean")):
        for pair in ((1, 1), (3, 3), (10, 10), (30, 30), (30, 3)):
            chosen = (trials.clean == clean) & (trials.nominal == pair).all(axis=1)
            for name, values in scores.items():
                target, nontarget = values[chosen & trials.same], values[chosen & ~trials.same]
                if len(target):
                    points = [miss_rate(target, nontarget, accepted) for accepted in (0.01, 0.001)]
                    equal, label = equal_error_rate(target, nontarget), f"{pair[0]}/{pair[1]}"
                    yield f"  {rooms:<10} {label:>7}  {name:<10} {equal:6.2%}  {points[0]:7.2%} {points[1]:7.2%}"


def rows_of_thresholds(
    sides: Sequence[Side], folds: Sequence[tuple[Plda, Index]], calibrated: VoiceScorer
) -> Iterator[str]:
    """Table rows: identification of known and unknown speakers in a library of half of the held-out speakers."""
    yield "  known/new      seconds  probability  known: right  wrong  unknown: false match"
    for place, length in (
        (place, length) for place in ("room/room", "clean/room", "clean/clean") for length in LENGTHS
    ):
        known, right, share = [], [], []
        sessions = {"room/room": (0, 1), "clean/room": (2, 1), "clean/clean": (2, 3)}[place]
        if sessions[1] > 1 and length == 1:
            continue
        for plda, held_out in folds:
            enrolled = held_out[::2]
            library = [side for side in sides if side[1:3] == (sessions[0], LENGTHS[-1]) and side[0] in enrolled][
                ::DRAWS
            ]
            tests = [side for side in sides if side[1:3] == (sessions[1], length) and side[0] in held_out]
            odds = replace(calibrated, plda=plda).log_odds(
                np.stack([side[4] for side in tests]),
                np.array([side[3] for side in tests]),
                [(side[4][None], np.array([side[3]])) for side in library],
            ) - np.log(len(library))
            share += (np.exp(odds.max(axis=1)) / (1 + np.exp(odds).sum(axis=1))).tolist()
            right += [library[best][0] == test[0] for best, test in zip(odds.argmax(axis=1), tests, strict=True)]
            known += [test[0] in enrolled for test in tests]
        for threshold in (0.5, 0.8, 0.9, 0.95, 0.99):
            taken = np.array(share) >= threshold
            there, good = np.array(known), np.array(right)
            figures = np.mean((taken & good)[there]), np.mean((taken & ~good)[there]), np.mean(taken[~there])
            yield (
                f"  {place:<12} {length:>9}  {threshold:>11}  {figures[0]:12.1%} {figures[1]:6.1%}  {figures[2]:20.1%}"
            )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sessions", type=Path, nargs="+", help="file of simulate_sessions.py, or its parts")
    parser.add_argument("--clean", type=Path, required=True, help="embeddings of the clean utterances")
    parser.add_argument("--dim", type=int, default=200, help="dimensions after the LDA (200)")
    parser.add_argument("--shrinkage", type=float, default=0.6, help="shrinkage of the covariances, 0 to 1 (0.6)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random numbers (0)")
    parser.add_argument("--embedding", type=Path, help="ONNX embedding model (default: of the default bundle)")
    parser.add_argument("--name", default="", help="suffix of the output file names, for another embedding model")
    parser.add_argument("--out", type=Path, help="folder for voice_plda.npz and voice_calibration.json")
    arguments = parser.parse_args()
    if arguments.out and not arguments.out.is_dir():
        raise UsageError(f"{arguments.out}: Folder not found. Create it first")
    suffix = f"_{arguments.name}" if arguments.name else ""
    if arguments.out:
        targets = [arguments.out / f"voice_plda{suffix}.npz", arguments.out / f"voice_calibration{suffix}.json"]
        embedding = [arguments.embedding] if arguments.embedding else []
        check_outputs(targets, [*arguments.sessions, arguments.clean, *embedding])
    data = load_sessions(arguments.sessions, arguments.clean)
    sides = draw_sides(data, np.random.default_rng(arguments.seed))
    count = int(data.speaker.max()) + 1
    folds = [
        (train_identity(data, known, arguments.dim, arguments.shrinkage), held_out)
        for known, held_out in split_speakers(count, FOLDS)
    ]
    costs = {}
    for variance in SESSION_VARIANCES:
        trials = join([score_trials(sides, plda, held_out, variance) for plda, held_out in folds])
        fitted = trials.nominal[:, 0] >= LEAST_REFERENCE_S
        durations = duration_feature(trials.seconds[:, 0], trials.seconds[:, 1])
        features = np.column_stack([trials.plda, durations])
        weights, cost = fit(features[fitted], trials.same[fitted])
        costs[variance] = (cost, trials, weights, features @ weights[1:] + weights[0])
        print(f"variance {variance[0]} + {variance[1]} / seconds: Cllr {cost:.4f} bits")
    variance = min(costs, key=lambda each: costs[each][0])
    _, trials, weights, log_odds = costs[variance]
    cosine_weights, cosine_cost = fit(np.column_stack([trials.cosine, durations])[fitted], trials.same[fitted])
    print(f"cosine: Cllr {cosine_cost:.4f} bits")
    print(f"{count} speakers, {trials.same.sum()} trials of the same speaker, {(~trials.same).sum()} of two speakers")
    calibrated = VoiceScorer(weights=tuple(weights.tolist()), session=variance[0], second=variance[1])
    scores = {"cosine": trials.cosine, "PLDA": trials.plda, "calibrated": log_odds}
    print(*rows_of_table(trials, scores), *rows_of_thresholds(sides, folds, calibrated), sep="\n")
    if arguments.out:
        save_plda(targets[0], train_identity(data, np.arange(count), arguments.dim, arguments.shrinkage))
        model = arguments.embedding or find_bundle(parts=("embedding",)).files["embedding"]
        calibration = {
            "embedding": file_hash(model),
            "session": variance[0],
            "second": variance[1],
            "plda": [round(float(weight), 5) for weight in weights],
            "cosine": [round(float(weight), 5) for weight in cosine_weights],
        }
        text = json.dumps(calibration, indent=1) + "\n"
        write_files({targets[1]: text})
        print(text)


if __name__ == "__main__":
    run(main)
