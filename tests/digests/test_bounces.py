"""Mail that comes back: read by its fields, matched by signed marks, and what follows from it."""

from __future__ import annotations

import contextlib
from email.message import EmailMessage
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from digests.conftest import Post
from paperround.database import Database
from paperround.digests import bounces
from paperround.digests.bounces import ReportUnreadable, classify_refusal, classify_status
from paperround.digests.tables import Bounce, Delivery, Subscription, SubscriptionState

from .conftest import papers
from support.factories import utc
from support.sender_child import LINKS
from support.subscriptions import subscribed

NOW = utc("2026-03-02 09:00")


def report(
    delivery_id: int = 7,
    *,
    status: str = "5.1.1",
    action: str = "failed",
    to: str | None = None,
    returned: str = "",
) -> bytes:
    """A delivery report as Postfix writes it."""
    message = MIMEMultipart("report", report_type="delivery-status")
    message["From"] = "MAILER-DAEMON@mail.example.net"
    message["To"] = LINKS.return_path(delivery_id) if to is None else to
    message["Subject"] = "Undelivered Mail Returned to Sender"
    message.attach(MIMEText("The mail system could not deliver: user unknown 5.9.9"))
    fields = (
        "Reporting-MTA: dns; mail.example.net\n\n"
        f"Final-Recipient: rfc822; ada@example.org\nAction: {action}\nStatus: {status}\n"
        f"Diagnostic-Code: smtp; 550 {status} what the server said\n"
    )
    status_part = EmailMessage()
    status_part["Content-Type"] = "message/delivery-status"
    body = message.as_string()
    boundary = message.get_boundary()
    part = f"--{boundary}\nContent-Type: message/delivery-status\n\n{fields}\n"
    if returned:
        part += (
            f"--{boundary}\nContent-Type: message/rfc822\n\nMessage-ID: <{returned}>\nSubject: x\n\nbody\n"
        )
    return body.replace(f"--{boundary}--", f"{part}--{boundary}--").encode()


def complaint(message_id: str) -> bytes:
    """As RFC 5965 has it."""
    outer = MIMEMultipart("report", report_type="feedback-report")
    outer["From"] = "feedback@mail.example.net"
    outer["To"] = "abuse@example.org"
    outer.attach(MIMEText("This is a complaint."))
    body, boundary = outer.as_string(), outer.get_boundary()
    part = f"--{boundary}\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\n\n"
    inner = EmailMessage()
    inner["Message-ID"] = f"<{message_id}>"
    inner.set_content("digest")
    part += f"--{boundary}\n{MIMEMessage(inner).as_string()}\n"
    return body.replace(f"--{boundary}--", f"{part}--{boundary}--").encode()


@pytest.mark.parametrize(
    ("status", "bounce"),
    [
        ("5.1.1", Bounce.hard), ("5.1.10", Bounce.hard), ("5.2.1", Bounce.hard), ("5.4.1", Bounce.hard),
        ("5.2.2", Bounce.soft), ("5.4.4", Bounce.soft), ("4.2.2", Bounce.soft), ("4.4.7", Bounce.soft),
        ("5.7.1", Bounce.content), ("4.7.1", Bounce.content), ("5.7.26", Bounce.content),
        ("5.6.0", Bounce.content),
        ("5.1.8", Bounce.content), ("2.1.5", None), ("no code", None), ("192.5.1.1", None),
    ],
)  # fmt: skip
def test_what_a_status_says_of_the_address(status: str, bounce: Bounce | None) -> None:
    assert classify_status(status) is bounce


@pytest.mark.parametrize(
    ("code", "words", "of_recipient", "bounce"),
    [
        (550, "no such user", True, Bounce.hard),
        (550, "no such user", False, Bounce.content),
        (552, "mailbox full", True, Bounce.soft),
        (550, "5.7.1 blocked", True, Bounce.content),
        (550, "5.1.1 unknown", False, Bounce.hard),
    ],
)
def test_what_a_refusal_says_of_the_address(
    code: int, words: str, of_recipient: bool, bounce: Bounce
) -> None:
    assert classify_refusal(code, words, of_recipient=of_recipient) is bounce


