"""A worker to be killed, with fast heartbeats: `worker_child.py FEED_URL DATABASE_URL`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from paperround.database import Database
from paperround.settings import Settings
from paperround.worker import jobs


async def main(feed_url: str, database_url: str) -> None:
    settings = Settings(
        _env_file=None, huggingface_url=feed_url, database_url=database_url, feed_rate=0, catch_up_days=0
    )
    async with Database(database_url) as database:
        await jobs.work(settings, database, Path("/nowhere.sock"), heartbeat_interval=0.2, stalled_after=1)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
