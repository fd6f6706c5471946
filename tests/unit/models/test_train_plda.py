from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import numpy.typing as npt
import pytest
import workshop

from oolong_align.diarization.plda import Plda
from oolong_align.errors import InputError, OolongError, UsageError
from oolong_align.weights import file_hash


@pytest.fixture(scope="module")
def scripts() -> SimpleNamespace:
    return workshop.scripts("train_plda", "plda.corpora", "plda.evaluation", "plda.training")


@pytest.fixture(scope="module")
def training(scripts: SimpleNamespace) -> ModuleType:
    return scripts.training


@pytest.fixture(scope="module")
def evaluation(scripts: SimpleNamespace) -> ModuleType:
    return scripts.evaluation


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


def fit(scripts: SimpleNamespace, data: npt.NDArray[np.float64], speaker: npt.NDArray[np.int64], iterations: int = 30):
    statistics = scripts.training.collect_statistics(data, scripts.corpora.Corpus.of_one(data, speaker))
    return scripts.training.train_two_covariance(statistics, iterations, 0.0)


def test_em_finds_the_covariances_that_made_the_data(scripts: SimpleNamespace) -> None:
    mu, within, between, _ = fit(scripts, *draw(WITHIN, BETWEEN, speakers=4000, each=5))
    np.testing.assert_allclose(mu, 3, atol=0.1)
    np.testing.assert_allclose(within, WITHIN, atol=0.03)
    np.testing.assert_allclose(between, BETWEEN, atol=0.12)


def test_em_never_lowers_the_likelihood_which_is_that_of_the_model(scripts: SimpleNamespace) -> None:
    from scipy.stats import multivariate_normal

    data, speaker = draw(WITHIN, BETWEEN, speakers=15, each=3)
    data, speaker = data[:-2], speaker[:-2]  # speakers of different size
    bounds = np.array(fit(scripts, data, speaker)[3])
    assert np.all(np.diff(bounds) >= -1e-12)

    def likelihood(iterations: int) -> float:
        mu, within, between, _ = fit(scripts, data, speaker, iterations)
        total = 0.0
        for one in range(15):
            rows = data[speaker == one]
            covariance = np.kron(np.ones((len(rows), len(rows))), between) + np.kron(np.eye(len(rows)), within)
            total += float(multivariate_normal.logpdf(rows.ravel(), np.tile(mu, len(rows)), covariance))
        return total / len(data)

    assert likelihood(7) - likelihood(2) == pytest.approx(bounds[7] - bounds[2], abs=1e-9)


def test_a_weight_of_two_counts_as_two_embeddings(scripts: SimpleNamespace) -> None:
    training, corpora = scripts.training, scripts.corpora
    data, speaker = draw(WITHIN, BETWEEN, speakers=8, each=4)
    weight = np.where(np.arange(len(data)) % 3, 1.0, 2.0)
    repeats = weight.astype(int)
    once = corpora.Corpus.of_one(data, speaker, weight)
    again = corpora.Corpus.of_one(data.repeat(repeats, axis=0), speaker.repeat(repeats))
    for field in ("mean1", "lda", "mean2", "mu", "tr", "phi"):
        first, second = (getattr(training.train(c, dim=2, shrinkage=0.1), field) for c in (once, again))
        np.testing.assert_allclose(np.abs(first), np.abs(second), atol=1e-9)


