"""Calibration of searches: constants of the relevance from judged pairs, whose topics are asked as questions.

Questions about which there is nothing are asked too, so that these go on to find nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from sqlalchemy import select, update

from paperround.database import Database
from paperround.embeddings.models import load_prefixes
from paperround.embeddings.tables import EmbeddingModel
from paperround.regression import fit_logit
from paperround.search import ranker
from paperround.search.absent_questions import ABSENT_QUESTIONS
from paperround.search.analysis import analyze_query
from paperround.search.evidence import weigh_evidence
from paperround.search.features import Flags, Numbers
from paperround.search.query_syntax import parse_query, text_to_encode
from paperround.search.query_vectors import QueryVector, VectorEncoder
from paperround.search.relevance import estimate_relevance
from paperround.search.relevance_constants import (
    RelevanceConstants,
    SearchConstants,
    choose_constants,
)
from paperround.search.retrieval import NEAREST_LIMIT, retrieve_candidates

MIN_JUDGED_RESULTS: Final = (
    30  # judged papers that the searches bring, with some that fit and some that don't
)
RESULTS_OF_ABSENT: Final = 8  # the first results of a question about which there is nothing
ABSENT_WEIGHT: Final = 0.25  # of each of these, beside a judged paper
# How far constants may lie from those before, as the standard deviation of a normal distribution. Under a
# model that nobody calibrated, what vectors say is free.
SPREADS: Final = RelevanceConstants(1.0, 2.0, 0.75, 0.75)
SPREADS_OF_NEW_MODEL: Final = RelevanceConstants(50.0, 50.0, 1.5, 1.5)


class AskedPapers(NamedTuple):
    """Papers that searches brought. `is_relevant` tells which belong to the question at least partly."""

    features: Numbers  # shape (papers, 3): cosine, NaN without a vector; share of the words; 1 where whole
    is_relevant: Flags  # shape (papers,)

    @classmethod
    def join(cls, parts: Sequence[AskedPapers]) -> AskedPapers:
        """Put the papers of several searches together."""
        return cls(
            np.concatenate([np.empty((0, 3)), *(part.features for part in parts)]),
            np.concatenate([np.empty(0, np.bool_), *(part.is_relevant for part in parts)]),
        )

    def find_shown(self, constants: SearchConstants) -> tuple[Flags, Flags]:
        """Find which papers a search shows because they have all words, and which by their relevance."""
        cosines, shared, whole = self.features.T
        is_whole = whole > 0
        return is_whole, estimate_relevance(cosines, shared, is_whole, constants).is_enough


class ShownResults(NamedTuple):
    """What searches show, of what was judged: how many papers, and the share that fits at least partly.

    `absent` counts the questions about nothing that find something by meaning.
    """

    papers: int
    share_relevant: float
    absent: int


class SearchCalibration(NamedTuple):
    """What came of a calibration. `judged` is how many judged papers the searches brought.

    Where these were too few, nothing was changed, and `after` is None.
    """

    judged: int
    before: ShownResults
    after: ShownResults | None


async def calibrate_search(
    database: Database, encoder: VectorEncoder, grades: Mapping[str, Mapping[str, int]]
) -> SearchCalibration:
    """Fit what a search shows under the encoder's model to judgments, and store it with the model.

    `grades` are, by topic in words, those of papers by id: 0 no, 1 partly, 2 it fits.
    """
    before, judged, absent = await _ask_all(database, encoder, grades)
    shown_before = _describe(before, judged, absent)
    found = len(judged.is_relevant)
    if found < MIN_JUDGED_RESULTS or judged.is_relevant.all() or not judged.is_relevant.any():
        return SearchCalibration(found, shown_before, None)
    after = fit_constants(before, judged, AskedPapers.join(absent))
    async with database.write_session() as session:
        row = update(EmbeddingModel).where(EmbeddingModel.name == encoder.name)
        await session.execute(row.values(search_constants=after.to_json()))
    return SearchCalibration(found, shown_before, _describe(after, judged, absent))


def fit_constants(start: SearchConstants, judged: AskedPapers, absent: AskedPapers) -> SearchConstants:
    """Fit constants to judged papers and to what questions about nothing bring, from those before."""
    papers = AskedPapers.join([judged, absent])
    weights = np.repeat([1.0, ABSENT_WEIGHT], [len(judged.is_relevant), len(absent.is_relevant)])
    labels = papers.is_relevant.astype(float)
    has_vector = ~np.isnan(papers.features[:, 0])
    without = papers.features.copy()
    without[:, 0] = 0
    with_vectors = start.with_vectors
    if papers.is_relevant[has_vector].any():
        fitted = fit_logit(
            papers.features[has_vector],
            labels[has_vector],
            start=np.array(with_vectors or start.words_alone),
            spreads=np.array(SPREADS if with_vectors else SPREADS_OF_NEW_MODEL),
            weights=weights[has_vector],
        )
        with_vectors = _round(fitted)
    words_alone = fit_logit(
        without, labels, start=np.array(start.words_alone), spreads=np.array(SPREADS), weights=weights
    )
    return SearchConstants(with_vectors, _round(words_alone))


def _round(constants: Numbers) -> RelevanceConstants:
    return RelevanceConstants(*constants.round(3).tolist())


async def _ask_all(
    database: Database, encoder: VectorEncoder, grades: Mapping[str, Mapping[str, int]]
) -> tuple[SearchConstants, AskedPapers, list[AskedPapers]]:
    """Ask every topic and every question about nothing. Returns the constants until now and what came."""
    questions = {**dict.fromkeys(ABSENT_QUESTIONS), **grades}
    texts = {words: text_to_encode(parse_query(words)) for words in questions}
    async with database.read_session() as session:
        prefixes = await load_prefixes(session, encoder.name)
        row = select(EmbeddingModel.search_constants).where(EmbeddingModel.name == encoder.name)
        constants = choose_constants(encoder.name, await session.scalar(row))
    vectors = await encoder.encode([prefixes.query + " ".join(text.split()) for text in texts.values()])
    judged: list[AskedPapers] = []
    absent: list[AskedPapers] = []
    for (words, of_topic), vector in zip(questions.items(), vectors, strict=True):
        papers = await _ask(database, words, QueryVector(encoder.name, vector), of_topic)
        (absent if of_topic is None else judged).append(papers)
    return constants, AskedPapers.join(judged), absent


async def _ask(
    database: Database, words: str, vector: QueryVector, grades: Mapping[str, int] | None
) -> AskedPapers:
    """Bring what a search would choose from: of a topic what was judged, else the first results."""
    async with database.read_session() as session:
        query = await analyze_query(session, parse_query(words), nearest_limit=NEAREST_LIMIT, filtered=False)
        papers = await retrieve_candidates(session, query, query.to_model_vector(vector), where=())
    if grades is not None:
        kept = [place for place, paper_id in enumerate(papers.ids) if paper_id in grades]
    elif papers.ids:
        scores = ranker.score_candidates(query, papers)
        kept = np.argsort(-scores, kind="stable")[:RESULTS_OF_ABSENT].tolist()
    else:
        kept = []
    evidence, known = weigh_evidence(query, papers), grades or {}
    return AskedPapers(
        np.column_stack([papers.cosines, evidence.shared, evidence.is_whole]).astype(float)[kept],
        np.array([known.get(papers.ids[place], 0) > 0 for place in kept], np.bool_),
    )


def _describe(constants: SearchConstants, judged: AskedPapers, absent: Sequence[AskedPapers]) -> ShownResults:
    is_whole, is_enough = judged.find_shown(constants)
    shown = is_whole | is_enough
    share = float(judged.is_relevant[shown].mean()) if shown.any() else 0.0
    by_meaning = 0
    for papers in absent:
        is_whole, is_enough = papers.find_shown(constants)
        by_meaning += bool((is_enough & ~is_whole).any())
    return ShownResults(int(shown.sum()), share, by_meaning)
