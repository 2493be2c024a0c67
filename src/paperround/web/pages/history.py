"""`/topics/history`: what a reader's topics matched, day by day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Query, Request
from fastapi.responses import HTMLResponse

from paperround.papers.period import EditionPeriod, Period
from paperround.topics import reader_topics
from paperround.topics.history import list_past_days
from paperround.web.dependencies import Now, Read, SignedIn, render_page
from paperround.web.router import Router
from paperround.web.views import presenters
from paperround.web.views.for_you import Recommendation, recommend

DAYS: Final = 7  # of a page

router = Router(include_in_schema=False, default_response_class=HTMLResponse)


@dataclass(frozen=True)
class HistoryDay:
    """A day as the page shows it; `left_out` counts the matches that it doesn't show."""

    heading: str
    address: str
    matches: list[Recommendation]
    left_out: int


@router.get("/topics/history")
async def show_history(
    request: Request,
    session: Read,
    reader: SignedIn,
    now: Now,
    before: Annotated[str, Query(max_length=40)] = "",
) -> HTMLResponse:
    day = EditionPeriod.parse(Period.day, before).first if before else None
    days = await list_past_days(session, reader.id, before=day, limit=DAYS + 1)
    shown = days[:DAYS]
    titles = await reader_topics.load_titles(
        session, {found.match.paper_id for one in shown for found in one.matches}
    )
    return await render_page(
        request,
        session,
        "topics/history.html",
        days=[
            HistoryDay(
                presenters.write_heading(EditionPeriod.containing(Period.day, one.day), today=now.date()),
                presenters.day_address(one.day),
                [recommend(found, titles) for found in one.matches if found.match.paper_id in titles],
                one.total - len(one.matches),
            )
            for one in shown
        ],
        before=day,
        earlier=shown[-1].day if len(days) > DAYS else None,
    )
