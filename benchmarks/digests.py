"""How fast personalised digests are composed and sent, beside a bare loop that sends ready-made messages.

    python benchmarks/digests.py [SUBSCRIPTIONS]

One process, four connections, to an SMTP server on loopback that only takes. Each fourth reader has topics,
whose papers and reasons nobody else has. The baseline hands the very same messages to the same server with
aiosmtplib, nothing more. The two take turns, ten times, so that what else the machine does weighs on both.
The ratio is the figure to quote.
"""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiosmtplib
from sqlalchemy import insert

from paperround import schema
from paperround.accounts.tables import Reader
from paperround.database import Database, WriteSession
from paperround.digests import scheduler
from paperround.digests.delivery import SendingContext, send_due_digests
from paperround.digests.links import DigestLinks
from paperround.digests.mail_carrier import MailCarrier
from paperround.digests.renderer import DigestRenderer
from paperround.digests.tables import DeliveryState, Subscription, SubscriptionState
from paperround.mail import Envelope, Mailer
from paperround.mail.smtp import open_smtp
from paperround.mail.smtp_url import SmtpServer
from paperround.papers import catalogue
from paperround.papers.record import FeedAuthor, FeedPaper
from paperround.postgres import EmbeddedPostgres
from paperround.throttle import Throttle
from paperround.tokens import Signer
from paperround.topics.tables import MeasuredCatalogue, Topic, TopicDay
from paperround.worker.jobs import GC_THRESHOLDS

CONNECTIONS = 4
TURNS = 10
HALF_LIFE = timedelta(days=1)
PAPERS = 40
TRENDING = 10  # of them in everybody's digest
WITH_TOPICS = 4  # each fourth has topics, whose papers and reasons are nobody else's
SINK = Path(__file__).parents[1] / "tests" / "support" / "sink_child.py"
NOW = datetime(2026, 3, 2, 7, tzinfo=UTC)
LINKS = DigestLinks(
    Signer(["a key"]),
    "https://papers.example.org",
    "Paperround <papers@example.org>",
    "example.org",
    "bounces@example.org",
    separate_return_paths=True,
)


