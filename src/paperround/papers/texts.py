"""The texts of papers, which a process keeps for the next list that has the same paper.

They are nine tenths of what a list reads, and seldom change. So lists are read without them, and then only
texts that the process doesn't know yet. A text is known by its hashes: a kept one is always the stored one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import Text, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from paperround.database import ReadSession
from paperround.kept_parts import KeptParts
from paperround.papers.rows import PaperRow, paper_columns
from paperround.papers.tables import Paper
from paperround.reads import Read, read_rows

MAX_KEPT: Final = 4_000_000  # characters


class PaperTexts(NamedTuple):
    """The columns of a `PaperRow` that have its texts, and those by which texts are known."""

    title: str
    abstract: str
    text_hash: str
    read_title: str | None
    read_abstract: str | None
    formulas_json: str | None
    read_hash: str | None
    reader_version: int


TextKey = tuple[str, str, str | None, int]
AFTER_ABSTRACT: Final = PaperRow._fields.index("abstract") + 1
FIRST_HASH: Final = PaperRow._fields.index("text_hash")
AFTER_READING: Final = PaperRow._fields.index("reader_version") + 1
TEXTS: Final = Read(
    select(Paper.id, *paper_columns(only=PaperTexts._fields)).where(
        Paper.id == any_(bindparam("ids", type_=ARRAY(Text)))
    ),
    lambda paper_id, *texts: (paper_id, PaperTexts(*texts)),
)


def _measure(texts: PaperTexts) -> int:
    return 500 + sum(len(text) for text in texts if isinstance(text, str))


_kept: Final[KeptParts[PaperTexts]] = KeptParts(MAX_KEPT, _measure)


async def add_texts(session: ReadSession, papers: Sequence[PaperRow]) -> list[PaperRow]:
    """Give the papers their texts. One that is no longer stored is left out."""
    texts = {paper.id: _kept.find(_key(paper.id, paper)) for paper in papers}
    missing = [paper_id for paper_id, known in texts.items() if known is None]
    if missing:
        for paper_id, stored in await read_rows(session, TEXTS, ids=missing):
            texts[paper_id] = stored
            _kept.keep(_key(paper_id, stored), stored)
    return [_complete(paper, known) for paper in papers if (known := texts[paper.id]) is not None]


def _key(paper_id: str, known_by: PaperRow | PaperTexts) -> TextKey:
    return paper_id, known_by.text_hash, known_by.read_hash, known_by.reader_version


def _complete(paper: PaperRow, texts: PaperTexts) -> PaperRow:
    return PaperRow._make(
        (paper.id, *texts[:2], *paper[AFTER_ABSTRACT:FIRST_HASH], *texts[2:], *paper[AFTER_READING:])
    )