def test_a_trained_model_whitens_and_tells_speakers_apart(scripts: SimpleNamespace) -> None:
    rng = np.random.default_rng(1)
    basis = rng.normal(size=(20, 20))
    within, between = basis @ np.diag(np.linspace(0.1, 1, 20)) @ basis.T, 0.4 * basis @ basis.T
    data, speaker = draw(within, between, speakers=200, each=8)
    training, evaluation = scripts.training, scripts.evaluation
    corpus = scripts.corpora.Corpus.of_one(data, speaker)
    known, unknown = corpus.select(np.arange(0, 150)), corpus.select(np.arange(150, 200))
    plda = training.train(known, dim=12, shrinkage=0.0)

    features = plda.transform(known.embedding)
    scatter = training.collect_statistics(features, known).scatter
    np.testing.assert_allclose(scatter / (len(features) - 150), np.eye(12), atol=0.1)
    assert np.all(np.diff(plda.phi) <= 0) and plda.phi[-1] > 0

    same = unknown.speaker[:, None] == unknown.speaker
    pair = np.triu(np.ones_like(same), 1)
    rates = [
        evaluation.equal_error_rate(scores[same & pair], scores[~same & pair])
        for scores in (
            evaluation.score_pairs(plda, unknown.embedding),
            evaluation.score_cosine(unknown.embedding, known.embedding.mean(axis=0)),
        )
    ]
    assert rates[0] < 0.8 * rates[1]


def test_the_ratio_of_a_pair_is_that_of_its_two_hypotheses(evaluation: ModuleType) -> None:
    from scipy.stats import multivariate_normal

    phi = np.array([4.0, 0.5])
    plda = Plda(mean1=np.zeros(2), lda=np.eye(2), mean2=np.zeros(2), mu=np.array([0.2, -0.1]), tr=np.eye(2), phi=phi)
    rows = np.array([[1.0, 2.0], [-0.5, 1.5]])
    features = plda.transform(rows)
    covariance = np.block([[np.diag(1 + phi), np.diag(phi)], [np.diag(phi), np.diag(1 + phi)]])
    same = multivariate_normal.logpdf(features.ravel(), np.zeros(4), covariance)
    different = sum(multivariate_normal.logpdf(row, np.zeros(2), np.diag(1 + phi)) for row in features)
    assert evaluation.score_pairs(plda, rows)[0, 1] == pytest.approx(same - different)


def test_equal_error_rate_by_hand(evaluation: ModuleType) -> None:
    rate = evaluation.equal_error_rate(np.array([1.0, 3.0, 4.0, 5.0]), np.array([0.0, 0.5, 2.0, -1.0]))
    assert rate == pytest.approx(0.25)
    assert evaluation.equal_error_rate(np.array([2.0, 3.0]), np.array([0.0, 1.0])) == 0.0


def test_shrinkage_keeps_the_trace_and_ends_in_the_sphere(training: ModuleType) -> None:
    np.testing.assert_array_equal(training.shrink(WITHIN, 0.0), WITHIN)
    assert np.trace(training.shrink(WITHIN, 0.3)) == pytest.approx(np.trace(WITHIN))
    np.testing.assert_allclose(training.shrink(WITHIN, 1.0), np.trace(WITHIN) / 3 * np.eye(3))


def test_folds_hold_out_every_speaker_once(evaluation: ModuleType) -> None:
    folds = list(evaluation.split_speakers(7, 3))
    assert sorted(np.concatenate([held_out for _, held_out in folds])) == list(range(7))
    assert all(not set(known) & set(held_out) for known, held_out in folds)


@pytest.mark.parametrize(
    ("dim", "shrinkage", "problem"),
    [
        (0, 0.1, "Invalid dimension 0"),
        (4, 0.1, "Invalid dimension 4"),
        (2, 1.5, "Invalid shrinkage 1.5"),
        (2, float("nan"), "Invalid shrinkage nan"),
        (3, 0.1, "Too little data"),
    ],
)
def test_invalid_training_settings_are_rejected(
    scripts: SimpleNamespace, dim: int, shrinkage: float, problem: str
) -> None:
    corpus = scripts.corpora.Corpus.of_one(*draw(WITHIN, BETWEEN, speakers=2, each=2))
    with pytest.raises(OolongError, match=problem):
        scripts.training.train(corpus, dim=dim, shrinkage=shrinkage)


