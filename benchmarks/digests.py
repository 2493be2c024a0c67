"""How fast personalised digests are composed and sent, beside a bare loop that sends ready-made messages.

    python benchmarks/digests.py [SUBSCRIPTIONS]

One process, four connections, to an SMTP server on loopback that only counts. The baseline hands messages of
the same size to the same server with aiosmtplib, nothing more. The two take turns, ten times, so that what
else the machine does weighs on both alike. The ratio is the figure to quote.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiosmtplib
from sqlalchemy import insert

from paperround import schema
from paperround.database import Database
from paperround.digests import planning
from paperround.digests.delivering import Desk, send_due
from paperround.digests.links import Links
from paperround.digests.tables import Progress, State, Subscription
from paperround.digests.writing import Writer
from paperround.mail import Mailer
from paperround.mail.server import SmtpServer
from paperround.mail.smtp import smtp
from paperround.pace import Pace
from paperround.papers import catalogue
from paperround.papers.record import FeedAuthor, FeedPaper
from paperround.postgres import EmbeddedPostgres
from paperround.signing import Signer

CONNECTIONS = 4
TURNS = 10
PAPERS = 12
SINK = Path(__file__).parents[1] / "tests" / "digests" / "sink_child.py"
NOW = datetime(2026, 3, 2, 7, tzinfo=UTC)
LINKS = Links(
    Signer(["a key"]),
    "https://papers.example.org",
    "Paperround <papers@example.org>",
    "example.org",
    "bounces@example.org",
    a_path_each=True,
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
    async with database.writing() as session:
        await catalogue.store(
            session, invented, feed="huggingface", day=NOW.date(), seen_at=NOW, half_life=timedelta(days=1)
        )
        rows = [
            {
                "email": f"reader{n}@example.org",
                "state": State.active,
                "asked_at": NOW,
                "changed_at": NOW,
                "hour": NOW.hour + n % TURNS,
                "next_due_at": NOW + timedelta(hours=n % TURNS),
                "most": 10,
            }
            for n in range(subscriptions)
        ]
        await session.execute(insert(Subscription), rows)


async def bare(port: int, message: bytes, number: int) -> float:
    """Seconds of a loop that only sends."""
    left = iter(range(number))

    async def connection() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
            for n in left:
                await client.sendmail("bounces@example.org", [f"reader{n}@example.org"], message)

    began = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return time.perf_counter() - began


class Kept:
    """Sends, and keeps the first message for the baseline."""

    def __init__(self, mail: Mailer) -> None:
        self.mail = mail
        self.example = b""

    async def send(self, message: bytes, *, sender: str, recipient: str) -> str:
        self.example = self.example or message
        return await self.mail.send(message, sender=sender, recipient=recipient)


async def ours(desk: Desk, number: int) -> float:
    """Seconds for that many digests, planned before."""
    await planning.plan(desk.database, now=desk.clock())
    began = time.perf_counter()
    tally = await send_due(desk)
    assert tally == {Progress.sent: number}, tally
    return time.perf_counter() - began


async def measure(url: str, port: int, number: int) -> None:
    database = Database(url, pool_size=8)
    await fill(database, number)
    mine = theirs = 0.0
    async with smtp(SmtpServer.parse(f"smtp://127.0.0.1:{port}"), connections=CONNECTIONS) as mail:
        kept = Kept(mail)
        desk = Desk(database, kept, Writer(LINKS, "Paperround"), Pace(database, "mail", 0))
        for turn in range(TURNS):
            now = NOW + timedelta(hours=turn)
            mine += await ours(replace(desk, clock=lambda now=now: now), number // TURNS)
            theirs += await bare(port, kept.example, number // TURNS)
    await database.close()
    print(f"{number:,} digests of {len(kept.example):,} bytes, {CONNECTIONS} connections, one process")
    print(
        f"ours: {number / mine:,.0f} a second; bare loop: {number / theirs:,.0f}; ratio {theirs / mine:.2f}"
    )


def main() -> None:
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder) / "data").attached() as server:
            schema.upgrade(server.url)
            with sink() as port:
                asyncio.run(measure(server.url, port, number))


if __name__ == "__main__":
    main()
