"""Senders killed at random, a mail server restarted, two senders at once: nobody gets a message twice, nobody
is forgotten, and what is in doubt is at most what was on its way.

With `TORTURE=10000` in the environment: that many subscriptions, ten kills, five restarts.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, text

from paperround.database import Database
from paperround.digests.tables import Delivery, LinkTarget, Subscription, SubscriptionState

from .conftest import papers
from support.factories import utc
from support.sites import free_port
from support.subscriptions import make_links

HERE = Path(__file__).parents[1] / "support"
NOW = "2026-03-02 07:00"
SUBSCRIPTIONS = int(os.environ.get("TORTURE", "400"))
KILLS, RESTARTS = (10, 5) if SUBSCRIPTIONS >= 10_000 else (3, 2)
CONNECTIONS = 4
chance = random.Random(None if "TORTURE" in os.environ else 1)
DELAY = "0.02"  # seconds for which a message that was taken is not yet answered


async def subscriptions(database: Database, number: int) -> None:
    async with database.write_session() as session:
        rows = [
            {
                "email": f"reader{n}@example.org",
                "state": SubscriptionState.active,
                "asked_at": utc("2026-03-01 12:00"),
                "changed_at": utc("2026-03-01 12:00"),
                "next_due_at": utc(NOW),
            }
            for n in range(number)
        ]
        await session.execute(insert(Subscription), rows)


class Sink:
    """The mail server's process. It is killed, and comes back at the same port."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "taken"
        self.port = free_port()
        self.start()

    def start(self) -> None:
        command = [sys.executable, str(HERE / "sink_child.py"), str(self.port), str(self.file), DELAY]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()

    def taken(self) -> Counter[str]:
        return Counter(self.file.read_text().split()) if self.file.exists() else Counter()


@contextmanager
def sink_in(folder: Path) -> Iterator[Sink]:
    sink = Sink(folder)
    try:
        yield sink
    finally:
        sink.kill()


class Senders:
    def __init__(self, url: str, port: int) -> None:
        self.command = [
            sys.executable,
            HERE / "sender_child.py",
            url,
            f"smtp://127.0.0.1:{port}",
            f"{NOW}+00:00",
            "4",
        ]
        self.running = [self.start(), self.start()]

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([str(argument) for argument in self.command])

    def kill_one(self) -> None:
        victim = self.running.pop(chance.randrange(2))
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        self.running.append(self.start())

    def kill_all(self) -> None:
        for process in self.running:
            process.send_signal(signal.SIGKILL)
            process.wait()


async def counts(database: Database) -> dict[str, int]:
    async with database.read_session() as session:
        rows = await session.execute(select(Delivery.state, func.count()).group_by(Delivery.state))
        return {state.value: number for state, number in rows}


async def until(database: Database, sink: Sink, share: float) -> None:
    """Until that share of all has been taken, or nothing happens any more."""
    for _ in range(600):
        if sum(sink.taken().values()) >= share * SUBSCRIPTIONS:
            return
        await asyncio.sleep(0.02)


async def until_done(database: Database) -> dict[str, int]:
    for _ in range(1200):
        found = await counts(database)
        if sum(found.values()) == SUBSCRIPTIONS and set(found) <= {"sent", "uncertain", "failed"}:
            return found
        await asyncio.sleep(0.1)
    pytest.fail(f"not done: {found}")


@pytest.mark.timeout(600)
async def test_whatever_is_killed_each_gets_one_message_or_is_in_doubt(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    await papers(database, "2026-03-01", *range(1, 13))
    await subscriptions(database, SUBSCRIPTIONS)
    events = ["kill"] * KILLS + ["restart"] * RESTARTS
    chance.shuffle(events)
    with sink_in(tmp_path) as sink:
        senders = Senders(database_url, sink.port)
        try:
            for number, event in enumerate(events, 1):
                await until(database, sink, 0.9 * number / (len(events) + 1))
                if event == "kill":
                    senders.kill_one()
                else:
                    sink.kill()
                    await asyncio.sleep(0.3)
                    sink.start()
            found = await until_done(database)
        finally:
            senders.kill_all()
        taken = sink.taken()

    async with database.read_session() as session:
        query = select(Delivery.id, Delivery.state, Subscription.nonce).join(Delivery.subscription)
        rows = (await session.execute(query)).all()
        subscribers = await session.scalar(text("SELECT count(DISTINCT subscription_id) FROM deliveries"))
    ids = {
        state: {
            f"<{make_links(key, LinkTarget(0, nonce, '')).message_id}>"
            for key, its, nonce in rows
            if its.value == state
        }
        for state in found
    }
    print(found, {"taken": len(taken), "kills": KILLS, "restarts": RESTARTS})
    assert set(taken.values()) == {1}, "somebody got two"
    assert len(rows) == subscribers == SUBSCRIPTIONS
    assert ids["sent"] <= set(taken)
    assert set(taken) - ids["sent"] <= ids.get("uncertain", set())
    assert found.get("uncertain", 0) <= KILLS * CONNECTIONS + RESTARTS * 2 * CONNECTIONS
