"""`/digests`: a digest as a page, and the buttons behind the links of a letter. No GET changes anything."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse

from paperround.database import ReadSession
from paperround.digests import archive, subscriber_accounts
from paperround.digests.renderer import DigestRenderer
from paperround.i18n.messages import gettext as _
from paperround.topics import ratings
from paperround.web.dependencies import Config, NotFound, Now, Read, Write, render_page
from paperround.web.mail_tokens import Links
from paperround.web.router import Router

MAX_PAPER_ID_LENGTH: Final = 40  # characters
# As strict as in /outbox: a digest's page has its styles inline, as the message has.
DIGEST_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cache-Control": "private, no-cache",
    "X-Robots-Tag": "noindex",
}

PaperQuery = Annotated[str, Query(max_length=MAX_PAPER_ID_LENGTH)]
PaperField = Annotated[str, Form(max_length=MAX_PAPER_ID_LENGTH)]

router = Router(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/digests/{token}")
async def show_digest(session: Read, links: Links, settings: Config, token: str) -> HTMLResponse:
    """Show a digest as its reader got it, without the links that are theirs alone."""
    digest = await archive.load_digest(session, links.read_token("digest", token))
    if digest is None:
        raise NotFound(_("This digest is no longer kept."))
    return HTMLResponse(
        DigestRenderer(links, settings.site_name).render_page(digest).html, headers=DIGEST_HEADERS
    )


@router.get("/digests/rate/{token}")
async def show_rating(
    request: Request,
    session: Read,
    links: Links,
    token: str,
    paper: PaperQuery,
    value: Annotated[int, Query(ge=-1, le=1)],
) -> HTMLResponse:
    matched_paper = await archive.find_matched_paper(session, links.read_token("rate", token), paper)
    if matched_paper is None:
        raise NotFound(_("This digest or its topic is no longer kept."))
    return await render_page(
        request, session, "digests/rate.html", match=matched_paper, value=value, token=token, rated=False
    )


@router.post("/digests/rate/{token}")
async def rate_paper(
    request: Request,
    session: Write,
    links: Links,
    now: Now,
    token: str,
    paper: PaperField,
    value: Annotated[int, Form(ge=-1, le=1)],
) -> HTMLResponse:
    matched_paper = await archive.find_matched_paper(session, links.read_token("rate", token), paper)
    if matched_paper is None:
        raise NotFound(_("This digest or its topic is no longer kept."))
    await ratings.rate_paper(
        session, matched_paper.topic, matched_paper.paper.id, 1 if value > 0 else -1, now=now
    )
    return await render_page(
        request, session, "digests/rate.html", match=matched_paper, value=value, token=token, rated=True
    )


@router.get("/digests/save/{token}")
async def show_saving(
    request: Request, session: Read, links: Links, token: str, paper: PaperQuery
) -> HTMLResponse:
    sent = await _find_sent_paper(session, links, token, paper)
    saved = await subscriber_accounts.is_saved(session, sent.subscription, sent.paper.id)
    return await render_page(request, session, "digests/save.html", sent=sent, token=token, saved=saved)


@router.post("/digests/save/{token}")
async def save_paper(
    request: Request, session: Write, links: Links, now: Now, token: str, paper: PaperField
) -> HTMLResponse:
    sent = await _find_sent_paper(session, links, token, paper)
    await subscriber_accounts.save_paper(session, sent.subscription, sent.paper.id, now=now)
    return await render_page(request, session, "digests/save.html", sent=sent, token=token, saved=True)


async def _find_sent_paper(session: ReadSession, links: Links, token: str, paper: str) -> archive.SentPaper:
    sent = await archive.find_sent_paper(session, links.read_token("save", token), paper)
    if sent is None:
        raise NotFound(_("This digest or its paper is no longer kept."))
    return sent
