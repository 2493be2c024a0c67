"""The page of the map of the field."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import HTMLResponse

from paperround.database import ReadSession
from paperround.field_map.maps import EXTENT, MAX_PAPERS, ShownMap, load_map
from paperround.field_map.messages import HEIGHT, WIDTH
from paperround.topics import reader_topics
from paperround.topics.queries import load_matches
from paperround.topics.tables import Topic
from paperround.web.dependencies import Now, Read, Viewer, render_page
from paperround.web.router import Router
from paperround.web.views.field_map import build_map_groups

router = Router(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/map")
async def show_map(
    request: Request,
    session: Read,
    viewer: Viewer,
    now: Now,
    topic: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> HTMLResponse:
    """Show the map. With one of the reader's own topics it shows what of it fits that topic."""
    shown = await load_map(session)
    topics = await reader_topics.list_topics(session, viewer.id) if viewer else ()
    filtered = await reader_topics.get_topic(session, viewer.id, topic) if viewer and topic else None
    chosen = await _find_matches(session, filtered, shown) if filtered and shown else None
    groups = build_map_groups(shown, chosen) if shown else []
    return await render_page(
        request,
        session,
        "papers/map.html",
        shown=shown,
        groups=groups,
        listed=sum(len(group.points) for group in groups),
        most=MAX_PAPERS,
        days=EXTENT.days,
        frame=(WIDTH, HEIGHT),
        topics=topics,
        topic=filtered,
        now=now,
    )


async def _find_matches(session: ReadSession, topic: Topic, shown: ShownMap) -> frozenset[str]:
    """Find the papers of the map's month that were matched with a topic as it is now."""
    last = shown.made_at.date()
    matches = await load_matches(session, [topic.id], last - 2 * EXTENT, last)
    return frozenset(match.paper_id for of_day in matches[topic.id].values() for match in of_day)
