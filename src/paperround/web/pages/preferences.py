"""`/preferences` and `/unsubscribe`, by signed links, without signing in. No GET changes anything."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import HTMLResponse, PlainTextResponse
from starlette.responses import Response

from paperround.accounts import sign_in
from paperround.accounts.time_zones import list_choices, write_choice
from paperround.database import ReadSession
from paperround.digests import archive, scheduler, subscriptions
from paperround.digests.tables import Subscription
from paperround.i18n.messages import gettext as _
from paperround.topics import reader_topics
from paperround.web.dependencies import Now, Read, Write, render_page, settings_of
from paperround.web.mail_tokens import Links, find_subscription, load_links
from paperround.web.pages.sign_in import check_link_limits, show_link_sent
from paperround.web.pages.subscribe import PreferencesForm
from paperround.web.router import Router

router = Router(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/preferences/{token}")
async def show_preferences(
    request: Request, session: Read, links: Links, now: Now, token: str
) -> HTMLResponse:
    subscription = await find_subscription(session, links, "preferences", token)
    return await _render_preferences(request, session, subscription, token, now)


async def _render_preferences(
    request: Request,
    session: ReadSession,
    subscription: Subscription,
    token: str,
    now: datetime,
    done: str = "",
) -> HTMLResponse:
    return await render_page(
        request,
        session,
        "digests/preferences.html",
        subscription=subscription,
        token=token,
        done=done,
        cities=list_choices(now),
        time_zone=write_choice(subscription.time_zone, now),
        deliveries=await archive.list_latest(session, subscription.id),
        topics=await reader_topics.load_topic_names(session, subscription.reader_id)
        if subscription.reader_id
        else {},
        unsubscribe=load_links(request)
        .unsubscribe(subscription.link_target)
        .removeprefix(settings_of(request).address),
        now=now,
    )


@router.post("/preferences/{token}")
async def change_preferences(
    request: Request, session: Write, links: Links, preferences: PreferencesForm, now: Now, token: str
) -> HTMLResponse:
    subscription = await find_subscription(session, links, "preferences", token)
    await subscriptions.change_preferences(session, subscription.id, preferences, now=now)
    return await _render_preferences(request, session, subscription, token, now, _("Saved."))


@router.post("/preferences/{token}/pause")
async def pause_subscription(
    request: Request,
    session: Write,
    links: Links,
    now: Now,
    token: str,
    until: Annotated[date | None, Form()] = None,
) -> HTMLResponse:
    """Pause digests until a day, or without one until they are resumed."""
    subscription = await find_subscription(session, links, "preferences", token)
    await subscriptions.pause(session, subscription.id, until=until, now=now)
    return await _render_preferences(request, session, subscription, token, now, _("Paused."))


@router.post("/preferences/{token}/resume")
async def resume_subscription(
    request: Request, session: Write, links: Links, now: Now, token: str
) -> HTMLResponse:
    subscription = await find_subscription(session, links, "preferences", token)
    await subscriptions.resume(session, subscription.id, now=now)
    done = _("Digests are active again.")
    return await _render_preferences(request, session, subscription, token, now, done)


@router.post("/preferences/{token}/now")
async def send_now(request: Request, session: Write, links: Links, now: Now, token: str) -> HTMLResponse:
    """Send today's digest now instead of at its hour."""
    found = await find_subscription(session, links, "preferences", token)
    subscription = await subscriptions.lock_subscription(session, found.id)
    done = (
        _("Your digest is on its way, unless there is nothing new.")
        if await scheduler.plan_now(session, subscription, now=now)
        else _("Today’s digest has already been sent, or is on its way.")
    )
    return await _render_preferences(request, session, subscription, token, now, done)


@router.post("/preferences/{token}/delete")
async def request_deletion(
    request: Request, session: Write, links: Links, now: Now, token: str
) -> HTMLResponse:
    """Mail a link that signs in and leads to where everything is deleted.

    The link to the preferences may have been passed on with a digest, so it can't do more than end them.
    """
    email = (await find_subscription(session, links, "preferences", token)).email
    await check_link_limits(request, email, now)
    await sign_in.request_link(session, email, now=now, next_page="/settings/leave")
    return await show_link_sent(request, session, email)


@router.get("/unsubscribe/{token}")
async def show_unsubscribe(request: Request, session: Read, links: Links, token: str) -> HTMLResponse:
    link = links.read_token("unsubscribe", token)
    subscription = await session.get(Subscription, link.id)
    is_known = subscription is not None and link.is_of(subscription.link_target)
    return await render_page(
        request, session, "digests/unsubscribe.html", subscription=subscription if is_known else None
    )


@router.post("/unsubscribe/{token}")
async def unsubscribe(
    request: Request,
    session: Write,
    links: Links,
    now: Now,
    token: str,
    one_click: Annotated[str, Form(alias="List-Unsubscribe", max_length=40)] = "",
) -> Response:
    """Unsubscribe, from the page's button or from a mail program in one click (RFC 8058).

    It needs no cookie and answers without a redirect.
    """
    link = links.read_token("unsubscribe", token)
    subscription = await session.get(Subscription, link.id)
    # What was deleted sends nothing more, and neither does what had this number before.
    if subscription is not None and link.is_of(subscription.link_target):
        await subscriptions.unsubscribe(session, subscription.id, now=now)
    if one_click:
        return PlainTextResponse("Unsubscribed.\n")
    return await render_page(request, session, "digests/unsubscribed.html")