@contextmanager
def sink() -> Iterator[int]:
    """The port of a mail server in a process of its own."""
    process = subprocess.Popen([sys.executable, SINK, "0", "-", "0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()


async def fill(database: Database, subscriptions: int) -> None:
    authors = tuple(
        FeedAuthor(name=name) for name in ("Ada Lindqvist", "Benedikt Åström", "Cyn Doe", "Dee Roe")
    )
    invented = [
        FeedPaper(
            id=f"2603.{n:05}",
            title=f"Patient Gradients, Part {n}: On $\\alpha$-Waiting in Large Models",
            abstract="We wait for gradients and they come, sooner or later, with $p < 0.05$. " * 12,
            published_at=NOW - timedelta(days=1),
            upvotes=n,
            authors=authors,
        )
        for n in range(PAPERS)
    ]
    async with database.write_session() as session:
        await catalogue.store_papers(
            session, invented, feed="huggingface", day=NOW.date(), seen_at=NOW, half_life=HALF_LIFE
        )
        await follow(session, range(0, subscriptions, WITH_TOPICS))
        rows = [
            {
                "email": f"reader{n}@example.org",
                "reader_id": None if n % WITH_TOPICS else n + 1,
                "state": SubscriptionState.active,
                "asked_at": NOW,
                "changed_at": NOW,
                "hour": NOW.hour + n % TURNS,
                "next_due_at": NOW + timedelta(hours=n % TURNS),
                "max_papers": TRENDING,
            }
            for n in range(subscriptions)
        ]
        await session.execute(insert(Subscription), rows)


async def follow(session: WriteSession, numbers: range) -> None:
    """Readers of these numbers, two topics each, and what a worker found for these: three papers, with
    reasons."""
    readers = [
        {"id": n + 1, "email": f"reader{n}@example.org"}
        | dict.fromkeys(("created_at", "seen_at", "visited_at"), NOW)
        for n in numbers
    ]
    await session.execute(insert(Reader), readers)
    topics: list[dict[str, Any]] = [
        {
            "id": 2 * n + t,
            "reader_id": n + 1,
            "name": f"Topic {t} of {n}",
            "created_at": NOW,
            "changed_at": NOW,
        }
        for n in numbers
        for t in (1, 2)
    ]
    await session.execute(insert(Topic), topics)
    days = [
        {
            "topic_id": topic["id"],
            "day": NOW.date(),
            "measured_id": 1,
            "changed_at": NOW,
            "papers_hash": "",
            "fits_hash": "",
            "matches": [match(topic["id"], rank) for rank in range(3)],
            "fits": [0.9, 0.6, 0.4],
        }
        for topic in topics
    ]
    await session.execute(insert(TopicDay), days)
    measured = {"measured_at": NOW, "papers": PAPERS, "digest": "", "packed": b""}
    await session.execute(insert(MeasuredCatalogue), [measured])


def match(topic: int, rank: int) -> list[object]:
    """As `topics.stored` reads it."""
    paper = (topic * 7 + rank * 5) % PAPERS
    reasons = [["phrase", f"waiting {topic % 97}", 1.0], ["paper", f"2603.{(paper + 1) % PAPERS:05}", 0.5]]
    return [f"2603.{paper:05}", 5.0 - rank, 60, reasons]


async def bare(port: int, messages: list[bytes]) -> float:
    """Seconds of a loop that only sends."""
    left = enumerate(messages)

    async def connection() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
            for n, message in left:
                await client.sendmail("bounces@example.org", [f"reader{n}@example.org"], message)

    began = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return time.perf_counter() - began


class Kept:
    """Sends, and keeps the messages for the baseline."""

    def __init__(self, mail: Mailer) -> None:
        self.mail = mail
        self.messages: list[bytes] = []

    async def send(
        self,
        message: EmailMessage | bytes,
        *,
        sender: str,
        recipient: str,
        following: Envelope | None = None,
    ) -> str:
        assert isinstance(message, bytes)
        self.messages.append(message)
        return await self.mail.send(message, sender=sender, recipient=recipient, following=following)


def stopped_clock(now: datetime) -> Callable[[], datetime]:
    return lambda: now


async def ours(desk: SendingContext, number: int) -> float:
    """Seconds for that many digests, planned before."""
    await scheduler.plan_deliveries(desk.database, now=desk.clock())
    began = time.perf_counter()
    tally = await send_due_digests(desk)
    assert tally == {DeliveryState.sent: number}, tally
    return time.perf_counter() - began


async def measure(url: str, port: int, number: int) -> tuple[float, float, float]:
    """Digests a second of ours and of the bare loop, and the bytes of a message."""
    gc.set_threshold(*GC_THRESHOLDS)  # as a worker does
    async with Database(url, pool_size=8) as database:
        await fill(database, number)
        mine = theirs = size = 0.0
        async with open_smtp(SmtpServer.parse(f"smtp://127.0.0.1:{port}"), connections=CONNECTIONS) as mail:
            kept = Kept(mail)
            carrier = MailCarrier(kept, DigestRenderer(LINKS, "Paperround"))
            desk = SendingContext(database, carrier, Throttle(database, "mail", 0))
            for turn in range(TURNS):
                now = NOW + timedelta(hours=turn)
                mine += await ours(replace(desk, clock=stopped_clock(now)), number // TURNS)
                theirs += await bare(port, kept.messages)
                size += sum(map(len, kept.messages)) / number
                kept.messages.clear()
    return number / mine, number / theirs, size


async def send_all(url: str, port: int, number: int) -> None:
    """Plan and send the digests that `fill` made due, over and over `TURNS` hours."""
    async with (
        Database(url, pool_size=8) as database,
        open_smtp(SmtpServer.parse(f"smtp://127.0.0.1:{port}"), connections=CONNECTIONS) as mail,
    ):
        carrier = MailCarrier(mail, DigestRenderer(LINKS, "Paperround"))
        desk = SendingContext(database, carrier, Throttle(database, "mail", 0))
        for turn in range(TURNS):
            await ours(replace(desk, clock=stopped_clock(NOW + timedelta(hours=turn))), number // TURNS)


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder) / "data").attached() as server:
            schema.upgrade(server.owner_url)
            with sink() as port:
                mine, theirs, size = asyncio.run(measure(server.owner_url, port, number))
            print(f"{number:,} digests of {size:,.0f} bytes, {CONNECTIONS} connections, one process")
            print(f"ours: {mine:,.0f} a second; bare loop: {theirs:,.0f}; ratio {mine / theirs:.2f}")


if __name__ == "__main__":
    main()
