"""Guarantee 1: ingestion is idempotent and complete, whatever the feed answers."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text

from paperround.database import Database, utc_now
from paperround.feeds import ingestion, schedule
from paperround.feeds.http import Limits
from paperround.feeds.huggingface.feed import huggingface
from paperround.feeds.tables import FeedDay, Outcome, Quarantined, Reading, Record
from paperround.papers import catalogue
from paperround.papers.tables import Author, Listing, Paper, Signal
from paperround.settings import Settings

from support.factories import at, item
from support.feed_server import (
    Answer,
    FeedServer,
    as_json,
    body,
    connection_cut,
    cut_off,
    html,
    serving,
    slow,
    status,
)

DAY, NEXT_DAY = date(2026, 3, 2), date(2026, 3, 3)
NOON = at("2026-03-02 12:00")
RULES = ingestion.Rules(every=timedelta(hours=1), half_life=timedelta(hours=24))
PATIENT = Limits(connect=60, silence=60, whole=60, most_bytes=100_000, tries=2, first_wait=0.01)
IMPATIENT = replace(PATIENT, silence=0.3)
GOOD = [item("2603.00001"), item("2603.00002")]
BAD = item("2603.00009", title=["not a text"])


@dataclass
class Reader:
    """Reads the feed; `now` is the only clock it has."""

    database: Database
    settings: Settings
    now: datetime = NOON
    limits: Limits = PATIENT
    told: list[Reading] = field(default_factory=list)

    async def ask(self, *days: date) -> None:
        async with self.database.writing() as session:
            await schedule.ask_for(session, "huggingface", days, now=self.now)

    async def next(self, day: date | None = None) -> Reading | None:
        """Read one day that is due."""
        among = [day] if day else None
        async with huggingface(self.settings, self.database, self.limits) as hub:
            return await ingestion.read_next(self.database, hub, RULES, among=among, clock=lambda: self.now)

    async def read(self, day: date = DAY, now: datetime | None = None) -> Reading:
        """Ask for the day and read it."""
        self.now = now or self.now
        await self.ask(day)
        reading = await self.next(day)
        assert reading is not None
        return reading

    async def due(self) -> Sequence[Reading]:
        """Read what is due, as a worker does."""
        told: list[Reading] = []
        async with huggingface(self.settings, self.database, self.limits) as hub:
            await ingestion.read_due(self.database, hub, RULES, told=told.append, clock=lambda: self.now)
        return told

    async def all(self, query: Any) -> list[Any]:
        async with self.database.reading() as session:
            return list((await session.execute(query)).scalars().all())

    async def one(self, query: Any) -> Any:
        (only,) = await self.all(query)
        return only

    async def paper(self, paper_id: str = "2603.00001") -> Paper:
        return await self.one(select(Paper).where(Paper.id == paper_id))

    async def day(self, day: date = DAY) -> FeedDay:
        return await self.one(select(FeedDay).where(FeedDay.day == day))

    async def count(self, table: type) -> int:
        return await self.one(select(func.count()).select_from(table))

    async def dump(self, *without: str) -> dict[str, list[str]]:
        """Every row of every table, but when something was looked at."""
        leave_out = {"readings", "feed_days", *without}
        tables = await self.all(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
        rows = "SELECT (to_jsonb(t) - 'seen_at' - 'hub_seen_at')::text FROM public.{} t ORDER BY 1"
        return {name: await self.all(text(rows.format(name))) for name in sorted(set(tables) - leave_out)}


@pytest.fixture
def reader(database: Database, settings: Settings) -> Reader:
    return Reader(database, settings)


def later(**amounts: float) -> datetime:
    return NOON + timedelta(**amounts)


async def test_a_list_is_taken_in(reader, feed: FeedServer):
    feed.days["2026-03-02"] = GOOD
    reading = await reader.read()
    assert (reading.outcome, reading.papers, reading.quarantined) == (Outcome.clean, 2, 0)
    assert await reader.count(Paper) == 2


async def test_the_raw_record_is_kept_as_it_came(reader, feed):
    record = item(novelty={"b": [1, 2.5, None], "a": "\x00\ud800 é"}, title="Two\nlines")
    feed.days["2026-03-02"] = [record]
    assert (await reader.read()).outcome is Outcome.clean
    kept = await reader.one(select(Record))
    assert kept.content == record
    assert list(kept.content) == list(record)


async def test_the_raw_record_is_the_latest_that_was_read(reader, feed):
    for hour in (0, 1):
        feed.days["2026-03-02"] = [item(paper__upvotes=hour)]
        await reader.read(now=later(hours=hour))
    kept = await reader.one(select(Record))
    assert (kept.content["paper"]["upvotes"], kept.read_at) == (1, later(hours=1))


async def test_a_new_list_asks_for_vectors_in_the_same_transaction(reader, feed):
    feed.days["2026-03-02"] = GOOD
    await reader.read()
    assert await reader.all(text("SELECT task_name FROM jobs.procrastinate_jobs")) == ["embed_papers"]


# Idempotent


async def test_the_same_list_twice_changes_nothing_but_is_recorded(reader, feed):
    feed.days["2026-03-02"] = GOOD
    await reader.read()
    before = await reader.dump()
    await reader.read(now=later(hours=1))
    assert await reader.dump() == before
    assert await reader.count(Reading) == 2


async def test_two_readers_at_once_take_each_day_once(reader, feed):
    days = [DAY + timedelta(days=n) for n in range(6)]
    for day in days:
        feed.days[str(day)] = [item(f"2603.{day.day:05}"), item("2603.00999")]
    reader.now = later(days=10)
    await reader.ask(*days)
    told = await asyncio.gather(*(reader.due() for _ in range(4)))
    assert sorted(reading.day for some in told for reading in some) == days
    assert [reading.outcome for some in told for reading in some] == [Outcome.clean] * 6
    assert (await reader.paper("2603.00999")).listed_on == DAY
    assert await reader.count(Listing) == 12


async def test_readers_at_once_on_overlapping_days_leave_what_one_leaves(reader, feed):
    days = [DAY + timedelta(days=n) for n in range(4)]
    for day in days:
        shared = [item(f"2603.{n:05}", paper__upvotes=n) for n in range(day.day, day.day + 6)]
        feed.days[str(day)] = shared if day.day % 2 else shared[::-1]
    reader.now = later(days=5)
    await reader.ask(*days)
    await asyncio.gather(*(reader.due() for _ in range(4)))
    before = await reader.dump()
    await reader.ask(*days)
    await asyncio.gather(*(reader.due() for _ in range(4)))
    assert await reader.dump() == before


async def test_a_missing_field_never_erases_a_known_value(reader, feed):
    told = {
        "paper__ai_summary": "Short.",
        "paper__ai_summary_model": "m",
        "paper__ai_keywords": ["patience"],
        "paper__githubRepo": "https://github.com/ada/patience",
        "paper__githubStars": 5,
        "paper__githubRepoAddedBy": "user",
        "paper__projectPage": "https://a.example/",
        "mediaUrls": ["https://a.example/1.mp4"],
        "thumbnail": "https://a.example/1.png",
        "isAuthorParticipating": True,
        "organization": {"name": "lab", "avatar": "https://a.example/lab.png"},
        "submitterOrganization": {"name": "lab"},
        "paper__submittedOnDailyAt": "2026-03-02T08:00:00Z",
    }
    feed.days["2026-03-02"] = [item(**told)]
    await reader.read()
    before = await reader.dump("records")
    for nothing in (None, ...):
        bare = dict.fromkeys(told, nothing) | {
            "paper__authors": nothing,
            "paper__summary": nothing,
            "summary": nothing,
            "paper__upvotes": nothing,
            "numComments": nothing,
            "paper__discussionId": nothing,
            "submittedBy": nothing,
            "paper__publishedAt": nothing,
            "publishedAt": nothing,
        }
        feed.days["2026-03-02"] = [item(**bare)]
        assert (await reader.read(now=later(hours=1))).outcome is Outcome.clean
        assert await reader.dump("records") == before


# Records that can't be read


async def test_the_rest_goes_in_and_the_bad_record_is_set_aside_whole(reader, feed):
    feed.days["2026-03-02"] = [*GOOD, BAD]
    reading = await reader.read()
    assert (reading.outcome, reading.papers, reading.quarantined) == (Outcome.partial, 2, 1)
    kept = await reader.one(select(Quarantined))
    assert kept.content == BAD
    assert kept.reason.startswith("title")
    assert (kept.paper_id, kept.times_seen, kept.resolved_at) == ("2603.00009", 1, None)
    assert await reader.count(Paper) == 2


async def test_a_bad_record_touches_no_paper(reader, feed):
    feed.days["2026-03-02"] = [*GOOD, item("2603.00009")]
    await reader.read()
    before = await reader.dump("quarantine")
    feed.days["2026-03-02"] = [*GOOD, item("2603.00009", numComments="three", paper__upvotes=99)]
    await reader.read(now=later(hours=1))
    assert await reader.dump("quarantine") == before


async def test_the_same_bad_record_is_kept_once_and_counted(reader, feed):
    again = dict(reversed(BAD.items()))
    for hour, record in enumerate([BAD, again, BAD]):
        feed.days["2026-03-02"] = [*GOOD, record, record]
        await reader.read(now=later(hours=hour))
    kept = await reader.one(select(Quarantined))
    assert (kept.times_seen, kept.first_seen_at, kept.last_seen_at) == (3, NOON, later(hours=2))


async def test_a_clean_reading_resolves_what_was_set_aside(reader, feed):
    feed.days["2026-03-02"] = [*GOOD, BAD, "no record at all"]
    await reader.read()
    feed.days["2026-03-02"] = [*GOOD, item("2603.00009")]
    await reader.read(now=later(hours=1))
    assert [kept.resolved_at for kept in await reader.all(select(Quarantined))] == [later(hours=1)] * 2


async def test_a_good_record_of_the_paper_resolves_it_while_another_stays_bad(reader, feed):
    other = item("2603.00008", paper__upvotes=-1)
    feed.days["2026-03-02"] = [*GOOD, BAD, other]
    await reader.read()
    feed.days["2026-03-02"] = [*GOOD, item("2603.00009"), other]
    await reader.read(now=later(hours=1))
    open_still = await reader.all(select(Quarantined.paper_id).where(Quarantined.resolved_at.is_(None)))
    assert open_still == ["2603.00008"]


async def test_an_empty_list_resolves_nothing_since_it_has_no_good_record(reader, feed):
    feed.days["2026-03-02"] = [*GOOD, BAD]
    await reader.read()
    feed.days["2026-03-02"] = []
    assert (await reader.read(now=later(hours=1))).outcome is Outcome.empty
    assert (await reader.one(select(Quarantined))).resolved_at is None


async def test_a_record_that_turns_bad_again_is_open_again(reader, feed):
    for hour, records in enumerate([[*GOOD, BAD], GOOD, [*GOOD, BAD]]):
        feed.days["2026-03-02"] = records
        await reader.read(now=later(hours=hour))
    kept = await reader.one(select(Quarantined))
    assert (kept.times_seen, kept.resolved_at) == (2, None)


async def test_the_same_bad_record_on_another_day_is_another(reader, feed):
    feed.days |= {"2026-03-02": [*GOOD, BAD], "2026-03-03": [*GOOD, BAD]}
    await reader.read()
    await reader.read(NEXT_DAY, now=later(days=1))
    assert await reader.count(Quarantined) == 2


async def test_a_day_with_bad_records_is_read_again_five_times_with_back_off_then_as_usual(reader, feed):
    feed.days["2026-03-02"] = [*GOOD, BAD]
    await reader.ask(DAY)
    waits = []
    for _ in range(7):
        await reader.next()
        due = (await reader.day()).next_try_at
        waits.append(due - reader.now)
        reader.now = due
    assert waits == [timedelta(minutes=m) for m in (2, 4, 8, 16, 32, 60, 60)]


async def test_a_record_that_stays_bad_does_not_keep_its_day_from_settling(reader, feed):
    feed.days["2026-03-02"] = [*GOOD, BAD]
    await reader.ask(DAY)
    reader.now = later(days=14)
    for _ in range(6):
        await reader.next()
        reader.now = (await reader.day()).next_try_at or reader.now
    assert (await reader.day()).next_try_at is None


async def test_when_nothing_can_be_read_the_reading_failed_and_nothing_changes(reader, feed):
    feed.days["2026-03-02"] = GOOD
    await reader.read()
    before = await reader.dump()
    feed.days["2026-03-02"] = [BAD, "text", None]
    reading = await reader.read(now=later(hours=1))
    assert reading.outcome is Outcome.failed
    assert "none of 3 records can be read: title" in reading.error
    assert await reader.dump() == before


@pytest.mark.parametrize(
    "poison",
    [
        {"novelty": "\x00"},
        {"novelty\x00": "\ud800"},
        {"submittedBy": {"name": "ada", "a\x00b": "c\x00d"}},
        {"submittedBy": {"name": "ada", "number": 10**3000}},
        {"paper__authors": [{"name": "Ada Lindqvist", "user": {"name": "ada", "\x00": "x"}}]},
        {"title": "Pa\x00tience", "paper__summary": "\x00"},
        {"paper__ai_keywords": ["pa\x00tience", "\x00"]},
        {"paper__publishedAt": "0001-01-01T00:00:00Z"},
        {"paper__publishedAt": "9999-12-31T23:59:59.999999Z"},
        {"title": "𝅘𝅥𝅮" * 2000, "paper__authors": [{"name": "𝅘𝅥𝅮" * 300}]},
    ],
)
async def test_a_strange_record_is_taken_in_or_set_aside_and_the_rest_goes_in(reader, feed, poison):
    feed.days["2026-03-02"] = [*GOOD, item("2603.00009", **poison)]
    reading = await reader.read()
    assert reading.error is None
    assert reading.papers + reading.quarantined == 3
    assert await reader.count(Paper) >= 2


@pytest.mark.parametrize("where", ["novelty", "numComments"])
async def test_a_number_that_no_float_holds_hurts_at_most_its_own_record(reader, feed, where):
    text = json.dumps([*GOOD, item("2603.00009", **{where: "HUGE"})]).replace('"HUGE"', "-1e999")
    feed.faults = [lambda items: (200, {"Content-Type": "application/json"}, text.encode())]
    reading = await reader.read()
    assert (reading.error, reading.papers) == (None, 3 if where == "novelty" else 2)


async def test_a_deep_nest_goes_in_or_fails_the_reading_but_nothing_in_between(reader, feed):
    for depth in (50, 500, 900, 960, 990, 100_000):
        deep = "[" * depth + "]" * depth
        text = json.dumps([item(novelty="DEEP")]).replace('"DEEP"', deep)
        feed.faults = [
            lambda items, text=text: (200, {"Content-Type": "application/json"}, text.encode())
        ] * 2
        reader.limits = Limits(tries=2, first_wait=0.01)
        reading = await reader.read()
        assert reading.outcome in (Outcome.clean, Outcome.failed)
        assert depth > 50 or reading.outcome is Outcome.clean


# Broken answers


def huge(items: list[Any]) -> Answer:
    return as_json([*items, "x" * 200_000])


BROKEN: dict[str, tuple[Callable[[list[Any]], Answer | None], str]] = {
    "HTML": (html, "not JSON (text/html"),
    "nothing": (lambda items: (200, {}, b""), "not JSON (no content type, 0 bytes"),
    "cut off": (cut_off, "not JSON"),
    "not UTF-8": (lambda items: (200, {}, b'["\xff"]'), "not JSON"),
    "NaN": (lambda items: (200, {}, b"[NaN]"), "not JSON"),
    "an endless number": (lambda items: (200, {}, b"[" + b"1" * 5000 + b"]"), "not JSON"),
    "500": (status(500), "HTTP 500"),
    "503": (status(503), "HTTP 503"),
    "404": (status(404), "HTTP 404"),
    "204": (lambda items: (204, {}, b""), "HTTP 204"),
    "late": (slow(5), "no answer in time"),
    "an object": (body({"status": "ok", "data": []}), "not a list but dict"),
    "null": (body(None), "not a list but NoneType"),
    "strings": (body(["a", "b"]), "none of 2 records can be read"),
    "too large": (huge, "larger than"),
    "not gzip": (lambda items: (200, {"Content-Encoding": "gzip"}, b"[]"), "connection failed"),
    "connection cut": (connection_cut, "connection failed"),
    "a loop": (lambda items: (302, {"Location": "/api/daily_papers"}, b""), "connection failed"),
    "to nowhere": (lambda items: (302, {"Location": "http://[::1"}, b""), ""),
}


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_broken_answer_fails_the_reading_and_changes_nothing(reader, feed, broken):
    feed.days["2026-03-02"] = GOOD
    await reader.read()
    before = await reader.dump()
    feed.days["2026-03-02"] = [item("2603.00001", paper__upvotes=99), item("2603.00005")]
    feed.always, words = BROKEN[broken]
    if broken == "late":
        reader.limits = IMPATIENT
    reading = await reader.read(now=later(hours=1))
    assert reading.outcome is Outcome.failed
    assert words in reading.error
    assert await reader.dump() == before
    taken = await reader.day()
    assert (taken.failures, taken.next_try_at) == (1, later(hours=1, seconds=30))
    assert taken.read_at == NOON


async def test_an_answer_that_trickles_is_given_up_as_a_whole(reader, feed, database):
    reader.limits = Limits(silence=60, whole=0.3, tries=1)
    feed.always = slow(5)
    assert (await reader.read()).error == "no whole answer within 0.3 s"


async def test_nobody_listening_is_a_failed_reading(reader, feed):
    reader.settings = Settings(_env_file=None, huggingface_url="http://127.0.0.1:9", feed_rate=0)
    assert "connection failed" in (await reader.read()).error


async def test_an_error_is_stored_in_few_words(reader, feed):
    feed.always = lambda items: (200, {"Content-Type": "x" * 20_000}, b"?")
    assert len((await reader.read()).error) < 1000


async def test_one_bad_moment_is_got_over_within_the_reading(reader, feed):
    feed.days["2026-03-02"] = GOOD
    for fault in (status(503), connection_cut, cut_off, html):
        feed.faults = [fault]
        assert (await reader.read()).outcome is Outcome.clean
    reader.limits = replace(PATIENT, silence=1, tries=5)
    feed.faults = [slow(5)]
    assert (await reader.read()).outcome is Outcome.clean


async def test_a_broken_second_page_fails_the_whole_reading(reader, feed):
    feed.days["2026-03-02"] = [item(f"2603.{n:05}") for n in range(1, 31)]
    feed.cap = 20
    good = as_json
    feed.faults = [good, status(500), status(500)]
    assert (await reader.read()).outcome is Outcome.failed
    assert await reader.count(Paper) == 0


async def test_failures_wait_twice_as_long_each_time_up_to_an_hour(reader, feed):
    feed.always = html
    await reader.ask(DAY)
    waits = []
    for _ in range(9):
        await reader.next()
        due = (await reader.day()).next_try_at
        waits.append((due - reader.now).total_seconds())
        reader.now = due
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


async def test_a_good_reading_ends_the_row_of_failures(reader, feed):
    feed.always = html
    await reader.read()
    feed.always = None
    await reader.read(now=later(hours=1))
    taken = await reader.day()
    assert (taken.failures, taken.next_try_at) == (0, later(hours=2))


# The host's own wishes


async def test_a_short_retry_after_is_sat_out_within_the_reading(reader, feed):
    feed.days["2026-03-02"] = GOOD
    feed.faults = [status(429, Retry_After="1")]
    started = time.monotonic()
    assert (await reader.read()).outcome is Outcome.clean
    assert time.monotonic() - started >= 1


async def test_a_long_retry_after_ends_the_reading_and_is_honoured_by_everyone(reader, feed):
    reader.now = utc_now()
    day = reader.now.date()
    feed.always = status(429, Retry_After="3600")
    reading = await reader.read(day)
    assert reading.error.startswith("HTTP 429")
    assert len(feed.requests) == 1
    due = (await reader.day(day)).next_try_at
    assert timedelta(minutes=59) < due - reader.now < timedelta(minutes=61)
    await reader.ask(day, day - timedelta(days=1))
    assert await reader.due() == []
    assert len(feed.requests) == 1


async def test_a_pause_may_be_a_date(reader, feed):
    reader.now = utc_now()
    date_of_end = (reader.now + timedelta(hours=2)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    feed.always = status(503, Retry_After=date_of_end)
    await reader.read(reader.now.date())
    due = (await reader.day(reader.now.date())).next_try_at
    assert abs(due - reader.now - timedelta(hours=2)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "value", ["soon", "-5", "9" * 40, "Mon, 01 Jan " + "9" * 30 + " 00:00:00 GMT", "1e9"]
)
async def test_an_unreadable_retry_after_is_as_good_as_none(reader, feed, value):
    feed.always = status(429, Retry_After=value)
    assert (await reader.read()).error.startswith("HTTP 429")
    assert (await reader.day()).next_try_at == later(seconds=30)


async def test_a_pause_is_at_most_a_day(reader, feed):
    reader.now = utc_now()
    feed.always = status(429, Retry_After="99999999")
    await reader.read(reader.now.date())
    due = (await reader.day(reader.now.date())).next_try_at
    assert due - reader.now < timedelta(hours=24, minutes=1)


async def test_a_used_up_rate_limit_pauses_what_comes_after_the_answer(reader, feed):
    reader.now = utc_now()
    days = [reader.now.date() - timedelta(days=n) for n in range(3)]
    used_up = {"RateLimit": '"api";r=0;t=120'}
    feed.always = lambda items: (200, {"Content-Type": "application/json", **used_up}, b"[]")
    await reader.ask(*days)
    assert len(await reader.due()) == 1
    assert len(feed.requests) == 1


async def test_a_pause_reaches_a_reader_in_the_middle_of_a_list(reader, feed):
    """Another worker was told to wait while this one turned the page."""
    reader.now = utc_now()
    feed.days[str(reader.now.date())] = [item(f"2603.{n:05}") for n in range(1, 31)]
    feed.cap = 20

    def page_then_pause(items: list[Any]) -> Answer:
        return 200, {"RateLimit": '"api";r=0;t=600'}, as_json(items)[2]

    feed.faults = [page_then_pause]
    reading = await reader.read(reader.now.date())
    assert reading.outcome is Outcome.failed
    assert len(feed.requests) == 1
    assert (await reader.day(reader.now.date())).next_try_at - reader.now > timedelta(minutes=9)


# Lists


async def test_an_empty_list_is_a_successful_empty_reading(reader, feed):
    reading = await reader.read()
    assert (reading.outcome, reading.error) == (Outcome.empty, None)
    assert (await reader.day()).next_try_at == later(hours=1)


async def test_a_list_longer_than_the_servers_cap_is_read_to_its_end(reader, feed):
    feed.days["2026-03-02"] = [item(f"2603.{n:05}") for n in range(1, 62)]
    feed.cap = 20
    assert (await reader.read()).papers == 61
    assert [request["p"] for request in feed.requests] == ["0", "1", "2", "3", "4"]


async def test_a_server_without_pages_is_read_once(reader, feed):
    feed.always = lambda items: as_json(feed.days["2026-03-02"])
    feed.days["2026-03-02"] = GOOD
    assert (await reader.read()).papers == 2
    assert len(feed.requests) == 2


async def test_a_server_without_pages_is_read_once_though_its_votes_grow(reader, feed):
    feed.always = lambda items: as_json([item("2603.00001", paper__upvotes=len(feed.requests))])
    assert (await reader.read()).papers == 1
    assert len(feed.requests) == 2


async def test_a_list_without_end_is_a_failed_reading(reader, feed, monkeypatch):
    monkeypatch.setattr("paperround.feeds.huggingface.feed.MOST_PAGES", 12)
    feed.always = lambda items: as_json([item(f"2603.{len(feed.requests):05}")])
    reading = await reader.read()
    assert "has no end" in reading.error
    assert len(feed.requests) == 12
    assert await reader.count(Paper) == 0


async def test_a_paper_that_moved_to_the_next_page_meanwhile_counts_as_it_came_last(reader, feed):
    feed.faults = [body([item("2603.00001", paper__upvotes=1), item("2603.00002")])]
    feed.faults.append(body([item("2603.00001", paper__upvotes=2), item("2603.00003")]))
    assert (await reader.read()).papers == 3
    assert (await reader.paper()).upvotes == 2


async def test_a_list_that_grew_is_completed_and_one_that_shrank_loses_nothing(reader, feed):
    feed.days["2026-03-02"] = GOOD[:1]
    await reader.read()
    feed.days["2026-03-02"] = GOOD
    await reader.read(now=later(hours=1))
    feed.days["2026-03-02"] = GOOD[1:]
    await reader.read(now=later(hours=2))
    assert await reader.all(select(Listing.paper_id).order_by(Listing.paper_id)) == [
        "2603.00001",
        "2603.00002",
    ]


async def test_a_future_day_is_refused_before_any_request(reader, feed):
    with pytest.raises(schedule.FutureDay, match="2026-03-03 has not come yet"):
        await reader.read(NEXT_DAY)
    assert feed.requests == []
    assert await reader.count(FeedDay) == 0


# The schedule, over days


async def test_after_an_outage_every_day_is_read_and_lists_that_had_been_short_are_completed(reader, feed):
    await plan(reader)
    feed.days["2026-03-02"] = GOOD[:1]
    await reader.due()
    for n in range(9):
        feed.days[str(DAY + timedelta(days=n))] = [item(f"2603.{n:05}"), *GOOD]
    reader.now = later(days=8)
    await plan(reader)
    told = await reader.due()
    assert {reading.day for reading in told} >= {DAY + timedelta(days=n) for n in range(9)}
    assert await reader.one(select(func.count()).where(Listing.day == DAY).select_from(Listing)) == 3


async def test_a_day_settles_fourteen_days_after_it_and_is_read_no_more(reader, feed):
    feed.days["2026-03-02"] = GOOD
    await reader.read(now=at("2026-03-15 23:59"))
    reader.now = (await reader.day()).next_try_at
    assert (await reader.next()).outcome is Outcome.clean
    assert (await reader.day()).next_try_at is None
    reader.now = later(days=100)
    assert await reader.next() is None


async def test_a_day_whose_last_reading_failed_has_not_settled(reader, feed):
    feed.always = html
    await reader.read(now=later(days=14))
    assert (await reader.day()).next_try_at is not None
    feed.always = None
    reader.now = later(days=15)
    assert (await reader.next()).outcome is Outcome.empty
    assert (await reader.day()).next_try_at is None


async def plan(reader: Reader) -> None:
    async with reader.database.writing() as session:
        await schedule.plan(session, "huggingface", now=reader.now, catch_up=timedelta(days=2))


# The same paper on two days, or read late


@pytest.mark.parametrize("changes", [{}, {"paper__githubStars": 3, "paper__ai_summary": "Only told first."}])
async def test_a_paper_listed_again_gives_the_same_whichever_day_was_read_first(
    reader, feed, database, changes
):
    feed.days["2026-03-02"] = [item("2603.00001", title="As first listed", numComments=1, **changes)]
    feed.days["2026-03-03"] = [item("2603.00001", title="As listed again", mediaUrls=["https://a.example/2"])]
    dumps = []
    for order in ([DAY, NEXT_DAY], [NEXT_DAY, DAY]):
        for hour, day in enumerate([*order, *order, *order]):
            await reader.read(day, now=later(days=1, hours=hour))
        paper = await reader.paper()
        assert (paper.title, paper.listed_on) == ("As listed again", DAY)
        dumps.append(await without_times(reader))
        await wipe(database)
    assert dumps[0] == dumps[1]


async def without_times(reader: Reader) -> tuple[object, ...]:
    """The paper's facts and lists, whatever the hours of the readings."""
    papers = (await reader.dump("signals", "listings", "records"))["papers"]
    listings = await reader.all(
        text("SELECT (to_jsonb(l) - 'first_seen_at')::text FROM listings l ORDER BY day")
    )
    last = await reader.one(text("SELECT (to_jsonb(s) - 'at')::text FROM signals s ORDER BY at DESC LIMIT 1"))
    return papers, listings, last