@pytest.mark.parametrize("status", ["5.1.1", "5.2.2", "5.7.1"])
def test_a_report_is_matched_by_the_address_it_came_to(status: str) -> None:
    found = bounces.parse_report(report(status=status), LINKS)
    assert (found.delivery_id, found.bounce) == (7, classify_status(status))
    assert "what the server said" in found.explanation


def test_a_report_is_matched_by_the_message_that_returned() -> None:
    found = bounces.parse_report(report(to="papers@example.org", returned=LINKS.message_id(8)), LINKS)
    assert found.delivery_id == 8


def test_a_complaint_is_matched_by_the_message_that_returned() -> None:
    found = bounces.parse_report(complaint(LINKS.message_id(9)), LINKS)
    assert (found.delivery_id, found.bounce) == (9, Bounce.complaint)


def test_a_wish_to_unsubscribe_may_come_by_mail() -> None:
    message = EmailMessage()
    message["To"] = LINKS.return_path(7)
    message["Subject"] = "unsubscribe"
    found = bounces.parse_report(message.as_bytes(), LINKS)
    assert (found.delivery_id, found.bounce) == (7, None)


@pytest.mark.parametrize(
    "body",
    [
        report(action="delayed", status="4.4.1"),
        report(to="bounces+7.0123456789abcdef0123@example.org"),
        report(to="papers@example.org"),
        b"Subject: Out of office\r\n\r\nI am away. 5.1.1 user unknown",
        b"",
        b"\xff\xfe\x00",
    ],
)
def test_what_is_no_failure_or_not_ours_is_left_alone(body: bytes) -> None:
    with pytest.raises(ReportUnreadable):
        bounces.parse_report(body, LINKS)


@given(st.binary(max_size=400), st.integers(0, 600))
def test_no_message_makes_it_stumble(noise: bytes, place: int) -> None:
    whole = report()
    for body in (noise, whole[:place] + noise + whole[place:], whole[:place]):
        with contextlib.suppress(ReportUnreadable):
            bounces.parse_report(body, LINKS)


async def state(database: Database) -> SubscriptionState:
    async with database.read_session() as session:
        return (await session.scalars(select(Subscription.state))).one()


async def taken(post: Any, body: bytes) -> None:
    async with post.database.write_session() as session:
        assert await bounces.process_report(session, bounces.parse_report(body, LINKS), now=NOW)


async def sent_days(post: Any, days: int) -> list[int]:
    """The deliveries of so many days, all sent well."""
    await subscribed(post.database, "ada", now="2026-03-01 12:00")
    for day in range(2, 2 + days):
        await papers(post.database, f"2026-03-{day:02}", day)
        await post.send(f"2026-03-{day:02} 07:00")
    return [one.id for one in await post.deliveries()]


async def test_a_hard_bounce_stops_the_subscription_at_once(post: Post) -> None:
    (delivery,) = await sent_days(post, 1)
    await taken(post, report(delivery))
    assert await state(post.database) is SubscriptionState.bounced
    async with post.database.read_session() as session:
        assert (await session.get(Delivery, delivery)).bounce is Bounce.hard


async def test_soft_bounces_stop_it_after_five_in_a_row(post: Post) -> None:
    deliveries = await sent_days(post, 6)
    for delivery in [*deliveries[:3], *deliveries[4:]]:
        await taken(post, report(delivery, status="5.2.2"))
    assert await state(post.database) is SubscriptionState.active
    await taken(post, report(deliveries[3], status="4.2.2"))
    assert await state(post.database) is SubscriptionState.bounced


async def test_a_rejection_of_the_content_never_stops_it(post: Post) -> None:
    for delivery in await sent_days(post, 6):
        await taken(post, report(delivery, status="5.7.1"))
    assert await state(post.database) is SubscriptionState.active


async def test_a_complaint_and_a_wish_by_mail_unsubscribe(post: Post) -> None:
    (delivery,) = await sent_days(post, 1)
    await taken(post, complaint(LINKS.message_id(delivery)))
    assert await state(post.database) is SubscriptionState.unsubscribed
    await taken(post, complaint(LINKS.message_id(delivery)))


async def test_a_report_of_a_delivery_that_is_gone_changes_nothing(database: Database) -> None:
    async with database.write_session() as session:
        assert not await bounces.process_report(session, bounces.parse_report(report(), LINKS), now=NOW)
