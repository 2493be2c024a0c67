"""/api/v1/topics: a reader's topics, their matches and ratings, with a key. POST /api/v1/match needs none."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Final

from fastapi import Query, Request, Response

from paperround import rate_limits
from paperround.database import WriteSession
from paperround.papers import arxiv_id, editions
from paperround.rate_limits import RateLimit
from paperround.summaries.shown_explanations import load_explanations_of
from paperround.topics import queries, ratings, reader_topics
from paperround.topics.model.bands import Band
from paperround.topics.model.match import TopicQuery
from paperround.topics.tables import Topic
from paperround.web.api import match as api_match
from paperround.web.api.topic_schemas import (
    DayMatches,
    MatchIn,
    MatchList,
    MatchOut,
    RatingIn,
    RatingList,
    RatingOut,
    TopicChange,
    TopicHistory,
    TopicIn,
    TopicList,
    TopicOut,
)
from paperround.web.dependencies import (
    BadRequest,
    Config,
    KeyReader,
    KeyWriter,
    Now,
    Read,
    TooMany,
    Write,
    database_of,
)
from paperround.web.params import TopicId, get_paper_or_404
from paperround.web.router import Router
from paperround.web.security.client_ip import find_source_network
from paperround.web.topic_matches import encode_text

MINUTE: Final = timedelta(minutes=1)
MATCHES_A_MINUTE: Final = 60  # of one network

FirstDay = Annotated[
    date | None, Query(alias="from", description="Default: six days before `to`.", examples=["2025-10-27"])
]
LastDay = Annotated[
    date | None, Query(description="Default: the latest day with papers.", examples=["2025-11-02"])
]

router = Router(prefix="/api/v1", tags=["topics"])


@router.get("/topics", summary="Your topics")
async def list_topics(session: Read, reader: KeyReader, settings: Config) -> TopicList:
    topics = await reader_topics.list_topics(session, reader.id)
    return TopicList(topics=[TopicOut.of(topic, settings.address) for topic in topics])


@router.post("/topics", status_code=201, summary="Follow a new topic")
async def create_topic(
    session: Write, reader: KeyWriter, settings: Config, now: Now, topic: TopicIn, response: Response
) -> TopicOut:
    """Create a topic. It needs words, examples or authors: one of them is enough."""
    made = await reader_topics.create_topic(session, reader.id, topic.wish(), now=now)
    response.headers["Location"] = f"/api/v1/topics/{made.id}"
    return TopicOut.of(made, settings.address)


@router.get("/topics/{topic_id}", summary="One of your topics")
async def one_topic(session: Read, reader: KeyReader, settings: Config, topic_id: TopicId) -> TopicOut:
    return TopicOut.of(await reader_topics.get_topic(session, reader.id, topic_id), settings.address)


@router.patch("/topics/{topic_id}", summary="Change a topic")
async def change_topic(
    session: Write, reader: KeyWriter, settings: Config, now: Now, topic_id: TopicId, change: TopicChange
) -> TopicOut:
    """Change a topic. Fields that are left out stay as they are."""
    topic = await reader_topics.get_topic(session, reader.id, topic_id)
    wish = change.said(topic)
    if wish is not None:
        await reader_topics.change_topic(session, topic, wish, now=now)
    if change.paused is not None:
        await reader_topics.set_paused(session, topic, change.paused)
    if change.place is not None:
        await reader_topics.move_topic(session, reader.id, topic.id, position=change.place)
    return TopicOut.of(await reader_topics.get_topic(session, reader.id, topic_id), settings.address)


@router.delete("/topics/{topic_id}", status_code=204, summary="Delete a topic with its ratings")
async def delete_topic(session: Write, reader: KeyWriter, topic_id: TopicId) -> None:
    await reader_topics.delete_topic(session, await reader_topics.get_topic(session, reader.id, topic_id))


@router.get("/topics/{topic_id}/papers", summary="What a topic matches")
async def topic_papers(
    request: Request,
    reader: KeyReader,
    settings: Config,
    topic_id: TopicId,
    from_: FirstDay = None,
    to: LastDay = None,
    limit: Annotated[int, Query(ge=1, le=100, description="At most this many papers.")] = 50,
) -> MatchList:
    """List matches of the topic as it is now. Ratings count at once."""
    async with database_of(request).read_session() as session:
        topic = await reader_topics.get_topic(session, reader.id, topic_id)
    vector = await encode_text(request, topic.words)
    async with database_of(request).read_session() as session:
        wanted = await queries.load_topic_queries(session, [topic.id])
        return await api_match.build_match_list(
            session,
            wanted.get(topic.id, TopicQuery()),
            vector,
            await api_match.resolve_days(session, from_, to),
            limit=limit,
            daily=topic.daily,
            min_band=Band(topic.min_band),
            base=settings.address,
            topic=topic,
        )


@router.get("/topics/{topic_id}/history", summary="What a topic matched day by day")
async def topic_history(
    session: Read,
    reader: KeyReader,
    settings: Config,
    topic_id: TopicId,
    from_: FirstDay = None,
    to: LastDay = None,
) -> TopicHistory:
    """List the matches that were stored for each day, at most 31 days. They are kept for 60."""
    topic = await reader_topics.get_topic(session, reader.id, topic_id)
    span = await api_match.resolve_days(session, from_, to)
    if span is None:
        return TopicHistory(days=[], first=None, last=None)
    days = (await queries.load_matches(session, [topic.id], *span))[topic.id]
    found = {match.paper_id for matches in days.values() for match in matches}
    papers = await editions.load_papers(session, found)
    explained = await load_explanations_of(session, topic, found)
    return TopicHistory(
        days=[
            DayMatches(
                day=day,
                papers=[
                    MatchOut.of(
                        match, papers[match.paper_id], settings.address, explained.get(match.paper_id)
                    )
                    for match in matches
                    if match.paper_id in papers
                ],
            )
            for day, matches in days.items()
        ],
        first=span[0],
        last=span[1],
    )


@router.get("/topics/{topic_id}/ratings", summary="What you rated in a topic")
async def topic_ratings(session: Read, reader: KeyReader, topic_id: TopicId) -> RatingList:
    return _ratings(await reader_topics.get_topic(session, reader.id, topic_id))


@router.post("/topics/{topic_id}/ratings", summary="Rate a paper, or take a rating back")
async def rate(
    session: Write, reader: KeyWriter, now: Now, topic_id: TopicId, rating: RatingIn
) -> RatingList:
    """Rate a paper. The rating counts from the next matching on.

    A paper rated “less” never comes back in this topic.
    """
    topic = await reader_topics.get_topic(session, reader.id, topic_id)
    paper = await get_paper_or_404(session, rating.paper)
    await _rate(session, topic, paper.id, rating.value, now)
    session.expire_all()
    return _ratings(await reader_topics.get_topic(session, reader.id, topic_id))


async def _rate(session: WriteSession, topic: Topic, paper_id: str, value: int, now: Now) -> None:
    if value:
        await ratings.rate_paper(session, topic, paper_id, value, now=now)
    else:
        await ratings.remove_rating(session, topic, paper_id, now=now)


def _ratings(topic: Topic) -> RatingList:
    latest = sorted(topic.ratings, key=lambda rating: (rating.rated_at, rating.paper_id), reverse=True)
    return RatingList(ratings=[RatingOut.of(rating) for rating in latest])


@router.post("/match", summary="Papers that match a text or examples")
async def match(request: Request, settings: Config, now: Now, asked: MatchIn) -> MatchList:
    """Match papers with a topic that is not stored. Needs no key; at most 60 requests a minute."""
    if not (asked.text.strip() or asked.examples or asked.authors):
        raise BadRequest("Say what to match: `text`, `examples` or `authors`.")
    await _within_limit(request, now)
    vector = await encode_text(request, asked.text)
    wanted = TopicQuery(
        words=asked.text,
        examples=_ids(asked.examples),
        disliked=_ids(asked.less),
        must=tuple(asked.must),
        must_not=tuple(asked.must_not),
        authors=tuple(asked.authors),
    )
    async with database_of(request).read_session() as session:
        span = await api_match.resolve_days(session, asked.first, asked.last)
        return await api_match.build_match_list(
            session,
            wanted,
            vector,
            span,
            limit=asked.limit,
            daily=asked.daily,
            min_band=asked.min_band,
            base=settings.address,
        )


def _ids(given: list[str]) -> tuple[str, ...]:
    """Bare; what names no paper counts for nothing, as a paper that isn't here does."""
    return tuple(key for one in given if (key := arxiv_id.parse_id_or_url(one)))


async def _within_limit(request: Request, now: Now) -> None:
    limit = RateLimit(f"matches of {find_source_network(request)}", MATCHES_A_MINUTE, MINUTE)
    if not await rate_limits.is_allowed(database_of(request), limit, now=now):
        raise TooMany(f"At most {MATCHES_A_MINUTE} matches a minute.", wait=MINUTE)
