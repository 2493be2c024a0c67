"""What every command begins with: its settings, the database, and the console on which it fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from rich.console import Console
from rich.markup import escape

from paperround import logs, supervisor
from paperround.database import Database
from paperround.postgres import EmbeddedPostgres
from paperround.settings import Settings

console = Console(stderr=True, highlight=False)


def fail(sentence: str) -> NoReturn:
    console.print(f"[bold red]paperround:[/] {escape(sentence)}", soft_wrap=True)
    raise SystemExit(1)


def ready(process: str, *, lifeline: bool = False) -> Settings:
    if lifeline:
        supervisor.hold_lifeline()
    settings = Settings()
    logs.configure(settings, process)
    return settings


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The address of the database: the one that is set, else our own server, started if it isn't running."""
    if settings.database_url:
        yield settings.database_url.get_secret_value()
        return
    with EmbeddedPostgres(settings.data_dir).attached() as server:
        yield server.url


async def with_database(url: str, action: Callable[[Database], Awaitable[None]]) -> None:
    found = Database(url, pool_size=1, application="paperround command")
    try:
        await action(found)
    finally:
        await found.close()
