"""Serves `/feeds/topics/{id}.atom?key=…`: a topic's matches for a feed reader, which cannot sign in."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from paperround.papers import editions
from paperround.summaries.shown_explanations import load_explanations_of
from paperround.topics import reader_topics
from paperround.web.dependencies import Config, database_of
from paperround.web.params import TopicId
from paperround.web.router import Router
from paperround.web.syndication import formats
from paperround.web.syndication.document import FeedDocument
from paperround.web.syndication.lists import DAYS, SHAPES, FormOf
from paperround.web.topic_matches import encode_text, match_days
from paperround.web.views.reasons import find_papers_in_reasons, write_note

router = Router(prefix="/feeds/topics", tags=["feed readers"], responses=SHAPES)


@router.get("/{topic_id}.{form}", response_class=Response, summary="What a topic matches, as a feed")
async def topic_feed(
    request: Request,
    settings: Config,
    topic_id: TopicId,
    form: FormOf,
    key: Annotated[str, Query(max_length=100, description="The topic's own, from its page.")] = "",
) -> Response:
    """Serve the matches of the last seven days, the newest day first, then the best, each with its band."""
    async with database_of(request).read_session() as session:
        topic = await reader_topics.get_topic_by_feed_key(session, topic_id, key)
    vector = await encode_text(request, topic.words)
    async with database_of(request).read_session() as session:
        day = await editions.find_newest_day(session)
        found = await match_days(session, topic, day, vector, days=DAYS) if day else []
        by_id = await editions.load_papers(session, [match.paper_id for match in found])
        titles = await reader_topics.load_titles(session, find_papers_in_reasons(found))
        explained = await load_explanations_of(session, topic, [match.paper_id for match in found])
    best = [by_id[match.paper_id] for match in found]
    newest = sorted(best, key=lambda paper: paper.listed_on, reverse=True)
    notes = {match.paper_id: write_note(match, titles, explained.get(match.paper_id)) for match in found}
    address = f"/feeds/topics/{topic.id}.{form}"
    feed = FeedDocument.of(settings, topic.name, address, f"/topics/{topic.id}", newest, notes)
    return formats.build_response(request, feed, form, private=True)
