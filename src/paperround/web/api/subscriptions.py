"""POST /api/v1/subscriptions: the same as the form on the pages."""

from __future__ import annotations

from typing import Annotated

from fastapi import Request
from pydantic import BaseModel, Field

from paperround.digests import subscriptions
from paperround.digests.subscriptions import SubscriptionPreferences
from paperround.digests.tables import Cadence
from paperround.mail.recipients import normalise_recipient
from paperround.topics.drafts import MAX_WORDS_LENGTH
from paperround.web.api.schemas import RequestBody
from paperround.web.confirmation_limits import may_send_letter
from paperround.web.dependencies import Now, Write, settings_of
from paperround.web.params import MAX_EMAIL_LENGTH
from paperround.web.router import Router

router = Router(prefix="/api/v1/subscriptions", tags=["subscriptions"])


class SubscriptionIn(RequestBody):
    email: Annotated[str, Field(max_length=MAX_EMAIL_LENGTH, examples=["ada@example.org"])]
    words: Annotated[str, Field(max_length=MAX_WORDS_LENGTH, description="A topic in plain words.")] = ""
    cadence: Annotated[Cadence, Field(strict=False, description="A monthly digest comes on the 1st.")] = (
        Cadence.daily
    )
    weekday: Annotated[int, Field(ge=0, le=6, description="Of a weekly one; Monday is 0.")] = 0
    hour: Annotated[int, Field(ge=0, le=23, description="In that time zone.")] = 7
    time_zone: Annotated[str, Field(max_length=60, examples=["Europe/Berlin"])] = "UTC"


class SubscriptionAccepted(BaseModel):
    status: str = Field(examples=["look at your mail"])


@router.post("", status_code=202, summary="Ask for digests; a message asks the address to confirm")
async def ask(request: Request, session: Write, now: Now, body: SubscriptionIn) -> SubscriptionAccepted:
    """Request a subscription. The response is the same whether or not the address is known."""
    email = normalise_recipient(body.email, settings_of(request))
    preferences = SubscriptionPreferences(body.cadence, body.weekday, body.hour, body.time_zone)
    if await may_send_letter(request, email, now):
        await subscriptions.request(session, email, preferences, topic_words=body.words, now=now)
    return SubscriptionAccepted(status="look at your mail")
