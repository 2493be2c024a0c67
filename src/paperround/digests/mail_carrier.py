"""Hands digests over to a mail server."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from paperround.database import WriteSession
from paperround.digests import bounces
from paperround.digests.bounce_rules import classify_refusal
from paperround.digests.carriers import HandOver, HandOverFunction, compute_retry_delay
from paperround.digests.delivery_states import DeliveryEvent
from paperround.digests.digest import Digest
from paperround.digests.renderer import DigestRenderer, RenderedMessage
from paperround.digests.selection import PendingDelivery
from paperround.digests.tables import Delivery
from paperround.mail import (
    Envelope,
    Mailer,
    MailServerUnreachable,
    MessageDeferred,
    MessageRefused,
    MessageUncertain,
)

SERVER_RETRY_DELAY: Final = timedelta(seconds=30)


@dataclass(frozen=True)
class MailCarrier:
    """A carrier by mail. What could not be handed over to the server waits for `server_retry_delay`."""

    mail: Mailer
    renderer: DigestRenderer
    server_retry_delay: timedelta = SERVER_RETRY_DELAY
    by_channel: bool = False

    def prepare(self, pending: PendingDelivery, digest: Digest, *, now: datetime) -> HandOverFunction:
        return partial(self._send, pending, self.renderer.render_message(digest, now=now))

    async def _send(
        self, pending: PendingDelivery, message: RenderedMessage, following: Digest | None
    ) -> HandOver:
        next_envelope = Envelope(self.renderer.return_path(following), following.email) if following else None
        try:
            response = await self.mail.send(
                message.body,
                sender=message.return_path,
                recipient=pending.email,
                following=next_envelope,
            )
        except MessageDeferred as error:
            wait = compute_retry_delay(pending.attempts + 1)
            return HandOver(DeliveryEvent.deferred, error.response, error.code, wait)
        except MessageRefused as error:
            names_recipient = error.stage == "recipient"
            return HandOver(
                DeliveryEvent.refused, error.response, error.code, names_recipient=names_recipient
            )
        except MessageUncertain as error:
            return HandOver(DeliveryEvent.answer_lost, error.response, error.code)
        except MailServerUnreachable as error:
            return HandOver(
                DeliveryEvent.not_handed_over, error.response, error.code, self.server_retry_delay
            )
        return HandOver(DeliveryEvent.accepted, response)

    async def note_refusal(
        self, session: WriteSession, delivery: Delivery, refusal: HandOver, *, now: datetime
    ) -> None:
        kind = classify_refusal(refusal.code, refusal.response, of_recipient=refusal.names_recipient)
        await bounces.record_bounce(session, delivery, kind, refusal.response, now=now)
