"""`/sign-in`, `/sign-in/{token}`, `/sign-out`. A GET shows a form or a button and changes nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from paperround import rate_limits
from paperround.accounts import sessions
from paperround.accounts import sign_in as accounts_sign_in
from paperround.database import ReadSession
from paperround.digests import subscriber_accounts
from paperround.i18n.messages import gettext as _
from paperround.mail.recipients import normalise_recipient
from paperround.rate_limits import RateLimit
from paperround.security_events import SecurityEvent
from paperround.settings import Settings
from paperround.text.email_address import EmailAddressInvalid
from paperround.text.mailbox import identify_mailbox
from paperround.tokens import hash_token
from paperround.web.dependencies import (
    Config,
    Now,
    Read,
    TooMany,
    Visit,
    Write,
    database_of,
    render_page,
    settings_of,
    signer_of,
)
from paperround.web.params import MAX_EMAIL_LENGTH
from paperround.web.router import Router
from paperround.web.security import cookies
from paperround.web.security.events import record_event
from paperround.web.security.network_limits import build_network_limits
from paperround.web.security.safe_redirect import keep_local

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
MAX_LINKS_OF_NETWORK: Final = 30  # an hour, where nothing else is said; wider networks get more
MAX_LINKS_OF_ADDRESS: Final = 5
MAX_LINKS_OF_ADDRESS_A_DAY: Final = 20
MAX_LINKS: Final = 2000

router = Router(include_in_schema=False, default_response_class=HTMLResponse)
Next = Annotated[str, Query(alias="next", max_length=500)]
NextField = Annotated[str, Form(alias="next", max_length=500)]
EmailField = Annotated[str, Form(max_length=MAX_EMAIL_LENGTH)]


async def check_link_limits(request: Request, email: str, now: datetime) -> None:
    """Count a request for a link. Raises `TooMany`.

    The limits that a visitor cannot use up for others come first.
    """
    database, mailbox = database_of(request), hash_token(identify_mailbox(email))
    for limit in (
        *build_network_limits(request, "links", MAX_LINKS_OF_NETWORK, HOUR),
        RateLimit(f"links to {mailbox}", MAX_LINKS_OF_ADDRESS, HOUR),
        RateLimit(f"links of a day to {mailbox}", MAX_LINKS_OF_ADDRESS_A_DAY, DAY),
        RateLimit("links", MAX_LINKS, HOUR),
    ):
        if not await rate_limits.is_allowed(database, limit, now=now):
            in_an_hour = _("Too many links were asked for. Try again in an hour.")
            tomorrow = _("Too many links were asked for. Try again tomorrow.")
            raise TooMany(in_an_hour if limit.window == HOUR else tomorrow, wait=limit.window)


@router.get("/sign-in")
async def show_form(request: Request, session: Read, next_: Next = "") -> HTMLResponse:
    return await render_page(
        request, session, "account/sign_in.html", next=keep_local(next_), email="", error=""
    )


@router.post("/sign-in")
async def request_link(
    request: Request, now: Now, session: Write, email: EmailField = "", next_: NextField = ""
) -> HTMLResponse:
    next_page = keep_local(next_)
    try:
        address = normalise_recipient(email, settings_of(request))
    except EmailAddressInvalid as error:
        return await render_page(
            request,
            session,
            "account/sign_in.html",
            status=400,
            next=next_page,
            email=email,
            error=str(error),
        )
    await check_link_limits(request, address, now)
    await accounts_sign_in.request_link(session, address, now=now, next_page=next_page)
    return await show_link_sent(request, session, address)


async def show_link_sent(request: Request, session: ReadSession, email: str) -> HTMLResponse:
    """Say that a link is on its way to an address, and where it is while no mail server is set."""
    uses_outbox = settings_of(request).smtp_url is None
    return await render_page(request, session, "account/link_sent.html", email=email, outbox=uses_outbox)


@router.get("/sign-in/{token}")
async def show_link(request: Request, session: Read, now: Now, token: str) -> HTMLResponse:
    link = await accounts_sign_in.find_link(session, token, now=now)
    return await render_page(request, session, "account/open_link.html", email=link.email)


@router.post("/sign-in/{token}")
async def sign_in(
    request: Request,
    session: Write,
    now: Now,
    visit: Visit,
    token: str,
    time_zone: Annotated[str, Form(max_length=60)] = "",
) -> Response:
    agent = request.headers.get("user-agent", "")
    new_session = await subscriber_accounts.sign_in(
        session, token, agent=agent, time_zone=time_zone, previous_visit=visit, now=now
    )
    record_event(request, SecurityEvent.signed_in, reader=new_session.reader_id)
    response = RedirectResponse(keep_local(new_session.next_page) or "/papers", 303)
    cookies.set_session_cookie(response, new_session.token, signer_of(request), settings_of(request))
    return response


def sign_out_response(response: Response, settings: Settings) -> Response:
    """Take the session's cookie back, and have the browser forget the reader's pages."""
    cookies.delete_session_cookie(response, settings)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


@router.post("/sign-out")
async def sign_out(session: Write, visit: Visit, settings: Config) -> Response:
    if visit is not None:
        await sessions.end_session(session, visit.reader.id, visit.session.id)
    return sign_out_response(RedirectResponse("/papers", 303), settings)
