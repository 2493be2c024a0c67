"""Ours, which is the product's own scorer, and what others do, each as: known papers or words → scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from relevance_sets import Pool
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from paperround.embeddings import bundled_model
from paperround.topics.model import scorer
from paperround.topics.model.fit_constants import SHIPPED_CONSTANTS
from paperround.topics.model.fit_matrix import FitDirections, FitMatrix, compute_fits, rank_papers
from paperround.topics.model.scorer import Directions, PaperMatrix, TopicProfile
from paperround.topics.model.statistics import Statistics
from paperround.topics.model.topic_model import build_model

Numbers = np.ndarray[Any, Any]
ByExample = Callable[[Sequence[int]], Numbers]
ByWords = Callable[[str, Numbers], Numbers]

SAMPLED = 1000  # negatives of the boosted trees
FLAT = 60  # of reciprocal-rank fusion


class Matched(NamedTuple):
    """A topic with every paper of the pool: what papers are ordered by is `ranks`."""

    direction: Directions  # of this topic alone
    scores: Numbers
    fits: Numbers
    ranks: Numbers


class Ours:
    """What serves readers, on statistics of the pool."""

    def __init__(self, papers: Pool) -> None:
        self.statistics = Statistics.decode(Statistics.measure(papers.texts, 1, papers.vectors).encode())
        self.views = [
            self.statistics.view_of_paper(text, vector)
            for text, vector in zip(papers.texts, papers.vectors, strict=True)
        ]
        self.shelf = PaperMatrix.build(self.statistics, self.views)
        self.constants = SHIPPED_CONSTANTS[bundled_model.NAME]
        self.fit_matrix = FitMatrix.build(self.statistics, self.shelf, papers.titles)

    def by_example(self, known: Sequence[int]) -> Numbers:
        return self._match(TopicProfile(liked=self._views(known))).ranks

    def by_words(
        self, words: str, vector: Numbers, known: Sequence[int] = (), disliked: Sequence[int] = ()
    ) -> Numbers:
        own, literal = (
            self.statistics.view_of_words(words, vector),
            scorer.is_phrase_in_catalogue(self.statistics, words),
        )
        rated_less = [self.views[one] for one in disliked]
        return self._match(TopicProfile(own, literal, self._views(known), rated_less, words)).ranks

    def match_words(self, words: str, vector: Numbers) -> Matched:
        own = self.statistics.view_of_words(words, vector)
        literal = scorer.is_phrase_in_catalogue(self.statistics, words)
        return self._match(TopicProfile(own, literal, own_text=words))

    def spell_out(self, words: str) -> str:
        """What is encoded of a topic's words."""
        return " ".join(self.statistics.abbreviations.spell_out(words).split())

    def _views(self, known: Sequence[int]) -> Mapping[str, Any]:
        return {str(one): self.views[one] for one in known}

    def _match(self, taste: TopicProfile) -> Matched:
        model = build_model(self.statistics, taste, self.constants)
        dimensions = len(self.statistics.mean_vector)
        direction = Directions.of([model.direction], dimensions)
        scores = scorer.score_papers(direction, self.shelf)
        fits = compute_fits(FitDirections.of([model.fit], dimensions), self.fit_matrix)
        ranks = rank_papers(direction.log_compressed, scores, fits)
        return Matched(direction, scores[0], fits[0], ranks[0])


class Others:
    """The baselines, on the same texts and vectors."""

    def __init__(self, papers: Pool) -> None:
        self.papers = papers
        self.vectors = papers.vectors

    @cached_property
    def fitted(self) -> tuple[TfidfVectorizer, Any]:
        """arxiv-sanity-lite's: 20,000 uni- and bigrams, sublinear."""
        words = TfidfVectorizer(
            max_features=20_000, ngram_range=(1, 2), sublinear_tf=True, stop_words="english", max_df=0.1,
            min_df=3, strip_accents="unicode",
        )  # fmt: skip
        return words, words.fit_transform(self.papers.texts)

    def random(self, known: Sequence[int]) -> Numbers:
        return np.random.default_rng([*known, 7]).random(len(self.vectors))

    def mean_words(self, known: Sequence[int]) -> Numbers:
        rows = self.fitted[1]
        return np.asarray(rows @ np.asarray(rows[known].mean(axis=0)).T).ravel()

    def svm_on_words(self, known: Sequence[int]) -> Numbers:
        rows = self.fitted[1]
        machine = LinearSVC(class_weight="balanced", C=0.01, tol=1e-6, max_iter=10_000, random_state=7)
        return np.asarray(machine.fit(rows, self._labels(known)).decision_function(rows))

    def trees_on_vectors(self, known: Sequence[int]) -> Numbers:
        drawn = np.random.default_rng(7).permutation(len(self.vectors))[: SAMPLED + len(known)]
        negatives = np.setdiff1d(drawn, known)[:SAMPLED]
        rows = np.concatenate([self.vectors[list(known)], self.vectors[negatives]])
        labels = np.repeat([1, 0], [len(known), len(negatives)])
        balanced = np.where(labels, len(negatives) / len(known), 1.0)
        trees = GradientBoostingClassifier(n_estimators=100, max_features="sqrt", random_state=7)
        fitted = trees.fit(rows, labels, sample_weight=balanced)
        return np.asarray(fitted.predict_proba(self.vectors)[:, 1])

    def mean_vector(self, known: Sequence[int]) -> Numbers:
        return self.vectors @ self.vectors[list(known)].mean(axis=0)

    def nearest_vector(self, known: Sequence[int]) -> Numbers:
        return (self.vectors @ self.vectors[list(known)].T).max(axis=1)

    def regression_on_vectors(self, known: Sequence[int]) -> Numbers:
        fitted = LogisticRegression(class_weight="balanced", C=1.0, max_iter=1000)
        return np.asarray(fitted.fit(self.vectors, self._labels(known)).decision_function(self.vectors))

    def _labels(self, known: Sequence[int]) -> Numbers:
        labels = np.zeros(len(self.vectors), int)
        labels[list(known)] = 1
        return labels

    def words_asked(self, words: str, _vector: Numbers) -> Numbers:
        vectorizer, rows = self.fitted
        return np.asarray((rows @ vectorizer.transform([words]).T).todense()).ravel()

    def vector_asked(self, _words: str, vector: Numbers) -> Numbers:
        return self.vectors @ vector

    def fused(self, words: str, vector: Numbers) -> Numbers:
        return np.asarray(
            1 / (FLAT + _ranks(self.words_asked(words, vector)))
            + 1 / (FLAT + _ranks(self.vector_asked(words, vector)))
        )

    @property
    def by_example(self) -> Mapping[str, ByExample]:
        return {
            "random": self.random,
            "mean of tf-idf": self.mean_words,
            "tf-idf, LinearSVC": self.svm_on_words,
            "boosted trees on MiniLM": self.trees_on_vectors,
            "mean of MiniLM": self.mean_vector,
            "nearest neighbour, MiniLM": self.nearest_vector,
            "logistic regression, MiniLM": self.regression_on_vectors,
        }

    @property
    def by_words(self) -> Mapping[str, ByWords]:
        return {
            "tf-idf": self.words_asked,
            "MiniLM": self.vector_asked,
            "reciprocal-rank fusion": self.fused,
        }


def _ranks(scores: Numbers) -> Numbers:
    ranks = np.empty(len(scores))
    ranks[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return ranks
