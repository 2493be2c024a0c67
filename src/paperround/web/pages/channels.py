"""`/channels`: where a reader's digests go besides mail. No GET changes anything."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import Depends, Form, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from paperround import rate_limits
from paperround.accounts import sessions
from paperround.accounts.sessions import SignedInVisit as Visit
from paperround.accounts.time_zones import list_choices, write_choice
from paperround.channels.address import MAX_ADDRESS_LENGTH, parse_address
from paperround.channels.apprise_process import is_apprise_installed
from paperround.channels.encryption import SecretBox
from paperround.channels.errors import ChannelAddressInvalid
from paperround.database import ReadSession
from paperround.digests import archive, channels
from paperround.digests.channel_tables import Channel
from paperround.digests.channels import ChannelDraft
from paperround.digests.consent import CHANNEL_WORDING
from paperround.digests.subscriptions import SubscriptionPreferences
from paperround.i18n.messages import find_message, mark_message
from paperround.i18n.messages import gettext as _
from paperround.rate_limits import RateLimit
from paperround.security_events import SecurityEvent
from paperround.text.plain import to_plain_text
from paperround.topics.model.bands import Band
from paperround.web.dependencies import (
    FreshVisit,
    Now,
    Read,
    SignedIn,
    SignedInVisit,
    TooMany,
    Write,
    database_of,
    render_page,
    signer_of,
)
from paperround.web.errors import write_detail
from paperround.web.pages.subscribe import PreferencesForm
from paperround.web.router import Router
from paperround.web.security.events import record_event

HOUR: Final = timedelta(hours=1)
MAX_TESTS: Final = 10  # an hour, of a reader: messages to addresses that nobody has confirmed
MESSAGES: Final = {
    "asked": mark_message("A message with a code is on its way. It takes up to a minute."),
    "confirmed": mark_message("The channel is on."),
    "changed": mark_message("Saved."),
    "paused": mark_message("Paused."),
    "resumed": mark_message("The channel is on again."),
    "removed": mark_message("That channel gets nothing any more."),
}
NO_STORE: Final = {"Cache-Control": "no-store"}

router = Router(prefix="/channels", include_in_schema=False, default_response_class=HTMLResponse)
ChannelId = Annotated[int, Path(ge=1, lt=2**31)]
NameField = Annotated[str, Form(max_length=channels.MAX_NAME_LENGTH)]


async def parse_channel_preferences(
    preferences: PreferencesForm, threshold: Annotated[str, Form(max_length=20)] = ""
) -> SubscriptionPreferences:
    """Read the preferences of a channel's form. Without a threshold, what the topics show counts."""
    known = {band.value: band for band in Band}
    return replace(preferences, min_band=known.get(threshold))


ChannelPreferences = Annotated[SubscriptionPreferences, Depends(parse_channel_preferences)]


@router.get("")
async def show_channels(
    request: Request,
    session: Read,
    visit: SignedInVisit,
    now: Now,
    done: Annotated[str, Query(max_length=20)] = "",
) -> HTMLResponse:
    preferences = SubscriptionPreferences(time_zone=visit.reader.time_zone)
    return await _render_list(
        request, session, visit, now, preferences, done=find_message(MESSAGES.get(done, ""))
    )


async def _render_list(
    request: Request,
    session: ReadSession,
    visit: Visit,
    now: datetime,
    preferences: SubscriptionPreferences,
    *,
    status: int = 200,
    name: str = "",
    error: str = "",
    done: str = "",
) -> HTMLResponse:
    known = await channels.list_of_reader(session, visit.reader.id)
    return await render_page(
        request,
        session,
        "channels/list.html",
        status=status,
        channels=known,
        may_add=len(known) < channels.MAX_CHANNELS,
        is_fresh=sessions.is_fresh(visit.session, now=now),
        preferences=preferences,
        cities=list_choices(now),
        time_zone=write_choice(preferences.time_zone, now),
        name=name,
        error=error,
        done=done,
        now=now,
    )


