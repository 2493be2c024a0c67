"""`/subscribe` and `/confirm`: an address is given, then confirmed. No GET changes anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import HTMLResponse

from paperround import rate_limits
from paperround.accounts.readers import time_zones
from paperround.database import ReadSession
from paperround.digests import subscriptions
from paperround.digests.calendar import next_due
from paperround.digests.subscriptions import Wishes, rhythm_of
from paperround.digests.tables import Cadence, State, Subscription, WhenEmpty
from paperround.rate_limits import Limit
from paperround.text.email_address import NotAnAddress, normalised
from paperround.tokens import fingerprint
from paperround.topics import reader_topics
from paperround.web.dependencies import (
    Config,
    Now,
    Read,
    TooMany,
    Viewer,
    Write,
    database_of,
    page,
    viewer_of,
)
from paperround.web.mail_tokens import Linked, found_by, links_of
from paperround.web.security.client_ip import source_network

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
ASKED_OF_NETWORK: Final = 30  # an hour
LETTERS_TO_ADDRESS: Final = 3  # a day
ASKED_IN_ALL: Final = 2000  # an hour
LONGEST_ADDRESS: Final = 254
router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
Email = Annotated[str, Form(max_length=LONGEST_ADDRESS)]
Words = Annotated[str, Form(max_length=reader_topics.LONGEST_WORDS)]


async def wishes(
    cadence: Annotated[Cadence, Form()] = Cadence.daily,
    weekday: Annotated[int, Form(ge=0, le=6)] = 0,
    hour: Annotated[int, Form(ge=0, le=23)] = 7,
    time_zone: Annotated[str, Form(max_length=60)] = "",
    most: Annotated[int, Form(ge=1, le=30)] = 10,
    contents: Annotated[list[str] | None, Form()] = None,
    when_empty: Annotated[WhenEmpty, Form()] = WhenEmpty.skip,
) -> Wishes:
    """What a form asks for. The box has no such fields: then both kinds of contents, and UTC."""
    chosen = {"trending", "topics"} if contents is None else set(contents)
    return Wishes(
        cadence, weekday, hour, time_zone or "UTC", "trending" in chosen, "topics" in chosen, most, when_empty
    )


Wished = Annotated[Wishes, Depends(wishes)]


async def may_ask(request: Request, email: str, now: datetime) -> bool:
    """Whether a letter may go to that address now; what is answered doesn't tell. Raises `TooMany`."""
    database = database_of(request)
    asking = (
        Limit(f"subscriptions of {source_network(request)}", ASKED_OF_NETWORK, HOUR),
        Limit("subscriptions", ASKED_IN_ALL, HOUR),
    )
    for limit in asking:
        if not await rate_limits.allowed(database, limit, now=now):
            raise TooMany("Too many addresses were given. Try again in an hour.", wait=HOUR)
    letters = Limit(f"letters to {fingerprint(email)}", LETTERS_TO_ADDRESS, DAY)
    return await rate_limits.allowed(database, letters, now=now)


@dataclass(frozen=True)
class Box:
    """What stands on pages with lists. `email`: of who is signed in; they needn't give or confirm it."""

    email: str = ""
    time_zone: str = ""


async def box(request: Request, session: ReadSession) -> Box | None:
    """None for who gets digests already."""
    viewer = viewer_of(request)
    if viewer is None:
        return Box()
    known = await subscriptions.running(session, viewer.email)
    return None if known else Box(viewer.email, viewer.time_zone)


@router.get("/subscribe")
async def show_form(request: Request, session: Read, viewer: Viewer) -> HTMLResponse:
    if viewer is None:
        return await _form(request, session)
    return await _form(request, session, email=viewer.email, wishes=Wishes(time_zone=viewer.time_zone))


async def _form(request: Request, session: ReadSession, *, status: int = 200, **shown: Any) -> HTMLResponse:
    shown = {"email": "", "words": "", "error": "", "wishes": Wishes(), "zones": time_zones()} | shown
    return await page(request, session, "digests/subscribe.html", status=status, **shown)


@router.post("/subscribe")
async def ask(
    request: Request,
    session: Write,
    viewer: Viewer,
    wished: Wished,
    now: Now,
    settings: Config,
    email: Email = "",
    words: Words = "",
) -> HTMLResponse:
    """Somebody signed in who gives their own address has confirmed it already."""
    try:
        address = normalised(email)
    except NotAnAddress as error:
        return await _form(
            request, session, status=400, email=email, words=words, error=str(error), wishes=wished
        )
    if viewer is not None and viewer.email == address:
        found = await subscriptions.follow(session, viewer, wished, now=now)
        return await _running(request, session, found)
    if await may_ask(request, address, now):
        await subscriptions.ask(session, address, wished, topic_words=words, now=now)
    return await page(request, session, "digests/asked.html", email=address, outbox=settings.smtp_url is None)


@router.get("/confirm/{token}")
async def show_confirm(request: Request, session: Read, links: Linked, token: str) -> HTMLResponse:
    found = await found_by(session, links.read("confirm", token))
    return await page(request, session, "digests/confirm.html", email=found.email)


@router.post("/confirm/{token}")
async def confirm(
    request: Request,
    session: Write,
    links: Linked,
    now: Now,
    token: str,
    time_zone: Annotated[str, Form(max_length=60)] = "",
) -> HTMLResponse:
    """`time_zone` is the browser's own, for who gave nothing but an address."""
    number = links.read("confirm", token)
    found = await subscriptions.confirm(session, number, time_zone=time_zone, now=now)
    return await _running(request, session, found)


async def _running(request: Request, session: ReadSession, found: Subscription) -> HTMLResponse:
    links = links_of(request)
    due = next_due(rhythm_of(found), after=found.changed_at)[0] if found.state is State.active else None
    return await page(
        request,
        session,
        "digests/running.html",
        found=found,
        day=due,
        preferences=links.preferences(found.id),
    )
