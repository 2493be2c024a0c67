"""/api/v1/me/subscription: when and what the digests of the key's reader are."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field

from paperround.accounts.tables import Reader
from paperround.accounts.time_zones import MAX_TIME_ZONE_LENGTH
from paperround.database import ReadSession
from paperround.digests import subscriptions
from paperround.digests.subscriptions import SubscriptionPreferences
from paperround.digests.tables import Cadence, Subscription, SubscriptionState, WhenEmpty
from paperround.topics.model.bands import Band
from paperround.web.api.schemas import IsoDay, RequestBody
from paperround.web.dependencies import BadRequest, KeyReader, KeyWriter, NotFound, Now, Read, Write
from paperround.web.router import Router

router = Router(prefix="/api/v1/me/subscription", tags=["subscriptions"])


class SubscriptionOut(BaseModel):
    """A subscription to digests by mail."""

    state: SubscriptionState
    next_due_at: datetime | None = Field(description="When the next digest is due; null while it is paused.")
    cadence: Cadence
    weekday: int = Field(description="Of a weekly one; Monday is 0.")
    hour: int
    minute: int
    time_zone: str
    trending: bool = Field(description="Whether digests have what is trending.")
    topics: bool = Field(description="Whether digests have what matches topics.")
    max_papers: int
    when_empty: WhenEmpty
    min_band: Band | None = Field(description="The lowest band of matches; null: as each topic says.")

    @classmethod
    def of(cls, subscription: Subscription) -> Self:
        return cls(**{name: getattr(subscription, name) for name in cls.model_fields})


class SubscriptionChange(RequestBody):
    """A change of one's digests. Fields that are left out or null stay as they are."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"cadence": "weekdays", "hour": 8, "max_papers": 15}]}
    )

    cadence: Annotated[Cadence, Field(strict=False)] | None = None
    weekday: Annotated[int, Field(ge=0, le=6)] | None = None
    hour: Annotated[int, Field(ge=0, le=23)] | None = None
    time_zone: Annotated[str, Field(max_length=MAX_TIME_ZONE_LENGTH)] | None = None
    trending: bool | None = None
    topics: bool | None = None
    max_papers: Annotated[int, Field(ge=1, le=30)] | None = None
    when_empty: Annotated[WhenEmpty, Field(strict=False)] | None = None
    paused: bool | None = None
    until: IsoDay | None = Field(None, description="With `paused`: the day on which digests begin again.")


@router.get("", summary="Your digests")
async def show(session: Read, reader: KeyReader) -> SubscriptionOut:
    return SubscriptionOut.of(await _find(session, reader))


@router.patch("", summary="Change or pause your digests")
async def change(session: Write, reader: KeyWriter, now: Now, wish: SubscriptionChange) -> SubscriptionOut:
    """Change your digests from the next one on."""
    if wish.until is not None and not wish.paused:
        raise BadRequest("`until` goes with `paused`: true.")
    subscription = await _find(session, reader)
    given = wish.model_dump(exclude_none=True, exclude={"paused", "until"})
    if given:
        known = {field.name: getattr(subscription, field.name) for field in fields(SubscriptionPreferences)}
        preferences = SubscriptionPreferences(**(known | given))
        await subscriptions.change_preferences(session, subscription.id, preferences, now=now)
    if wish.paused is not None:
        if wish.paused:
            await subscriptions.pause(session, subscription.id, until=wish.until, now=now)
        else:
            await subscriptions.resume(session, subscription.id, now=now)
    return SubscriptionOut.of(await _find(session, reader))


async def _find(session: ReadSession, reader: Reader) -> Subscription:
    subscription = await subscriptions.find_running(session, reader.email)
    if subscription is None:
        raise NotFound("You have no digests by mail. POST /api/v1/subscriptions asks for them.")
    return subscription