async def wipe(database: Database) -> None:
    async with database.writing() as session:
        await session.execute(text("TRUNCATE papers, feed_days, readings, quarantine CASCADE"))


async def test_a_late_reading_changes_nothing_of_a_paper_but_its_listing_is_kept(reader, feed):
    feed.days["2026-03-03"] = [item("2603.00001", paper__upvotes=9)]
    await reader.read(NEXT_DAY, now=later(days=2))
    feed.days["2026-03-04"] = [item("2603.00001", paper__upvotes=1, title="Stale")]
    reader.now = later(days=2)
    await reader.ask(date(2026, 3, 4))
    async with huggingface(reader.settings, reader.database, reader.limits) as hub:
        times = iter([later(days=2), later(days=1, hours=23)])
        await ingestion.read_next(reader.database, hub, RULES, clock=lambda: next(times))
    paper = await reader.paper()
    assert (paper.upvotes, paper.title, paper.seen_at) == (9, item()["title"], later(days=2))
    assert await reader.count(Listing) == 2
    assert await reader.count(Signal) == 1


async def test_authors_that_left_are_taken_out(reader, feed):
    feed.days["2026-03-02"] = [item(paper__authors=[{"name": f"Author {n}"} for n in range(5)])]
    await reader.read()
    feed.days["2026-03-02"] = [item(paper__authors=[{"name": "Author 4"}, {"name": "Author 0"}])]
    await reader.read(now=later(hours=1))
    assert await reader.all(select(Author.name).order_by(Author.position)) == ["Author 4", "Author 0"]


