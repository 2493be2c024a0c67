"""`/submit`: puts a paper on today's list and shows the state of earlier ones."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from paperround.accounts.tables import Reader
from paperround.database import ReadSession
from paperround.library import submissions
from paperround.library.submissions import MAX_SUBMISSIONS_PER_DAY, PaperAlreadyListed, SubmissionRefused
from paperround.web.dependencies import Now, Read, SignedIn, Write, render_page
from paperround.web.router import Router

MAX_SHOWN: Final = 20

router = Router(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/submit")
async def show_form(
    request: Request,
    session: Read,
    reader: SignedIn,
    now: Now,
    paper: Annotated[str, Query(max_length=300)] = "",
) -> HTMLResponse:
    return await _render_form(request, session, reader, now, given=paper)


@router.post("/submit")
async def submit_paper(
    request: Request,
    session: Write,
    reader: SignedIn,
    now: Now,
    paper: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    try:
        await submissions.submit_paper(session, reader, paper, now=now)
    except PaperAlreadyListed as error:
        return await _render_form(
            request, session, reader, now, given=paper, error=error, listed=error.paper_id
        )
    except SubmissionRefused as error:
        return await _render_form(request, session, reader, now, given=paper, error=error)
    return RedirectResponse("/submit", 303)


async def _render_form(
    request: Request,
    session: ReadSession,
    reader: Reader,
    now: Now,
    *,
    given: str,
    error: SubmissionRefused | None = None,
    listed: str = "",
) -> HTMLResponse:
    return await render_page(
        request,
        session,
        "library/submit.html",
        status=400 if error else 200,
        given=given,
        error=str(error or ""),
        listed=listed,
        most=MAX_SUBMISSIONS_PER_DAY,
        submissions=await submissions.list_submissions(session, reader.id, limit=MAX_SHOWN),
        now=now,
    )
