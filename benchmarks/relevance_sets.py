"""The labelled sets that matching is measured on, read from a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from paperround.embeddings.backfill import embedding_text as embedded_text
from paperround.text.plain import to_plain_paragraphs, to_plain_text
from paperround.topics.model.statistics import join_text
from search import KeptEncoder, records

Record = Mapping[str, Any]
Numbers = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Pool:
    """Papers, with their texts as the catalogue would keep them and their vectors."""

    ids: Sequence[str]
    days: Sequence[str]
    titles: Sequence[str]
    texts: Sequence[str]
    vectors: Numbers

    @cached_property
    def places(self) -> Mapping[str, int]:
        return {key: place for place, key in enumerate(self.ids)}

    def known(self, ids: Sequence[str]) -> list[int]:
        return [self.places[key] for key in ids if key in self.places]


async def pool(folder: Path, encoder: KeptEncoder) -> Pool:
    papers = [
        (
            record["id"],
            record.get("day", ""),
            to_plain_text(record["title"]),
            to_plain_paragraphs(record["abstract"] or ""),
        )
        for record in records(folder / "papers.jsonl.gz")
    ]
    vectors = await encoder.encode([embedded_text(title, abstract) for _, _, title, abstract in papers])
    return Pool(
        [key for key, *_ in papers],
        [day for _, day, *_ in papers],
        [title for *_, title, _ in papers],
        [join_text(title, abstract) for *_, title, abstract in papers],
        vectors,
    )


@dataclass(frozen=True)
class Reader:
    """Somebody's papers, in order of time."""

    name: str
    papers: Sequence[int]


def readers_of(folder: Path, papers: Pool) -> list[Reader]:
    found = []
    for record in records(folder / "readers.jsonl"):
        inside = [paper for paper in record["papers"] if paper["id"] in papers.places]
        found.append(Reader(record["reader"], papers.known([paper["id"] for paper in inside])))
    return found


@dataclass(frozen=True)
class Subject:
    """A subject in words with the papers that belong to it; papers later than `until` aren't ranked."""

    words: str
    papers: Sequence[int]
    until: str


def subjects_of(folder: Path, papers: Pool) -> list[Subject]:
    return [
        Subject(record["topic"], papers.known(record["papers"]), record.get("until", "9999"))
        for record in records(folder / "topics.jsonl")
    ]
