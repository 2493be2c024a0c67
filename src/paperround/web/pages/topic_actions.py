"""Small changes of a topic, each behind a button: rename, pause, move, delete, a new key for its feed."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from paperround.topics import reader_topics, splits
from paperround.web.dependencies import Config, Now, SignedIn, Write, database_of
from paperround.web.pages.topics import render_topic
from paperround.web.params import TopicId
from paperround.web.router import Router
from paperround.web.topic_matches import encode_text

router = Router(prefix="/topics/{topic_id}", include_in_schema=False, default_response_class=HTMLResponse)


@router.post("/rename")
async def rename_topic(
    session: Write, reader: SignedIn, topic_id: TopicId, name: Annotated[str, Form(max_length=2_000)] = ""
) -> Response:
    topic = await reader_topics.get_topic(session, reader.id, topic_id)
    await reader_topics.rename_topic(session, topic, name)
    return RedirectResponse(f"/topics/{topic_id}", 303)


@router.post("/pause")
async def pause_topic(
    session: Write, reader: SignedIn, topic_id: TopicId, on: Annotated[bool, Form()]
) -> Response:
    topic = await reader_topics.get_topic(session, reader.id, topic_id)
    await reader_topics.set_paused(session, topic, on)
    return RedirectResponse(f"/topics/{topic_id}", 303)


@router.post("/split")
async def split_topic(session: Write, reader: SignedIn, now: Now, topic_id: TopicId) -> Response:
    """Split a topic into its interests, as they are found in its words now."""
    topic = await reader_topics.get_topic(session, reader.id, topic_id)
    await splits.split_topic(session, topic, now=now)
    return RedirectResponse("/topics#yours", 303)


@router.post("/move")
async def move_topic(
    session: Write, reader: SignedIn, topic_id: TopicId, to: Annotated[int, Form(ge=-1, le=1000)]
) -> Response:
    """Move a topic. `to` is its position among the reader's topics, counted from 0."""
    await reader_topics.move_topic(session, reader.id, topic_id, position=to)
    return RedirectResponse("/topics#yours", 303)


@router.post("/delete")
async def delete_topic(session: Write, reader: SignedIn, topic_id: TopicId) -> Response:
    topic = await reader_topics.get_topic(session, reader.id, topic_id)
    await reader_topics.delete_topic(session, topic)
    return RedirectResponse("/topics", 303)


@router.post("/feed-key")
async def renew_feed_key(
    request: Request, reader: SignedIn, settings: Config, now: Now, topic_id: TopicId
) -> HTMLResponse:
    """Show the address of the topic's feed, this once: only a hash of its key is stored."""
    async with database_of(request).write_session() as session:
        topic = await reader_topics.get_topic(session, reader.id, topic_id)
        key = await reader_topics.renew_feed_key(session, topic)
    vector = await encode_text(request, topic.words)
    address = f"{settings.address}/feeds/topics/{topic.id}.atom?key={key}"
    async with database_of(request).read_session() as session:
        response = await render_topic(request, session, reader, topic, vector, now, feed=address)
    response.headers["Cache-Control"] = "no-store"
    return response
