"""The fit: how probable it is that a paper belongs to a topic, the same for every topic. Pure numpy.

It is a logistic regression on what words and vectors say:

    ln(fit / (1 − fit)) = bias + cosine · cos + said · s + titled · t + like · l

`cos` is the cosine of the topic's own words with the paper. `s` is the share of the topic's words, by how
rare they are, that the paper has. `t` is 1 where its title has them as one phrase. `l` is the product of the
paper's phrases with those of the papers of the catalogue's sample that fit most surely by the first three,
and with those that the reader liked. It fades where the sample holds nothing sure, so that a topic about
which there is nothing stays silent.

A topic without words of its own has the mean of its liked papers in their place: `cos` is the cosine with it,
and `s` the product of the phrases. Source: docs/relevance.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, TypeVar

from paperround.arrays import np
from paperround.topics.model.expansion import (
    MAX_EXPANSION_PHRASES,
    OwnParts,
    expand_topic,
    keep_heaviest,
    no_parts,
)
from paperround.topics.model.fit_constants import FitConstants
from paperround.topics.model.plurals import fold_phrase
from paperround.topics.model.reason_phrases import list_reason_phrases
from paperround.topics.model.scorer import TopicProfile
from paperround.topics.model.sparse import Floats, Matrix, Row, empty_row, weighted_sum
from paperround.topics.model.statistics import Statistics

MAX_FIT_OF_ONE_PAPER: Final = 0.74  # what a single liked paper alone can tell: never a strong fit
NO_CEILING: Final = 1.0

Array = TypeVar("Array", Floats, Matrix)


@dataclass(frozen=True)
class FitDirection:
    """What a topic's fit needs under one version of the statistics and one set of constants.

    `vector` is None where words alone count. `is_centred` tells whether papers' vectors are centred before
    the product. `ceiling` is the highest fit that it can give.
    """

    bias: float
    vector: Floats | None  # weighed
    is_centred: bool
    terms: Row  # weighed
    phrase: str  # the topic's own words, folded; '' where they can't stand in a title
    titled: float  # what a title that has the phrase adds
    words: Row  # the expansion's phrases, weighed
    own_parts: OwnParts  # weighed
    reasons: Row  # phrases that a reader would believe, by their part of the logit and how rare they are
    ceiling: float


@cache
def empty_fit() -> FitDirection:
    """Return the fit of a topic of which nothing is known, always the same."""
    none = empty_row()
    return FitDirection(float("-inf"), None, True, none, "", 0.0, none, no_parts(), none, NO_CEILING)


def build_fit(statistics: Statistics, profile: TopicProfile, constants: FitConstants) -> FitDirection:
    """Build what a topic's fit needs."""
    if fold_phrase(profile.own_text):
        return _fit_of_words(statistics, profile, constants)
    if profile.liked:
        return _fit_of_papers(statistics, profile, constants)
    return empty_fit()


def _fit_of_words(statistics: Statistics, profile: TopicProfile, constants: FitConstants) -> FitDirection:
    vector = profile.own_words.vector if profile.own_words else None
    stage = constants.of_words(has_vector=vector is not None)
    if not stage.first.cosine and not stage.second.cosine:
        vector = None
    said = statistics.terms.share_of(profile.own_text)
    if vector is None and not len(said.terms.columns):
        return empty_fit()
    cosines = statistics.raw_cosines(vector) if vector is not None else 0.0
    shares = statistics.sample_terms.times(said.terms) + said.granted
    first = sigmoid(stage.first.bias + stage.first.cosine * cosines + stage.first.said * shares)
    expansion = expand_topic(statistics, first, profile, stage.second.like)
    own_row = profile.own_words.words if profile.own_words else empty_row()
    bias = stage.second.bias + stage.second.said * said.granted
    if vector is not None:
        bias += stage.second.cosine * float(vector @ statistics.mean_vector)
        vector = stage.second.cosine * vector
    return FitDirection(
        bias=bias,
        vector=vector,
        is_centred=False,
        terms=Row(said.terms.columns, stage.second.said * said.terms.weights),
        phrase=fold_phrase(profile.own_text),
        titled=stage.second.titled,
        words=expansion.words,
        own_parts=expansion.own_parts,
        reasons=list_reason_phrases(statistics, own_row, stage.second.said, expansion.words, expansion.rows),
        ceiling=NO_CEILING,
    )


def _fit_of_papers(statistics: Statistics, profile: TopicProfile, constants: FitConstants) -> FitDirection:
    """Liked papers stand for the words: their mean vector, and the mean of their phrases."""
    vectors = [view.vector for view in profile.liked.values() if view.vector is not None]
    stage = constants.of_papers(has_vector=bool(vectors))
    if not stage.first.cosine and not stage.second.cosine:
        vectors = []
    vector: Floats | None = np.mean(vectors, axis=0).astype(np.float32) if vectors else None
    share = 1 / len(profile.liked)
    likeness = statistics.likeness_scale
    mean = weighted_sum([(share, view.words) for view in profile.liked.values()])
    cosines = statistics.sample_vectors @ vector if vector is not None else 0.0
    first = sigmoid(
        stage.first.bias
        + stage.first.cosine * cosines
        + stage.first.said * likeness * statistics.sample_words.times(mean)
    )
    expansion = expand_topic(statistics, first, profile, stage.second.like)
    return FitDirection(
        bias=stage.second.bias,
        vector=None if vector is None else stage.second.cosine * vector,
        is_centred=True,
        terms=empty_row(),
        phrase="",
        titled=0.0,
        words=keep_heaviest(
            weighted_sum([(stage.second.said * likeness, mean), (1.0, expansion.words)]),
            2 * MAX_EXPANSION_PHRASES,
        ),
        own_parts=expansion.own_parts,
        reasons=list_reason_phrases(statistics, empty_row(), 0.0, expansion.words, expansion.rows),
        ceiling=MAX_FIT_OF_ONE_PAPER if len(profile.liked) == 1 else NO_CEILING,
    )


def sigmoid(logits: Array) -> Array:
    """Turn logits into probabilities."""
    probabilities: Array = (1 / (1 + np.exp(-np.clip(logits, -30, 30)))).astype(np.float32)
    return probabilities
