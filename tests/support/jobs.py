"""Working off the queue in the test's own process."""

from __future__ import annotations

from pathlib import Path

import procrastinate

from paperround import queue
from paperround.database import Database
from paperround.settings import Settings
from paperround.worker import jobs


async def work_off(database: Database, settings: Settings) -> None:
    """A worker that runs what waits and leaves."""
    async with queue.connected(database.url) as app:
        await run(app, database, settings)


async def run(app: procrastinate.App, database: Database, settings: Settings) -> None:
    place = jobs.Workplace(settings, database, Path("/nowhere.sock"))
    await app.run_worker_async(
        wait=False,
        install_signal_handlers=False,
        delete_jobs="successful",
        additional_context={"place": place},
    )
