"""A new address, deleting the account, and the link to the present address that both ask for first."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from paperround import rate_limits
from paperround.accounts import address_changes, sign_in
from paperround.digests import subscriber_accounts
from paperround.i18n.messages import gettext as _
from paperround.mail.recipients import normalise_recipient
from paperround.rate_limits import RateLimit
from paperround.security_events import SecurityEvent
from paperround.web.dependencies import (
    Config,
    FreshVisit,
    Now,
    Read,
    SignedIn,
    SignedInVisit,
    TooMany,
    Write,
    database_of,
    render_page,
    settings_of,
)
from paperround.web.pages.sign_in import EmailField, check_link_limits, show_link_sent, sign_out_response
from paperround.web.router import Router
from paperround.web.security.events import record_event
from paperround.web.security.safe_redirect import keep_local

HOUR: Final = timedelta(hours=1)
MAX_OWN_LINKS: Final = 10  # an hour; strangers can't use them up, unlike those by the form to sign in

router = Router(include_in_schema=False, default_response_class=HTMLResponse)
Next = Annotated[str, Query(alias="next", max_length=500)]
NextField = Annotated[str, Form(alias="next", max_length=500)]
KeysField = Annotated[bool, Form(alias="keys")]


@router.get("/settings/confirm")
async def show_confirmation(
    request: Request, session: Read, reader: SignedIn, next_: Next = ""
) -> HTMLResponse:
    return await render_page(
        request, session, "account/confirm.html", reader=reader, next=keep_local(next_) or "/settings"
    )


@router.post("/settings/confirm")
async def request_confirmation(
    request: Request, session: Write, reader: SignedIn, now: Now, next_: NextField = ""
) -> HTMLResponse:
    """Mail a link to the reader's address that signs them in anew and leads on."""
    limit = RateLimit(f"links of reader {reader.id}", MAX_OWN_LINKS, HOUR)
    if not await rate_limits.is_allowed(database_of(request), limit, now=now):
        raise TooMany(_("Too many links were asked for. Try again in an hour."), wait=HOUR)
    next_page = keep_local(next_) or "/settings"
    await sign_in.request_link(session, reader.email, now=now, next_page=next_page)
    return await show_link_sent(request, session, reader.email)


@router.post("/settings/address")
async def request_address_change(
    request: Request, session: Write, visit: FreshVisit, now: Now, email: EmailField = ""
) -> Response:
    address = normalise_recipient(email, settings_of(request))
    await check_link_limits(request, address, now)
    await sign_in.request_link(session, address, now=now, reader_id=visit.reader.id)
    return RedirectResponse("/settings?done=link", 303)


@router.get("/settings/address/{token}")
async def show_address_change(
    request: Request, session: Read, reader: SignedIn, now: Now, token: str
) -> HTMLResponse:
    link = await sign_in.find_link(session, token, now=now, reader_id=reader.id)
    return await render_page(request, session, "account/new_address.html", email=link.email, old=reader.email)


@router.post("/settings/address/{token}")
async def change_address(
    request: Request,
    session: Write,
    visit: SignedInVisit,
    now: Now,
    token: str,
    revokes_keys: KeysField = False,
) -> Response:
    """Change the address, in the reader's own browser only.

    Otherwise people could be led to confirm, and then to use, a stranger's account.
    """
    await subscriber_accounts.change_address(session, visit, token, revokes_keys=revokes_keys, now=now)
    record_event(request, SecurityEvent.address_changed, reader=visit.reader.id)
    return RedirectResponse("/settings?done=address", 303)


@router.get("/address/undo/{token}")
async def show_undo(request: Request, session: Read, now: Now, token: str) -> HTMLResponse:
    notice = await address_changes.find_undoable(session, token, now=now)
    return await render_page(request, session, "account/undo.html", email=notice.email)


@router.post("/address/undo/{token}")
async def undo_address_change(
    request: Request, session: Write, settings: Config, now: Now, token: str, revokes_keys: KeysField = False
) -> HTMLResponse:
    """Undo a change, for whoever has the earlier address. They need not be signed in: maybe they can't."""
    email = await subscriber_accounts.undo_address_change(
        session, token, revokes_keys=revokes_keys, half_life=settings.half_life, now=now
    )
    record_event(request, SecurityEvent.address_change_undone)
    return await render_page(request, session, "account/undone.html", email=email)


@router.get("/settings/leave")
async def show_leave(request: Request, session: Read, visit: FreshVisit) -> HTMLResponse:
    return await render_page(request, session, "account/leave.html", reader=visit.reader, error="")


@router.post("/settings/leave")
async def leave(
    request: Request,
    session: Write,
    visit: FreshVisit,
    settings: Config,
    now: Now,
    confirm: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    reader = visit.reader
    if confirm.strip().lower() != reader.email:
        error = _("That is not your address. Nothing was deleted.")
        return await render_page(
            request, session, "account/leave.html", status=400, reader=reader, error=error
        )
    await subscriber_accounts.leave(session, reader.id, half_life=settings.half_life, now=now)
    record_event(request, SecurityEvent.account_deleted, reader=reader.id)
    request.state.visit = None
    return sign_out_response(await render_page(request, session, "account/left.html"), settings)
