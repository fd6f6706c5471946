from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import pytest

from oolong_align.plda import Plda


@pytest.fixture(scope="module")
def scripts(repository: Path) -> tuple[ModuleType, ModuleType]:
    """The modules of ``models/``, which import each other by name as they do when they are run."""
    sys.path.insert(0, str(repository / "models"))
    try:
        import precompute_plda
        import train_plda
    finally:
        sys.path.remove(str(repository / "models"))
    return precompute_plda, train_plda


@pytest.fixture(scope="module")
def train_plda(scripts: tuple[ModuleType, ModuleType]) -> ModuleType:
    return scripts[1]


def draw(
    within: npt.NDArray[np.float64], between: npt.NDArray[np.float64], *, speakers: int, each: int, seed: int = 0
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Data of the two-covariance model around 3, and its speakers."""
    rng = np.random.default_rng(seed)
    means = 3 + rng.multivariate_normal(np.zeros(len(within)), between, size=speakers)
    speaker = np.repeat(np.arange(speakers), each)
    return means[speaker] + rng.multivariate_normal(np.zeros(len(within)), within, size=len(speaker)), speaker


WITHIN = np.array([[1.0, 0.4, 0.0], [0.4, 0.7, 0.1], [0.0, 0.1, 0.5]])
BETWEEN = np.array([[2.0, -0.6, 0.3], [-0.6, 1.0, 0.0], [0.3, 0.0, 0.2]])


def fit(train_plda: ModuleType, data: npt.NDArray[np.float64], speaker: npt.NDArray[np.int64], iterations: int = 30):
    statistics = train_plda.collect_statistics(data, speaker, np.ones(len(data)))
    return train_plda.train_two_covariance(statistics, iterations, 0.0)


def test_em_finds_the_covariances_that_made_the_data(train_plda: ModuleType) -> None:
    mu, within, between, _ = fit(train_plda, *draw(WITHIN, BETWEEN, speakers=4000, each=5))
    np.testing.assert_allclose(mu, 3, atol=0.1)
    np.testing.assert_allclose(within, WITHIN, atol=0.03)
    np.testing.assert_allclose(between, BETWEEN, atol=0.12)


def test_em_never_lowers_the_likelihood_which_is_that_of_the_model(train_plda: ModuleType) -> None:
    from scipy.stats import multivariate_normal

    data, speaker = draw(WITHIN, BETWEEN, speakers=15, each=3)
    data, speaker = data[:-2], speaker[:-2]  # speakers of different size
    bounds = np.array(fit(train_plda, data, speaker)[3])
    assert np.all(np.diff(bounds) >= -1e-12)

    def likelihood(iterations: int) -> float:
        mu, within, between, _ = fit(train_plda, data, speaker, iterations)
        total = 0.0
        for one in range(15):
            rows = data[speaker == one]
            covariance = np.kron(np.ones((len(rows), len(rows))), between) + np.kron(np.eye(len(rows)), within)
            total += float(multivariate_normal.logpdf(rows.ravel(), np.tile(mu, len(rows)), covariance))
        return total / len(data)

    assert likelihood(7) - likelihood(2) == pytest.approx(bounds[7] - bounds[2], abs=1e-9)


def test_a_weight_of_two_counts_as_two_embeddings(train_plda: ModuleType) -> None:
    data, speaker = draw(WITHIN, BETWEEN, speakers=8, each=4)
    weight = np.where(np.arange(len(data)) % 3, 1.0, 2.0)
    repeats = weight.astype(int)
    once = train_plda.Corpus(embedding=data, speaker=speaker, weight=weight)
    again = train_plda.Corpus(
        embedding=data.repeat(repeats, axis=0), speaker=speaker.repeat(repeats), weight=np.ones(repeats.sum())
    )
    for field in ("mean1", "lda", "mean2", "mu", "tr", "phi"):
        first, second = (getattr(train_plda.train(c, dim=2, shrinkage=0.1), field) for c in (once, again))
        np.testing.assert_allclose(np.abs(first), np.abs(second), atol=1e-9)


def test_a_trained_model_whitens_and_tells_speakers_apart(train_plda: ModuleType) -> None:
    rng = np.random.default_rng(1)
    basis = rng.normal(size=(20, 20))
    within, between = basis @ np.diag(np.linspace(0.1, 1, 20)) @ basis.T, 0.4 * basis @ basis.T
    data, speaker = draw(within, between, speakers=200, each=8)
    corpus = train_plda.Corpus(embedding=data, speaker=speaker, weight=np.ones(len(data)))
    known, unknown = corpus.select(np.arange(0, 150)), corpus.select(np.arange(150, 200))
    plda = train_plda.train(known, dim=12, shrinkage=0.0)

    features = plda.transform(known.embedding)
    scatter = train_plda.collect_statistics(features, known.speaker, known.weight).scatter
    np.testing.assert_allclose(scatter / (len(features) - 150), np.eye(12), atol=0.1)
    assert np.all(np.diff(plda.phi) <= 0) and plda.phi[-1] > 0

    same = unknown.speaker[:, None] == unknown.speaker
    pair = np.triu(np.ones_like(same), 1)
    rates = [
        train_plda.equal_error_rate(scores[same & pair], scores[~same & pair])
        for scores in (
            train_plda.score_pairs(plda, unknown.embedding),
            train_plda.score_cosine(unknown.embedding, known.embedding.mean(axis=0)),
        )
    ]
    assert rates[0] < 0.8 * rates[1]


def test_the_ratio_of_a_pair_is_that_of_its_two_hypotheses(train_plda: ModuleType) -> None:
    from scipy.stats import multivariate_normal

    phi = np.array([4.0, 0.5])
    plda = Plda(mean1=np.zeros(2), lda=np.eye(2), mean2=np.zeros(2), mu=np.array([0.2, -0.1]), tr=np.eye(2), phi=phi)
    rows = np.array([[1.0, 2.0], [-0.5, 1.5]])
    features = plda.transform(rows)
    covariance = np.block([[np.diag(1 + phi), np.diag(phi)], [np.diag(phi), np.diag(1 + phi)]])
    same = multivariate_normal.logpdf(features.ravel(), np.zeros(4), covariance)
    different = sum(multivariate_normal.logpdf(row, np.zeros(2), np.diag(1 + phi)) for row in features)
    assert train_plda.score_pairs(plda, rows)[0, 1] == pytest.approx(same - different)


def test_equal_error_rate_by_hand(train_plda: ModuleType) -> None:
    rate = train_plda.equal_error_rate(np.array([1.0, 3.0, 4.0, 5.0]), np.array([0.0, 0.5, 2.0, -1.0]))
    assert rate == pytest.approx(0.25)
    assert train_plda.equal_error_rate(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 0.0


def test_shrinkage_keeps_the_trace_and_ends_in_the_sphere(train_plda: ModuleType) -> None:
    np.testing.assert_array_equal(train_plda.shrink(WITHIN, 0.0), WITHIN)
    assert np.trace(train_plda.shrink(WITHIN, 0.3)) == pytest.approx(np.trace(WITHIN))
    np.testing.assert_allclose(train_plda.shrink(WITHIN, 1.0), np.trace(WITHIN) / 3 * np.eye(3))


def test_folds_hold_out_every_speaker_once(train_plda: ModuleType) -> None:
    folds = list(train_plda.split_speakers(7, 3))
    assert sorted(np.concatenate([held_out for _, held_out in folds])) == list(range(7))
    assert all(not set(known) & set(held_out) for known, held_out in folds)


@pytest.mark.parametrize(
    ("dim", "shrinkage", "problem"),
    [(0, 0.1, "dim is 0"), (4, 0.1, "dim is 4"), (2, 1.5, "shrinkage is 1.5"), (3, 0.1, "too few")],
)
def test_what_cannot_be_trained_is_refused(train_plda: ModuleType, dim: int, shrinkage: float, problem: str) -> None:
    data, speaker = draw(WITHIN, BETWEEN, speakers=2, each=2)
    corpus = train_plda.Corpus(embedding=data, speaker=speaker, weight=np.ones(4))
    with pytest.raises(ValueError, match=problem):
        train_plda.train(corpus, dim=dim, shrinkage=shrinkage)


def test_the_command_writes_the_same_small_file_twice(repository: Path, tmp_path: Path) -> None:
    data, speaker = draw(np.eye(10), 2 * np.eye(10), speakers=12, each=5)
    np.savez(tmp_path / "embeddings.npz", embedding=data.astype(np.float32), speaker=[f"s{s}" for s in speaker])
    outputs = [tmp_path / "a.npz", tmp_path / "b.npz"]
    for output in outputs:
        command = [repository / "models" / "train_plda.py", "embeddings.npz", "--dim", "4", "--out", output]
        options = ["--folds", "3", "--shrinkage", "0.1", "0.2"]
        shown = subprocess.run(
            [sys.executable, *command, *options], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    plda = Plda.load(outputs[0])
    assert (plda.dimension, len(plda.phi)) == (10, 4)
    assert "60 embeddings of 12 speakers, 10 dimensions" in shown
    assert "equal error rate on held-out speakers, 3 folds" in shown
    assert all(array.dtype == np.float32 for array in np.load(outputs[0]).values())


def test_utterances_are_found_beside_utt2spk_or_through_wav_scp(train_plda: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "utt2spk").write_text("u1 anna\nu2 bert\n")
    with pytest.raises(FileNotFoundError, match=r"no audio file u1"):
        train_plda.list_utterances(tmp_path)
    for name in ("anna/u1.opus", "bert/u2.flac"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    assert train_plda.list_utterances(tmp_path) == [
        (tmp_path / "anna/u1.opus", "anna"),
        (tmp_path / "bert/u2.flac", "bert"),
    ]
    (tmp_path / "wav.scp").write_text("u1 audio/one file.wav\nu2 /elsewhere/two.wav\n")
    assert [path for path, _ in train_plda.list_utterances(tmp_path)] == [
        tmp_path / "audio/one file.wav",
        Path("/elsewhere/two.wav"),
    ]


def test_the_shipped_model_is_what_the_readme_says(repository: Path) -> None:
    path = repository / "oolong_align" / "data" / "plda_resnet34.npz"
    plda = Plda.load(path)
    assert path.stat().st_size < 250_000
    assert plda.lda.shape == (256, 128)
    assert np.all(np.diff(plda.phi) <= 0) and plda.phi[-1] > 0


@pytest.mark.data
def test_the_shipped_model_comes_from_its_training_data(
    train_plda: ModuleType, repository: Path, data_dir: Path
) -> None:
    shipped = Plda.load(repository / "oolong_align" / "data" / "plda_resnet34.npz")
    corpus = train_plda.load_corpus([data_dir / "plda" / "train_embeddings.npz"], None)
    trained = train_plda.train(corpus, dim=train_plda.DEFAULT_DIM, shrinkage=train_plda.DEFAULT_SHRINKAGE)
    np.testing.assert_allclose(trained.phi, shipped.phi, rtol=1e-4)
    sample = corpus.embedding[::100]
    np.testing.assert_allclose(
        train_plda.score_pairs(trained, sample), train_plda.score_pairs(shipped, sample), atol=0.05
    )


@pytest.mark.data
def test_conversion_reproduces_the_reference_features(
    scripts: tuple[ModuleType, ModuleType], data_dir: Path, tmp_path: Path
) -> None:
    precompute_plda, _ = scripts
    source = data_dir / "plda"
    precompute_plda.save_plda(
        tmp_path / "vbx_model.npz", precompute_plda.convert(source / "xvec_transform.npz", source / "plda.npz")
    )
    plda = Plda.load(tmp_path / "vbx_model.npz")
    features = plda.transform(np.load(data_dir / "parity" / "pipeline_train_embeddings.npy"))
    np.testing.assert_allclose(features, np.load(data_dir / "parity" / "pipeline_plda_features.npy"), atol=1e-5)
    np.testing.assert_allclose(plda.phi, np.load(data_dir / "parity" / "pipeline_plda_phi.npy"), atol=1e-5)
    assert (tmp_path / "vbx_model.npz").stat().st_size < 250_000
