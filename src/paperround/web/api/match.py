"""Matches of a range of days, for a reader's topic and for an anonymous one."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from paperround.database import ReadSession
from paperround.papers import editions
from paperround.search.query_vectors import QueryVector
from paperround.summaries.shown_explanations import load_explanations_of
from paperround.topics import corpus
from paperround.topics.matcher import match_papers
from paperround.topics.model.bands import Band
from paperround.topics.model.match import TopicQuery
from paperround.topics.tables import Topic
from paperround.web.api.topic_schemas import MatchList, MatchOut
from paperround.web.dependencies import BadRequest

WEEK: Final = timedelta(days=6)
MAX_DAYS: Final = 31


async def resolve_days(
    session: ReadSession, first: date | None, last: date | None
) -> tuple[date, date] | None:
    """Return the requested days, by default the week up to the latest day with papers.

    Returns None if there are no papers. Raises `BadRequest`.
    """
    end = last or await editions.find_newest_day(session)
    if end is None:
        return None
    start = first or max(end, date.min + WEEK) - WEEK
    if start > end:
        raise BadRequest("`from` is after `to`.")
    if (end - start).days >= MAX_DAYS:
        raise BadRequest(f"At most {MAX_DAYS} days at once.")
    return start, end


async def build_match_list(
    session: ReadSession,
    topic_query: TopicQuery,
    vector: QueryVector | None,
    span: tuple[date, date] | None,
    *,
    limit: int,
    daily: int,
    min_band: Band,
    base: str,
    topic: Topic | None = None,
) -> MatchList:
    """Build the list of what matches, with explanations where the query is that of a stored topic."""
    if span is None:
        return MatchList(papers=[], first=None, last=None)
    first, last = span
    matches = await match_papers(
        session,
        topic_query,
        text_vector=vector,
        first=first,
        last=last,
        limit=limit,
        daily=daily,
        min_band=min_band,
    )
    ids = [match.paper_id for match in matches]
    papers = await editions.load_papers(session, ids)
    explained = await load_explanations_of(session, topic, ids) if topic else {}
    return MatchList(
        papers=[
            MatchOut.of(match, papers[match.paper_id], base, explained.get(match.paper_id))
            for match in matches
        ],
        calibrated=not await corpus.explain_words_alone(session),
        first=first,
        last=last,
    )
