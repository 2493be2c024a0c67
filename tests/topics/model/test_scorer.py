"""Laws of the scorer, on invented catalogues: liking raises, scale doesn't matter, reasons add up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.topics.model import scorer
from paperround.topics.model.phrases import list_phrases, split_content_words
from paperround.topics.model.scorer import Direction, Directions, PaperMatrix, TopicProfile, empty_direction
from paperround.topics.model.sparse import Row, Rows, weighted_sum
from paperround.topics.model.statistics import Statistics

WORDS = ("river", "delta", "sediment", "bee", "hive", "pollen", "clock", "pendulum", "quartz", "flood")
DICE = np.random.default_rng(5)
TEXTS = [" ".join(DICE.choice(WORDS, size=12)) for _ in range(80)]
VECTORS = DICE.normal(size=(80, 8)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
CATALOGUE = Statistics.measure(TEXTS, 1, VECTORS)
VIEWS = [CATALOGUE.view_of_paper(text, vector) for text, vector in zip(TEXTS, VECTORS, strict=True)]
SHELF = PaperMatrix.build(CATALOGUE, VIEWS)
places = st.integers(0, len(TEXTS) - 1)
tastes = st.builds(
    lambda words, likes, dislikes: TopicProfile(
        CATALOGUE.view_of_words(" ".join(words), VECTORS[len(words)]) if words else None,
        scorer.is_phrase_in_catalogue(CATALOGUE, " ".join(words)),
        {str(place): VIEWS[place] for place in likes},
        [VIEWS[place] for place in dislikes],
    ),
    st.lists(st.sampled_from(WORDS), max_size=3),
    st.sets(places, max_size=5),
    st.sets(places, max_size=3),
)


def score(*directions: Direction) -> np.ndarray:
    return scorer.score_papers(Directions.of(directions, len(CATALOGUE.mean_vector)), SHELF)


def scores(taste: TopicProfile) -> np.ndarray:
    return score(scorer.build_direction(CATALOGUE, taste))[0]


@given(tastes)
def test_scores_are_standardised_over_the_catalogue(taste: TopicProfile) -> None:
    direction = scorer.build_direction(CATALOGUE, taste)
    if direction is not empty_direction() and not direction.log_compressed:
        assert score(direction).mean() == pytest.approx(0, abs=0.02)


@given(st.sets(places, min_size=1, max_size=4), places)
def test_liking_a_paper_never_lowers_its_place_by_cosine_and_words(likes: set[int], new: int) -> None:
    known = {str(place): VIEWS[place] for place in likes}
    before = scores(TopicProfile(liked=known))
    after = scores(TopicProfile(liked=known | {str(new): VIEWS[new]}))
    assert (after > after[new]).sum() <= (before > before[new]).sum()


@given(tastes, places)
def test_disliking_a_paper_never_raises_it(taste: TopicProfile, bad: int) -> None:
    if not taste.liked or taste.disliked:
        return
    worse = TopicProfile(taste.own_words, taste.phrase_in_catalogue, taste.liked, [VIEWS[bad]])
    before, after = scores(taste), scores(worse)
    assert (after > after[bad]).sum() >= (before > before[bad]).sum()


@given(st.sets(places, min_size=1, max_size=4), st.floats(0.1, 50))
def test_the_length_of_vectors_does_not_matter(likes: set[int], scale: float) -> None:
    longer = [CATALOGUE.view_of_paper(text, vector) for text, vector in zip(TEXTS, VECTORS, strict=True)]
    stretched = {
        str(place): longer[place]._replace(vector=longer[place].vector * np.float32(scale)) for place in likes
    }
    plain = {str(place): VIEWS[place] for place in likes}
    assert scores(TopicProfile(liked=stretched)) == pytest.approx(scores(TopicProfile(liked=plain)), abs=1e-2)


@given(tastes)
def test_many_topics_at_once_score_as_each_alone(taste: TopicProfile) -> None:
    others = [scorer.build_direction(CATALOGUE, TopicProfile(liked={"1": VIEWS[1]})), empty_direction()]
    together = score(others[0], scorer.build_direction(CATALOGUE, taste), others[1])
    assert together[1] == pytest.approx(scores(taste), abs=1e-3)
    assert not together[2].any()


@given(tastes)
def test_strengths_lie_between_those_of_the_scores_that_a_topic_knows(taste: TopicProfile) -> None:
    both = empty_direction(), scorer.build_direction(CATALOGUE, taste)
    table = Directions.of(both, len(CATALOGUE.mean_vector))
    asked = np.concatenate([score(both[1])[0], both[1].score_quantiles]).astype(np.float32)
    strengths = table.compute_strengths(np.ones(len(asked), np.int64), asked)
    expected = np.interp(asked, both[1].score_quantiles, scorer.STRENGTHS, left=0)
    if both[1] is not empty_direction():
        assert strengths == pytest.approx(expected, abs=1e-3)
    assert not table.compute_strengths(
        np.zeros(len(asked), np.int64), np.full(len(asked), 1e9, np.float32)
    ).any()


def test_statistics_come_back_from_their_bytes() -> None:
    again = Statistics.decode(CATALOGUE.encode())
    assert again.vocabulary.phrases == CATALOGUE.vocabulary.phrases
    assert np.array_equal(again.vocabulary.document_frequencies, CATALOGUE.vocabulary.document_frequencies)
    assert np.array_equal(again.mean_words, CATALOGUE.mean_words)
    assert again.sample_vectors == pytest.approx(CATALOGUE.sample_vectors, abs=1e-3)


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    row = CATALOGUE.vocabulary.tf_idf_row(text)
    assert np.array_equal(row.columns, np.unique(row.columns))
    assert not len(row.weights) or np.linalg.norm(row.weights) == pytest.approx(1, abs=1e-5)
    assert len(list_phrases(text)) <= 3 * len(split_content_words(text))


@given(st.lists(st.text("abc ", max_size=30), max_size=12))
def test_counted_holders_are_the_texts_that_have_the_phrase(texts: list[str]) -> None:
    vocabulary = Statistics.measure(texts, None, np.empty((0, 0), np.float32)).vocabulary
    for phrase, holders in zip(vocabulary.phrases, vocabulary.document_frequencies.tolist(), strict=True):
        assert holders == sum(phrase in list_phrases(text) for text in texts)


rows = st.dictionaries(st.integers(0, 20), st.floats(-5, 5, width=32), max_size=8).map(
    lambda found: Row(
        np.array(sorted(found), np.int32), np.array([found[k] for k in sorted(found)], np.float32)
    )
)


def dense(row: Row) -> np.ndarray:
    whole = np.zeros(21, np.float32)
    whole[row.columns] = row.weights
    return whole


@given(st.lists(rows, max_size=5), rows)
def test_sparse_products_are_the_dense_ones(given_rows: list[Row], other: Row) -> None:
    sparse, matrix = Rows.of(given_rows), np.array([dense(row) for row in given_rows]).reshape(-1, 21)
    assert sparse.times(other) == pytest.approx(matrix @ dense(other), abs=1e-3)
    assert sparse.product(Rows.of([other, *given_rows])) == pytest.approx(
        np.array([dense(other), *matrix]) @ matrix.T, abs=1e-3
    )
    taken = sparse.take(np.arange(len(given_rows))[::-2])
    assert [dense(taken[place]).tolist() for place in range(len(taken))] == matrix[::-2].tolist()
    assert sparse.dot(dense(other)) == pytest.approx(matrix @ dense(other), abs=1e-3)
    columns = np.arange(0, 21, 2, dtype=np.int32)
    assert np.array_equal(sparse.dense(columns), matrix[:, columns])
    summed = weighted_sum([(2.0, row) for row in given_rows])
    assert dense(summed) == pytest.approx(2 * matrix.sum(axis=0), abs=1e-3)


def test_an_unknown_topic_has_no_direction() -> None:
    direction = scorer.build_direction(
        CATALOGUE, TopicProfile(CATALOGUE.view_of_words("unheard things", None))
    )
    assert direction is empty_direction()


def test_the_more_papers_stand_for_a_topic_the_less_their_mean_vector_weighs() -> None:
    """Relative to the words, down to a half; a reader's own words keep the vectors' weight."""

    def weight(count: int, text: str = "") -> float:
        liked = {str(place): VIEWS[place] for place in range(count)}
        own = CATALOGUE.view_of_words(text, VECTORS[0]) if text else None
        direction = scorer.build_direction(CATALOGUE, TopicProfile(own, False, liked, (), text))
        assert direction.vector is not None
        return float((CATALOGUE.sample_vectors @ direction.vector).std())

    assert [round(weight(count), 2) for count in (1, 5, 10, 20, 60)] == [1.0, 1.0, 0.71, 0.5, 0.5]
    assert weight(20, "unheard words") == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("phrase", ["river delta", "bee hive", "clock pendulum", "flood river"])
def test_five_liked_papers_don_t_outvote_words_that_the_catalogue_has_as_a_phrase(phrase: str) -> None:
    """They order the papers that have it; those that lack it stay behind."""
    liked = {str(place): VIEWS[place] for place, text in enumerate(TEXTS) if phrase not in text}
    five = dict(list(liked.items())[:5])
    own = CATALOGUE.view_of_words(phrase, None)
    ranked = np.argsort(-scores(TopicProfile(own, True, five, (), phrase)))
    holders = sum(phrase in text for text in TEXTS)
    assert all(phrase in TEXTS[place] for place in ranked[:holders])
