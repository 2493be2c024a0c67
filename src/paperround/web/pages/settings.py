"""`/settings`: a reader's profile, browsers, API keys and data."""

from __future__ import annotations

from datetime import timedelta
from tempfile import SpooledTemporaryFile
from typing import Annotated, Final

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse
from starlette.background import BackgroundTask
from starlette.responses import Response

from paperround import rate_limits
from paperround.accounts import api_keys, export, readers, sessions, time_zones
from paperround.accounts.tables import Scope
from paperround.accounts.time_zones import MAX_TIME_ZONE_LENGTH
from paperround.database import ReadSession
from paperround.digests import subscriptions
from paperround.i18n.languages import list_languages
from paperround.i18n.messages import find_message, mark_message
from paperround.i18n.messages import gettext as _
from paperround.rate_limits import RateLimit
from paperround.security_events import SecurityEvent
from paperround.summaries.languages import list_reader_languages
from paperround.text.plain import to_plain_text
from paperround.web.dependencies import (
    BadRequest,
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
from paperround.web.mail_tokens import load_links
from paperround.web.pages.sign_in import sign_out_response
from paperround.web.router import Router
from paperround.web.security.events import record_event

HOUR: Final = timedelta(hours=1)
MAX_EXPORTS: Final = 20  # an hour
MAX_BYTES_IN_MEMORY: Final = 1_000_000  # of an export; the rest waits on disk
NO_STORE: Final = {"Cache-Control": "no-store"}
MESSAGES: Final = {
    "profile": mark_message("Your name and time zone have been saved."),
    "link": mark_message(
        "A link is on its way to the new address. Open it in this browser within 15 minutes."
    ),
    "address": mark_message("Your address has been changed."),
    "session": mark_message("That browser has been signed out."),
    "key": mark_message("That key has been revoked."),
}

# Words by which browsers and systems are known, the more specific first, since each names its predecessors
# too.
BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS: Final = (
    ("iPhone", mark_message("an iPhone")),
    ("iPad", mark_message("an iPad")),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)

router = Router(prefix="/settings", include_in_schema=False, default_response_class=HTMLResponse)
NameField = Annotated[str, Form(max_length=80)]


@router.get("")
async def show_settings(
    request: Request,
    session: Read,
    visit: SignedInVisit,
    now: Now,
    done: Annotated[str, Query(max_length=20)] = "",
) -> HTMLResponse:
    return await _render_settings(request, session, visit, now, done=find_message(MESSAGES.get(done, "")))


async def _render_settings(
    request: Request,
    session: ReadSession,
    visit: SignedInVisit,
    now: Now,
    *,
    done: str = "",
    key: str = "",
) -> HTMLResponse:
    reader = visit.reader
    subscription = await subscriptions.find_running(session, reader.email)
    return await render_page(
        request,
        session,
        "account/settings.html",
        reader=reader,
        cities=time_zones.list_choices(now),
        time_zone=time_zones.write_choice(reader.time_zone, now),
        languages=list_reader_languages(settings_of(request)),
        sessions=[
            (signed_in, describe_browser(signed_in.agent))
            for signed_in in await sessions.list_sessions(session, reader.id, now=now)
        ],
        this_session=visit.session.id,
        is_fresh=sessions.is_fresh(visit.session, now=now),
        keys=await api_keys.list_keys(session, reader.id),
        subscription=subscription,
        preferences=load_links(request).preferences(subscription.link_target) if subscription else "",
        has_zotero=settings_of(request).zotero_url is not None,
        key=key,
        done=done,
        now=now,
    )


def describe_browser(agent: str) -> str:
    """Describe a browser by its user agent, such as `Firefox on Linux`."""
    names = [next((name for word, name in words if word in agent), "") for words in (BROWSERS, SYSTEMS)]
    browser, system = names
    if browser and system:
        return _("%(browser)s on %(system)s", browser=browser, system=_(system))
    return browser or (_(system) if system else _("A browser"))


def _redirect_with_message(done: str) -> Response:
    return RedirectResponse(f"/settings?done={done}", 303)


@router.post("/profile")
async def update_profile(
    session: Write,
    reader: SignedIn,
    settings: Config,
    name: NameField = "",
    time_zone: Annotated[str, Form(max_length=MAX_TIME_ZONE_LENGTH)] = "UTC",
    language: Annotated[str, Form(max_length=8)] = "",
    interface_language: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    await readers.update_profile(
        session,
        reader.id,
        name=to_plain_text(name),
        time_zone=time_zone,
        language=language if language in list_reader_languages(settings) else None,
        interface_language=interface_language if interface_language in list_languages() else None,
    )
    return _redirect_with_message("profile")


@router.post("/sessions/end")
async def sign_out_everywhere(
    session: Write, reader: SignedIn, settings: Config, keys: Annotated[bool, Form()] = False
) -> Response:
    """Sign all browsers out and, with `keys`, programs too."""
    await sessions.end_all_sessions(session, reader.id)
    if keys:
        await api_keys.revoke_all_keys(session, reader.id)
    return sign_out_response(RedirectResponse("/papers", 303), settings)


@router.post("/sessions/{session_id}/end")
async def end_session(session: Write, reader: SignedIn, session_id: int) -> Response:
    await sessions.end_session(session, reader.id, session_id)
    return _redirect_with_message("session")


@router.post("/keys")
async def create_key(
    request: Request,
    session: Write,
    visit: FreshVisit,
    now: Now,
    name: NameField = "",
    scope: Annotated[Scope, Form()] = Scope.read,
) -> HTMLResponse:
    key_name = to_plain_text(name)
    if not key_name:
        raise BadRequest(_("Give the key a name, so that you can recognize it."))
    key = await api_keys.create_key(session, visit.reader.id, name=key_name, scope=scope, now=now)
    record_event(request, SecurityEvent.key_made, reader=visit.reader.id)
    response = await _render_settings(request, session, visit, now, key=key)
    response.headers.update(NO_STORE)
    return response


@router.post("/keys/{key_id}/delete")
async def revoke_key(request: Request, session: Write, reader: SignedIn, key_id: int) -> Response:
    await api_keys.revoke_key(session, reader.id, key_id)
    record_event(request, SecurityEvent.key_revoked, reader=reader.id, subject=key_id)
    return _redirect_with_message("key")


@router.get("/export.json")
async def export_data(request: Request, reader: SignedIn, now: Now) -> Response:
    """Export all of the reader's data.

    It is written completely before it is sent, so that a slow reader holds no database connection.
    """
    database = database_of(request)
    if not await rate_limits.is_allowed(
        database, RateLimit(f"exports of {reader.id}", MAX_EXPORTS, HOUR), now=now
    ):
        raise TooMany(_("Your data was exported many times just now. Try again in an hour."), wait=HOUR)
    file = SpooledTemporaryFile(max_size=MAX_BYTES_IN_MEMORY)  # noqa: SIM115 (closed when the answer is sent)
    async with database.read_session() as session:
        async for piece in export.export_json(session, reader.id):
            file.write(piece.encode())
    file.seek(0)
    headers = {"Content-Disposition": 'attachment; filename="paperround.json"', **NO_STORE}
    return StreamingResponse(
        file, media_type="application/json", headers=headers, background=BackgroundTask(file.close)
    )
