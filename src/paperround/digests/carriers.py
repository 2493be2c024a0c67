"""What the last step of a delivery has in common, by mail or to a channel.

A sender plans, claims and notes in one way. Only how a digest is rendered and handed over differs.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from paperround.database import WriteSession
from paperround.digests.delivery_states import DeliveryEvent
from paperround.digests.digest import Digest
from paperround.digests.selection import PendingDelivery
from paperround.digests.tables import Delivery

RETRY_DELAYS: Final = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(minutes=60),
)  # the last one is repeated until the delivery is too late


@dataclass(frozen=True)
class HandOver:
    """What became of handing a digest over.

    `code` and `response` are the other side's answer. `wait` is the time until the next attempt, for those
    events that have one. `names_recipient`: a refusal was of whom it goes to, not of what was written.
    """

    event: DeliveryEvent
    response: str
    code: int | None = None
    wait: timedelta = timedelta(0)
    names_recipient: bool = False


# Hands a digest over, given the one that its connection hands over next, if that is known.
HandOverFunction = Callable[[Digest | None], Awaitable[HandOver]]


class Carrier(Protocol):
    """Hands digests over."""

    @property
    def by_channel(self) -> bool:
        """Whether it takes the digests of channels, or those that go by mail."""
        ...

    def prepare(self, pending: PendingDelivery, digest: Digest, *, now: datetime) -> HandOverFunction:
        """Render a digest. Returns what hands it over; that raises nothing that the other side may cause."""
        ...

    async def note_refusal(
        self, session: WriteSession, delivery: Delivery, refusal: HandOver, *, now: datetime
    ) -> None:
        """Note what a refusal for good means for the subscription."""
        ...


def compute_retry_delay(attempts: int, *, jitter: Callable[[], float] = random.random) -> timedelta:
    """Compute the delay after refusals in a row: 1, 5, 30, 60 minutes, and up to half as much again."""
    return RETRY_DELAYS[min(max(attempts, 1), len(RETRY_DELAYS)) - 1] * (1 + jitter() / 2)
