"""arXiv's lists in bad hours: with one broken record, of an earlier day, not published yet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from paperround.database import Database
from paperround.feeds.arxiv import record, xml
from paperround.feeds.broken_record import BrokenRecord
from paperround.feeds.status import load_feed_status
from paperround.feeds.tables import FeedDay, QuarantinedRecord, ReadingOutcome
from paperround.papers.record import RecordUnreadable
from paperround.papers.tables import Listing
from paperround.settings import Settings

from .test_feed import ArxivRunner
from support.arxiv_server import (
    ArxivPaper,
    ArxivServer,
    announcement,
    atom_announcements,
    constant_answer,
    query_entry,
    query_response,
    rss_announcements,
    running_arxiv_server,
)
from support.factories import utc

DAY = "2026-03-03"  # a Tuesday
PAPERS = [ArxivPaper(f"2603.0000{number}") for number in range(1, 6)]
MARK = "We wait for gradients"
BROKEN = {
    "a control character": b"a \x0b b",
    "a null": b"a \x00 b",
    "an entity that is not declared": b"a&nbsp;b",
    "a lone ampersand": b"R & D",
    "a lone angle bracket": b"p < 0.05",
    "bad UTF-8": b"caf\xe9 cr\xe8me",
    "a surrogate": b"a \xed\xa0\x80 b",
    "U+FFFE": "a \ufffe b".encode(),
    "U+FFFF": "a \uffff b".encode(),
    "a reference to a control character": b"a&#11;b",
    "a reference to nothing": b"a&#0;b",
    "a reference to U+FFFE": b"a&#xFFFE;b",
    "a reference to a surrogate": b"a&#xD800;b",
    "a reference that is no number": b"a&#x;b",
    "a tag that is not closed": b"a <b> c",
    "a tag that was not opened": b"a </b> c",
    "a comment without an end": b"a <!-- b",
    "an attribute twice": b'a <b c="1" c="2"/>',
    "a prefix that is not declared": b"a <x:b/>",
}


@pytest.fixture
def arxiv() -> Iterator[ArxivServer]:
    with running_arxiv_server(ArxivServer(today=DAY)) as running:
        yield running


@pytest.fixture
def runner(database: Database, database_url: str, arxiv: ArxivServer) -> ArxivRunner:
    settings = Settings(
        _env_file=None,
        database_url=database_url,
        arxiv_url=arxiv.url,
        arxiv_query_url=arxiv.url,
        arxiv_categories="cs.CL",
        arxiv_interval=timedelta(0),
    )
    return ArxivRunner(database, settings)


def atom() -> bytes:
    return atom_announcements(DAY, *(announcement(paper, "new", DAY) for paper in PAPERS))


def rss() -> bytes:
    return rss_announcements(DAY, *((paper, "new") for paper in PAPERS))


def query() -> bytes:
    return query_response(len(PAPERS), 0, *map(query_entry, PAPERS))


def damage(document: bytes, number: int, damage: bytes) -> bytes:
    """Put something into the abstract of one record."""
    pieces = document.split(MARK.encode())
    return MARK.encode().join([*pieces[: number + 1], damage + pieces[number + 1], *pieces[number + 2 :]])


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("form", [atom, rss])
def test_a_broken_record_is_taken_out_alone(kind: str, form: Callable[[], bytes]) -> None:
    for place, paper in enumerate(PAPERS):
        announced = xml.parse_announcements(damage(form(), place, BROKEN[kind]), "")
        (broken,) = (entry for entry in announced.entries if isinstance(entry, BrokenRecord))
        assert len(announced.entries) == len(PAPERS)
        assert record.guess_paper_id(broken) == paper.id
        with pytest.raises(RecordUnreadable, match="it is not XML: "):
            record.parse_record(broken, [])


async def test_a_broken_record_is_quarantined_and_the_day_goes_in(
    runner: ArxivRunner, arxiv: ArxivServer
) -> None:
    arxiv.default_fault = constant_answer(damage(rss(), 2, b"\x00 \xff"))
    reading = await runner.read()
    assert (reading.outcome, reading.papers, reading.quarantined) == (ReadingOutcome.partial, 4, 1)
    (kept,) = await runner.query_all(select(QuarantinedRecord))
    assert kept.paper_id == PAPERS[2].id
    assert MARK in kept.content
    arxiv.default_fault = constant_answer(rss())
    assert (await runner.read(now=f"{DAY} 14:00")).papers == 5
    (kept,) = await runner.query_all(select(QuarantinedRecord))
    assert kept.resolved_at


async def test_a_broken_record_of_a_query_is_quarantined_alone(
    runner: ArxivRunner, arxiv: ArxivServer
) -> None:
    arxiv.default_fault = constant_answer(damage(query(), 2, b"&nbsp;"))
    reading = await runner.read(now="2026-03-05 12:00")
    assert (reading.papers, reading.quarantined) == (4, 1)


@pytest.mark.parametrize("front", [b"\n", b"\r\n\r\n", b" \t", b"\xef\xbb\xbf", b"\n\xef\xbb\xbf\n"])
async def test_what_stands_in_front_of_a_list_changes_nothing(
    runner: ArxivRunner, arxiv: ArxivServer, front: bytes
) -> None:
    arxiv.default_fault = constant_answer(front + rss())
    reading = await runner.read()
    assert (reading.outcome, reading.papers) == (ReadingOutcome.clean, 5)


def test_a_list_in_another_encoding_is_read() -> None:
    latin = rss().decode().replace("encoding='UTF-8'", "encoding='ISO-8859-1'").encode("latin-1")
    for document in (latin, damage(latin, 3, b"&")):
        entry = xml.parse_announcements(document, "").entries[0]
        assert isinstance(entry, dict)
        assert entry["authors"][0]["name"] == "Ada Lindqvist, Benedikt Åström"


@pytest.mark.parametrize("form", [atom, rss])
async def test_a_list_that_is_cut_off_is_refused(
    runner: ArxivRunner, arxiv: ArxivServer, form: Callable[[], bytes]
) -> None:
    document = damage(form(), 0, b"&")
    for share in (0.3, 0.6, 0.9, 0.999):
        arxiv.default_fault = constant_answer(document[: int(share * len(document))])
        reading = await runner.read()
        assert (reading.outcome, reading.papers) == (ReadingOutcome.failed, 0)
    assert await runner.query_all(select(Listing)) == []


async def test_one_wrong_date_makes_a_list_no_other_day_s(runner: ArxivRunner, arxiv: ArxivServer) -> None:
    for year in ("9999", "2027", "1999"):
        entries = [announcement(paper, "new", DAY) for paper in PAPERS]
        entries[2] = entries[2].replace("2026-03-03", f"{year}-03-03")
        arxiv.default_fault = constant_answer(atom_announcements(DAY, *entries))
        reading = await runner.read()
        assert (reading.error, reading.papers) == (None, 5 if year == "1999" else 5 - (year == "9999"))


@pytest.mark.parametrize("year", ["0001", "1899", "1970", "2500", "9999"])
async def test_an_impossible_date_is_quarantined(runner: ArxivRunner, arxiv: ArxivServer, year: str) -> None:
    arxiv.papers = [*PAPERS]
    body = query().replace(b"2026-03-02T10:00:00Z", f"{year}-03-02T10:00:00Z".encode(), 2)
    arxiv.default_fault = constant_answer(body)
    reading = await runner.read(now="2026-03-05 12:00")
    assert (reading.papers, reading.quarantined) == (4, 1)


async def late(runner: ArxivRunner, now: str) -> list[str]:
    async with runner.database.read_session() as session:
        state = await load_feed_status(session, "arxiv", now=utc(now))
    return [f"{one.day}: {one.error}" for one in state.late]


async def next_try(runner: ArxivRunner, day: str) -> timedelta:
    (feed_day,) = await runner.query_all(select(FeedDay).where(FeedDay.day == date.fromisoformat(day)))
    assert feed_day.next_try_at
    return feed_day.next_try_at - runner.now


async def test_a_category_with_an_earlier_batch_is_told_and_asked_again_soon(
    runner: ArxivRunner, arxiv: ArxivServer
) -> None:
    runner.settings = runner.settings.model_copy(update={"arxiv_categories": ("cs.CL", "cs.AI", "cs.CV")})
    stale = atom_announcements(DAY, announcement(ArxivPaper("2603.00007"), "new", "2026-03-02"))
    await runner.make_due()
    for hour, minutes in enumerate([2, 4, 8, 16, 32, 60, 60], start=12):
        arxiv.faults = [constant_answer(body) for body in (atom(), stale, stale)]
        reading = await runner.read_due(f"{DAY} {hour}:00")
        assert (reading.outcome, reading.papers) == (ReadingOutcome.clean, 5)
        assert await next_try(runner, DAY) == timedelta(minutes=minutes)
    told = "not complete yet: arXiv still shows the announcements in cs.AI, cs.CV of 2026-03-02"
    assert await late(runner, f"{DAY} 20:00") == [f"{DAY}: {told}"]
    arxiv.faults = [constant_answer(atom())] * 3
    await runner.read_due(f"{DAY} 20:30")
    assert await late(runner, f"{DAY} 21:00") == []
    assert await next_try(runner, DAY) == timedelta(hours=1)


async def test_a_batch_that_is_not_published_yet_and_a_holiday_are_told(
    runner: ArxivRunner, arxiv: ArxivServer
) -> None:
    arxiv.today = "2026-03-02"
    arxiv.announce(ArxivPaper(), cs_CL="new")
    reading = await runner.read(now=f"{DAY} 04:00")
    assert (reading.outcome, reading.papers) == (ReadingOutcome.empty, 0)
    assert "cs.CL of 2026-03-02" in str(reading.error)
    assert len(await late(runner, f"{DAY} 05:00")) == 1
    assert await next_try(runner, DAY) == timedelta(minutes=2)


async def test_a_weekend_has_no_list_that_could_be_late(runner: ArxivRunner, arxiv: ArxivServer) -> None:
    arxiv.today = "2026-03-06"
    reading = await runner.read(date(2026, 3, 7), now="2026-03-07 18:00")
    assert (reading.outcome, reading.error) == (ReadingOutcome.empty, None)
