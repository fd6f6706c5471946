"""Match speakers with known voices, and score them."""

from __future__ import annotations

import numpy as np
import pytest
from known_people import MODEL, embedding_of, reference, voice

from oolong_align.errors import InputError
from oolong_align.speakers.matching import match
from oolong_align.speakers.records import VoiceModel
from oolong_align.speakers.scoring import VoiceScorer, duration_feature, plda_scores
from oolong_align.speakers.sqlite import SqliteStore


def fill(store: SqliteStore, *people: str) -> dict[str, str]:
    return {person: store.put(voice([reference(person)], name=person)) for person in people}


def test_known_people_are_recognised_and_others_are_not(store: SqliteStore) -> None:
    fill(store, "Ada", "Bob", "Cleo")
    found = match(np.stack([embedding_of("Bob", 1), embedding_of("Dan", 1)]), store, model=MODEL, seconds=[30, 30])
    assert found[0].voice is not None and found[0].voice.name == "Bob" and found[0].probability > 0.99
    assert found[1].voice is None and found[1].probability < 0.05
    assert found[1].nearest is not None


def test_empty_store_has_no_match(store: SqliteStore) -> None:
    (found,) = match(embedding_of("Ada")[None], store, model=MODEL)
    assert found.voice is None and found.nearest is None and found.probability == 0


def test_two_speakers_never_match_the_same_voice(store: SqliteStore) -> None:
    fill(store, "Ada")
    near, far = embedding_of("Ada", 1, noise=0.2), embedding_of("Ada", 2, noise=0.9)
    for order in ((near, far), (far, near)):
        found = match(np.stack(order), store, model=MODEL, threshold=0.5)
        owners = [each.voice is not None for each in found]
        assert owners == [each is near for each in order]
    twins = match(np.stack([near, near]), store, model=MODEL, threshold=0.5)
    assert [each.probability for each in twins] == pytest.approx([0.5, 0.5], abs=0.01)
    assert sum(each.voice is not None for each in twins) <= 1


def test_competing_matches_are_resolved_by_the_assignment(store: SqliteStore) -> None:
    ids = fill(store, "Ada", "Bob")
    mixed = embedding_of("Ada", 1) + 0.8 * embedding_of("Bob", 1)
    found = match(np.stack([mixed, embedding_of("Ada", 2)]), store, model=MODEL, threshold=0.01)
    assert [each.voice and each.voice.id for each in found] == [ids["Bob"], ids["Ada"]]


def test_probability_is_lower_in_a_larger_library(store: SqliteStore) -> None:
    fill(store, "Ada")
    uncertain = embedding_of("Ada", 1, noise=1.6)[None]
    alone = match(uncertain, store, model=MODEL)[0].probability
    fill(store, *(f"person {number}" for number in range(60)))
    assert 0 < match(uncertain, store, model=MODEL)[0].probability < alone


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"threshold": 1.0}, "Invalid threshold=1.0"),
        ({"seconds": [1.0, 2.0]}, "Expected 1 positive numbers for seconds"),
        ({"seconds": [0.0]}, "Expected 1 positive numbers for seconds"),
        ({"model": VoiceModel(name="other", weights="0" * 64, dimension=64)}, "cannot be compared"),
        ({"model": VoiceModel(name="other", weights="f" * 64, dimension=8)}, r"the shape \(speakers, 8\)"),
    ],
)
def test_invalid_arguments_are_refused(store: SqliteStore, arguments: dict[str, object], text: str) -> None:
    fill(store, "Ada")
    with pytest.raises(InputError, match=text):
        match(embedding_of("Ada")[None], store, **{"model": MODEL, **arguments})  # type: ignore[arg-type]


def test_duration_feature_is_clipped_to_1_to_30_seconds() -> None:
    values = duration_feature(np.array([0.1, 1.0, 10.0, 30.0, 4000.0]), np.array([1.0]))
    assert values == pytest.approx([0, 0, np.log(10), np.log(30), np.log(30)])


def test_plda_scores_are_the_log_ratio_of_two_normal_densities() -> None:
    """Against densities of the joint distribution with full covariance matrices."""
    from scipy.stats import multivariate_normal

    scorer = VoiceScorer.for_weights("5ef208a9da1453335308a6b6f4e6dfbd7e183a38b604de0a57664f45d257fe94")
    assert scorer.plda is not None
    plda = scorer.plda
    random = np.random.default_rng(4)
    test, references = random.standard_normal((1, 256)), random.standard_normal((2, 256))
    found = plda_scores(plda, test, np.array([4.0]), [(references, np.array([2.0, 8.0]))], session=0.7, second=1.2)
    rows = plda.transform(np.concatenate([test, references]) / np.linalg.norm(np.r_[test, references], axis=1)[:, None])
    noise = 0.7 + 1.2 / np.array([4.0, 2.0, 8.0])
    expected = 0.0
    for phi, column in zip(plda.phi, rows.T, strict=True):
        joint = np.full((3, 3), phi) + np.diag(noise)
        apart = joint.copy()
        apart[0, 1:] = apart[1:, 0] = 0
        expected += multivariate_normal.logpdf(column, cov=joint) - multivariate_normal.logpdf(column, cov=apart)
    assert found[0, 0] == pytest.approx(expected, rel=1e-6)
