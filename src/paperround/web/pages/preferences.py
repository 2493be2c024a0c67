"""`/preferences` and `/unsubscribe`, by signed links, without signing in. No GET changes anything."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, PlainTextResponse
from starlette.responses import Response

from paperround.accounts.readers import time_zones
from paperround.database import ReadSession
from paperround.digests import archive, subscriptions
from paperround.digests.tables import Subscription
from paperround.topics import reader_topics
from paperround.web.dependencies import Now, Read, Write, page, settings_of
from paperround.web.mail_tokens import Linked, found_by, links_of
from paperround.web.pages.subscribe import Wished

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/preferences/{token}")
async def show_preferences(
    request: Request, session: Read, links: Linked, now: Now, token: str
) -> HTMLResponse:
    found = await found_by(session, links.read("preferences", token))
    return await _preferences(request, session, found, token, now)


async def _preferences(
    request: Request, session: ReadSession, found: Subscription, token: str, now: datetime, done: str = ""
) -> HTMLResponse:
    return await page(
        request,
        session,
        "digests/preferences.html",
        found=found,
        token=token,
        done=done,
        zones=time_zones(),
        deliveries=await archive.latest(session, found.id),
        topics=await reader_topics.names_of(session, found.reader_id) if found.reader_id else {},
        unsubscribe=links_of(request).unsubscribe(found.id).removeprefix(settings_of(request).address),
        now=now,
    )


@router.post("/preferences/{token}")
async def change(
    request: Request, session: Write, links: Linked, wished: Wished, now: Now, token: str
) -> HTMLResponse:
    number = links.read("preferences", token)
    found = await subscriptions.change(session, number, wished, now=now)
    return await _preferences(request, session, found, token, now, "Saved.")


@router.post("/preferences/{token}/pause")
async def pause(
    request: Request,
    session: Write,
    links: Linked,
    now: Now,
    token: str,
    until: Annotated[date | None, Form()] = None,
) -> HTMLResponse:
    """Without a day: until they say."""
    number = links.read("preferences", token)
    await subscriptions.pause(session, number, until=until, now=now)
    found = await found_by(session, number)
    return await _preferences(request, session, found, token, now, "Paused.")


@router.post("/preferences/{token}/resume")
async def resume(request: Request, session: Write, links: Linked, now: Now, token: str) -> HTMLResponse:
    number = links.read("preferences", token)
    await subscriptions.resume(session, number, now=now)
    found = await found_by(session, number)
    return await _preferences(request, session, found, token, now, "Digests come again.")


@router.post("/preferences/{token}/delete")
async def forget(request: Request, session: Write, links: Linked, token: str) -> HTMLResponse:
    account = await subscriptions.forget(session, links.read("preferences", token))
    return await page(request, session, "digests/gone.html", account=account)


@router.get("/unsubscribe/{token}")
async def show_unsubscribe(request: Request, session: Read, links: Linked, token: str) -> HTMLResponse:
    links.read("unsubscribe", token)
    return await page(request, session, "digests/unsubscribe.html")


@router.post("/unsubscribe/{token}")
async def unsubscribe(
    request: Request,
    session: Write,
    links: Linked,
    now: Now,
    token: str,
    one_click: Annotated[str, Form(alias="List-Unsubscribe", max_length=40)] = "",
) -> Response:
    """From the page's button, or from a mail program in one click (RFC 8058): no cookie, no redirect."""
    await subscriptions.unsubscribe(session, links.read("unsubscribe", token), now=now)
    if one_click:
        return PlainTextResponse("Unsubscribed.\n")
    return await page(request, session, "digests/unsubscribed.html")
