"""Laws of the fit, on invented catalogues: many are as each alone, bytes keep it, nothing fits nonsense."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from paperround.topics.model import fit, fit_matrix, scorer
from paperround.topics.model.bands import BAND_FLOORS, Band, find_band, rank_band
from paperround.topics.model.codec import decode_directions, encode_direction
from paperround.topics.model.expansion import sign_row
from paperround.topics.model.fit import FitDirection, empty_fit
from paperround.topics.model.fit_codec import PackedFits, encode_fit, is_fit_of
from paperround.topics.model.fit_constants import (
    SHIPPED_CONSTANTS,
    WORDS_ALONE,
    FitConstants,
    LogitConstants,
    Stages,
)
from paperround.topics.model.fit_matrix import FitDirections, FitMatrix
from paperround.topics.model.plurals import fold_phrase, fold_plural
from paperround.topics.model.scorer import Directions, PaperMatrix, TopicProfile
from paperround.topics.model.statistics import Statistics
from paperround.topics.model.topic_model import build_model

CONSTANTS = SHIPPED_CONSTANTS["all-MiniLM-L6-v2"]
WORDS = ("river", "delta", "sediment", "bee", "hive", "pollen", "clock", "pendulum", "quartz", "flood")
DICE = np.random.default_rng(5)
TEXTS = [" ".join(DICE.choice(WORDS, size=2)) for _ in range(80)]
VECTORS = DICE.normal(size=(80, 8)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
CATALOGUE = Statistics.measure(TEXTS, 1, VECTORS)
VIEWS = [CATALOGUE.view_of_paper(text, vector) for text, vector in zip(TEXTS, VECTORS, strict=True)]
PAPERS = FitMatrix.build(CATALOGUE, PaperMatrix.build(CATALOGUE, VIEWS), [text[:20] for text in TEXTS])
DIMENSIONS = VECTORS.shape[1]
places = st.integers(0, len(TEXTS) - 1)


def profile_of(text: str, likes: set[int], *, vector: bool = True) -> TopicProfile:
    own = CATALOGUE.view_of_words(text, VECTORS[len(text) % 80] if vector else None) if text else None
    return TopicProfile(own, False, {str(place): VIEWS[place] for place in likes}, (), text)


profiles = st.builds(
    lambda words, likes, vector: profile_of(" ".join(words), likes, vector=vector),
    st.lists(st.sampled_from((*WORDS, "unheard", "rivers")), max_size=3),
    st.sets(places, max_size=4),
    st.booleans(),
)


def side_by_side(*directions: FitDirection) -> FitDirections:
    return FitDirections.of(directions, DIMENSIONS)


def fits_of(profile: TopicProfile, constants: FitConstants = CONSTANTS) -> np.ndarray:
    return fit_matrix.compute_fits(side_by_side(fit.build_fit(CATALOGUE, profile, constants)), PAPERS)[0]


@given(profiles)
def test_fits_are_probabilities_and_many_topics_at_once_fit_as_each_alone(profile: TopicProfile) -> None:
    others = [fit.build_fit(CATALOGUE, profile_of("bee hive", {3}), CONSTANTS), empty_fit()]
    one = fit.build_fit(CATALOGUE, profile, CONSTANTS)
    together = fit_matrix.compute_fits(side_by_side(others[0], one, others[1]), PAPERS)
    assert together[1] == pytest.approx(fits_of(profile), abs=1e-4)
    assert ((together >= 0) & (together <= 1)).all()
    assert together[2].max() < 1e-6


@given(profiles)
@example(profile_of("rivers", set(), vector=False))  # only its singular is a phrase of the catalogue
def test_a_stored_model_fits_and_scores_the_same(profile: TopicProfile) -> None:
    model = build_model(CATALOGUE, profile, CONSTANTS)
    direction = encode_direction(model.direction)
    packed_fit = encode_fit(model.fit, model.constants_digest)
    [fits] = fit_matrix.compute_fits(side_by_side(model.fit), PAPERS)
    others = PackedFits.of([b"", encode_fit(empty_fit(), 0), packed_fit, encode_fit(empty_fit(), 0)])
    packed = others.replace({1: packed_fit})[:3]
    again = fit_matrix.compute_fits(packed.decode(DIMENSIONS), PAPERS)
    assert again[0].max() < 1e-6
    for stored in again[1:]:
        assert stored == pytest.approx(fits, abs=0.02)
    reasons = packed.decode_reasons(np.array([0, 2]))
    assert [len(reasons[0].columns), *reasons[1].columns] == [0, *model.fit.reasons.columns]
    assert np.array_equal(reasons[1].weights, model.fit.reasons.weights)
    [scores] = scorer.score_papers(Directions.of([model.direction], DIMENSIONS), PAPERS.papers)
    again_directed = decode_directions([b"", direction, direction], DIMENSIONS)
    for stored in scorer.score_papers(again_directed, PAPERS.papers)[1:]:
        assert stored == pytest.approx(scores, abs=0.05)


@given(profiles)
def test_a_stored_fit_is_known_to_be_of_its_constants_alone(profile: TopicProfile) -> None:
    model = build_model(CATALOGUE, profile, CONSTANTS)
    packed_fit = encode_fit(model.fit, model.constants_digest)
    assert is_fit_of(packed_fit, CONSTANTS.digest)
    assert not is_fit_of(packed_fit, CONSTANTS.digest + 1)
    assert not is_fit_of(b"", CONSTANTS.digest)


@given(places)
def test_a_paper_does_not_speak_for_itself(place: int) -> None:
    """Its own phrases are taken out of what the surest papers say of the topic."""
    one = fit.build_fit(CATALOGUE, profile_of("river delta", set()), CONSTANTS)
    signature = sign_row(VIEWS[place].words)
    own = float(one.own_parts.parts[one.own_parts.signatures == signature].sum())
    elsewhere = replace(PAPERS, signatures=np.zeros_like(PAPERS.signatures))
    apart = (
        fit_matrix.compute_logits(side_by_side(one), elsewhere)[0, place]
        - fit_matrix.compute_logits(side_by_side(one), PAPERS)[0, place]
    )
    twins = [n for n in range(len(VIEWS)) if sign_row(VIEWS[n].words) == signature]
    if place == twins[-1]:
        assert apart == pytest.approx(own, abs=1e-3)


@given(st.sampled_from(["zxqv blorp", "!!!", "", "the of and", "火山"]), st.booleans())
def test_nothing_fits_what_the_catalogue_knows_nothing_of(text: str, vector: bool) -> None:
    assert fits_of(profile_of(text, set(), vector=False)).max() < BAND_FLOORS[Band.possible]
    if vector:
        far = TopicProfile(CATALOGUE.view_of_words(text, -CATALOGUE.mean_vector), own_text=text)
        assert fits_of(far).max() < BAND_FLOORS[Band.possible]


def test_one_liked_paper_alone_is_never_a_strong_match() -> None:
    assert find_band(float(fits_of(profile_of("", {3})).max())) is not Band.strong
    assert fits_of(profile_of("", {3, 7})).max() > fits_of(profile_of("", {3})).max()


def test_words_alone_do_not_look_at_vectors() -> None:
    with_vector, without = (profile_of("bee hive", {3}, vector=vector) for vector in (True, False))
    assert fits_of(with_vector, WORDS_ALONE) == pytest.approx(fits_of(without, WORDS_ALONE), abs=1e-5)


def test_constants_come_back_from_json() -> None:
    assert FitConstants.from_json(CONSTANTS.to_json()) == CONSTANTS
    assert FitConstants.from_json(CONSTANTS.to_json()).digest == CONSTANTS.digest != WORDS_ALONE.digest


@given(st.floats(0, 1), st.floats(0, 1))
def test_bands_are_in_the_order_of_fits(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert rank_band(find_band(high)) <= rank_band(find_band(low))


@pytest.mark.parametrize(
    ("one", "other"),
    [("Language Models", "language model"), ("pre-trained model", "Pre trained models"),
     ("taxonomies", "taxonomy"), ("boxes", "box"), ("biases", "biase"), ("losses", "loss"), ("LLMs", "LLM")],
)  # fmt: skip
def test_one_and_many_are_the_same_phrase(one: str, other: str) -> None:
    assert fold_phrase(one) == fold_phrase(other)


@pytest.mark.parametrize("word", ["loss", "corpus", "analysis", "gas", "bus"])
def test_words_that_only_look_like_plurals_stay(word: str) -> None:
    assert fold_plural(word) == word


def test_a_rare_word_that_is_said_counts_more_than_a_common_one() -> None:
    terms = CATALOGUE.terms
    share = terms.share_of("river unheard")
    assert 0 < share.terms.weights.sum() < 0.6
    assert terms.share_of("rivers").terms.columns.tolist() == terms.share_of("river").terms.columns.tolist()
    assert not len(terms.share_of("!!").terms.columns)


def test_likeness_weighs_less_in_a_small_catalogue_where_any_two_papers_are_more_alike() -> None:
    dice = np.random.default_rng(3)
    words = np.array([f"{one}{other}" for one in "bcdfghklmnprst" for other in ("ado", "elu", "iro", "ona")])
    chances = 1 / np.arange(2, len(words) + 2)
    texts = [" ".join(dice.choice(words, 30, p=chances / chances.sum())) for _ in range(1500)]
    alone = LogitConstants(0.0, 0.0, 0.0, 0.0, 1.0)

    def mean_likeness(count: int) -> float:
        statistics = Statistics.measure(texts[:count], None, np.empty((0, 0), np.float32))
        views = [statistics.view_of_paper(text, None) for text in texts[-100:]]
        papers = FitMatrix.build(statistics, PaperMatrix.build(statistics, views), [""] * len(views))
        profile = TopicProfile(liked={"one": statistics.view_of_paper(texts[-101], None)})
        constants = FitConstants.of_stages(Stages(LogitConstants(-20.0, 0.0, 0.0), alone))
        return float(
            fit_matrix.compute_logits(
                FitDirections.of([fit.build_fit(statistics, profile, constants)], 0), papers
            ).mean()
        )

    small, large = mean_likeness(40), mean_likeness(1400)
    assert small <= 2.5 * large
