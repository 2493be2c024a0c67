"""Hands digests over to channels."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from paperround.channels.encryption import SecretBox
from paperround.channels.errors import (
    ChannelAnswerLost,
    ChannelGone,
    ChannelUnavailable,
    SecretUnreadable,
)
from paperround.channels.sender import ChannelSender
from paperround.database import WriteSession
from paperround.digests import channel_health
from paperround.digests.carriers import HandOver, HandOverFunction, compute_retry_delay
from paperround.digests.channel_message import build_channel_digest
from paperround.digests.delivery_states import DeliveryEvent
from paperround.digests.digest import Digest
from paperround.digests.links import DigestLinks
from paperround.digests.selection import PendingDelivery
from paperround.digests.tables import Delivery
from paperround.i18n.languages import using_language


@dataclass(frozen=True)
class ChannelCarrier:
    """A carrier to webhooks and chats. One that fails holds up no other: each has a back-off of its own."""

    sender: ChannelSender
    box: SecretBox
    links: DigestLinks
    site_name: str
    by_channel: bool = True

    def prepare(self, pending: PendingDelivery, digest: Digest, *, now: datetime) -> HandOverFunction:
        try:
            secrets = self.box.decrypt(pending.channel_secrets or b"")
        except SecretUnreadable as error:
            return partial(_refuse, HandOver(DeliveryEvent.refused, error.detail))
        with using_language(digest.language):
            message = build_channel_digest(digest, self.links, self.site_name)
            hand_over = self.sender.prepare(secrets, message, now=now)
        return partial(self._send, pending, hand_over)

    async def _send(
        self, pending: PendingDelivery, hand_over: Callable[[], Awaitable[str]], _following: Digest | None
    ) -> HandOver:
        try:
            return HandOver(DeliveryEvent.accepted, await hand_over())
        except ChannelUnavailable as error:
            wait = max(compute_retry_delay(pending.attempts + 1), error.wait)
            return HandOver(DeliveryEvent.deferred, error.response, error.code, wait)
        except ChannelGone as error:
            return HandOver(DeliveryEvent.refused, error.response, error.code)
        except ChannelAnswerLost as error:
            return HandOver(DeliveryEvent.answer_lost, error.response)

    async def note_refusal(
        self, session: WriteSession, delivery: Delivery, refusal: HandOver, *, now: datetime
    ) -> None:
        """End the subscription of a channel that takes nothing any more."""
        await channel_health.stop(session, delivery.subscription_id, refusal.response, now=now)


async def _refuse(refusal: HandOver, _following: Digest | None) -> HandOver:
    return refusal
