"""What a reader does with a paper where it stands: vote, save, rate within a topic. Then back to it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from paperround.library import reading_list
from paperround.papers import votes
from paperround.topics import reader_topics
from paperround.web.api.papers import PaperId, found
from paperround.web.dependencies import Config, Now, SignedIn, Write
from paperround.web.views.viewer_state import back

router = APIRouter(include_in_schema=False)
On = Annotated[bool, Form()]


@router.post("/papers/{paper_id:path}/upvote")
async def upvote(
    request: Request, session: Write, reader: SignedIn, settings: Config, now: Now, paper_id: PaperId, on: On
) -> Response:
    paper = await found(session, paper_id)
    if on:
        await votes.upvote(session, reader.id, paper.id, now=now, half_life=settings.half_life)
    else:
        await votes.take_back(session, reader.id, paper.id, half_life=settings.half_life)
    return back(request, paper.id)


@router.post("/papers/{paper_id:path}/save")
async def save(
    request: Request, session: Write, reader: SignedIn, now: Now, paper_id: PaperId, on: On
) -> Response:
    paper = await found(session, paper_id)
    if on:
        await reading_list.save(session, reader.id, paper.id, now=now)
    else:
        await reading_list.take_off(session, reader.id, paper.id)
    return back(request, paper.id)


@router.post("/rate")
async def rate(
    request: Request,
    session: Write,
    reader: SignedIn,
    now: Now,
    topic: Annotated[int, Form(ge=1, lt=2**31)],
    more: Annotated[str, Form(max_length=60)] = "",
    less: Annotated[str, Form(max_length=60)] = "",
    undo: Annotated[str, Form(max_length=60)] = "",
) -> Response:
    """`more`, `less` or `undo` is the paper. One form serves a whole page: its buttons name the papers.

    They may name another topic than the form's, as `12:2510.12345`.
    """
    number, _, rated = (more or less or undo).rpartition(":")
    topic_id = int(number) if number.isdecimal() and len(number) < 10 else topic
    mine = await reader_topics.topic_of(session, reader.id, topic_id)
    paper = await found(session, rated)
    if undo:
        await reader_topics.take_rating_back(session, mine, paper.id, now=now)
    else:
        await reader_topics.rate(session, mine, paper.id, 1 if more else -1, now=now)
    return back(request, paper.id)
