"""Papers loaded for matching: the views of their texts, and the words that rules compare."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, Final

from cachetools import LRUCache
from sqlalchemy import ColumnElement, Row, Select, Text, any_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from paperround import metrics
from paperround.arrays import np
from paperround.database import ReadSession
from paperround.embeddings.tables import Embedding
from paperround.papers.tables import ABSTRACT_TEXT, FRESH_LISTING, TITLE_TEXT, Listing, Paper
from paperround.topics.corpus import VECTOR_BYTES, StatisticsVersion, decode_vector, decode_vectors
from paperround.topics.model.batch import CandidatePaper
from paperround.topics.model.codec import HALF
from paperround.topics.model.match import ExampleText
from paperround.topics.model.rules import PaperPhrases
from paperround.topics.model.sparse import Floats
from paperround.topics.model.sparse import Row as WordsRow
from paperround.topics.model.statistics import PaperViews, centre_vectors, join_text

MAX_PAPERS: Final = 5000  # the newest of some days; two seconds of work when none is cached
CACHE_SIZE: Final = 10_000  # rows of phrases; some 10 MB

_rows: LRUCache[bytes, WordsRow] = LRUCache(CACHE_SIZE)  # by statistics and text


async def load_candidates(
    session: ReadSession, version: StatisticsVersion, first: date, last: date, *, limit: int = MAX_PAPERS
) -> Sequence[CandidatePaper]:
    """Load the papers of these days' editions, both days included, the newest first, then by id."""
    days = (
        select(Listing.paper_id, func.min(Listing.day).label("day"))
        .where(Listing.day.between(first, last), FRESH_LISTING)
        .group_by(Listing.paper_id)
        .order_by(func.min(Listing.day).desc(), Listing.paper_id)
        .limit(limit)
        .subquery()
    )
    query = _select_texts(version).add_columns(days.c.day).join(days, days.c.paper_id == Paper.id)
    rows = (await session.execute(query.order_by(days.c.day.desc(), Paper.id))).all()
    views = await _build_views(version, rows)
    return [
        CandidatePaper(
            row.day,
            PaperPhrases(row.id, row.title, join_text(row.title, row.abstract), tuple(row.author_names)),
            view,
        )
        for row, view in zip(rows, views, strict=True)
    ]


async def load_views(
    session: ReadSession, version: StatisticsVersion, ids: Collection[str]
) -> Mapping[str, PaperViews]:
    """Load the views of papers, by id. Papers that are gone are left out."""
    if not ids:
        return {}
    these = Paper.id == any_(literal(list(ids), ARRAY(Text)))
    rows = (await session.execute(_select_texts(version, these, names=False))).all()
    return dict(zip([row.id for row in rows], await _build_views(version, rows), strict=True))


async def load_vectors(
    session: ReadSession, version: StatisticsVersion, ids: Collection[str]
) -> dict[str, Floats]:
    """Load the centred vectors of those of these papers that have one, by id."""
    if not ids or version.statistics.model_id is None:
        return {}
    query = select(Embedding.paper_id, VECTOR_BYTES).where(
        Embedding.model_id == version.statistics.model_id,
        Embedding.paper_id == any_(literal(list(ids), ARRAY(Text))),
        Embedding.vector.is_not(None),
    )
    rows = (await session.execute(query)).all()
    if not rows:
        return {}
    vectors = centre_vectors(decode_vectors([row.sent for row in rows]), version.statistics.mean_vector)
    return dict(zip([row.paper_id for row in rows], vectors, strict=True))


async def build_text_views(version: StatisticsVersion, texts: Sequence[ExampleText]) -> dict[str, PaperViews]:
    """Build the views of works outside of the catalogue, by key."""
    rows = await _load_word_rows(version, [join_text(example.title, example.abstract) for example in texts])
    return {
        example.key: version.statistics.view_of_row(row, _decode_half(example, version))
        for example, row in zip(texts, rows, strict=True)
    }


def _decode_half(example: ExampleText, version: StatisticsVersion) -> Floats | None:
    if not example.vector or example.model_id != version.statistics.model_id:
        return None
    return np.frombuffer(example.vector, HALF).astype(np.float32)


def _select_texts(
    version: StatisticsVersion, *where: ColumnElement[bool], names: bool = True
) -> Select[*tuple[Any, ...]]:
    embedded = (
        (Embedding.paper_id == Paper.id)
        & (Embedding.model_id == version.statistics.model_id)
        & Embedding.vector.is_not(None)
    )
    query = select(
        Paper.id, TITLE_TEXT.label("title"), ABSTRACT_TEXT.label("abstract"), VECTOR_BYTES
    ).outerjoin(Embedding, embedded)
    return (query.add_columns(Paper.author_names) if names else query).where(*where)


async def _build_views(version: StatisticsVersion, rows: Sequence[Row[Any]]) -> list[PaperViews]:
    """Build the views of rows."""
    words = await _load_word_rows(version, [join_text(row.title, row.abstract) for row in rows])
    return [
        version.statistics.view_of_row(found, decode_vector(row.sent) if row.sent else None)
        for found, row in zip(words, rows, strict=True)
    ]


async def _load_word_rows(version: StatisticsVersion, texts: Sequence[str]) -> list[WordsRow]:
    """Read texts, or find what was read.

    New ones are read in a thread: some hundreds take a tenth of a second.
    """
    keys = [hashlib.md5(f"{version.key}\n{text}".encode(), usedforsecurity=False).digest() for text in texts]
    rows_of_texts = {key: _rows[key] for key in keys if key in _rows}
    metrics.count_lookups("topic features", hits=len(rows_of_texts), misses=len(keys) - len(rows_of_texts))
    new = {key: text for key, text in zip(keys, texts, strict=True) if key not in rows_of_texts}
    vocabulary = version.statistics.vocabulary
    read = await asyncio.to_thread(lambda: [vocabulary.tf_idf_row(text) for text in new.values()])
    rows_of_texts |= dict(zip(new, read, strict=True))
    _rows.update(rows_of_texts)
    return [rows_of_texts[key] for key in keys]
