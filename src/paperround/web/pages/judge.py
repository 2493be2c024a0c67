"""`/judge`: a reader says of some papers whether they fit their topics. Off unless a setting turns it on."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from paperround.i18n.messages import gettext as _
from paperround.papers import editions
from paperround.topics import judging, reader_topics
from paperround.topics.model.pair_choice import PAIRS_A_DAY
from paperround.web.dependencies import Config, NotFound, Now, SignedIn, Write, database_of, render_page
from paperround.web.params import get_paper_or_404
from paperround.web.router import Router
from paperround.web.topic_matches import encode_texts
from paperround.web.views import paper_cards


async def require_judging(settings: Config) -> None:
    if not settings.judging:
        raise NotFound(_("Judging papers is switched off here."))


router = Router(
    prefix="/judge",
    include_in_schema=False,
    default_response_class=HTMLResponse,
    dependencies=[Depends(require_judging)],
)


@router.get("")
async def show_pairs(request: Request, reader: SignedIn, now: Now) -> HTMLResponse:
    """Show the pairs of today that are left to judge."""
    async with database_of(request).read_session() as session:
        topics = await reader_topics.list_topics(session, reader.id)
    vectors = await encode_texts(request, {topic.id: topic.words for topic in topics if not topic.paused})
    async with database_of(request).read_session() as session:
        due = await judging.find_due_pairs(session, reader.id, topics, vectors, now=now)
        papers = await editions.load_papers(session, [pair.paper_id for pair in due.pairs])
        pairs = [pair for pair in due.pairs if pair.paper_id in papers]
        cards = paper_cards.build_paper_cards([papers[pair.paper_id] for pair in pairs], today=now.date())
        return await render_page(
            request,
            session,
            "topics/judge.html",
            pairs=list(zip(pairs, cards, strict=True)),
            has_topics=any(topic.words.strip() for topic in topics),
            judged_today=due.judged_today,
            judged=await judging.count_judgments(session, reader.id),
            a_day=PAIRS_A_DAY,
        )


@router.post("")
async def judge_pair(
    session: Write,
    reader: SignedIn,
    now: Now,
    topic: Annotated[int, Form(ge=1, lt=2**31)],
    paper: Annotated[str, Form(max_length=60)],
    grade: Annotated[int, Form(ge=0, le=2)],
) -> Response:
    """Keep a judgment. The topic has to be the reader's own."""
    of_reader = await reader_topics.get_topic(session, reader.id, topic)
    found = await get_paper_or_404(session, paper)
    await judging.judge(session, reader.id, of_reader, found.id, grade, now=now)
    return RedirectResponse("/judge", 303)


@router.post("/forget")
async def forget_judgments(session: Write, reader: SignedIn) -> Response:
    """Delete all of the reader's judgments."""
    await judging.delete_judgments(session, reader.id)
    return RedirectResponse("/judge", 303)
