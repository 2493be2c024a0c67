"""`/digests`: a digest as a page, and the button behind its "more" and "less like this"."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse

from paperround.digests import archive
from paperround.digests.renderer import Writer
from paperround.topics import reader_topics
from paperround.web.dependencies import Config, NotFound, Now, Read, Write, page
from paperround.web.mail_tokens import Linked

# Strict as in /outbox: a digest's page is what its reader sees, with styles in line.
FRAMED: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cache-Control": "private, no-cache",
    "X-Robots-Tag": "noindex",
}

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/digests/{token}")
async def show_digest(session: Read, links: Linked, settings: Config, token: str) -> HTMLResponse:
    """A digest as its reader got it, without the links that are theirs alone."""
    digest = await archive.digest(session, links.read("digest", token))
    if digest is None:
        raise NotFound("This digest is no longer kept.")
    return HTMLResponse(Writer(links, settings.site_name).page(digest).html, headers=FRAMED)


@router.get("/digests/rate/{token}")
async def show_rate(
    request: Request,
    session: Read,
    links: Linked,
    token: str,
    paper: Annotated[str, Query(max_length=40)],
    value: Annotated[int, Query(ge=-1, le=1)],
) -> HTMLResponse:
    match = await archive.match(session, links.read("rate", token), paper)
    if match is None:
        raise NotFound("This digest or its topic is no longer kept.")
    return await page(
        request, session, "digests/rate.html", match=match, value=value, token=token, rated=False
    )


@router.post("/digests/rate/{token}")
async def rate(
    request: Request,
    session: Write,
    links: Linked,
    now: Now,
    token: str,
    paper: Annotated[str, Form(max_length=40)],
    value: Annotated[int, Form(ge=-1, le=1)],
) -> HTMLResponse:
    match = await archive.match(session, links.read("rate", token), paper)
    if match is None:
        raise NotFound("This digest or its topic is no longer kept.")
    await reader_topics.rate(session, match.topic, match.paper.id, 1 if value > 0 else -1, now=now)
    return await page(
        request, session, "digests/rate.html", match=match, value=value, token=token, rated=True
    )