# What breaks on our own side


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> date:
    """Storing this day raises when all its papers are written."""
    store = catalogue.store

    async def raising(session: Any, papers: Any, *, day: date, **rest: Any) -> catalogue.Stored:
        stored = await store(session, papers, day=day, **rest)
        if day == DAY:
            await session.execute(text("SELECT 1 / 0"))
        return stored

    monkeypatch.setattr(catalogue, "store", raising)
    return DAY


async def test_a_day_that_cannot_be_stored_is_rolled_back_whole_and_others_go_on(reader, feed, poisoned):
    feed.days |= {str(DAY + timedelta(days=n)): [item(f"2603.{n:05}"), BAD] for n in range(3)}
    reader.now = later(days=2)
    await reader.ask(*(DAY + timedelta(days=n) for n in range(3)))
    told = {reading.day: reading for reading in await reader.due()}
    assert len(told) == 3
    assert told[poisoned].outcome is Outcome.failed
    assert told[poisoned].error == "could not be stored: DataError"
    assert sorted(await reader.all(select(Paper.id))) == ["2603.00001", "2603.00002"]
    assert poisoned not in await reader.all(select(Quarantined.day))
    taken = await reader.day(poisoned)
    assert (taken.failures, taken.next_try_at) == (1, later(days=2, seconds=30))


