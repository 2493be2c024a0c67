"""`/settings/zotero`: connects a reader's Zotero library."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Final

from fastapi import Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from paperround import rate_limits
from paperround.accounts import sessions
from paperround.i18n.messages import find_message, mark_message
from paperround.i18n.messages import gettext as _
from paperround.rate_limits import RateLimit
from paperround.settings import Settings
from paperround.tokens import BadToken
from paperround.topics import reader_topics
from paperround.topics.drafts import MAX_NAME_LENGTH, TopicDraft
from paperround.web.dependencies import (
    Config,
    FreshVisit,
    NotFound,
    Now,
    SignedIn,
    SignedInVisit,
    TooMany,
    Write,
    database_of,
    render_page,
    signer_of,
)
from paperround.web.errors import write_detail
from paperround.web.router import Router
from paperround.zotero import connections
from paperround.zotero.client import Collection, ZoteroClient, ZoteroError, ZoteroRefused, open_http

HOUR: Final = timedelta(hours=1)
MAX_QUESTIONS: Final = 30  # of one reader to Zotero, an hour
MAX_KEY_LENGTH: Final = 64
TO_COME: Final = -1  # in place of a topic that has a library: this one will have one
OFF: Final = mark_message(
    "This site connects no Zotero libraries. Its operator allows it with PAPERROUND_ZOTERO_URL."
)
MESSAGES: Final = {
    "connected": mark_message(
        "Your library is connected. Saved papers are put there within a minute or two."
    ),
    "collection": mark_message("The topic learns from that collection within a minute or two."),
    "disconnected": mark_message("Your library is no longer connected, and its key is deleted."),
}

router = Router(prefix="/settings/zotero", include_in_schema=False, default_response_class=HTMLResponse)


@router.get("")
async def show_connection(
    request: Request,
    settings: Config,
    visit: SignedInVisit,
    now: Now,
    done: Annotated[str, Query(max_length=20)] = "",
    collections: Annotated[bool, Query()] = False,
) -> HTMLResponse:
    """Show the connection, with the library's collections if they are asked for."""
    _require_on(settings)
    found: Sequence[Collection] | None = None
    error = ""
    if collections:
        try:
            found = await _list_collections(request, settings, visit.reader.id, now)
        except ZoteroError as failure:
            error = write_detail(failure)
    return await _render(
        request, visit, now, done=find_message(MESSAGES.get(done, "")) or error, collections=found
    )


def _require_on(settings: Settings) -> None:
    if settings.zotero_url is None:
        raise NotFound(_(OFF))


async def _list_collections(
    request: Request, settings: Settings, reader_id: int, now: Now
) -> Sequence[Collection] | None:
    async with database_of(request).read_session() as session:
        connection = await connections.find_connection(session, reader_id)
    if connection is None:
        return None
    await _count_question(request, reader_id, now)
    try:
        key = signer_of(request).decrypt(connections.PURPOSE, connection.encrypted_key)
    except BadToken as error:
        raise ZoteroRefused(_(connections.FORGOTTEN_KEY)) from error
    async with open_http(settings) as http:
        return await ZoteroClient(http, key).list_collections(connection.library)


async def _count_question(request: Request, reader_id: int, now: Now) -> None:
    limit = RateLimit(f"questions to Zotero of {reader_id}", MAX_QUESTIONS, HOUR)
    if not await rate_limits.is_allowed(database_of(request), limit, now=now):
        raise TooMany(_("Zotero was asked many times for you just now. Try again in an hour."), wait=HOUR)


async def _render(
    request: Request,
    visit: sessions.SignedInVisit,
    now: Now,
    *,
    done: str = "",
    error: str = "",
    group: str = "",
    collections: Sequence[Collection] | None = None,
) -> HTMLResponse:
    async with database_of(request).read_session() as session:
        state = await connections.load_state(session, visit.reader.id)
        topics = await reader_topics.load_topic_names(session, visit.reader.id)
        return await render_page(
            request,
            session,
            "account/zotero.html",
            status=400 if error else 200,
            state=state,
            topics=list(topics.items()),
            topic_name=topics.get(state.connection.topic_id or 0) if state else None,
            collections=collections,
            is_fresh=sessions.is_fresh(visit.session, now=now),
            done=done,
            error=error,
            group=group,
            now=now,
        )


@router.post("")
async def connect(
    request: Request,
    settings: Config,
    visit: FreshVisit,
    now: Now,
    key: Annotated[str, Form(max_length=MAX_KEY_LENGTH)] = "",
    group: Annotated[str, Form(max_length=connections.MAX_GROUP_DIGITS)] = "",
) -> Response:
    _require_on(settings)
    await _count_question(request, visit.reader.id, now)
    try:
        async with open_http(settings) as http:
            made = await connections.verify_key(http, key.strip(), group.strip())
    except ZoteroError as error:
        return await _render(request, visit, now, error=write_detail(error), group=group)
    async with database_of(request).write_session() as session:
        await connections.connect(session, visit.reader.id, made, signer_of(request), now=now)
    return _redirect("connected")


def _redirect(done: str) -> Response:
    return RedirectResponse(f"/settings/zotero?done={done}", 303)


@router.post("/collection")
async def follow_collection(
    session: Write,
    settings: Config,
    reader: SignedIn,
    now: Now,
    collection: Annotated[str, Form(max_length=300)] = "",
    topic: Annotated[int, Form(ge=0, lt=2**31)] = 0,
) -> Response:
    """Have a topic learn from a collection, which is named by its key and its name; without one, a new topic.

    A new topic has the collection's name and waits for its papers.
    """
    _require_on(settings)
    key, _before, name = collection.partition(" ")
    connection = await connections.find_connection(session, reader.id)
    if connection is None:
        raise NotFound(_("No library is connected."))
    if topic:
        learner = await reader_topics.get_topic(session, reader.id, topic)
    else:
        draft = TopicDraft(name=name.strip()[:MAX_NAME_LENGTH] or "From Zotero", library_of=TO_COME)
        learner = await reader_topics.create_topic(session, reader.id, draft, now=now)
    await connections.follow_collection(session, connection, key, learner, now=now)
    return _redirect("collection")


@router.post("/disconnect")
async def disconnect(session: Write, settings: Config, reader: SignedIn) -> Response:
    _require_on(settings)
    await connections.disconnect(session, reader.id)
    return _redirect("disconnected")
