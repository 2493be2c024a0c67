"""What a library names and the catalogue lacks: an example by its text, fetched, or told as missing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from paperround import queue
from paperround.accounts.tables import Reader
from paperround.database import Database
from paperround.embeddings.client import EncoderRefused, EncoderUnavailable, Vectors
from paperround.feeds.arxiv.feed import open_arxiv
from paperround.settings import Settings
from paperround.topics import library_entries, library_fetcher, queries, reader_topics
from paperround.topics.bibliography import Reference
from paperround.topics.drafts import TopicDraft, TopicInvalid
from paperround.topics.edition_matches import match_edition
from paperround.topics.library_entries import LibraryDraft, draft_entries, embed_entries
from paperround.topics.matcher import match_papers
from paperround.topics.model.match import ReasonKind
from paperround.topics.tables import EntryState, LibraryEntry, Topic
from paperround.worker.jobs import fetch_library_entries
from paperround.worker.registry import WorkerContext

from support.arxiv_server import ArxivPaper, ArxivServer, constant_answer, running_arxiv_server
from support.factories import add_reader, utc
from support.ingestion_runner import ONE_ATTEMPT
from support.topic_corpus import MODEL, subject_vector

DAY = date(2026, 3, 2)
NOW = utc("2026-03-02 14:00")
SUBJECT = "We look at honey bees together with waggle dances. The pollen foraging was measured for years."
BEES = Reference("", "", "Own Bees", abstract=SUBJECT)
TO_FETCH = Reference("2603.77777", "", "")


class InventedEncoder:
    name = MODEL

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure

    async def encode(self, texts: object) -> Vectors:
        if self.failure:
            raise self.failure
        assert isinstance(texts, list)
        if any("refused" in text for text in texts):
            raise EncoderRefused("one of these")
        return np.stack([subject_vector(text) for text in texts])


@pytest.fixture
def arxiv() -> Iterator[ArxivServer]:
    papers = [ArxivPaper("2603.77777", title=r"Schr\"odinger's Bees"), ArxivPaper("2603.77778")]
    with running_arxiv_server(ArxivServer(papers=papers)) as running:
        yield running


@pytest.fixture
def arxiv_settings(database_url: str, arxiv: ArxivServer) -> Settings:
    return Settings(
        _env_file=None,
        database_url=database_url,
        arxiv_url=arxiv.url,
        arxiv_query_url=arxiv.url,
        arxiv_interval=timedelta(0),
    )


async def follow(database: Database, *references: Reference, reader: Reader | None = None) -> Topic:
    reader = reader or await add_reader(database, "ada@example.org")
    library = LibraryDraft(len(references), 0, draft_entries(references))
    async with database.write_session() as session:
        return await reader_topics.create_topic(session, reader.id, TopicDraft(library=library), now=NOW)


async def fetch(database: Database, settings: Settings, now: datetime) -> int:
    """Fetch what is due, like a worker with `now` as its clock."""
    async with open_arxiv(settings, database, limits=ONE_ATTEMPT, clock=lambda: now) as source:
        return await library_fetcher.fetch_due_entries(database, source, clock=lambda: now)


async def entries(database: Database) -> list[tuple[EntryState, str, str]]:
    async with database.read_session() as session:
        rows = (await session.scalars(select(LibraryEntry).order_by(LibraryEntry.number))).all()
        return [(row.state, row.label, row.reason) for row in rows]


async def match(database: Database, topic: Topic) -> list[str]:
    async with database.read_session() as session:
        query = (await queries.load_topic_queries(session, [topic.id]))[topic.id]
        found = await match_papers(session, query, text_vector=None, first=DAY, last=DAY, limit=20, daily=20)
    reasons = [reason for one in found for reason in one.reasons]
    assert all(reason.kind is not ReasonKind.paper for reason in reasons), "an entry has no page to lead to"
    return [one.paper_id for one in found]


async def stored_matches(database: Database, topic: Topic) -> list[str]:
    await match_edition(database, DAY, InventedEncoder())
    async with database.read_session() as session:
        return [
            one.paper_id for one in (await queries.load_matches(session, [topic.id], DAY, DAY))[topic.id][DAY]
        ]


async def test_an_entrys_own_text_is_an_example_before_and_after_it_is_embedded(catalogue: Database) -> None:
    topic = await follow(catalogue, BEES)
    by_words = await match(catalogue, topic)
    assert by_words
    assert await embed_entries(catalogue, InventedEncoder(EncoderUnavailable("down")), now=NOW) == 0
    assert await embed_entries(catalogue, InventedEncoder(), now=NOW) == 1
    assert await embed_entries(catalogue, InventedEncoder(), now=NOW) == 0
    async with catalogue.read_session() as session:
        changed = await session.scalar(select(Topic.changed_at))
        (example,) = await queries.load_example_texts(session, topic.id)
    assert changed > topic.changed_at, "what was matched by words alone is due again"
    assert len(example.vector) > 0
    by_both = await match(catalogue, topic)
    assert {int(one[-2:]) % 3 for one in by_both} == {1}, "papers of its subject alone"
    assert set(await stored_matches(catalogue, topic)) <= set(by_both)
    assert await stored_matches(catalogue, topic)


async def test_a_text_that_the_encoder_refuses_counts_by_its_words_and_costs_no_other(
    catalogue: Database,
) -> None:
    topic = await follow(catalogue, BEES, BEES._replace(title="Bees refused"))
    assert await embed_entries(catalogue, InventedEncoder(), now=NOW) == 2
    assert await embed_entries(catalogue, InventedEncoder(), now=NOW) == 0
    async with catalogue.read_session() as session:
        examples = await queries.load_example_texts(session, topic.id)
    assert [bool(example.vector) for example in examples] == [True, False]
    assert await match(catalogue, topic)


async def test_what_is_not_in_the_file_is_fetched_in_one_request_or_told_as_missing(
    catalogue: Database, arxiv: ArxivServer, arxiv_settings: Settings
) -> None:
    unknown = Reference("2603.88888", "", "Nobody's")
    topic = await follow(catalogue, TO_FETCH, unknown, Reference("", "10.1000/x", ""))
    assert [state for state, _, _ in await entries(catalogue)] == ["waiting", "waiting", "missing"]
    assert await fetch(catalogue, arxiv_settings, NOW) == 2
    assert await fetch(catalogue, arxiv_settings, NOW + timedelta(hours=2)) == 0
    assert await entries(catalogue) == [
        (EntryState.fetched, "Schrödinger's Bees", ""),
        (EntryState.missing, "Nobody's", library_fetcher.UNKNOWN),
        (EntryState.missing, "10.1000/x", library_entries.NO_TEXT),
    ]
    assert len(arxiv.requests) == 1
    async with catalogue.read_session() as session:
        assert [one.title for one in await queries.load_example_texts(session, topic.id)] == [
            "Schrödinger's Bees"
        ]


async def test_arxiv_that_fails_is_asked_again_later_and_then_given_up(
    catalogue: Database, arxiv: ArxivServer, arxiv_settings: Settings
) -> None:
    arxiv.default_fault = constant_answer(b"nonsense")
    await follow(catalogue, TO_FETCH)
    for attempt in range(library_fetcher.MAX_ATTEMPTS):
        assert await fetch(catalogue, arxiv_settings, NOW + timedelta(hours=2 * attempt)) == 1
    assert await entries(catalogue) == [(EntryState.missing, "2603.77777", library_fetcher.UNREACHABLE)]


def test_what_is_kept_is_bounded_in_number_and_size() -> None:
    long = "patience " * 10_000
    texts = [Reference("", "", f"Title {n}", abstract=long) for n in range(250)]
    ids = [Reference(f"2603.{n:05}", "", "") for n in range(150)]
    drafts = draft_entries([*texts, *ids])
    states = [draft.state for draft in drafts]
    assert (states.count(EntryState.text), states.count(EntryState.waiting)) == (200, 100)
    assert all(draft.reason for draft in drafts if draft.state is EntryState.missing)
    assert max(len(draft.abstract) for draft in drafts) <= library_entries.MAX_ABSTRACT_LENGTH


async def test_a_library_of_nothing_usable_makes_no_topic(catalogue: Database) -> None:
    with pytest.raises(TopicInvalid):
        await follow(catalogue, Reference("", "", "Only a Title"))


async def test_the_job_finds_nothing_to_do(database: Database, settings: Settings, tmp_path: Path) -> None:
    await fetch_library_entries(WorkerContext(settings, database, tmp_path / "none", queue.app))
