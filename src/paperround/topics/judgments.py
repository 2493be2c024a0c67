"""Judged pairs of topic and paper, and the constants of the fit that a model gets from them."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final, NamedTuple

from pydantic import BaseModel, Field, StringConstraints, ValidationError
from sqlalchemy import select, update

from paperround.database import Database
from paperround.embeddings.models import load_prefixes
from paperround.embeddings.tables import EmbeddingModel
from paperround.errors import PaperroundError
from paperround.papers import arxiv_id
from paperround.topics.corpus import StatisticsVersion, load_current_version
from paperround.topics.drafts import MAX_WORDS_LENGTH
from paperround.topics.model.calibration import JudgedPaper, JudgedTopic, Prediction, calibrate, predict
from paperround.topics.model.fit_constants import WORDS_ALONE, FitConstants
from paperround.topics.paper_features import load_views
from paperround.topics.profiles import TextEncoder
from paperround.topics.reader_topics import load_titles

MAX_JUDGMENTS: Final = 100_000
MIN_JUDGMENTS: Final = 50  # of papers that the catalogue has


class JudgmentsInvalid(PaperroundError):
    """The file holds no judgments that can be used. The text says which line, or what is missing."""

    title = "The judgments can't be used"
    status = 400


class ModelNotCalibratable(PaperroundError):
    """There is nothing to calibrate yet. The text says what is missing."""

    title = "The fit can't be calibrated yet"
    status = 409


class Judgment(BaseModel):
    """One line of a file: whether a paper belongs to a topic. 0: no, 1: partly, 2: it fits."""

    topic: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_WORDS_LENGTH)]
    id: Annotated[str, StringConstraints(max_length=60)]
    grade: Annotated[int, Field(strict=True, ge=0, le=2)]


class Calibration(NamedTuple):
    """What came of a calibration: the fits of the judged pairs before and after."""

    model: str
    topics: int
    unknown_papers: int
    before: Prediction
    after: Prediction


def parse_judgments(lines: Iterable[str]) -> list[Judgment]:
    """Parse a file of JSON lines. Raises `JudgmentsInvalid`, which names the first line that is wrong."""
    judgments = []
    for number, line in enumerate(lines, 1):
        if number > MAX_JUDGMENTS:
            raise JudgmentsInvalid(f"The file has more than {MAX_JUDGMENTS:,} lines.")
        if not line.strip():
            continue
        try:
            judgments.append(Judgment.model_validate(json.loads(line)))
        except (ValidationError, ValueError, RecursionError) as error:
            raise JudgmentsInvalid(
                f'Line {number} is not of the form {{"topic": "words", "id": "2510.12345", "grade": 0}}, '
                "with 0 for no, 1 for partly and 2 for a paper that fits."
            ) from error
    return judgments


async def calibrate_model(
    database: Database, encoder: TextEncoder, judgments: Sequence[Judgment]
) -> Calibration:
    """Fit the current model's constants to judgments and store them with the model.

    All topics are matched again after that. Raises `ModelNotCalibratable` and `JudgmentsInvalid`.
    """
    async with database.read_session() as session:
        version = await load_current_version(session)
        name = await session.scalar(
            select(EmbeddingModel.name).where(EmbeddingModel.id == version.statistics.model_id)
        )
    if not version.id or name is None:
        raise ModelNotCalibratable("The catalogue was not measured with vectors yet. Try again later.")
    if encoder.name != name:
        raise ModelNotCalibratable(
            f"The encoder has {encoder.name}, the current model is {name}. Set PAPERROUND_EMBEDDING_MODEL "
            "to it, or switch with “paperround embed --activate”."
        )
    topics = await _load_topics(database, version, encoder, judgments)
    pairs = sum(len(topic.papers) for topic in topics)
    if pairs < MIN_JUDGMENTS:
        raise JudgmentsInvalid(
            f"The catalogue has the papers of {pairs} judgments; at least {MIN_JUDGMENTS} are needed."
        )
    statistics, before = version.statistics, version.constants
    constants = await asyncio.to_thread(calibrate, statistics, topics, before, is_new=before is WORDS_ALONE)
    await _store_constants(database, name, constants)
    return Calibration(
        model=name,
        topics=len(topics),
        unknown_papers=len(judgments) - pairs,
        before=predict(statistics, topics, before),
        after=predict(statistics, topics, constants),
    )


def group_grades(judgments: Iterable[Judgment]) -> Mapping[str, Mapping[str, int]]:
    """Group judgments: the grades of papers by id, by topic. The last one of a pair counts."""
    by_topic: dict[str, dict[str, int]] = defaultdict(dict)
    for judgment in judgments:
        paper_id = arxiv_id.parse_id_or_url(judgment.id) or judgment.id
        by_topic[" ".join(judgment.topic.split())][paper_id] = judgment.grade
    return by_topic


async def _load_topics(
    database: Database, version: StatisticsVersion, encoder: TextEncoder, judgments: Sequence[Judgment]
) -> list[JudgedTopic]:
    by_topic = group_grades(judgments)
    ids = {paper_id for grades in by_topic.values() for paper_id in grades}
    async with database.read_session() as session:
        views = await load_views(session, version, ids)
        titles = await load_titles(session, views)
        prefixes = await load_prefixes(session, encoder.name)
    spell_out = version.statistics.abbreviations.spell_out
    vectors = await encoder.encode([prefixes.query + spell_out(topic) for topic in by_topic])
    return [
        JudgedTopic(
            text,
            vector,
            [
                JudgedPaper(titles[paper_id], views[paper_id], grade)
                for paper_id, grade in grades.items()
                if paper_id in views and paper_id in titles
            ],
        )
        for (text, grades), vector in zip(by_topic.items(), vectors, strict=True)
        if any(paper_id in views for paper_id in grades)
    ]


async def _store_constants(database: Database, model: str, constants: FitConstants) -> None:
    async with database.write_session() as session:
        row = update(EmbeddingModel).where(EmbeddingModel.name == model)
        await session.execute(row.values(fit_constants=constants.to_json()))
