"""Ada, Ben and Cyn have subscriptions; mail goes to a sink, time is a value."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from paperround.database import Database
from paperround.digests import delivery, subscriptions
from paperround.digests.delivery import Desk, Rules
from paperround.digests.renderer import Writer
from paperround.digests.subscriptions import Wishes
from paperround.digests.tables import Delivery, Progress, Subscription
from paperround.mail import Mailer
from paperround.mail.smtp import Patience, smtp
from paperround.mail.smtp_url import SmtpServer
from paperround.throttle import Pace

from support.factories import at, item, listed
from support.mail_sink import Sink
from support.sender_child import LINKS

PATIENT = Patience(connect=60, command=60, outcome=60)


async def subscribed(database: Database, name: str, *, now: str, **wishes: Any) -> int:
    """The id of a confirmed subscription of name@example.org."""
    async with database.writing() as session:
        await subscriptions.ask(session, f"{name}@example.org", Wishes(**wishes), now=at(now))
    async with database.writing() as session:
        found = await session.scalar(
            select(Subscription.id).where(Subscription.email == f"{name}@example.org")
        )
        assert found is not None
        await subscriptions.confirm(session, found, now=at(now))
    return found


@dataclass
class Post:
    """A sender's desk in a test, and what came out of it."""

    database: Database
    sink: Sink
    mail: Mailer
    writer: Writer
    rules: Rules = field(default_factory=lambda: Rules(batch=4, lease=timedelta(seconds=30)))

    async def send(self, now: str | datetime) -> Counter[Progress]:
        moment = at(now) if isinstance(now, str) else now
        return await delivery.send_due(self.desk(moment))

    def desk(self, moment: datetime, **changes: Any) -> Desk:
        desk = Desk(
            self.database,
            self.mail,
            self.writer,
            Pace(self.database, "mail", 0),
            self.rules,
            lambda: moment,
        )
        return replace(desk, **changes)

    def papers_of(self, name: str) -> list[list[str]]:
        """The papers of each message that `name` got, in order."""
        texts = [
            taken.message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
            for taken in self.sink.taken
            if taken.recipient == f"{name}@example.org"
        ]
        marker = "https://papers.example.org/papers/"
        return [
            [line.strip().removeprefix(marker) for line in text.splitlines() if marker in line]
            for text in texts
        ]

    async def states(self) -> Counter[str]:
        async with self.database.reading() as session:
            return Counter(one.state.value for one in await session.scalars(select(Delivery)))

    async def deliveries(self) -> list[Delivery]:
        async with self.database.reading() as session:
            return list(await session.scalars(select(Delivery).order_by(Delivery.period, Delivery.id)))


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink().running() as found:
        yield found


@pytest.fixture
async def post(database: Database, sink: Sink) -> AsyncIterator[Post]:
    async with smtp(SmtpServer.parse(sink.url), patience=PATIENT) as mail:
        yield Post(database, sink, mail, Writer(LINKS, "Paperround"))


async def papers(database: Database, day: str, *numbers: int, seen_at: str | None = None) -> None:
    """Papers on a day's list, the first with the most votes."""
    records = [item(f"2603.{n:05}", paper__upvotes=100 - place) for place, n in enumerate(numbers)]
    await listed(database, day, *records, seen_at=at(seen_at) if seen_at else None)


Subscribe = Callable[..., Awaitable[int]]
