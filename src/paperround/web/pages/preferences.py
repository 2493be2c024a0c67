"""`/preferences` and `/unsubscribe`, by signed links, without signing in. No GET changes anything."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, PlainTextResponse
from starlette.responses import Response

from paperround.accounts.readers import list_time_zones
from paperround.database import ReadSession
from paperround.digests import archive, subscriber_accounts, subscriptions
from paperround.digests.tables import Subscription
from paperround.topics import reader_topics
from paperround.web.dependencies import Config, Now, Read, Write, render_page, settings_of
from paperround.web.mail_tokens import Links, get_subscription_or_404, load_links
from paperround.web.pages.subscribe import PreferencesForm

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/preferences/{token}")
async def show_preferences(
    request: Request, session: Read, links: Links, now: Now, token: str
) -> HTMLResponse:
    subscription = await get_subscription_or_404(session, links.read_token("preferences", token))
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
        zones=list_time_zones(),
        deliveries=await archive.list_latest(session, subscription.id),
        topics=await reader_topics.load_topic_names(session, subscription.reader_id)
        if subscription.reader_id
        else {},
        unsubscribe=load_links(request)
        .unsubscribe(subscription.id)
        .removeprefix(settings_of(request).address),
        now=now,
    )


@router.post("/preferences/{token}")
async def change_preferences(
    request: Request, session: Write, links: Links, preferences: PreferencesForm, now: Now, token: str
) -> HTMLResponse:
    subscription_id = links.read_token("preferences", token)
    subscription = await subscriptions.change_preferences(session, subscription_id, preferences, now=now)
    return await _render_preferences(request, session, subscription, token, now, "Saved.")


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
    subscription_id = links.read_token("preferences", token)
    await subscriptions.pause(session, subscription_id, until=until, now=now)
    subscription = await get_subscription_or_404(session, subscription_id)
    return await _render_preferences(request, session, subscription, token, now, "Paused.")


@router.post("/preferences/{token}/resume")
async def resume_subscription(
    request: Request, session: Write, links: Links, now: Now, token: str
) -> HTMLResponse:
    subscription_id = links.read_token("preferences", token)
    await subscriptions.resume(session, subscription_id, now=now)
    subscription = await get_subscription_or_404(session, subscription_id)
    return await _render_preferences(request, session, subscription, token, now, "Digests come again.")


@router.post("/preferences/{token}/delete")
async def delete_subscription(
    request: Request, session: Write, links: Links, settings: Config, token: str
) -> HTMLResponse:
    subscription_id = links.read_token("preferences", token)
    account = await subscriber_accounts.forget_subscription(
        session, subscription_id, half_life=settings.half_life
    )
    return await render_page(request, session, "digests/gone.html", account=account)


@router.get("/unsubscribe/{token}")
async def show_unsubscribe(request: Request, session: Read, links: Links, token: str) -> HTMLResponse:
    links.read_token("unsubscribe", token)
    return await render_page(request, session, "digests/unsubscribe.html")


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
    await subscriptions.unsubscribe(session, links.read_token("unsubscribe", token), now=now)
    if one_click:
        return PlainTextResponse("Unsubscribed.\n")
    return await render_page(request, session, "digests/unsubscribed.html")
