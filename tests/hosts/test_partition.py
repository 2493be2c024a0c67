"""A host that is cut off: what it held is free again soon, and it learns of that itself.

`make test-hosts` waits for it, which takes minutes; the tests look at the bounds alone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import psycopg
import pytest

from paperround.conninfo import build_conninfo
from paperround.database import Database

from hosts.network import Network, missing, running_postgres

REASON = missing()
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))
MAX_WAIT = 120  # seconds; 31 to 60 were seen

HOLD_LOCK = """
import sys, psycopg
from paperround.conninfo import build_conninfo
with psycopg.connect(build_conninfo(sys.argv[1])) as held:
    held.execute("SELECT pg_advisory_xact_lock(7)")
    print("held", flush=True)
    while True:
        try:
            held.execute(sys.argv[2])
        except psycopg.OperationalError:
            print("lost", flush=True)
            break
"""
IDLE = "SELECT 1 FROM pg_sleep(1)"  # asks again and again, as a worker does
BUSY = "SELECT 1 FROM pg_sleep(3600)"  # waits for a long answer


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network(18) as network:
        network.add_host(1)
        yield network


@pytest.fixture(scope="module")
def url(network: Network) -> Iterator[str]:
    with running_postgres(network) as url:
        yield url


async def test_connections_over_tcp_end_soon_after_their_host_is_gone(url: str) -> None:
    query = (
        "SELECT current_setting('tcp_keepalives_idle')::int + "
        "current_setting('tcp_keepalives_interval')::int * current_setting('tcp_keepalives_count')::int"
    )
    with psycopg.connect(build_conninfo(url)) as connection:
        assert connection.execute(query).fetchone() == (30,)
        assert connection.info.get_parameters()["keepalives_idle"] == "15"
    async with Database(url) as database, database.read_session() as session:
        raw = (await (await session.connection()).get_raw_connection()).driver_connection
        assert raw.info.get_parameters()["tcp_user_timeout"] == "30000"


@pytest.mark.skipif("HOSTS" not in os.environ, reason="`make test-hosts` runs it: it waits for minutes")
@pytest.mark.parametrize("statement", [IDLE, BUSY], ids=["between statements", "within a statement"])
def test_what_a_host_that_is_cut_off_held_is_free_soon(network: Network, url: str, statement: str) -> None:
    holder = network.spawn_python(1, HOLD_LOCK, url, statement)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        network.cut_off(1)
        began = time.monotonic()
        with psycopg.connect(build_conninfo(url)) as other:
            while other.execute("SELECT pg_try_advisory_xact_lock(7)").fetchone() != (True,):
                assert time.monotonic() - began < MAX_WAIT, "it still holds its lock"
                other.rollback()
                time.sleep(0.5)
        print(f"the lock was free after {time.monotonic() - began:.0f} s")
        assert holder.stdout.readline() == "lost\n"
        print(f"the host knew after {time.monotonic() - began:.0f} s")
    finally:
        network.heal(1)
        holder.kill()
        holder.wait()
        holder.stdout.close()
