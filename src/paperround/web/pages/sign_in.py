"""`/sign-in`, `/sign-in/{token}`, `/sign-out`. A GET shows a form or a button and changes nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from paperround import rate_limits
from paperround.accounts import readers, sessions
from paperround.accounts import sign_in as accounts_sign_in
from paperround.digests import subscriptions
from paperround.rate_limits import Limit
from paperround.settings import Settings
from paperround.text.email_address import NotAnAddress, normalised
from paperround.tokens import fingerprint
from paperround.web.dependencies import (
    Config,
    Now,
    Read,
    TooMany,
    Visit,
    Write,
    database_of,
    page,
    settings_of,
    signer_of,
)
from paperround.web.pages import outbox
from paperround.web.security import cookies
from paperround.web.security.client_ip import source_network
from paperround.web.security.safe_redirect import local

HOUR: Final = timedelta(hours=1)
LINKS_OF_NETWORK: Final = 30  # an hour, each
LINKS_OF_ADDRESS: Final = 5
LINKS_IN_ALL: Final = 2000
LONGEST_ADDRESS: Final = 254

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
Next = Annotated[str, Query(alias="next", max_length=500)]
NextField = Annotated[str, Form(alias="next", max_length=500)]
EmailField = Annotated[str, Form(max_length=LONGEST_ADDRESS)]


async def within_limits(request: Request, email: str, now: datetime) -> None:
    """Of links asked for. First what the one who asks can't spend for others. Raises `TooMany`."""
    database = database_of(request)
    for limit in (
        Limit(f"links of {source_network(request)}", LINKS_OF_NETWORK, HOUR),
        Limit(f"links to {fingerprint(email)}", LINKS_OF_ADDRESS, HOUR),
        Limit("links", LINKS_IN_ALL, HOUR),
    ):
        if not await rate_limits.allowed(database, limit, now=now):
            raise TooMany("Too many links were asked for. Try again in an hour.", wait=HOUR)


@router.get("/sign-in")
async def show_form(request: Request, session: Read, next_: Next = "") -> HTMLResponse:
    return await page(request, session, "account/sign_in.html", next=local(next_), email="", error="")


@router.post("/sign-in")
async def ask(
    request: Request, now: Now, session: Write, email: EmailField = "", next_: NextField = ""
) -> HTMLResponse:
    then = local(next_)
    try:
        address = normalised(email)
    except NotAnAddress as error:
        return await page(
            request, session, "account/sign_in.html", status=400, next=then, email=email, error=str(error)
        )
    await within_limits(request, address, now)
    await accounts_sign_in.ask(session, address, now=now, then=then)
    here = outbox.shown_to(request, settings_of(request))
    return await page(request, session, "account/link_sent.html", email=address, outbox=here)


@router.get("/sign-in/{token}")
async def show_button(request: Request, session: Read, now: Now, token: str) -> HTMLResponse:
    link = await accounts_sign_in.opened(session, token, now=now)
    return await page(request, session, "account/open_link.html", email=link.email)


@router.post("/sign-in/{token}")
async def sign_in(
    request: Request,
    session: Write,
    now: Now,
    visit: Visit,
    token: str,
    time_zone: Annotated[str, Form(max_length=60)] = "",
) -> Response:
    link = await accounts_sign_in.use(session, token, now=now)
    zone = time_zone if time_zone in readers.time_zones() else "UTC"
    reader_id = await accounts_sign_in.reader_of(session, link.email, now=now, time_zone=zone)
    await subscriptions.meet(session, reader_id, link.email)
    if visit is not None:
        await sessions.end(session, visit.reader.id, visit.session.id)
    agent = request.headers.get("user-agent", "")
    secret = await sessions.begin(session, reader_id, agent=agent, now=now)
    response = RedirectResponse(local(link.next) or "/papers", 303)
    cookies.give(response, secret, signer_of(request), settings_of(request))
    return response


def signed_out(response: Response, settings: Settings) -> Response:
    """What the browser kept of the reader's pages goes too."""
    cookies.take_back(response, settings)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@router.post("/sign-out")
async def sign_out(session: Write, visit: Visit, settings: Config) -> Response:
    if visit is not None:
        await sessions.end(session, visit.reader.id, visit.session.id)
    return signed_out(RedirectResponse("/papers", 303), settings)
