"""`/topics` and `/topics/{id}`: what matches, why, and what a topic learned from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from paperround.accounts.tables import Reader
from paperround.database import ReadSession
from paperround.papers import editions
from paperround.papers.editions import Choice, Sort
from paperround.papers.tables import Paper
from paperround.search.query_vectors import QueryVector
from paperround.topics import overview, queries, reader_topics
from paperround.topics.matcher import matches
from paperround.topics.model.batch import MOST_FOLLOWED
from paperround.topics.model.match import Match
from paperround.topics.tables import Topic
from paperround.web.dependencies import Now, SignedIn, database_of, page, query_vectors_of
from paperround.web.views import presenters
from paperround.web.views.reasons import named_papers, why
from paperround.web.views.viewer_state import Marks, marks

SPANS: Final = {1: "the latest day", 7: "the last 7 days"}
MOST_SHOWN: Final = 100
CANDIDATES: Final = 50  # of the day's most voted papers, for what lies outside

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
TopicId = Annotated[int, Path(ge=1, lt=2**31, description="A topic's number.", examples=[12])]


@dataclass(frozen=True)
class Shown:
    """A match as a page shows it."""

    entry: presenters.Entry
    why: Markup
    strength: int
    new: bool
    also: Sequence[str] = ()


async def vectors_of(request: Request, texts: Mapping[int, str]) -> dict[int, QueryVector]:
    """Of topics' words, by topic; those that can't be had now are left out. Ask before taking a session."""
    vectors = query_vectors_of(request)
    found = {key: await vectors.of(text) for key, text in texts.items() if text}
    return {key: vector for key, vector in found.items() if vector}


@router.get("/topics")
async def all_topics(request: Request, reader: SignedIn, now: Now) -> HTMLResponse:
    """The latest day's matches of all topics, each paper once, and some from outside."""
    async with database_of(request).reading() as session:
        topics = await reader_topics.topics_of(session, reader.id)
    vectors = await vectors_of(request, {topic.id: topic.words for topic in topics if not topic.paused})
    async with database_of(request).reading() as session:
        return await _all_topics(request, session, reader, topics, vectors, now)


async def _all_topics(
    request: Request,
    session: ReadSession,
    reader: Reader,
    topics: Sequence[Topic],
    vectors: Mapping[int, QueryVector],
    now: datetime,
) -> HTMLResponse:
    day = await editions.newest_day(session)
    groups = await overview.grouped(session, topics, day, vectors) if day else []
    found = [placed.match for group in groups for placed in group.shown]
    matched = {placed.match.paper_id for group in groups for placed in group.matches}
    outside = await _outside(session, reader, topics, matched, day) if day and topics else []
    papers = await editions.papers_of(session, [*(match.paper_id for match in found), *outside])
    look = await Look.at(session, papers.values(), found, reader=reader, now=now)
    told = [
        (group, [look.match(placed.match, also=placed.also) for placed in group.shown]) for group in groups
    ]
    return await page(
        request,
        session,
        "topics/all.html",
        topics=topics,
        groups=told,
        outside=[look.paper(key) for key in outside],
        marks=await marks(request, session, papers.values()),
        day=day,
        day_label=presenters.days_ago(day, today=now.date()) if day else "",
        total=len(matched),
        fresh=sum(one.new for _, group in told for one in group),
        now=now,
    )


async def _outside(
    session: ReadSession, reader: Reader, topics: Sequence[Topic], matched: Collection[str], day: date
) -> list[str]:
    popular = await editions.papers(session, Choice(first=day, last=day), sort=Sort.upvotes, limit=CANDIDATES)
    rated = {rating.paper_id for topic in topics for rating in topic.ratings}
    return overview.outside(
        [paper.id for paper in popular.papers],
        {*rated, *matched},
        matched=len(matched),
        reader_id=reader.id,
        day=day,
    )


