"""Papers read for matching: their texts as views, with what rules look at."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, Text, any_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from paperround.database import ReadSession
from paperround.embeddings.tables import Embedding
from paperround.papers.tables import FRESH_LISTING, Listing, Paper
from paperround.topics.corpus import SENT_VECTOR, Version, received, received_one
from paperround.topics.model.rules import Reading
from paperround.topics.model.sparse import Floats
from paperround.topics.model.sparse import Row as WordsRow
from paperround.topics.model.statistics import View, centred, text_of

MOST: Final = 5000  # papers of some days, the newest; two seconds of work when none was read before
ROWS_KEPT: Final = 10_000  # some 10 MB

_rows: OrderedDict[bytes, WordsRow] = OrderedDict()  # by statistics and text


class Candidate(NamedTuple):
    day: date  # of its earliest listing among those asked for
    reading: Reading
    view: View


async def listed(
    session: ReadSession, version: Version, first: date, last: date, *, most: int = MOST
) -> Sequence[Candidate]:
    """Papers of these days' editions, both included; the newest, then by id."""
    days = (
        select(Listing.paper_id, func.min(Listing.day).label("day"))
        .where(Listing.day.between(first, last), FRESH_LISTING)
        .group_by(Listing.paper_id)
        .order_by(func.min(Listing.day).desc(), Listing.paper_id)
        .limit(most)
        .subquery()
    )
    query = _texts(version).add_columns(days.c.day).join(days, days.c.paper_id == Paper.id)
    rows = (await session.execute(query.order_by(days.c.day.desc(), Paper.id))).all()
    views = await _views(version, rows)
    return [
        Candidate(row.day, Reading(row.id, text_of(row.title, row.abstract), tuple(row.author_names)), view)
        for row, view in zip(rows, views, strict=True)
    ]


async def views_of(session: ReadSession, version: Version, ids: Collection[str]) -> Mapping[str, View]:
    """Those of these papers that there are."""
    if not ids:
        return {}
    these = Paper.id == any_(literal(list(ids), ARRAY(Text)))
    rows = (await session.execute(_texts(version, these, names=False))).all()
    return dict(zip([row.id for row in rows], await _views(version, rows), strict=True))


async def vectors_of(session: ReadSession, version: Version, ids: Collection[str]) -> dict[str, Floats]:
    """The vectors alone, centred, of those of these papers that have one."""
    if not ids or version.statistics.model_id is None:
        return {}
    query = select(Embedding.paper_id, SENT_VECTOR).where(
        Embedding.model_id == version.statistics.model_id,
        Embedding.paper_id == any_(literal(list(ids), ARRAY(Text))),
        Embedding.vector.is_not(None),
    )
    rows = (await session.execute(query)).all()
    if not rows:
        return {}
    vectors = centred(received([row.sent for row in rows]), version.statistics.mean_vector)
    return dict(zip([row.paper_id for row in rows], vectors, strict=True))


def _texts(version: Version, *where: ColumnElement[bool], names: bool = True) -> Select[*tuple[Any, ...]]:
    embedded = (
        (Embedding.paper_id == Paper.id)
        & (Embedding.model_id == version.statistics.model_id)
        & Embedding.vector.is_not(None)
    )
    query = select(Paper.id, Paper.title, Paper.abstract, SENT_VECTOR).outerjoin(Embedding, embedded)
    return (query.add_columns(Paper.author_names) if names else query).where(*where)


async def _views(version: Version, rows: Sequence[Row[Any]]) -> list[View]:
    """New texts are read beside the event loop, a tenth of a second for some hundreds."""
    texts = [text_of(row.title, row.abstract) for row in rows]
    keys = [hashlib.md5(f"{version.key}\n{text}".encode(), usedforsecurity=False).digest() for text in texts]
    new = {key: text for key, text in zip(keys, texts, strict=True) if key not in _rows}
    read = await asyncio.to_thread(lambda: [version.statistics.vocabulary.row(text) for text in new.values()])
    found = dict(zip(new, read, strict=True)) | {key: _rows[key] for key in keys if key in _rows}
    _rows.update(found)
    while len(_rows) > ROWS_KEPT:
        _rows.popitem(last=False)
    return [
        version.statistics.seen(found[key], received_one(row.sent) if row.sent else None)
        for key, row in zip(keys, rows, strict=True)
    ]
