"""Small changes of a topic, each a button: rename, pause, move, delete, a new key for its feed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from paperround.topics import reader_topics
from paperround.web.dependencies import Config, Now, SignedIn, Write, database_of
from paperround.web.pages.topics import TopicId, topic_page, vectors_of

router = APIRouter(prefix="/topics/{topic_id}", include_in_schema=False, default_response_class=HTMLResponse)


@router.post("/rename")
async def rename(
    session: Write, reader: SignedIn, topic_id: TopicId, name: Annotated[str, Form(max_length=2_000)] = ""
) -> Response:
    topic = await reader_topics.topic_of(session, reader.id, topic_id)
    await reader_topics.rename(session, topic, name)
    return RedirectResponse(f"/topics/{topic_id}", 303)


@router.post("/pause")
async def pause(session: Write, reader: SignedIn, topic_id: TopicId, on: Annotated[bool, Form()]) -> Response:
    topic = await reader_topics.topic_of(session, reader.id, topic_id)
    await reader_topics.pause(session, topic, on)
    return RedirectResponse(f"/topics/{topic_id}", 303)


@router.post("/move")
async def move(
    session: Write, reader: SignedIn, topic_id: TopicId, to: Annotated[int, Form(ge=-1, le=1000)]
) -> Response:
    """`to`: its place among the reader's topics, from 0."""
    await reader_topics.move(session, reader.id, topic_id, to=to)
    return RedirectResponse("/topics#yours", 303)


@router.post("/delete")
async def delete(session: Write, reader: SignedIn, topic_id: TopicId) -> Response:
    topic = await reader_topics.topic_of(session, reader.id, topic_id)
    await reader_topics.remove(session, topic)
    return RedirectResponse("/topics", 303)


@router.post("/feed-key")
async def new_feed_key(
    request: Request, reader: SignedIn, settings: Config, now: Now, topic_id: TopicId
) -> HTMLResponse:
    """The page with the feed's address, this once: of the key only a hash is kept."""
    async with database_of(request).writing() as session:
        topic = await reader_topics.topic_of(session, reader.id, topic_id)
        key = await reader_topics.give_feed_key(session, topic)
    vectors = await vectors_of(request, {topic.id: topic.words})
    address = f"{settings.address}/feeds/topics/{topic.id}.atom?key={key}"
    async with database_of(request).reading() as session:
        response = await topic_page(request, session, reader, topic, vectors.get(topic.id), now, feed=address)
    response.headers["Cache-Control"] = "no-store"
    return response
