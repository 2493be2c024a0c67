"""How much longer pages take with 10,000 and 100,000 papers than with 1,000, nothing kept whole.

python benchmarks/growth.py
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator, Mapping
from typing import Final

import httpx
import psycopg
from figures import Figure, print_table
from invented import fill, invent
from serving import new_database, our_site
from sqlalchemy import insert

from paperround.accounts.tables import Reader
from paperround.conninfo import build_conninfo
from paperround.database import Database, utc_now
from paperround.digests.tables import Subscription, SubscriptionState
from paperround.embeddings import index
from paperround.papers.row_counts import fold_row_counts
from paperround.topics.tables import Topic

SIZES: Final = (1_000, 10_000, 100_000)
CHUNK: Final = 10_000


def list_paths() -> Mapping[str, str]:
    """The addresses to ask for, by what they are."""
    today = utc_now().date()
    word = invent(1, last=today)[today][0].title.split()[0]
    return {
        "edition": "/papers",
        "week": f"/papers/week/{today:%G-W%V}",
        "month": f"/papers/month/{today:%Y-%m}",
        "trending": "/papers/trending",
        "paper": "/papers/2603.00007",
        "search": f"/papers?q={word}",
        "status": "/status",
        "Atom": "/feeds/daily.atom",
        "JSON list": "/api/v1/papers?limit=50",
    }


async def prepare(url: str, count: int) -> None:
    """Fill a database with so many papers, and as many readers with a topic and a subscription each."""
    now = utc_now()
    async with Database(url) as database:
        await fill(database, count)
        for start in range(1, count + 1, CHUNK):
            numbers = range(start, min(start + CHUNK, count + 1))
            common = {"changed_at": now}
            times = dict.fromkeys(("created_at", "seen_at", "visited_at"), now)
            async with database.write_session() as session:
                await session.execute(
                    insert(Reader), [{"id": n, "email": f"r{n}@e.org", **times} for n in numbers]
                )
                topics = [{"reader_id": n, "name": "Topic", "created_at": now, **common} for n in numbers]
                await session.execute(insert(Topic), topics)
                subscriptions = [
                    {
                        "reader_id": n,
                        "email": f"r{n}@e.org",
                        "state": SubscriptionState.active,
                        "asked_at": now,
                        **common,
                    }
                    for n in numbers
                ]
                await session.execute(insert(Subscription), subscriptions)
        # The worker has done both by the time that there are so many papers.
        await index.ensure(database, model_id=1)
        await fold_row_counts(database)
    with psycopg.connect(build_conninfo(url), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")


def time_pages(papers: int, repeats: int) -> dict[str, float]:
    """Milliseconds of each page, the median of `repeats` requests one after the other."""
    found = {}
    with new_database() as url:
        asyncio.run(prepare(url, papers))
        with our_site(url, cache_megabytes="0") as site, httpx.Client(base_url=site, timeout=60) as client:
            for name, path in list_paths().items():
                times = []
                for _ in range(repeats + 1):
                    began = time.perf_counter()
                    client.get(path).raise_for_status()
                    times.append(1000 * (time.perf_counter() - began))
                found[name] = statistics.median(times[1:])
    return found


def measure(*, fast: bool) -> Iterator[Figure]:
    """Yield how each page grows."""
    least, *more = (100, 200) if fast else SIZES
    repeats = 1 if fast else 15
    few = time_pages(least, repeats)
    for size in more:
        for name, milliseconds in time_pages(size, repeats).items():
            against = f"with {least:,} papers"
            yield Figure(f"{name}, {size:,} papers", milliseconds, few[name], "ms", against, at_most=2)


if __name__ == "__main__":
    print_table(measure(fast=False), are_judged=True)
