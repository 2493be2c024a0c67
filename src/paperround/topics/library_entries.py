"""Entries of a library that the catalogue does not have, kept with their topic as examples in themselves.

An entry with title and abstract is one at once. One with an arXiv id alone becomes one when it was fetched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

import structlog
from sqlalchemy import delete, select
from sqlalchemy.orm import load_only

from paperround import queue
from paperround.arrays import np
from paperround.database import Database, ReadSession, WriteSession
from paperround.embeddings import models
from paperround.embeddings.backfill import embedding_text
from paperround.embeddings.client import EncoderError, EncoderRefused
from paperround.embeddings.tables import EmbeddingModel, ModelState
from paperround.i18n.messages import mark_message
from paperround.topics.bibliography import Reference
from paperround.topics.changes import mark_changed
from paperround.topics.model.codec import HALF
from paperround.topics.model.match import ExampleText
from paperround.topics.profiles import TextEncoder
from paperround.topics.tables import USED_STATES, EntryState, LibraryEntry, Topic

logger = structlog.get_logger(__name__)

FETCH_JOB: Final = "fetch_library_entries"
MAX_TEXTS: Final = 200  # of a topic that are examples in themselves
MAX_FETCHED: Final = 100  # of a topic that arXiv is asked for
MAX_MISSING: Final = 200  # that are told by name
MAX_TITLE_LENGTH: Final = 500  # characters
MAX_ABSTRACT_LENGTH: Final = 5_000  # characters
ENCODING_BATCH_SIZE: Final = 64

NO_TEXT: Final = mark_message(
    "The catalogue lacks it, and the file has neither its abstract nor an arXiv id."
)
TOO_MANY: Final = mark_message("The topic has as many examples outside of the catalogue as it can have.")
TOO_MANY_TO_FETCH: Final = mark_message("No more papers of one library are fetched from arXiv.")


class EntryDraft(NamedTuple):
    """An entry as it would be kept."""

    state: EntryState
    label: str
    arxiv_id: str = ""
    title: str = ""
    abstract: str = ""
    reason: str = ""


class LibraryDraft(NamedTuple):
    """What a library comes to: entries that the file has, those in the catalogue, and the others."""

    entries: int
    known: int
    others: tuple[EntryDraft, ...] = ()

    @property
    def missing(self) -> list[EntryDraft]:
        return [entry for entry in self.others if entry.state is EntryState.missing]

    @property
    def waiting(self) -> list[EntryDraft]:
        return [entry for entry in self.others if entry.state is EntryState.waiting]

    @property
    def is_useful(self) -> bool:
        return any(entry.state is not EntryState.missing for entry in self.others)

    @property
    def texts(self) -> tuple[ExampleText, ...]:
        return tuple(
            ExampleText(f"#{number}", entry.title, entry.abstract)
            for number, entry in enumerate(self.others)
            if entry.state is EntryState.text
        )

    @property
    def report(self) -> dict[str, int]:
        """Count what the entries came to. What is fetched later, the entries themselves tell."""
        return {"entries": self.entries, "known": self.known, "missing": len(self.missing)}


def draft_entries(references: Sequence[Reference]) -> tuple[EntryDraft, ...]:
    """Decide for each work that the catalogue lacks what it can serve as."""
    counts: Counter[EntryState] = Counter()
    drafts = []
    for reference in references:
        draft = _draft_entry(reference, counts)
        counts[draft.state] += 1
        drafts.append(draft)
    return tuple(drafts)


def _draft_entry(reference: Reference, counts: Counter[EntryState]) -> EntryDraft:
    label = reference.label[:MAX_TITLE_LENGTH]
    if reference.title and reference.abstract:
        if counts[EntryState.text] >= MAX_TEXTS:
            return EntryDraft(EntryState.missing, label, reason=TOO_MANY)
        abstract = reference.read_abstract[:MAX_ABSTRACT_LENGTH]
        return EntryDraft(EntryState.text, label, reference.arxiv_id, reference.title, abstract)
    if reference.arxiv_id:
        if counts[EntryState.waiting] >= MAX_FETCHED:
            return EntryDraft(EntryState.missing, label, reference.arxiv_id, reason=TOO_MANY_TO_FETCH)
        return EntryDraft(EntryState.waiting, label, reference.arxiv_id)
    return EntryDraft(EntryState.missing, label, reason=NO_TEXT)


async def store_library(session: WriteSession, topic: Topic, library: LibraryDraft, *, now: datetime) -> None:
    """Keep a library's entries in place of those of the library before. Queues the fetching of papers."""
    topic.library_report = library.report
    await session.flush()
    await session.execute(delete(LibraryEntry).where(LibraryEntry.topic_id == topic.id))
    missing = 0
    for number, entry in enumerate(library.others):
        missing += entry.state is EntryState.missing
        if entry.state is EntryState.missing and missing > MAX_MISSING:
            continue
        due = now if entry.state is EntryState.waiting else None
        session.add(LibraryEntry(topic_id=topic.id, number=number, next_try_at=due, **entry._asdict()))
    await session.flush()
    if any(entry.state is EntryState.waiting for entry in library.others):
        await queue.defer(session, FETCH_JOB, queueing_lock=FETCH_JOB)


