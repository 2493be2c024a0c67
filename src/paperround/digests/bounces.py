"""Mail that came back: what it says about an address, and what follows for its subscription.

Delivery reports (RFC 3464) and complaints (RFC 5965) are read by their fields, never by words in a text.
Whose they are stands in a signed mark: in the address that they were sent to, or in the Message-ID of what
returned.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from typing import Final, NamedTuple

import structlog
from sqlalchemy import or_, select

from paperround.database import ReadSession, WriteSession
from paperround.digests import subscriptions
from paperround.digests.links import DigestLinks
from paperround.digests.tables import (
    SUBSCRIPTION_TRANSITIONS,
    Bounce,
    Delivery,
    DeliveryState,
    SubscriptionState,
)
from paperround.errors import PaperroundError

logger = structlog.get_logger(__name__)

MAX_SOFT_BOUNCES: Final = 5
MAX_REPORT_SIZE: Final = 2_000_000  # bytes of a message that is read
ENHANCED_STATUS: Final = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
# What permanent failures (RFC 3463) are about, by their second number, or both: the address, the mailbox, the
# way there; all else is about what was sent, or about us.
BOUNCE_BY_STATUS: Final = {
    "0": Bounce.soft, "1": Bounce.hard, "2": Bounce.hard, "4": Bounce.soft,
    "1.7": Bounce.content, "1.8": Bounce.content,  # our own address
    "2.2": Bounce.soft, "2.3": Bounce.content,  # full; too long for it
    "4.1": Bounce.hard,  # what Exchange says of addresses that it doesn't know
}  # fmt: skip
RECIPIENT_HEADERS: Final = ("To", "Delivered-To", "X-Original-To", "Envelope-To", "X-Failed-Recipients")
RETURNED_MESSAGE_TYPES: Final = (
    "message/rfc822",
    "text/rfc822-headers",
    "message/global",
    "message/global-headers",
)


class ReportUnreadable(PaperroundError):
    """No report, and no wish to unsubscribe: somebody's answer, or noise."""

    title = "Not a report"
    status = 400


class BounceReport(NamedTuple):
    """What a message that came back says. `bounce` None: somebody asks to be unsubscribed."""

    delivery_id: int
    bounce: Bounce | None
    explanation: str


def classify_status(status: str) -> Bounce | None:
    """What `5.1.1` and the like, anywhere within a server's words, say about an address."""
    found = ENHANCED_STATUS.search(status)
    if found is None or found[1] == "2":
        return None
    permanent = BOUNCE_BY_STATUS.get(f"{found[2]}.{found[3]}") or BOUNCE_BY_STATUS.get(
        found[2], Bounce.content
    )
    return Bounce.soft if found[1] == "4" and permanent is not Bounce.content else permanent


def classify_refusal(code: int | None, words: str, *, of_recipient: bool) -> Bounce:
    """What a server's 5xx says about the address. Without a finer code only its answer to RCPT counts."""
    finer = classify_status(words)
    if finer is not None:
        return finer
    if not of_recipient:
        return Bounce.content
    return Bounce.soft if code == 552 else Bounce.hard


def parse_report(body: bytes, links: DigestLinks) -> BounceReport:
    """Raises `Unreadable`."""
    try:
        return _parse_message(message_from_bytes(body[:MAX_REPORT_SIZE], policy=policy.default), links)
    except (LookupError, TypeError, AttributeError) as error:  # seen: Python's parser falls over odd headers
        raise ReportUnreadable("Its headers can't be read.") from error


def _parse_message(message: EmailMessage, links: DigestLinks) -> BounceReport:
    delivery_id = _find_delivery_id(message, links)
    if delivery_id is None:
        raise ReportUnreadable("It names no digest of ours.")
    complaint = _find_fields(message, "message/feedback-report", "Feedback-Type")
    if complaint is not None:
        return BounceReport(delivery_id, Bounce.complaint, f"Complaint: {complaint['Feedback-Type']}"[:500])
    for fields in _status_fields(message):
        if fields["Action"].strip().lower() == "failed" and (bounce := classify_status(fields["Status"])):
            told = fields.get("Diagnostic-Code") or fields["Status"]
            return BounceReport(delivery_id, bounce, " ".join(str(told).split())[:500])
    if str(message["Subject"] or "").lower().startswith("unsubscribe"):
        return BounceReport(delivery_id, None, "Unsubscribed by mail.")
    raise ReportUnreadable("It is no report of a failure.")


