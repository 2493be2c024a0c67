"""What the pages of an organization, an author and a venue share: its papers, in one of two orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Final

from fastapi import Depends, Query, Request

from paperround.database import ReadSession
from paperround.i18n.messages import gettext as _
from paperround.papers import editions
from paperround.papers.edition_query import EditionQuery
from paperround.papers.editions import Sort
from paperround.web import cursor as cursors
from paperround.web.dependencies import is_signed_in
from paperround.web.pages.subscribe import build_subscribe_box
from paperround.web.viewer import load_follow_state, load_viewer_state
from paperround.web.views import paper_cards

PAGE_SIZE: Final = 30
ORDERS: Final = {"newest": Sort.published, "votes": Sort.upvotes}


@dataclass(frozen=True)
class ListPlace:
    """Which order of the list is wanted, and where it goes on."""

    order: str
    after: str | None


async def read_list_place(
    order: Annotated[str, Query(max_length=20)] = "newest",
    after: Annotated[str | None, Query(max_length=500)] = None,
) -> ListPlace:
    return ListPlace(order, after)


Place = Annotated[ListPlace, Depends(read_list_place)]


async def build_paper_list(
    request: Request,
    session: ReadSession,
    query: EditionQuery,
    place: ListPlace,
    address: str,
    *,
    today: date,
    by_people: bool = False,
    room: int = paper_cards.CARDS_ROOM,
) -> dict[str, Any]:
    """Build what the templates show of the list at `address`, by their names for it.

    `by_people` and `room` are those of `paper_cards.build_paper_cards`. Raises an error for a broken cursor.
    """
    chosen = place.order if place.order in ORDERS else "newest"
    sort = ORDERS[chosen]
    position = cursors.decode(sort, place.after)
    part = await editions.list_papers(session, query, sort=sort, limit=PAGE_SIZE, after=position)
    return {
        "follows": await load_follow_state(request, session),
        "entries": paper_cards.build_paper_cards(
            part.papers, today=today, by_people=by_people, room=room, for_reader=is_signed_in(request)
        ),
        "marks": await load_viewer_state(request, session, part.papers),
        "box": await build_subscribe_box(request, session),
        "more": cursors.encode(sort, part.next_position),
        "address": address if chosen == "newest" else f"{address}?order={chosen}",
        "orders": [
            (_("Newest"), address, chosen == "newest"),
            (_("Most voted"), f"{address}?order=votes", chosen == "votes"),
        ],
    }