@router.get("/topics/{topic_id}")
async def one_topic(
    request: Request,
    reader: SignedIn,
    now: Now,
    topic_id: TopicId,
    days: Annotated[int, Query(ge=1, le=7)] = 1,
) -> HTMLResponse:
    async with database_of(request).reading() as session:
        topic = await reader_topics.topic_of(session, reader.id, topic_id)
    vectors = await vectors_of(request, {topic.id: topic.words})
    async with database_of(request).reading() as session:
        return await topic_page(request, session, reader, topic, vectors.get(topic.id), now, days=days)


async def topic_page(
    request: Request,
    session: ReadSession,
    reader: Reader,
    topic: Topic,
    vector: QueryVector | None,
    now: datetime,
    *,
    days: int = 1,
    feed: str = "",
) -> HTMLResponse:
    """`feed`: the address of its feed, just after its key was made."""
    day = await editions.newest_day(session)
    found = await matches_until(session, topic, day, vector, days=days) if day else []
    papers = await editions.papers_of(session, [match.paper_id for match in found])
    look = await Look.at(session, papers.values(), found, reader=reader, now=now)
    mine = await marks(request, session, papers.values())
    ratings = sorted(topic.ratings, key=lambda rating: rating.rated_at, reverse=True)
    examples = [example.paper_id for example in topic.examples]
    titles = await reader_topics.titles(session, [*examples, *(rating.paper_id for rating in ratings)])
    return await page(
        request,
        session,
        "topics/one.html",
        topic=topic,
        matches=[look.match(match) for match in found],
        marks=only(mine, topic.id),
        examples=[(key, titles[key]) for key in examples if key in titles],
        ratings=[(rating, titles[rating.paper_id]) for rating in ratings if rating.paper_id in titles],
        day=day,
        day_label=presenters.days_ago(day, today=now.date()) if day else "",
        days=days,
        spans=SPANS,
        feed=feed,
        now=now,
    )


async def matches_until(
    session: ReadSession, topic: Topic, day: date, vector: QueryVector | None, *, days: int
) -> Sequence[Match]:
    """As the topic is now: a rating counts at once. A paused one is shown what it would match."""
    wanted = await queries.wanted_of(session, [topic.id])
    return await matches(
        session,
        wanted[topic.id],
        text_vector=vector,
        first=day - timedelta(days=days - 1),
        last=day,
        limit=min((topic.daily + MOST_FOLLOWED) * days, MOST_SHOWN),
        daily=topic.daily,
    )


def only(mine: Marks, topic_id: int) -> Marks:
    """A topic's own page tells of ratings in it alone."""
    own = {
        key: replace(mark, ratings=[rated for rated in mark.ratings if rated.topic_id == topic_id])
        for key, mark in mine.by_paper.items()
    }
    return replace(mine, by_paper=own)


@dataclass(frozen=True)
class Look:
    """What matches are shown with. `new`: papers that came since the reader's last visit."""

    papers: Mapping[str, Paper]
    titles: Mapping[str, str]
    new: Collection[str]
    today: date

    @classmethod
    async def at(
        cls,
        session: ReadSession,
        papers: Iterable[Paper],
        found: Sequence[Match],
        *,
        reader: Reader,
        now: datetime,
    ) -> Look:
        by_id = {paper.id: paper for paper in papers}
        listings = await editions.listings(session, list(by_id))
        new = {
            key
            for key, rows in listings.items()
            if rows and min(row.first_seen_at for row in rows) > reader.visited_at
        }
        return cls(by_id, await reader_topics.titles(session, named_papers(found)), new, now.date())

    def match(self, match: Match, also: Sequence[str] = ()) -> Shown:
        entry = presenters.entry(self.papers[match.paper_id], today=self.today)
        return Shown(entry, why(match, self.titles), match.strength, match.paper_id in self.new, also)

    def paper(self, paper_id: str) -> Shown:
        """One that no topic matched."""
        entry = presenters.entry(self.papers[paper_id], today=self.today)
        return Shown(entry, Markup(""), 0, paper_id in self.new)