@pytest.mark.parametrize(("speakers", "each"), [(1, 9), (9, 1)])
def test_one_speaker_or_one_utterance_per_speaker_is_too_little(
    scripts: SimpleNamespace, speakers: int, each: int
) -> None:
    corpus = scripts.corpora.Corpus.of_one(*draw(WITHIN, BETWEEN, speakers=speakers, each=each))
    with pytest.raises(InputError, match=f"Too little data: 9 embeddings of {speakers} speakers"):
        scripts.training.train(corpus, dim=1, shrinkage=0.1)


def test_copies_of_one_embedding_are_rejected(scripts: SimpleNamespace) -> None:
    data, speaker = draw(WITHIN, BETWEEN, speakers=9, each=1)
    corpus = scripts.corpora.Corpus.of_one(data.repeat(4, axis=0), speaker.repeat(4))
    with pytest.raises(InputError, match="Could not invert the within-speaker covariance"):
        scripts.training.train(corpus, dim=2, shrinkage=0.1)


def test_a_corpus_of_weight_two_is_the_corpus_given_twice(scripts: SimpleNamespace) -> None:
    one, other = (
        scripts.corpora.Corpus.of_one(*draw(WITHIN, BETWEEN, speakers=8, each=each, seed=each)) for each in (4, 6)
    )
    join, train = scripts.corpora.Corpus.join, scripts.training.train
    twice, weighted = join([one, one, other], [1, 1, 1]), join([one, other], [2, 1])
    assert (twice.num_speakers, weighted.num_speakers) == (24, 16)
    same = join([one, other], [1, 0.5])
    for field in ("mean1", "lda", "mean2", "mu", "tr", "phi"):
        models = [np.abs(getattr(train(each, dim=2, shrinkage=0.1), field)) for each in (twice, weighted, same)]
        np.testing.assert_allclose(models[1], models[0], atol=1e-9)
        np.testing.assert_allclose(models[2], models[0], atol=1e-9)
    unweighted = train(join([one, other], [1, 1]), dim=2, shrinkage=0.1)
    assert np.abs(unweighted.phi - train(twice, dim=2, shrinkage=0.1).phi).max() > 1e-3


def test_the_weighted_likelihood_never_falls(scripts: SimpleNamespace) -> None:
    parts = [scripts.corpora.Corpus.of_one(*draw(WITHIN, BETWEEN, speakers=9, each=n, seed=n)) for n in (2, 5)]
    corpus = scripts.corpora.Corpus.join(parts, [0.3, 4.0])
    statistics = scripts.training.collect_statistics(corpus.embedding, corpus)
    assert np.all(np.diff(scripts.training.train_two_covariance(statistics, 30, 0.0)[3]) >= -1e-12)


def test_speakers_of_two_corpora_are_different_and_never_compared(scripts: SimpleNamespace) -> None:
    data, speaker = draw(WITHIN, BETWEEN, speakers=12, each=5)
    parts = [scripts.corpora.Corpus.of_one(data, speaker), scripts.corpora.Corpus.of_one(data + 100, speaker)]
    joined = scripts.corpora.Corpus.join(parts, [1, 1])
    assert joined.num_speakers == 24
    _, apart = scripts.evaluation.cross_validate(joined, [(2, 0.1)], 5, 3)
    far = scripts.corpora.Corpus.of_one(joined.embedding, joined.speaker)
    _, together = scripts.evaluation.cross_validate(far, [(2, 0.1)], 5, 3)
    assert apart > together  # the two corpora are far from each other: pairs across them are too easy


