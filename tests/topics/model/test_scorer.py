"""Laws of the scorer, on invented catalogues: liking raises, scale doesn't matter, reasons add up."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.topics.model import scorer
from paperround.topics.model.codec import packed, unpacked
from paperround.topics.model.phrases import phrases_of, words_of
from paperround.topics.model.reasons import parts
from paperround.topics.model.scorer import NOWHERE, Shelf, Taste
from paperround.topics.model.sparse import Row, Rows, weighted_sum
from paperround.topics.model.statistics import Statistics

WORDS = ("river", "delta", "sediment", "bee", "hive", "pollen", "clock", "pendulum", "quartz", "flood")
DICE = np.random.default_rng(5)
TEXTS = [" ".join(DICE.choice(WORDS, size=12)) for _ in range(80)]
VECTORS = DICE.normal(size=(80, 8)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
CATALOGUE = Statistics.counted(TEXTS, 1, VECTORS)
VIEWS = [CATALOGUE.view(text, vector) for text, vector in zip(TEXTS, VECTORS, strict=True)]
SHELF = Shelf.of(CATALOGUE, VIEWS)
places = st.integers(0, len(TEXTS) - 1)
tastes = st.builds(
    lambda words, likes, dislikes: Taste(
        CATALOGUE.asked(" ".join(words), VECTORS[len(words)]) if words else None,
        scorer.literal(CATALOGUE, " ".join(words)),
        {str(place): VIEWS[place] for place in likes},
        [VIEWS[place] for place in dislikes],
    ),
    st.lists(st.sampled_from(WORDS), max_size=3),
    st.sets(places, max_size=5),
    st.sets(places, max_size=3),
)


def scores(taste: Taste) -> np.ndarray:
    return scorer.scored([scorer.direct(CATALOGUE, taste)], SHELF).scores[0]


@given(tastes)
def test_scores_are_standardised_over_the_catalogue(taste):
    direction = scorer.direct(CATALOGUE, taste)
    if direction is not NOWHERE and not direction.bent:
        assert scorer.scored([direction], SHELF).scores.mean() == pytest.approx(0, abs=0.02)


@given(st.sets(places, min_size=1, max_size=4), places)
def test_liking_a_paper_never_lowers_its_place_by_cosine_and_words(likes, new):
    known = {str(place): VIEWS[place] for place in likes}
    before = scores(Taste(likes=known))
    after = scores(Taste(likes=known | {str(new): VIEWS[new]}))
    assert (after > after[new]).sum() <= (before > before[new]).sum()


@given(tastes, places)
def test_disliking_a_paper_never_raises_it(taste, bad):
    if not taste.likes or taste.dislikes:
        return
    worse = Taste(taste.text, taste.literal, taste.likes, [VIEWS[bad]])
    before, after = scores(taste), scores(worse)
    assert (after > after[bad]).sum() >= (before > before[bad]).sum()


@given(tastes)
def test_parts_and_constants_are_the_score(taste):
    direction = scorer.direct(CATALOGUE, taste)
    block = scorer.scored([direction], SHELF)
    for place, view in enumerate(VIEWS[:10]):
        told = block.told[:, np.searchsorted(SHELF.columns, view.words.columns)]
        raw = view.words.weights * (told[0] - direction.common * CATALOGUE.mean_words[view.words.columns])
        added = float(parts(CATALOGUE, [direction], told, view.words).sum())
        above = float(raw.sum()) - direction.offset
        words = float(np.log1p(above)) if direction.bent and above > 0 else above
        scale = words / above if above else 1.0
        assert added - scale * direction.offset == pytest.approx(words, abs=1e-2)
        vectors = 0.0 if direction.vector is None else float(view.vector @ direction.vector)
        assert block.scores[0, place] == pytest.approx(words + vectors - direction.centre, abs=1e-2)


@given(st.sets(places, min_size=1, max_size=4), st.floats(0.1, 50))
def test_the_length_of_vectors_does_not_matter(likes, scale):
    longer = [CATALOGUE.view(text, vector) for text, vector in zip(TEXTS, VECTORS, strict=True)]
    stretched = {
        str(place): longer[place]._replace(vector=longer[place].vector * np.float32(scale)) for place in likes
    }
    plain = {str(place): VIEWS[place] for place in likes}
    assert scores(Taste(likes=stretched)) == pytest.approx(scores(Taste(likes=plain)), abs=1e-2)


@given(tastes)
def test_many_topics_at_once_score_as_each_alone(taste):
    others = [scorer.direct(CATALOGUE, Taste(likes={"1": VIEWS[1]})), NOWHERE]
    together = scorer.scored([others[0], scorer.direct(CATALOGUE, taste), others[1]], SHELF).scores
    assert together[1] == pytest.approx(scores(taste), abs=1e-3)
    assert not together[2].any()


@given(tastes)
def test_a_stored_direction_scores_the_same(taste):
    direction = scorer.direct(CATALOGUE, taste)
    again = unpacked(packed(direction))
    both = scorer.scored([direction, again], SHELF).scores
    assert both[0] == pytest.approx(both[1], abs=0.02)
    assert again.bar(5) == pytest.approx(direction.bar(5))


@given(st.integers(1, 50), st.integers(1, 50), tastes)
def test_who_wants_fewer_papers_a_day_has_the_higher_bar(few, many, taste):
    direction = scorer.direct(CATALOGUE, taste)
    assert direction.bar(min(few, many)) >= direction.bar(max(few, many))


def test_statistics_come_back_from_their_bytes():
    again = Statistics.unpacked(CATALOGUE.packed())
    assert again.vocabulary.phrases == CATALOGUE.vocabulary.phrases
    assert np.array_equal(again.vocabulary.holders, CATALOGUE.vocabulary.holders)
    assert np.array_equal(again.mean_words, CATALOGUE.mean_words)
    assert again.sample_vectors == pytest.approx(CATALOGUE.sample_vectors, abs=1e-3)


@given(st.text(max_size=200))
def test_any_text_can_be_read(text):
    row = CATALOGUE.vocabulary.row(text)
    assert np.array_equal(row.columns, np.unique(row.columns))
    assert not len(row.weights) or np.linalg.norm(row.weights) == pytest.approx(1, abs=1e-5)
    assert len(phrases_of(text)) <= 3 * len(words_of(text))


@given(st.lists(st.text("abc ", max_size=30), max_size=12))
def test_counted_holders_are_the_texts_that_have_the_phrase(texts):
    vocabulary = Statistics.counted(texts, None, np.empty((0, 0), np.float32)).vocabulary
    for phrase, holders in zip(vocabulary.phrases, vocabulary.holders.tolist(), strict=True):
        assert holders == sum(phrase in phrases_of(text) for text in texts)


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
def test_sparse_products_are_the_dense_ones(given_rows, other):
    sparse, matrix = Rows.of(given_rows), np.array([dense(row) for row in given_rows]).reshape(-1, 21)
    assert sparse.times(other) == pytest.approx(matrix @ dense(other), abs=1e-3)
    assert sparse.dot(dense(other)) == pytest.approx(matrix @ dense(other), abs=1e-3)
    columns = np.arange(0, 21, 2, dtype=np.int32)
    assert np.array_equal(sparse.dense(columns), matrix[:, columns])
    summed = weighted_sum([(2.0, row) for row in given_rows])
    assert dense(summed) == pytest.approx(2 * matrix.sum(axis=0), abs=1e-3)


def test_an_unknown_topic_reaches_no_bar():
    direction = scorer.direct(CATALOGUE, Taste(CATALOGUE.asked("unheard things", None)))
    assert direction is NOWHERE
    assert direction.bar(5) == np.inf


def test_neither_web_nor_tasks_import_scipy_sklearn_or_torch():
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, paperround.worker.jobs, paperround.topics.edition_matches, paperround.web.app\n"
            "print({'scipy', 'sklearn', 'torch'} & set(sys.modules))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "set()"
