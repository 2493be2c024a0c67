"""The stored readings of titles and abstracts: plain text and formulas, beside the LaTeX of the feeds.

A reading is made in the transaction that stores or changes a paper. `papers.read_hash` names the text that
was read, so a paper that the release before has changed counts as unread, and is read where it is shown until
`reread_papers` has read it again. The same job brings papers up to date when the reader itself has changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from copy import copy
from typing import Final, Literal

from sqlalchemy import func, select

from paperround.database import Database, ReadSession, WriteSession
from paperround.papers.paper_values import SELECTED, PaperValues, hash_text, load_values
from paperround.papers.paper_writer import update_papers
from paperround.papers.rows import PaperRow
from paperround.papers.tables import Paper
from paperround.text.reading import FormulaBudget, PlacedFormula, Reading, read_latex

READER_VERSION: Final = 2  # of how LaTeX is read; whoever changes that makes it one more
BATCH_SIZE: Final = 100

Part = Literal["title", "abstract"]


def read_title(paper: PaperRow, page: FormulaBudget | None = None) -> Reading:
    """Return what the title says. `page` bounds the formulas of a paper that is not yet read."""
    return _reading(paper, "title", page)


def read_abstract(paper: PaperRow, page: FormulaBudget | None = None) -> Reading:
    """Return what the abstract says. `page` bounds the formulas of a paper that is not yet read."""
    return _reading(paper, "abstract", page)


def _reading(paper: PaperRow, part: Part, page: FormulaBudget | None) -> Reading:
    source = paper.title if part == "title" else paper.abstract
    if not paper.is_read:
        return read_latex(source, page)
    text = paper.read_title if part == "title" else paper.read_abstract
    placed = paper.formulas.get(part, ())
    return Reading(source if text is None else text, tuple(PlacedFormula(*formula) for formula in placed))


async def set_readings(papers: Iterable[PaperValues]) -> None:
    """Read the papers that are new or changed, in a thread, and set what was read. The caller writes it."""
    unread = [paper for paper in papers if not paper.is_read or paper.reader_version != READER_VERSION]
    sources = [(paper.title, paper.abstract) for paper in unread]
    readings = await asyncio.to_thread(lambda: [[*map(read_latex, texts)] for texts in sources])
    for paper, (title, abstract) in zip(unread, readings, strict=True):
        _set_reading(paper, title, abstract)


def _set_reading(paper: PaperValues, title: Reading, abstract: Reading) -> None:
    formulas = {"title": title.formulas, "abstract": abstract.formulas}
    paper.read_title = title.text if title.text != paper.title else None
    paper.read_abstract = abstract.text if abstract.text != paper.abstract else None
    paper.formulas = {part: [list(f) for f in found] for part, found in formulas.items() if found} or None
    paper.read_hash = hash_text(paper.title, paper.abstract)
    changed_hash = hash_text(title.text, abstract.text)
    paper.read_text_hash = changed_hash if changed_hash != paper.read_hash else None
    paper.reader_version = READER_VERSION


async def reread_papers(database: Database, *, on_progress: Callable[[int], None] | None = None) -> int:
    """Read every paper that is unread, or read by another version of the reader. Returns how many.

    Each batch is committed, so a run that is killed goes on where it was. Several runs share the work. Only
    papers whose text comes out otherwise are indexed again; their vectors then count as missing.
    """
    done = 0
    while True:
        async with database.write_session() as session:
            papers = await _lock_unread(session)
            before = {paper_id: copy(paper) for paper_id, paper in papers.items()}
            await set_readings(papers.values())
            await update_papers(session, before, papers)
        if not papers:
            return done
        done += len(papers)
        if on_progress:
            on_progress(done)


async def _lock_unread(session: WriteSession) -> dict[str, PaperValues]:
    """Lock a batch of papers to read. An index has each kind, so each is asked for by itself."""
    for condition in (
        Paper.reader_version < READER_VERSION,
        Paper.read_hash.is_distinct_from(Paper.text_hash),
    ):
        query = SELECTED.where(condition).order_by(Paper.id).limit(BATCH_SIZE)
        if papers := await load_values(session, query.with_for_update(skip_locked=True)):
            return papers
    return {}


async def count_unread(session: ReadSession) -> int:
    """Count the papers that `reread_papers` would read now."""
    # An index has each kind, but none has both at once.
    is_changed = Paper.read_hash.is_distinct_from(Paper.text_hash)
    earlier = select(func.count()).where(Paper.reader_version < READER_VERSION)
    changed = select(func.count()).where(is_changed, Paper.reader_version >= READER_VERSION)
    query = select(earlier.scalar_subquery() + changed.scalar_subquery())
    unread: int = (await session.execute(query)).scalar_one()
    return unread
