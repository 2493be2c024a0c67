"""`/submit`: bring a paper to today's list; and what became of those that were brought."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from paperround.accounts.tables import Reader
from paperround.database import ReadSession
from paperround.library import submissions
from paperround.library.submissions import MOST_A_DAY, AlreadyListed, CannotSubmit
from paperround.web.dependencies import Now, Read, SignedIn, Write, page

SHOWN: Final = 20

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/submit")
async def show(
    request: Request,
    session: Read,
    reader: SignedIn,
    now: Now,
    paper: Annotated[str, Query(max_length=300)] = "",
) -> HTMLResponse:
    return await _page(request, session, reader, now, given=paper)


@router.post("/submit")
async def submit(
    request: Request,
    session: Write,
    reader: SignedIn,
    now: Now,
    paper: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    try:
        await submissions.submit(session, reader, paper, now=now)
    except AlreadyListed as error:
        return await _page(request, session, reader, now, given=paper, error=error, listed=error.paper_id)
    except CannotSubmit as error:
        return await _page(request, session, reader, now, given=paper, error=error)
    return RedirectResponse("/submit", 303)


async def _page(
    request: Request,
    session: ReadSession,
    reader: Reader,
    now: Now,
    *,
    given: str,
    error: CannotSubmit | None = None,
    listed: str = "",
) -> HTMLResponse:
    return await page(
        request,
        session,
        "library/submit.html",
        status=400 if error else 200,
        given=given,
        error=str(error or ""),
        listed=listed,
        most=MOST_A_DAY,
        submissions=await submissions.submissions(session, reader.id, limit=SHOWN),
        now=now,
    )
