"""Ada, Ben and Cyn have subscriptions; mail goes to a sink, time is a value."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from paperround.database import Database
from paperround.digests import delivery
from paperround.digests.delivery import SendingContext, SendingPolicy
from paperround.digests.mail_carrier import MailCarrier
from paperround.digests.renderer import DigestRenderer
from paperround.digests.tables import Delivery, DeliveryState
from paperround.mail import Mailer
from paperround.mail.smtp import SmtpTimeouts, open_smtp
from paperround.mail.smtp_url import SmtpServer
from paperround.throttle import Throttle

from support.factories import feed_record, store_listing, utc
from support.mail_sink import MailSink
from support.sender_child import LINKS

PATIENT = SmtpTimeouts(connect=60, command=60, outcome=60)


@dataclass
class Post:
    """A sender's desk in a test, and what came out of it."""

    database: Database
    sink: MailSink
    mail: Mailer
    writer: DigestRenderer
    rules: SendingPolicy = field(
        default_factory=lambda: SendingPolicy(batch_size=4, lease=timedelta(seconds=30))
    )

    async def send(self, now: str | datetime) -> Counter[DeliveryState]:
        moment = utc(now) if isinstance(now, str) else now
        return await delivery.send_due_digests(self.desk(moment))

    def desk(self, moment: datetime, **changes: Any) -> SendingContext:
        desk = SendingContext(
            self.database,
            MailCarrier(self.mail, self.writer),
            Throttle(self.database, "mail", 0),
            self.rules,
            lambda: moment,
        )
        return replace(desk, **changes)

    def papers_of(self, name: str) -> list[list[str]]:
        """The papers of each message that `name` got, in order."""
        texts = [
            taken.message.get_body(("plain",)).get_content()
            for taken in self.sink.received
            if taken.recipient == f"{name}@example.org"
        ]
        paper = re.compile(r"(?m)^ +https://papers\.example\.org/papers/(\S+)$")
        return [paper.findall(text.replace("\r\n", "\n")) for text in texts]

    async def states(self) -> Counter[str]:
        async with self.database.read_session() as session:
            return Counter(one.state.value for one in await session.scalars(select(Delivery)))

    async def deliveries(self) -> list[Delivery]:
        async with self.database.read_session() as session:
            return list(await session.scalars(select(Delivery).order_by(Delivery.period, Delivery.id)))


@pytest.fixture
async def sink() -> AsyncIterator[MailSink]:
    async with MailSink().running() as found:
        yield found


@pytest.fixture
async def post(database: Database, sink: MailSink) -> AsyncIterator[Post]:
    async with open_smtp(SmtpServer.parse(sink.url), timeouts=PATIENT) as mail:
        yield Post(database, sink, mail, DigestRenderer(LINKS, "Paperround"))


async def papers(database: Database, day: str, *numbers: int, seen_at: str | None = None) -> None:
    """Papers on a day's list, the first with the most votes."""
    records = [feed_record(f"2603.{n:05}", paper__upvotes=100 - place) for place, n in enumerate(numbers)]
    await store_listing(database, day, *records, seen_at=utc(seen_at) if seen_at else None)


Subscribe = Callable[..., Awaitable[int]]