@pytest.mark.parametrize("folds", [1, 13])
def test_folds_out_of_range_are_rejected(scripts: SimpleNamespace, folds: int) -> None:
    corpus = scripts.corpora.Corpus.of_one(*draw(WITHIN, BETWEEN, speakers=12, each=5))
    with pytest.raises(UsageError, match=f"Invalid number of folds {folds}: 12 speakers allow 2 to 12"):
        scripts.evaluation.cross_validate(corpus, [(2, 0.1)], 5, folds)
    with pytest.raises(UsageError, match="needs two speakers of one corpus"):
        scripts.evaluation.cross_validate(corpus, [(2, 0.1)], 5, 12)


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
    rates = {line.split("|")[2].strip(): float(line.split("|")[3].strip(" %")) for line in shown.splitlines()[4:6]}
    best = min(rates, key=lambda shrinkage: rates[shrinkage])
    assert f"Selected: dimension 4, shrinkage {best}: lowest equal error rate on held-out speakers" in shown
    assert all(array.dtype == np.float32 for array in np.load(outputs[0]).values())


def test_several_settings_need_a_measure(repository: Path, tmp_path: Path) -> None:
    data, speaker = draw(np.eye(10), 2 * np.eye(10), speakers=12, each=5)
    np.savez(tmp_path / "embeddings.npz", embedding=data, speaker=speaker)
    command = [sys.executable, repository / "models" / "train_plda.py", "embeddings.npz", "--dim", "3", "4"]
    done = subprocess.run([*command, "--out", "a.npz"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "error: Cannot select one of 2 settings: add --conversations FOLDER or --folds N\n"
    assert not (tmp_path / "a.npz").exists()


def test_the_setting_with_the_lowest_error_is_selected_with_a_reason(scripts: SimpleNamespace) -> None:
    settings = [(64, 0.0), (128, 0.1), (128, 0.0)]
    rates = dict(zip(settings, (0.03, 0.02, 0.01), strict=True))
    scores = {
        setting: SimpleNamespace(error_rate=rate) for setting, rate in zip(settings, (0.2, 0.15, 0.15), strict=True)
    }
    choose = scripts.train_plda.choose
    assert choose(settings, rates, {})[0] == (128, 0.0)
    assert choose(settings, {}, scores)[0] == (128, 0.0)
    taken, reason = choose(settings, {**rates, (128, 0.1): 0.005}, scores)
    assert taken == (128, 0.1)
    assert "lowest DER on the conversations, 15.00%; next is dimension 128, shrinkage 0 with 15.00%" in reason


def test_the_shipped_model_is_what_the_readme_says(repository: Path) -> None:
    path = repository / "oolong_align" / "data" / "plda_resnet34.npz"
    plda = Plda.load(path)
    assert path.stat().st_size < 250_000
    assert plda.lda.shape == (256, 128)
    assert np.all(np.diff(plda.phi) <= 0) and plda.phi[-1] > 0


def test_every_shipped_file_has_the_hash_that_the_readme_says(repository: Path) -> None:
    text = (repository / "models" / "README.md").read_text("utf-8")
    for path in (repository / "oolong_align" / "data").iterdir():
        assert f"| `data/{path.name}` | `{file_hash(path)}` |" in text
    calibration = json.loads((repository / "oolong_align" / "data" / "voice_calibration_campplus.json").read_text())
    assert f"| `embedding/model.onnx` of `campplus` | `{calibration['embedding']}` |" in text


@pytest.mark.data
def test_the_shipped_model_comes_from_its_training_data(
    scripts: SimpleNamespace, repository: Path, data_dir: Path
) -> None:
    shipped = Plda.load(repository / "oolong_align" / "data" / "plda_resnet34.npz")
    training, evaluation = scripts.training, scripts.evaluation
    corpus = scripts.corpora.load_corpora([(data_dir / "plda" / "train_embeddings.npz", 1.0)], None)
    trained = training.train(corpus, dim=training.DEFAULT_DIM, shrinkage=training.DEFAULT_SHRINKAGE)
    np.testing.assert_allclose(trained.phi, shipped.phi, rtol=1e-4)
    sample = corpus.embedding[::100]
    np.testing.assert_allclose(
        evaluation.score_pairs(trained, sample), evaluation.score_pairs(shipped, sample), atol=0.05
    )
