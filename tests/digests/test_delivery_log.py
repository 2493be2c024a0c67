"""A sender's marks: found at once however much it has claimed, and written however its connection fares."""

from __future__ import annotations

from contextlib import aclosing

import psycopg
from sqlalchemy import insert, text

from paperround.conninfo import build_conninfo
from paperround.database import Database
from paperround.digests import claims, scheduler
from paperround.digests.delivery_log import SESSION_SETTINGS, WRITE_LOG, open_delivery_log
from paperround.digests.selection import Selection
from paperround.digests.start_ledger import StartLedger
from paperround.digests.tables import Subscription, SubscriptionState

from support.factories import utc

NOW = utc("2026-03-02 07:00")
CLAIMED = 100
LOSE_CONNECTIONS = text(
    "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE datname = current_database()"
    " AND state = 'idle' AND (query LIKE '%json_to_recordset%' OR query LIKE 'UPDATE sender_progress%')"
)


async def claim_deliveries(database: Database) -> tuple[int, list[int]]:
    """A sender, and the deliveries that it has claimed."""
    rows = [
        {
            "email": f"reader{number}@example.org",
            "state": SubscriptionState.active,
            "asked_at": NOW,
            "changed_at": NOW,
            "next_due_at": NOW,
        }
        for number in range(CLAIMED)
    ]
    async with database.write_session() as session:
        await session.execute(insert(Subscription), rows)
    await scheduler.plan_deliveries(database, now=NOW)
    async with database.write_session() as session:
        await session.execute(text("ANALYZE deliveries"))  # so plans are made as if nothing were claimed
        sender = await claims.register_sender(session)
        locked = await claims.lock_due(session, sender, limit=CLAIMED, now=NOW) or ()
        await claims.claim(session, sender, {one.id: Selection(["2603.00001"], {}) for one in locked})
    return sender, [one.id for one in locked]


async def test_a_mark_costs_the_same_however_much_its_sender_has_claimed(database: Database) -> None:
    sender, claimed = await claim_deliveries(database)
    values = {"sender": sender, "started": "sending", "starts": f"{{{claimed[0]}}}", "outcomes": "[]"}
    connection = await psycopg.AsyncConnection.connect(build_conninfo(database.url), autocommit=True)
    async with connection, psycopg.AsyncClientCursor(connection) as cursor:
        await cursor.execute(SESSION_SETTINGS)
        plan = await (await cursor.execute(f"EXPLAIN (ANALYZE) {WRITE_LOG}", values)).fetchall()
    lines = [line for (line,) in plan]

    assert not any("Rows Removed" in line for line in lines), lines
    assert not any("sending_idx" in line or "Seq Scan" in line for line in lines), lines


async def test_what_was_asked_over_a_lost_connection_is_asked_again(database: Database) -> None:
    sender, (one, other, *_) = await claim_deliveries(database)
    async with (
        aclosing(StartLedger(database.url, sender)) as ledger,
        open_delivery_log(database.url, sender) as log,
    ):
        assert await ledger.announce([one])
        assert await (await log.request_start(one))
        async with database.write_session() as session:
            assert await session.scalar(LOSE_CONNECTIONS) == 2
        assert await ledger.announce([other])
        assert await (await log.request_start(other))
