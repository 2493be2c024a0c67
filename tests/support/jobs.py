"""Runs the jobs of the queue in the test's own process."""

from __future__ import annotations

from pathlib import Path

import procrastinate

from paperround import queue
from paperround.database import Database
from paperround.settings import Settings
from paperround.worker import jobs  # noqa: F401 (registers the jobs)
from paperround.worker.registry import CONTEXT_KEY, WorkerContext


async def run_waiting_jobs(database: Database, settings: Settings) -> None:
    """Run the jobs that are waiting."""
    async with queue.open_app(database.url) as app:
        await run_jobs(app, database, settings)


async def run_jobs(app: procrastinate.App, database: Database, settings: Settings) -> None:
    """Run the jobs that are waiting in a worker with this app."""
    context = WorkerContext(settings, database, Path("/nowhere.sock"), app)
    await app.run_worker_async(
        wait=False,
        install_signal_handlers=False,
        delete_jobs="successful",
        additional_context={CONTEXT_KEY: context},
    )