@router.post("")
async def add_channel(
    request: Request,
    session: Write,
    visit: FreshVisit,
    preferences: ChannelPreferences,
    now: Now,
    address: Annotated[str, Form(max_length=MAX_ADDRESS_LENGTH)] = "",
    name: NameField = "",
) -> Response:
    """Add a channel. A webhook's signing secret is shown in this answer and never again."""
    reader, called = visit.reader, to_plain_text(name)
    try:
        parsed = parse_address(address, allows_apprise=is_apprise_installed())
    except ChannelAddressInvalid as error:
        told = write_detail(error)
        return await _render_list(
            request, session, visit, now, preferences, status=error.status, name=called, error=told
        )
    await _require_few_tests(request, reader.id, now)
    draft = ChannelDraft.build(SecretBox.from_signer(signer_of(request)), parsed)
    channel = await channels.add(session, draft, called, preferences, reader_id=reader.id, now=now)
    record_event(request, SecurityEvent.channel_added, reader=reader.id, subject=channel.id)
    if not draft.secrets.signing_secret:
        return _redirect(channel.id, "asked")
    response = await _render_one(
        request, session, channel, now, done=_(MESSAGES["asked"]), signing_secret=draft.secrets.signing_secret
    )
    response.headers.update(NO_STORE)
    return response


@router.get("/{channel_id}")
async def show_channel(
    request: Request,
    session: Read,
    reader: SignedIn,
    now: Now,
    channel_id: ChannelId,
    done: Annotated[str, Query(max_length=20)] = "",
) -> HTMLResponse:
    channel = await channels.load(session, reader.id, channel_id)
    return await _render_one(request, session, channel, now, done=find_message(MESSAGES.get(done, "")))


async def _render_one(
    request: Request, session: ReadSession, channel: Channel, now: datetime, **shown: Any
) -> HTMLResponse:
    subscription = channel.subscription
    status = shown.pop("status", 200)
    return await render_page(
        request,
        session,
        "channels/one.html",
        status=status,
        channel=channel,
        subscription=subscription,
        deliveries=await archive.list_latest(session, channel.id),
        consent=find_message(CHANNEL_WORDING),
        cities=list_choices(now),
        time_zone=write_choice(subscription.time_zone, now),
        now=now,
        **{"error": "", "done": "", "signing_secret": "", **shown},
    )


@router.post("/{channel_id}/confirm")
async def confirm_channel(
    request: Request,
    session: Write,
    reader: SignedIn,
    now: Now,
    channel_id: ChannelId,
    code: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """Turn a channel on by the code that arrived there."""
    if await channels.confirm(session, reader.id, channel_id, code, now=now):
        return _redirect(channel_id, "confirmed")
    channel = await channels.load(session, reader.id, channel_id)
    error = _("This is not the code of the last message, or it is too old. A code can be tried five times.")
    return await _render_one(request, session, channel, now, status=400, error=error)


@router.post("/{channel_id}/test")
async def test_channel(
    request: Request, session: Write, reader: SignedIn, now: Now, channel_id: ChannelId
) -> Response:
    """Send another code."""
    await _require_few_tests(request, reader.id, now)
    await channels.request_test(session, reader.id, channel_id, now=now)
    return _redirect(channel_id, "asked")


@router.post("/{channel_id}")
async def change_channel(
    session: Write,
    reader: SignedIn,
    preferences: ChannelPreferences,
    now: Now,
    channel_id: ChannelId,
    name: NameField = "",
) -> Response:
    """Change what goes to a channel. The minute, which only the operator sets, stays."""
    channel = await channels.load(session, reader.id, channel_id)
    kept = replace(preferences, minute=channel.subscription.minute)
    await channels.change(session, reader.id, channel_id, to_plain_text(name), kept, now=now)
    return _redirect(channel_id, "changed")


@router.post("/{channel_id}/pause")
async def pause_channel(session: Write, reader: SignedIn, now: Now, channel_id: ChannelId) -> Response:
    await channels.pause(session, reader.id, channel_id, now=now)
    return _redirect(channel_id, "paused")


@router.post("/{channel_id}/resume")
async def resume_channel(session: Write, reader: SignedIn, now: Now, channel_id: ChannelId) -> Response:
    await channels.resume(session, reader.id, channel_id, now=now)
    return _redirect(channel_id, "resumed")


@router.post("/{channel_id}/remove")
async def remove_channel(
    request: Request, session: Write, reader: SignedIn, channel_id: ChannelId
) -> Response:
    await channels.remove(session, reader.id, channel_id)
    record_event(request, SecurityEvent.channel_removed, reader=reader.id, subject=channel_id)
    return RedirectResponse("/channels?done=removed", 303)


async def _require_few_tests(request: Request, reader_id: int, now: datetime) -> None:
    limit = RateLimit(f"tests of channels of {reader_id}", MAX_TESTS, HOUR)
    if not await rate_limits.is_allowed(database_of(request), limit, now=now):
        raise TooMany(_("Many codes were sent for you just now. Try again in an hour."), wait=HOUR)


def _redirect(channel_id: ChannelId, done: str) -> Response:
    return RedirectResponse(f"/channels/{channel_id}?done={done}", 303)