CHILD = """
import asyncio, sys
from datetime import timedelta
from paperround.database import Database
from paperround.feeds import intake
from paperround.feeds.huggingface.feed import huggingface
from paperround.settings import Settings

async def main():
    settings = Settings(_env_file=None, huggingface_url=sys.argv[1], feed_rate=0)
    database = Database(sys.argv[2])
    rules = intake.Rules(every=timedelta(hours=1), half_life=timedelta(hours=24))
    async with huggingface(settings, database) as hub:
        await intake.read_next(database, hub, rules)

asyncio.run(main())
"""


async def test_a_day_whose_reader_was_killed_is_free_at_once(reader, feed, database_url):
    feed.days["2026-03-02"] = GOOD
    await reader.ask(DAY)
    feed.faults = [slow(60)]
    child = subprocess.Popen([sys.executable, "-c", CHILD, feed.url, database_url])
    try:
        deadline = time.monotonic() + 60
        while not feed.requests and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        assert len(feed.requests) == 1
        assert await reader.next() is None, "the child holds the day"
    finally:
        child.kill()
        child.wait()
    deadline = time.monotonic() + 60
    while (reading := await reader.next()) is None and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    assert reading is not None
    assert reading.outcome is Outcome.clean
    assert await reader.count(Reading) == 1


async def test_the_token_goes_to_the_feed_and_no_further(reader, feed):
    with serving(FeedServer()) as elsewhere:
        reader.settings = Settings(
            _env_file=None, huggingface_url=feed.url, huggingface_token="hf_secret", feed_rate=0
        )
        feed.faults = [lambda items: (302, {"Location": f"{elsewhere.url}/api/daily_papers"}, b"")]
        await reader.read()
        assert feed.headers[0]["Authorization"] == "Bearer hf_secret"
        assert "Authorization" not in elsewhere.headers[0]
