"""The page of an author: their papers here, with whom they wrote, and since when they are here."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse

from paperround.papers import editions
from paperround.papers.authors import find_author
from paperround.papers.edition_query import EditionQuery
from paperround.papers.editions import Sort
from paperround.web import cursor as cursors
from paperround.web.dependencies import NotFound, Now, Read, is_signed_in, render_page
from paperround.web.pages.subscribe import build_subscribe_box
from paperround.web.viewer import load_follow_state, load_viewer_state
from paperround.web.views import presenters

PAGE_SIZE: Final = 30
COAUTHORS_ROOM: Final = 10_000  # bytes, of the room that cards have
ORDERS: Final = {"newest": Sort.published, "votes": Sort.upvotes}

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


# A name is whatever the feed gave, and may have a slash.
@router.get("/authors/{name:path}")
async def show_author(
    request: Request,
    session: Read,
    now: Now,
    name: Annotated[str, Path(max_length=500)],
    order: Annotated[str, Query(max_length=20)] = "newest",
    after: Annotated[str | None, Query(max_length=500)] = None,
) -> HTMLResponse:
    author = await find_author(session, name)
    if author is None:
        raise NotFound(f"No paper here has an author {name[:60]}.")
    chosen = order if order in ORDERS else "newest"
    sort = ORDERS[chosen]
    position = cursors.decode(sort, after)
    part = await editions.list_papers(
        session,
        EditionQuery(author_names=(author.name, *author.spellings)),
        sort=sort,
        limit=PAGE_SIZE,
        after=position,
    )
    address = presenters.author_address(author.name)
    return await render_page(
        request,
        session,
        "papers/author.html",
        author=author,
        coauthors=[
            (presenters.author_address(other.name), other.name, other.papers) for other in author.coauthors
        ],
        first_label=presenters.format_short_day(author.first, today=now.date()),
        first_address=presenters.day_address(author.first),
        follows=await load_follow_state(request, session),
        entries=presenters.build_paper_cards(
            part.papers,
            today=now.date(),
            room=presenters.CARDS_ROOM - COAUTHORS_ROOM,
            for_reader=is_signed_in(request),
        ),
        marks=await load_viewer_state(request, session, part.papers),
        box=await build_subscribe_box(request, session),
        more=cursors.encode(sort, part.next_position),
        address=address if chosen == "newest" else f"{address}?order={chosen}",
        orders=[
            ("Newest", address, chosen == "newest"),
            ("Most voted", f"{address}?order=votes", chosen == "votes"),
        ],
    )
