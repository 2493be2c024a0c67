"""The page of an author: their papers here, with whom they wrote, and since when they are here."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Path, Request
from fastapi.responses import HTMLResponse

from paperround.i18n.messages import gettext as _
from paperround.papers.authors import find_author
from paperround.papers.edition_query import EditionQuery
from paperround.web.dependencies import NotFound, Now, Read, render_page
from paperround.web.pages.paper_lists import Place, build_paper_list
from paperround.web.router import Router
from paperround.web.views import paper_cards, presenters

COAUTHORS_ROOM: Final = 10_000  # bytes, of the room that cards have

router = Router(include_in_schema=False, default_response_class=HTMLResponse)


# A name is whatever the feed gave, and may have a slash.
@router.get("/authors/{name:path}")
async def show_author(
    request: Request,
    session: Read,
    now: Now,
    name: Annotated[str, Path(max_length=500)],
    place: Place,
) -> HTMLResponse:
    author = await find_author(session, name)
    if author is None:
        raise NotFound(_("No paper here has an author %(value)s.", value=name[:60]))
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
        **await build_paper_list(
            request,
            session,
            EditionQuery(author_names=(author.name, *author.spellings)),
            place,
            presenters.author_address(author.name),
            today=now.date(),
            room=paper_cards.CARDS_ROOM - COAUTHORS_ROOM,
        ),
    )