def _find_delivery_id(message: EmailMessage, links: DigestLinks) -> int | None:
    """By the address it came to, the Message-ID of what is returned, or the subject of a wish."""
    told = [str(value) for header in RECIPIENT_HEADERS for value in message.get_all(header, [])]
    told += [str(message["Subject"] or ""), str(message["In-Reply-To"] or "")]
    for part in message.walk():
        if part.get_content_type() in RETURNED_MESSAGE_TYPES:
            told.append(_find_returned_id(part))
        told += [str(value) for value in part.get_all("Original-Message-ID", [])]
    for text in told:
        if (found := links.find_delivery_id(text)) is not None:
            return found
    return None


def _find_returned_id(part: Message) -> str:
    for inner in _nested_messages(part):
        return str(inner.get("Message-ID", ""))
    found = re.search(r"(?im)^Message-ID:\s*(\S+)", str(part.get_payload(decode=False)))
    return found[1] if found else ""


def _status_fields(message: EmailMessage) -> Iterator[Message]:
    """The groups of fields about a recipient: those with both an action and a status."""
    for part in message.walk():
        if part.get_content_type() in ("message/delivery-status", "message/global-delivery-status"):
            for group in _nested_messages(part):
                if group.get("Action") and group.get("Status"):
                    yield group


def _find_fields(message: EmailMessage, kind: str, field: str) -> Message | None:
    for part in message.walk():
        if part.get_content_type() == kind:
            fields = next(_nested_messages(part), None) or _parse_payload(part)
            if fields.get(field):
                return fields
    return None


def _nested_messages(part: Message) -> Iterator[Message]:
    payload = part.get_payload()
    yield from (one for one in (payload if isinstance(payload, list) else []) if isinstance(one, Message))


def _parse_payload(part: Message) -> Message:
    payload = part.get_payload(decode=True)
    return message_from_bytes(payload if isinstance(payload, bytes) else b"", policy=policy.default)


async def process_report(session: WriteSession, report: BounceReport, *, now: datetime) -> bool:
    """Do what a report calls for; False when its delivery is gone."""
    delivery = await session.get(Delivery, report.delivery_id, with_for_update=True)
    if delivery is None:
        return False
    if report.bounce is None:
        await subscriptions.unsubscribe(session, delivery.subscription_id, now=now)
    else:
        await record_bounce(session, delivery, report.bounce, report.explanation, now=now)
    return True


async def record_bounce(
    session: WriteSession, delivery: Delivery, bounce: Bounce, words: str, *, now: datetime
) -> None:
    """Keep what came back, and stop a subscription whose address doesn't work or whose reader complains."""
    delivery.bounce, delivery.bounced_at, delivery.smtp_response = bounce, now, words
    await session.flush()
    if bounce is Bounce.complaint:
        await subscriptions.unsubscribe(session, delivery.subscription_id, now=now)
    elif bounce is Bounce.hard or (bounce is Bounce.soft and await _all_bounced_softly(session, delivery)):
        found = await subscriptions.lock_subscription(session, delivery.subscription_id)
        if SubscriptionState.bounced in SUBSCRIPTION_TRANSITIONS[found.state]:
            await subscriptions.end(session, found, SubscriptionState.bounced, now=now)
            logger.info("stopped a subscription that bounces", subscription=found.id, words=words)


async def _all_bounced_softly(session: ReadSession, delivery: Delivery) -> bool:
    """Tell whether the last deliveries that went out have all bounced softly, this one among them."""
    tried = or_(Delivery.id == delivery.id, Delivery.state.in_((DeliveryState.sent, DeliveryState.failed)))
    query = select(Delivery.bounce).where(Delivery.subscription_id == delivery.subscription_id, tried)
    last = (await session.scalars(query.order_by(Delivery.period.desc()).limit(MAX_SOFT_BOUNCES))).all()
    return len(last) == MAX_SOFT_BOUNCES and all(bounce is Bounce.soft for bounce in last)
