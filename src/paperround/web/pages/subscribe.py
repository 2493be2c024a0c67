"""`/subscribe` and `/confirm`: a visitor gives an address, then confirms it. No GET changes anything."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import Depends, Form, Request
from fastapi.responses import HTMLResponse

from paperround.accounts.time_zones import (
    MAX_TIME_ZONE_LENGTH,
    find_time_zone,
    list_choices,
    write_choice,
    write_time_zone,
)
from paperround.database import ReadSession
from paperround.digests import subscriptions
from paperround.digests.consent import CONFIRMATION_WORDING, SUBSCRIPTION_WORDING
from paperround.digests.subscriptions import SubscriptionPreferences
from paperround.digests.tables import Cadence, Subscription, WhenEmpty
from paperround.i18n.messages import find_message
from paperround.mail.recipients import normalise_recipient
from paperround.reads import Asked, RoundTrip, answer
from paperround.text.email_address import EmailAddressInvalid
from paperround.topics import drafts
from paperround.web.confirmation_limits import may_send_letter
from paperround.web.dependencies import (
    Config,
    Now,
    Read,
    Viewer,
    Write,
    render_page,
    viewer_of,
)
from paperround.web.mail_tokens import Links, find_subscription, load_links
from paperround.web.params import MAX_EMAIL_LENGTH
from paperround.web.router import Router
from paperround.web.views.subscription import describe_subscription

router = Router(include_in_schema=False, default_response_class=HTMLResponse)
Email = Annotated[str, Form(max_length=MAX_EMAIL_LENGTH)]
DEFAULT_PREFERENCES: Final = SubscriptionPreferences()
Words = Annotated[str, Form(max_length=drafts.MAX_WORDS_LENGTH)]


async def parse_preferences(
    cadence: Annotated[Cadence, Form()] = Cadence.daily,
    weekday: Annotated[int, Form(ge=0, le=6)] = 0,
    hour: Annotated[int, Form(ge=0, le=23)] = 7,
    time_zone: Annotated[str, Form(max_length=MAX_TIME_ZONE_LENGTH)] = "",
    most: Annotated[int, Form(ge=1, le=30)] = 10,
    contents: Annotated[list[str] | None, Form()] = None,
    when_empty: Annotated[WhenEmpty, Form()] = WhenEmpty.skip,
) -> SubscriptionPreferences:
    """Read the preferences of a form.

    The box on pages with lists has no such fields; it stands for both kinds of contents, in UTC. A time zone
    may be given by a city. Raises `TimeZoneUnknown`.
    """
    chosen = {"trending", "topics"} if contents is None else set(contents)
    zone = find_time_zone(time_zone or "UTC")
    return SubscriptionPreferences(
        cadence, weekday, hour, zone, "trending" in chosen, "topics" in chosen, most, when_empty
    )


PreferencesForm = Annotated[SubscriptionPreferences, Depends(parse_preferences)]


@dataclass(frozen=True)
class SubscribeBox:
    """The box to subscribe on pages with lists.

    `email` is that of a signed-in reader, who need not give or confirm it.
    """

    email: str = ""
    time_zone: str = ""


def ask_subscribe_box(trip: RoundTrip, request: Request) -> Asked[SubscribeBox | None]:
    """Ask for the box. Readers who get digests already have none."""
    viewer = viewer_of(request)
    if viewer is None:
        return trip.know(SubscribeBox())
    is_running = subscriptions.ask_whether_running(trip, viewer.email)
    box = SubscribeBox(viewer.email, viewer.time_zone)
    return Asked(lambda: None if is_running.result else box)


async def build_subscribe_box(request: Request, session: ReadSession) -> SubscribeBox | None:
    """Build the box as `ask_subscribe_box` does."""
    return await answer(session, partial(ask_subscribe_box, request=request))


@router.get("/subscribe")
async def show_form(request: Request, session: Read, viewer: Viewer, now: Now) -> HTMLResponse:
    if viewer is None:
        return await _show_form(request, session, now)
    if running := await subscriptions.find_running(session, viewer.email):
        return await _show_running(request, session, running, now, is_new=False)
    preferences = SubscriptionPreferences(time_zone=viewer.time_zone)
    return await _show_form(request, session, now, preferences, email=viewer.email)


async def _show_form(
    request: Request,
    session: ReadSession,
    now: datetime,
    preferences: SubscriptionPreferences = DEFAULT_PREFERENCES,
    *,
    status: int = 200,
    **context: Any,
) -> HTMLResponse:
    context = {
        "email": "",
        "words": "",
        "error": "",
        "preferences": preferences,
        "cities": list_choices(now),
        "time_zone": write_choice(preferences.time_zone, now),
        "consent": find_message(SUBSCRIPTION_WORDING),
    } | context
    return await render_page(request, session, "digests/subscribe.html", status=status, **context)


@router.post("/subscribe")
async def request_subscription(
    request: Request,
    session: Write,
    viewer: Viewer,
    preferences: PreferencesForm,
    now: Now,
    settings: Config,
    email: Email = "",
    words: Words = "",
) -> HTMLResponse:
    """Ask for a confirmation by mail. A signed-in reader's own address is confirmed already."""
    try:
        address = normalise_recipient(email, settings)
    except EmailAddressInvalid as error:
        return await _show_form(
            request, session, now, preferences, status=400, email=email, words=words, error=str(error)
        )
    if viewer is not None and viewer.email == address:
        subscription = await subscriptions.subscribe_reader(session, viewer, preferences, now=now)
        return await _show_running(request, session, subscription, now)
    if await may_send_letter(request, address, now):
        await subscriptions.request(session, address, preferences, topic_words=words, now=now)
    return await render_page(
        request, session, "digests/asked.html", email=address, outbox=settings.smtp_url is None
    )


@router.get("/confirm/{token}")
async def show_confirmation(
    request: Request, session: Read, links: Links, now: Now, token: str
) -> HTMLResponse:
    subscription = await find_subscription(session, links, "confirm", token)
    return await render_page(
        request,
        session,
        "digests/confirm.html",
        described=describe_subscription(subscription, now),
        consent=find_message(CONFIRMATION_WORDING),
    )


@router.post("/confirm/{token}")
async def confirm_subscription(
    request: Request,
    session: Write,
    links: Links,
    now: Now,
    token: str,
    time_zone: Annotated[str, Form(max_length=60)] = "",
) -> HTMLResponse:
    """Confirm a subscription. `time_zone` is the browser's, for visitors who gave nothing but an address."""
    found = await find_subscription(session, links, "confirm", token)
    subscription = await subscriptions.confirm(session, found.id, time_zone=time_zone, now=now)
    return await _show_running(request, session, subscription, now)


async def _show_running(
    request: Request,
    session: ReadSession,
    subscription: Subscription,
    now: datetime,
    *,
    is_new: bool = True,
) -> HTMLResponse:
    """Show when digests come and what else can be done. `is_new`: it has just been confirmed."""
    links = load_links(request)
    zone, due_at = ZoneInfo(subscription.time_zone), subscription.next_due_at
    return await render_page(
        request,
        session,
        "digests/running.html",
        subscription=subscription,
        described=describe_subscription(subscription, now),
        time_zone=write_time_zone(subscription.time_zone, due_at or now),
        due_on=due_at.astimezone(zone).date() if due_at else None,
        is_new=is_new,
        preferences_path=links.preferences(subscription.link_target).removeprefix(links.site),
    )
