"""A process that makes senders, each of which sends the digests of channels that are due until it is killed.

    python channel_child.py DATABASE_URL NOW LEASE_IN_SECONDS

For each line of its input it makes one and prints its number. So a test waits once for all that is imported.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import time
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from paperround.database import Database
from paperround.digests.channel_run import open_channel_run

from support.channels import POLICY, SETTINGS


async def main(url: str, now: datetime, lease: timedelta) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    began = time.monotonic()
    async with Database(url, application="a sender of the tests", pool_size=8) as database:
        while True:
            async with open_channel_run(
                SETTINGS,
                database,
                clock=lambda: now + timedelta(seconds=time.monotonic() - began),
                policy=replace(POLICY, lease=lease),
            ) as run:
                assert run is not None
                await run.send()
            await asyncio.sleep(0.1)


if __name__ == "__main__":
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that were killed
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            moment, lease = datetime.fromisoformat(sys.argv[2]), timedelta(seconds=float(sys.argv[3]))
            asyncio.run(main(sys.argv[1], moment, lease))
        print(pid, flush=True)
