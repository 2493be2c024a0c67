"""POST /api/v1/subscriptions: the same as the box on the pages."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from paperround.digests import subscriptions
from paperround.digests.subscriptions import Wishes
from paperround.digests.tables import Cadence
from paperround.text.email_address import normalised
from paperround.topics.reader_topics import LONGEST_WORDS
from paperround.web.dependencies import Now, Write
from paperround.web.pages.subscribe import LONGEST_ADDRESS, may_ask

router = APIRouter(prefix="/api/v1/subscriptions", tags=["subscriptions"])


class SubscriptionIn(BaseModel):
    email: Annotated[str, Field(max_length=LONGEST_ADDRESS, examples=["ada@example.org"])]
    words: Annotated[str, Field(max_length=LONGEST_WORDS, description="A topic in plain words.")] = ""
    cadence: Cadence = Cadence.daily
    weekday: Annotated[int, Field(ge=0, le=6, description="Of a weekly one; Monday is 0.")] = 0
    hour: Annotated[int, Field(ge=0, le=23, description="In that time zone.")] = 7
    time_zone: Annotated[str, Field(max_length=60, examples=["Europe/Berlin"])] = "UTC"


class Asked(BaseModel):
    status: str = Field(examples=["look at your mail"])


@router.post("", status_code=202, summary="Ask for digests; a letter asks the address to confirm")
async def ask(request: Request, session: Write, now: Now, asked: SubscriptionIn) -> Asked:
    """The answer is the same whether or not the address is known."""
    email = normalised(asked.email)
    wishes = Wishes(asked.cadence, asked.weekday, asked.hour, asked.time_zone)
    if await may_ask(request, email, now):
        await subscriptions.ask(session, email, wishes, topic_words=asked.words, now=now)
    return Asked(status="look at your mail")
