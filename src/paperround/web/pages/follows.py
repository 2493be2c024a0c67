"""`/following`: what a reader follows, and its papers of the last days; the buttons that follow."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from paperround.follows import reader_follows
from paperround.follows.followed_papers import list_followed_papers
from paperround.follows.reader_follows import MAX_NAME_LENGTH
from paperround.follows.tables import FollowKind
from paperround.i18n.messages import gettext as _
from paperround.papers import editions
from paperround.web.dependencies import BadRequest, Now, Read, SignedIn, Write, render_page
from paperround.web.router import Router
from paperround.web.viewer import find_page_of_form, load_viewer_state
from paperround.web.views import paper_cards
from paperround.web.views.follow_state import list_followed_names, write_follow_reasons

DAYS: Final = 7
MAX_PAPERS: Final = 30
MAX_VALUE: Final = MAX_NAME_LENGTH + 20

router = Router(include_in_schema=False, default_response_class=HTMLResponse)
Named = Annotated[str, Form(max_length=MAX_VALUE)]


@router.get("/following")
async def show_following(request: Request, session: Read, reader: SignedIn, now: Now) -> HTMLResponse:
    follows = await reader_follows.list_follows(session, reader.id)
    last = await editions.find_newest_day(session) if follows else None
    first = last - timedelta(days=DAYS - 1) if last else None
    found = (
        await list_followed_papers(session, follows, first, last, limit=MAX_PAPERS) if first and last else []
    )
    papers = await editions.load_papers(session, [one.paper_id for one in found])
    cards = {card.id: card for card in paper_cards.build_paper_cards(papers.values(), today=now.date())}
    return await render_page(
        request,
        session,
        "follows/all.html",
        groups=list_followed_names(follows),
        total=len(follows),
        days=DAYS,
        entries=[
            (cards[one.paper_id], write_follow_reasons(one.follows)) for one in found if one.paper_id in cards
        ],
        marks=await load_viewer_state(request, session, papers.values()),
        longest_name=MAX_NAME_LENGTH,
    )


@router.post("/following")
async def follow_by_name(
    session: Write,
    reader: SignedIn,
    now: Now,
    kind: Annotated[FollowKind, Form()],
    name: Annotated[str, Form(max_length=MAX_NAME_LENGTH)] = "",
) -> Response:
    """Follow what a reader typed."""
    await reader_follows.add_follow(session, reader.id, kind, name, now=now)
    return RedirectResponse("/following", 303)


@router.post("/follow")
async def change_follow(
    request: Request, session: Write, reader: SignedIn, now: Now, on: Named = "", off: Named = ""
) -> Response:
    """Follow or unfollow what a button names, such as `author:Ada Lindqvist`, and lead back to its page."""
    kind, name = _parse_value(on or off)
    if on:
        await reader_follows.add_follow(session, reader.id, kind, name, now=now)
    else:
        await reader_follows.remove_follow(session, reader.id, kind, name)
    anchor = "#keywords" if kind is FollowKind.keyword else ""
    return RedirectResponse(f"{find_page_of_form(request) or '/following'}{anchor}", 303)


def _parse_value(value: str) -> tuple[FollowKind, str]:
    kind, _colon, name = value.partition(":")
    try:
        return FollowKind(kind), name
    except ValueError as error:
        raise BadRequest(_("Say what to follow: an author, organization, venue or keyword.")) from error