async def list_entries(session: ReadSession, topic_id: int) -> Sequence[LibraryEntry]:
    """List a topic's entries for a report, without their texts."""
    told = (
        LibraryEntry.number,
        LibraryEntry.state,
        LibraryEntry.label,
        LibraryEntry.arxiv_id,
        LibraryEntry.reason,
    )
    query = select(LibraryEntry).where(LibraryEntry.topic_id == topic_id).order_by(LibraryEntry.number)
    return (await session.scalars(query.options(load_only(*told, raiseload=True)))).all()


async def embed_entries(database: Database, encoder: TextEncoder, *, now: datetime) -> int:
    """Embed the entries that have no vector of the current model. Returns how many.

    While the encoder does not answer, they count by their words.
    """
    done = 0
    async with database.read_session() as session:
        current = select(EmbeddingModel.id).where(
            EmbeddingModel.state == ModelState.current, EmbeddingModel.name == encoder.name
        )
        model_id = await session.scalar(current)
        prefix = (await models.load_prefixes(session, encoder.name)).paper if model_id is not None else ""
    while model_id is not None:
        async with database.write_session() as session:
            lacks_vector = LibraryEntry.model_id.is_distinct_from(model_id)
            query = select(LibraryEntry).where(LibraryEntry.state.in_(USED_STATES), lacks_vector)
            held = query.limit(ENCODING_BATCH_SIZE).with_for_update(skip_locked=True)
            entries = (await session.scalars(held)).all()
            if not entries or not await _embed(entries, encoder, model_id, prefix):
                break
            await mark_changed(session, {entry.topic_id for entry in entries}, now=now)
            done += len(entries)
    return done


async def _embed(entries: Sequence[LibraryEntry], encoder: TextEncoder, model_id: int, prefix: str) -> bool:
    """Give the entries their vectors. False while the encoder does not answer."""
    texts = [prefix + embedding_text(entry.title, entry.abstract) for entry in entries]
    try:
        vectors = await _encode(texts, encoder)
    except EncoderError as error:
        logger.warning("entries of libraries count by their words for now", error=str(error))
        return False
    for entry, vector in zip(entries, vectors, strict=True):
        entry.model_id, entry.vector = model_id, vector
    return True


async def _encode(texts: Sequence[str], encoder: TextEncoder) -> list[bytes | None]:
    """Encode texts at half precision. One that is refused has no vector and costs no other text its own."""
    try:
        return [row.astype(HALF).tobytes() for row in np.asarray(await encoder.encode(texts))]
    except EncoderRefused as error:
        if len(texts) == 1:
            logger.warning("an entry of a library counts by its words alone", error=str(error))
            return [None]
    return [vector for text in texts for vector in await _encode([text], encoder)]
