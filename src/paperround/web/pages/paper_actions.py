"""Actions on a paper in a list: vote, save, rate within a topic. Each leads back to the paper."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from paperround.accounts import readers
from paperround.library import reading_list
from paperround.papers import votes
from paperround.papers.readings import read_title
from paperround.text.markup import write_html
from paperround.topics import paper_topics, ratings, reader_topics
from paperround.web.dependencies import Config, Now, Read, SignedIn, Write, database_of, render_page
from paperround.web.params import PaperId, get_paper_or_404
from paperround.web.router import Router
from paperround.web.topic_matches import RatingEffect
from paperround.web.viewer import find_page_of_form, redirect_to_page, redirect_to_paper

router = Router(include_in_schema=False)
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


@router.get("/rate/{paper_id:path}", response_class=HTMLResponse)
async def show_topics_to_rate_in(
    request: Request, session: Read, reader: SignedIn, paper_id: PaperId
) -> HTMLResponse:
    """Show the reader's topics, the one that the paper fits best chosen already."""
    paper = await get_paper_or_404(session, paper_id)
    return await render_page(
        request,
        session,
        "topics/rate.html",
        paper=paper,
        title=write_html(read_title(paper)),
        topics=await paper_topics.rank_topics(session, reader.id, paper.id),
        page=find_page_of_form(request),
    )


@router.post("/rate")
async def rate_paper(
    request: Request,
    reader: SignedIn,
    now: Now,
    topic: Annotated[int, Form(ge=1, lt=2**31)] = 0,
    more: Annotated[str, Form(max_length=60)] = "",
    less: Annotated[str, Form(max_length=60)] = "",
    undo: Annotated[str, Form(max_length=60)] = "",
    page: Annotated[str, Form(max_length=2_000)] = "",
) -> Response:
    """Rate a paper, which is the value of `more`, `less` or `undo`, and tell how many papers that moves up.

    One form serves a whole page: its buttons name the topic too, as `12:2510.12345`. `page` is where to lead
    back to, if not to the page that held the form.
    """
    number, _, paper_id = (more or less or undo).rpartition(":")
    topic_id = int(number) if number.isdecimal() and len(number) < 10 else topic
    database = database_of(request)
    async with database.read_session() as session:
        paper = await get_paper_or_404(session, paper_id)
        chosen_topic = await reader_topics.get_topic(session, reader.id, topic_id)
    if undo:
        async with database.write_session() as session:
            chosen_topic = await reader_topics.get_topic(session, reader.id, topic_id)
            await ratings.remove_rating(session, chosen_topic, paper.id, now=now)
        return redirect_to_paper(request, paper.id, page=page)
    effect = await RatingEffect.watch(request, chosen_topic)
    async with database.write_session() as session:
        chosen_topic = await reader_topics.get_topic(session, reader.id, topic_id)
        await ratings.rate_paper(session, chosen_topic, paper.id, 1 if more else -1, now=now)
    moved = await effect.count_moved(request, chosen_topic)
    return redirect_to_paper(
        request, paper.id, page=page, rated=f"rated={chosen_topic.id}:{paper.id}&moved={moved}"
    )
