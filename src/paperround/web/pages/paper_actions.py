"""Actions on a paper in a list: vote, save, rate within a topic. Each leads back to the paper."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from paperround.accounts import readers
from paperround.library import reading_list
from paperround.papers import votes
from paperround.topics import ratings, reader_topics
from paperround.web.dependencies import Config, Now, SignedIn, Write
from paperround.web.params import PaperId, get_paper_or_404
from paperround.web.viewer import redirect_to_page, redirect_to_paper

router = APIRouter(include_in_schema=False)
Switch = Annotated[bool, Form()]


@router.post("/papers/{paper_id:path}/upvote")
async def upvote_paper(
    request: Request,
    session: Write,
    reader: SignedIn,
    settings: Config,
    now: Now,
    paper_id: PaperId,
    on: Switch,
) -> Response:
    paper = await get_paper_or_404(session, paper_id)
    if on:
        await votes.add_upvote(session, reader.id, paper.id, now=now, half_life=settings.half_life)
    else:
        await votes.remove_upvote(session, reader.id, paper.id, half_life=settings.half_life)
    return redirect_to_paper(request, paper.id)


@router.post("/papers/{paper_id:path}/save")
async def save_paper(
    request: Request, session: Write, reader: SignedIn, now: Now, paper_id: PaperId, on: Switch
) -> Response:
    paper = await get_paper_or_404(session, paper_id)
    if on:
        await reading_list.save_paper(session, reader.id, paper.id, now=now)
    else:
        await reading_list.unsave_paper(session, reader.id, paper.id)
    return redirect_to_paper(request, paper.id)


@router.post("/seen")
async def mark_all_seen(request: Request, session: Write, reader: SignedIn, now: Now) -> Response:
    """Note that nothing which is here by now is new to the reader."""
    await readers.mark_all_seen(session, reader.id, now=now)
    return redirect_to_page(request)


@router.post("/rate")
async def rate_paper(
    request: Request,
    session: Write,
    reader: SignedIn,
    now: Now,
    topic: Annotated[int, Form(ge=1, lt=2**31)],
    more: Annotated[str, Form(max_length=60)] = "",
    less: Annotated[str, Form(max_length=60)] = "",
    undo: Annotated[str, Form(max_length=60)] = "",
) -> Response:
    """Rate a paper, which is the value of `more`, `less` or `undo`.

    One form serves a whole page, and its buttons name the papers. They may also name another topic than the
    form's, as `12:2510.12345`.
    """
    number, _, paper_id = (more or less or undo).rpartition(":")
    topic_id = int(number) if number.isdecimal() and len(number) < 10 else topic
    chosen_topic = await reader_topics.get_topic(session, reader.id, topic_id)
    paper = await get_paper_or_404(session, paper_id)
    if undo:
        await ratings.remove_rating(session, chosen_topic, paper.id, now=now)
    else:
        await ratings.rate_paper(session, chosen_topic, paper.id, 1 if more else -1, now=now)
    return redirect_to_paper(request, paper.id)
