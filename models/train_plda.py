"""Train the PLDA of a speaker embedding model: LDA, then a two-covariance model by EM, both with shrinkage.

``python models/train_plda.py embeddings.npz --out vbx_model.npz``        train with the default dimension
``python models/train_plda.py embeddings.npz --dim 64 100 128 --shrinkage 0 0.1 --folds 10``   compare settings
``python models/train_plda.py utterances/ --embedding model.onnx --out vbx_model.npz``    train from audio

An embeddings file holds ``embedding (N, D)`` and ``speaker (N,)``, and may hold ``weight (N,)``: how many embeddings
each one counts for. A folder of audio holds ``utt2spk`` (``UTTERANCE SPEAKER`` lines) and either ``wav.scp``
(``UTTERANCE PATH`` lines) or files ``SPEAKER/UTTERANCE.*``. Several inputs are trained on together.

Nothing is drawn at random: the same input gives the same file. The model's dimensions come from the input and from
``--dim``. Length normalisation lies where `oolong_align.plda.Plda.transform` has it.

References
----------
Ioffe, "Probabilistic linear discriminant analysis", ECCV 2006; Bruemmer & de Villiers, "The speaker partitioning
problem", Odyssey 2010 (two-covariance model); Garcia-Romero & Espy-Wilson, "Analysis of i-vector length
normalization", Interspeech 2011; Friedman, "Regularized discriminant analysis", JASA 1989 (shrinkage).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from precompute_plda import save_plda, solve_two_covariance

from oolong_align.plda import Plda

Array: TypeAlias = npt.NDArray[np.float64]
Index: TypeAlias = npt.NDArray[np.int64]

DEFAULT_DIM = 128
DEFAULT_SHRINKAGE = 0.1
DEFAULT_ITERATIONS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Embeddings with their speakers.

    Attributes
    ----------
    embedding : ndarray, shape (N, D)
    speaker : ndarray, shape (N,)
        Speakers numbered from 0 without gaps.
    weight : ndarray, shape (N,)
        How many embeddings each one counts for; positive.
    """

    embedding: Array
    speaker: Index
    weight: Array

    @property
    def num_speakers(self) -> int:
        """Number of different speakers."""
        return int(self.speaker.max()) + 1

    def select(self, speakers: Index) -> Corpus:
        """Only the embeddings of some speakers."""
        rows = np.isin(self.speaker, speakers)
        numbers = np.unique(self.speaker[rows], return_inverse=True)[1]
        return Corpus(embedding=self.embedding[rows], speaker=numbers, weight=self.weight[rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What the two-covariance model needs to know of some data: sufficient statistics by speaker.

    Attributes
    ----------
    count : ndarray, shape (S,)
        Weight of each speaker.
    mean : ndarray, shape (S, K)
        Mean of each speaker.
    scatter : ndarray, shape (K, K)
        Sum over all data of the squared deviation from the own speaker's mean.
    """

    count: Array
    mean: Array
    scatter: Array


def collect_statistics(data: Array, speaker: Index, weight: Array) -> Statistics:
    """Sum up data ``(N, K)`` by speaker."""
    count = np.bincount(speaker, weights=weight).astype(np.float64)
    total = np.zeros((len(count), data.shape[1]))
    np.add.at(total, speaker, data * weight[:, None])
    mean = total / count[:, None]
    deviation = data - mean[speaker]
    return Statistics(count=count, mean=mean, scatter=(deviation * weight[:, None]).T @ deviation)


def shrink(covariance: Array, amount: float) -> Array:
    """Move a covariance ``(K, K)`` towards the sphere of the same trace; 0 keeps it, 1 is the sphere."""
    size = len(covariance)
    shrunk: Array = (1 - amount) * covariance + amount * np.trace(covariance) / size * np.eye(size)
    return shrunk


def normalise_length(rows: Array) -> Array:
    """Scale rows ``(N, K)`` to a length of ``sqrt(K)``."""
    scaled: Array = np.sqrt(rows.shape[1]) * rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled


def train_lda(statistics: Statistics, dim: int, shrinkage: float) -> Array:
    """Directions that tell speakers apart best, ``(D, dim)``; along each the within-speaker variance is 1."""
    within = shrink(statistics.scatter / statistics.count.sum(), shrinkage)
    centred = statistics.mean - np.average(statistics.mean, axis=0, weights=statistics.count)
    between = shrink((centred * statistics.count[:, None]).T @ centred / statistics.count.sum(), shrinkage)
    tr, _ = solve_two_covariance(within, between)
    return tr[:dim].T.copy()


def train_two_covariance(
    statistics: Statistics, iterations: int, shrinkage: float
) -> tuple[Array, Array, Array, list[float]]:
    """Fit ``y ~ N(mu, between)``, ``x ~ N(y, within)`` by expectation maximisation.

    Returns
    -------
    mu : ndarray, shape (K,)
    within, between : ndarray, shape (K, K)
        Shrunk after the last iteration.
    log_likelihood : list of float
        Before each iteration, for each unit of weight; never falls.

    Notes
    -----
    In the basis in which ``within`` is the identity and ``between`` is ``diag(phi)``, the posterior of a speaker
    with ``n`` embeddings of mean ``m`` has variance ``phi / (1 + n phi)`` and mean ``n phi / (1 + n phi) m``.
    O(iterations x K^2 x (S + K)).
    """
    count, mean = statistics.count, statistics.mean
    total = count.sum()
    mu = mean.mean(axis=0)
    within = statistics.scatter / total
    between = (mean - mu).T @ (mean - mu) / len(mean)
    bounds: list[float] = []
    for _ in range(iterations):
        tr, phi = solve_two_covariance(within, between)
        phi = np.maximum(phi, 0.0)
        back = np.linalg.inv(tr).T  # row vectors from the diagonal basis to the original one
        centred = (mean - mu) @ tr.T  # (S, K)
        bounds.append(_log_likelihood(statistics, tr, phi, centred) / total)
        variance = phi / (1 + count[:, None] * phi)
        posterior = count[:, None] * variance * centred
        shift = posterior.mean(axis=0)
        residual = centred - posterior
        spread = posterior - shift
        between = back.T @ (np.diag(variance.mean(axis=0)) + spread.T @ spread / len(mean)) @ back
        uncertainty = np.diag((count[:, None] * variance).sum(axis=0)) + (residual * count[:, None]).T @ residual
        within = (statistics.scatter + back.T @ uncertainty @ back) / total
        mu = mu + shift @ back
        within, between = (within + within.T) / 2, (between + between.T) / 2
    return mu, shrink(within, shrinkage), shrink(between, shrinkage), bounds


def _log_likelihood(statistics: Statistics, tr: Array, phi: Array, centred: Array) -> float:
    """Of all data, up to a constant that depends on the counts only; ``centred (S, K)`` in the diagonal basis."""
    count = statistics.count
    spread = phi + 1 / count[:, None]  # variance of a speaker's mean
    means = np.sum(np.log(spread) + centred**2 / spread)
    log_det = np.linalg.slogdet(tr)[1]
    deviations = np.sum((tr @ statistics.scatter) * tr)
    return float(count.sum() * log_det - 0.5 * (means + deviations))


def train(corpus: Corpus, *, dim: int, shrinkage: float, iterations: int = DEFAULT_ITERATIONS) -> Plda:
    """Centre, normalise length, project by LDA, centre, normalise length, fit the two covariances and solve them.

    Parameters
    ----------
    corpus : Corpus
        At least two speakers.
    dim : int
        1 to the embedding's size.
    shrinkage : float
        0 (none) to 1 (spheres), for both covariances of the LDA and of the two-covariance model.
    iterations : int
        Of EM.

    Raises
    ------
    ValueError
        If the dimension or the shrinkage is out of its range, or the data are too few.
    """
    full = corpus.embedding.shape[1]
    if not 1 <= dim <= full:
        raise ValueError(f"dim is {dim}; the embeddings allow 1 to {full}")
    if not 0 <= shrinkage <= 1:
        raise ValueError(f"shrinkage is {shrinkage}; it lies between 0 and 1")
    count, speakers = len(corpus.embedding), corpus.num_speakers
    if speakers < 2 or count - speakers < dim:
        raise ValueError(
            f"{count} embeddings of {speakers} speakers are too few: at least two speakers are needed (a hundred for "
            f"a useful model) and {dim} embeddings more than there are speakers; or lower dim"
        )
    mean1 = np.average(corpus.embedding, axis=0, weights=corpus.weight)
    centred = normalise_length(corpus.embedding - mean1)
    lda = train_lda(collect_statistics(centred, corpus.speaker, corpus.weight), dim, shrinkage)
    projected = centred @ lda
    mean2 = np.average(projected, axis=0, weights=corpus.weight)
    statistics = collect_statistics(normalise_length(projected - mean2), corpus.speaker, corpus.weight)
    mu, within, between, _ = train_two_covariance(statistics, iterations, shrinkage)
    tr, phi = solve_two_covariance(within, between)
    return Plda(mean1=mean1, lda=lda, mean2=mean2, mu=mu, tr=tr, phi=phi)


def score_pairs(plda: Plda, embedding: Array) -> Array:
    """Log-likelihood ratio of "same speaker" against "two speakers" for every pair, ``(N, D) -> (N, N)``."""
    features, phi = plda.transform(embedding), plda.phi
    total, det = 1 + phi, 1 + 2 * phi
    single = features**2 @ (1 / total - total / det)
    cross: Array = (features * (phi / det)) @ features.T
    return cross + 0.5 * (single[:, None] + single) + np.sum(np.log(total) - 0.5 * np.log(det))


def score_cosine(embedding: Array, mean: Array) -> Array:
    """Cosine of every pair around a mean, ``(N, D) -> (N, N)``."""
    rows = embedding - mean
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    scores: Array = rows @ rows.T
    return scores


def equal_error_rate(target: Array, nontarget: Array) -> float:
    """Share of errors at the threshold where as many targets are refused as non-targets accepted."""
    scores = np.concatenate([target, nontarget])
    is_target = np.zeros(len(scores), dtype=np.bool_)
    is_target[: len(target)] = True
    ordered = is_target[np.argsort(scores, kind="stable")]
    refused = np.cumsum(ordered) / len(target)
    accepted = 1 - np.cumsum(~ordered) / len(nontarget)
    crossing = int(np.argmin(np.abs(refused - accepted)))
    return float(refused[crossing] + accepted[crossing]) / 2


def split_speakers(num_speakers: int, folds: int) -> Iterator[tuple[Index, Index]]:
    """Training and held-out speakers of each fold; every speaker is held out once."""
    speakers = np.arange(num_speakers)
    for fold in range(folds):
        held_out = speakers % folds == fold
        yield speakers[~held_out], speakers[held_out]


def cross_validate(
    corpus: Corpus, dims: Sequence[int], shrinkages: Sequence[float], iterations: int, folds: int
) -> None:
    """Print the equal error rate of each setting on held-out speakers, and of the cosine."""
    cells: dict[tuple[int, float], list[float]] = {(dim, s): [] for dim in dims for s in shrinkages}
    cosine: list[float] = []
    for train_speakers, held_out in split_speakers(corpus.num_speakers, folds):
        known, unknown = corpus.select(train_speakers), corpus.select(held_out)
        same = unknown.speaker[:, None] == unknown.speaker
        pair = np.triu(np.ones_like(same), 1)

        def rate(scores: Array, same: npt.NDArray[np.bool_] = same, pair: npt.NDArray[np.bool_] = pair) -> float:
            return equal_error_rate(scores[same & pair], scores[~same & pair])

        cosine.append(rate(score_cosine(unknown.embedding, known.embedding.mean(axis=0))))
        for (dim, shrinkage), rates in cells.items():
            plda = train(known, dim=dim, shrinkage=shrinkage, iterations=iterations)
            rates.append(rate(score_pairs(plda, unknown.embedding)))
    print(f"equal error rate on held-out speakers, {folds} folds; cosine around the mean: {np.mean(cosine):.2%}")
    print("  dim  shrinkage  PLDA")
    for (dim, shrinkage), rates in cells.items():
        print(f"{dim:>5}  {shrinkage:>9.3g}  {np.mean(rates):.2%}")


def load_corpus(paths: Sequence[Path], embedding_model: Path | None) -> Corpus:
    """Read embeddings files and embed folders of audio; a speaker's name means the same person in all inputs."""
    parts = [embed_folder(path, embedding_model) if path.is_dir() else _read_file(path) for path in paths]
    names = np.concatenate([speaker for _, speaker, _ in parts])
    return Corpus(
        embedding=np.concatenate([embedding for embedding, _, _ in parts]),
        speaker=np.unique(names, return_inverse=True)[1],
        weight=np.concatenate([weight for _, _, weight in parts]),
    )


def _read_file(path: Path) -> tuple[Array, npt.NDArray[np.str_], Array]:
    with np.load(path, allow_pickle=False) as stored:
        embedding = stored["embedding"].astype(np.float64)
        speaker = stored["speaker"].astype(np.str_)
        weight = stored["weight"].astype(np.float64) if "weight" in stored else np.ones(len(embedding))
    if not len(embedding) == len(speaker) == len(weight):
        raise ValueError(f"{path}: {len(embedding)} embeddings, {len(speaker)} speakers and {len(weight)} weights")
    return embedding, speaker, weight


def embed_folder(folder: Path, model_path: Path | None) -> tuple[Array, npt.NDArray[np.str_], Array]:
    """Embed each utterance of a folder as a whole; the default model is the one of the default bundle."""
    from oolong_align.audio import load_audio
    from oolong_align.embedding import EmbeddingModel, pool_statistics
    from oolong_align.fbank import compute_fbank
    from oolong_align.models import find_bundle

    model = EmbeddingModel(model_path or find_bundle(parts=("embedding",)).files["embedding"])
    embeddings, speakers = [], []
    for path, speaker in list_utterances(folder):
        with load_audio(path) as audio:
            features = compute_fbank(audio.read(0, audio.num_samples))
        frames = model.frames((features - features.mean(axis=0))[None])[0]
        statistics = pool_statistics(frames, np.ones((1, len(frames)), dtype=np.bool_))
        embeddings.append(model.project(statistics)[0])
        speakers.append(speaker)
    return np.stack(embeddings).astype(np.float64), np.array(speakers, dtype=np.str_), np.ones(len(speakers))


def list_utterances(folder: Path) -> list[tuple[Path, str]]:
    """Audio file and speaker of each utterance in ``utt2spk``, in its order.

    Raises
    ------
    FileNotFoundError
        If ``utt2spk`` or the audio of an utterance is missing.
    """
    table = folder / "wav.scp"
    paths = {key: folder / value for key, value in _read_table(table)} if table.exists() else None
    found: list[tuple[Path, str]] = []
    for utterance, speaker in _read_table(folder / "utt2spk"):
        matches = sorted((folder / speaker).glob(f"{utterance}.*")) if paths is None else [paths[utterance]]
        if not matches:
            raise FileNotFoundError(f"{folder / speaker}: no audio file {utterance}.*")
        found.append((matches[0], speaker))
    return found


def _read_table(path: Path) -> list[tuple[str, str]]:
    lines = (line.split(maxsplit=1) for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    return [(key, value.strip()) for key, value in lines]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("inputs", type=Path, nargs="+", metavar="INPUT", help="embeddings file or folder of audio")
    parser.add_argument("--dim", type=int, nargs="+", default=[DEFAULT_DIM], help="dimensions after the LDA")
    parser.add_argument("--shrinkage", type=float, nargs="+", default=[DEFAULT_SHRINKAGE], help="0 to 1")
    parser.add_argument("--iterations", type=int, default=DEFAULT_ITERATIONS, help="of EM")
    parser.add_argument("--folds", type=int, default=0, help="cross-validate every dim and shrinkage by speaker")
    parser.add_argument("--embedding", type=Path, help="ONNX embedding model, for folders of audio")
    parser.add_argument("--out", type=Path, help="file to write, from the first dim and shrinkage")
    arguments = parser.parse_args()
    if not arguments.folds and not arguments.out:
        parser.error("nothing to do: give --out FILE, --folds N, or both")
    corpus = load_corpus(arguments.inputs, arguments.embedding)
    print(
        f"{len(corpus.embedding)} embeddings of {corpus.num_speakers} speakers, {corpus.embedding.shape[1]} dimensions"
    )
    if arguments.folds:
        cross_validate(corpus, arguments.dim, arguments.shrinkage, arguments.iterations, arguments.folds)
    if arguments.out:
        plda = train(corpus, dim=arguments.dim[0], shrinkage=arguments.shrinkage[0], iterations=arguments.iterations)
        save_plda(arguments.out, plda)
        print(
            f"{arguments.out}: {arguments.out.stat().st_size} bytes; between-speaker variances {plda.phi[:4].round(1)}"
        )


if __name__ == "__main__":
    main()
