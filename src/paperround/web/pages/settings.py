"""`/settings`: what a reader says about themself, their browsers, their keys, their data, and leaving."""

from __future__ import annotations

from datetime import timedelta
from tempfile import SpooledTemporaryFile
from typing import Annotated, Final

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse
from starlette.background import BackgroundTask
from starlette.responses import Response

from paperround import rate_limits
from paperround.accounts import api_keys, export, readers, sessions, sign_in
from paperround.accounts.tables import Reader, Scope
from paperround.database import ReadSession
from paperround.digests import subscriptions
from paperround.rate_limits import Limit
from paperround.text.email_address import normalised
from paperround.text.markup import plain
from paperround.web.dependencies import (
    BadRequest,
    Config,
    Now,
    Read,
    SignedIn,
    TooMany,
    Visit,
    Write,
    database_of,
    page,
)
from paperround.web.mail_tokens import links_of
from paperround.web.pages.sign_in import EmailField, signed_out, within_limits

HOUR: Final = timedelta(hours=1)
EXPORTS: Final = 20  # an hour
IN_MEMORY: Final = 1_000_000  # bytes of an export; what is more waits on disk
SECRET: Final = {"Cache-Control": "no-store"}
DONE: Final = {
    "profile": "Your name and time zone are saved.",
    "link": "A link is on its way to the new address. Open it in this browser within 15 minutes.",
    "address": "Your address is changed.",
    "session": "That browser is signed out.",
    "key": "That key opens nothing any more.",
}

# What a browser says of itself and its system, the more particular first: all name their forebears too.
BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
SYSTEMS: Final = (
    ("iPhone", "an iPhone"),
    ("iPad", "an iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS", "macOS"),
    ("Linux", "Linux"),
)

router = APIRouter(prefix="/settings", include_in_schema=False, default_response_class=HTMLResponse)
NameField = Annotated[str, Form(max_length=80)]


@router.get("")
async def show(
    request: Request,
    session: Read,
    reader: SignedIn,
    visit: Visit,
    now: Now,
    done: Annotated[str, Query(max_length=20)] = "",
) -> HTMLResponse:
    return await _settings(request, session, reader, visit, now, done=DONE.get(done, ""))


async def _settings(
    request: Request,
    session: ReadSession,
    reader: Reader,
    visit: Visit,
    now: Now,
    *,
    done: str = "",
    key: str = "",
) -> HTMLResponse:
    found = await subscriptions.running(session, reader.email)
    return await page(
        request,
        session,
        "account/settings.html",
        reader=reader,
        zones=readers.time_zones(),
        sessions=[
            (one, browser_name(one.agent)) for one in await sessions.of_reader(session, reader.id, now=now)
        ],
        this_session=visit.session.id if visit else 0,
        keys=await api_keys.of_reader(session, reader.id),
        subscription=found,
        preferences=links_of(request).preferences(found.id) if found else "",
        key=key,
        done=done,
        now=now,
    )


def browser_name(agent: str) -> str:
    """`Firefox on Linux`, as far as its own words tell."""
    found = [next((name for word, name in words if word in agent), "") for words in (BROWSERS, SYSTEMS)]
    return " on ".join(filter(None, found)) or "A browser"


def _back(done: str) -> Response:
    return RedirectResponse(f"/settings?done={done}", 303)


@router.post("/profile")
async def describe(
    session: Write,
    reader: SignedIn,
    name: NameField = "",
    time_zone: Annotated[str, Form(max_length=60)] = "UTC",
) -> Response:
    await readers.describe(session, reader.id, name=plain(name), time_zone=time_zone)
    return _back("profile")


@router.post("/address")
async def ask_for_address(
    request: Request, session: Write, reader: SignedIn, now: Now, email: EmailField = ""
) -> Response:
    address = normalised(email)
    await within_limits(request, address, now)
    await sign_in.ask(session, address, now=now, reader_id=reader.id)
    return _back("link")


@router.get("/address/{token}")
async def show_address(
    request: Request, session: Read, reader: SignedIn, now: Now, token: str
) -> HTMLResponse:
    link = await sign_in.opened(session, token, now=now, reader_id=reader.id)
    return await page(request, session, "account/new_address.html", email=link.email, old=reader.email)


@router.post("/address/{token}")
async def change_address(session: Write, reader: SignedIn, now: Now, token: str) -> Response:
    """In the reader's own browser: else people could be led to confirm, and use, a stranger's account."""
    link = await sign_in.use(session, token, now=now, reader_id=reader.id)
    old = reader.email
    await readers.change_address(session, reader.id, link.email)
    await subscriptions.move(session, reader.id, old, link.email)
    return _back("address")


@router.post("/sessions/end")
async def sign_out_everywhere(session: Write, reader: SignedIn, settings: Config) -> Response:
    await sessions.end_all(session, reader.id)
    return signed_out(RedirectResponse("/papers", 303), settings)


@router.post("/sessions/{session_id}/end")
async def sign_out_one(session: Write, reader: SignedIn, session_id: int) -> Response:
    await sessions.end(session, reader.id, session_id)
    return _back("session")


@router.post("/keys")
async def make_key(
    request: Request,
    session: Write,
    reader: SignedIn,
    visit: Visit,
    now: Now,
    name: NameField = "",
    scope: Annotated[Scope, Form()] = Scope.read,
) -> HTMLResponse:
    called = plain(name)
    if not called:
        raise BadRequest("Give the key a name, so that you know it again.")
    key = await api_keys.make(session, reader.id, name=called, scope=scope, now=now)
    answer = await _settings(request, session, reader, visit, now, key=key)
    answer.headers.update(SECRET)
    return answer


@router.post("/keys/{key_id}/delete")
async def take_key_back(session: Write, reader: SignedIn, key_id: int) -> Response:
    await api_keys.take_back(session, reader.id, key_id)
    return _back("key")


@router.get("/export.json")
async def export_all(request: Request, reader: SignedIn, now: Now) -> Response:
    """Written whole before it is sent: a slow reader must not hold a connection to the database."""
    database = database_of(request)
    if not await rate_limits.allowed(database, Limit(f"exports of {reader.id}", EXPORTS, HOUR), now=now):
        raise TooMany("Your data was exported many times just now. Try again in an hour.", wait=HOUR)
    file = SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 (closed when the answer is sent)
    async with database.reading() as session:
        async for piece in export.pieces(session, reader.id):
            file.write(piece.encode())
    file.seek(0)
    headers = {"Content-Disposition": 'attachment; filename="paperround.json"', **SECRET}
    return StreamingResponse(
        file, media_type="application/json", headers=headers, background=BackgroundTask(file.close)
    )


@router.get("/leave")
async def ask_whether(request: Request, session: Read, reader: SignedIn) -> HTMLResponse:
    return await page(request, session, "account/leave.html", reader=reader, error="")


@router.post("/leave")
async def leave(
    request: Request,
    session: Write,
    reader: SignedIn,
    settings: Config,
    confirm: Annotated[str, Form(max_length=300)] = "",
) -> Response:
    if confirm.strip().lower() != reader.email:
        error = "That is not your address. Nothing was deleted."
        return await page(request, session, "account/leave.html", status=400, reader=reader, error=error)
    half_life = timedelta(hours=settings.trending_half_life_hours)
    await subscriptions.leave(session, reader.id, reader.email)
    await readers.leave(session, reader.id, half_life=half_life)
    request.state.visit = None
    return signed_out(await page(request, session, "account/left.html"), settings)
