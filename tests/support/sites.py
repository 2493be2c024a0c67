"""Running sites, and what their workers would do."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import SystemRandom
from typing import Any

import uvicorn
from fastapi import FastAPI
from sqlalchemy import func, select

from paperround.accounts import mail as accounts_mail
from paperround.database import Database, utc_now
from paperround.digests import confirmation, delivery
from paperround.digests.links import DigestLinks
from paperround.digests.tables import Subscription
from paperround.mail import open_mailer, open_outbox, outbox_keys
from paperround.settings import Settings
from paperround.tokens import load_signer
from paperround.topics import edition_matches
from paperround.web.app import create_app
from paperround.web.connections import ConnectionLimits, bounded_protocol

from support.databases import new_database, serving_url

DatabaseWork = Callable[[Database], Coroutine[Any, Any, object]]


_idle_apps: list[FastAPI] = []


def free_port() -> int:
    """A loopback port that nobody listens on and that no outgoing connection is given meanwhile."""
    while True:
        port = SystemRandom().randrange(10_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextmanager
def web_app(settings: Settings, url: str, max_version_age: timedelta = timedelta(0)) -> Iterator[FastAPI]:
    """The application of the web process, not yet started. It knows at once what was committed.

    An application that another test no longer uses is used again, since making the routes and templates of a
    new one at its first requests takes a sixth of a second.
    """
    app = _idle_apps.pop() if _idle_apps else create_app(settings, serving_url(url))
    app.state.settings, app.state.database_url, app.state.max_version_age = (
        settings,
        serving_url(url),
        max_version_age,
    )
    original_routes = [*app.routes]
    yield app
    app.dependency_overrides.clear()
    if app.routes == original_routes:
        _idle_apps.append(app)


@contextmanager
def running_site(settings: Settings, url: str, max_version_age: timedelta = timedelta(0)) -> Iterator[str]:
    """Run the web process's application on a loopback port; its address."""
    with web_app(settings, url, max_version_age) as app:
        protocol = bounded_protocol(ConnectionLimits(), settings.trusted_proxies)
        web = uvicorn.Server(
            uvicorn.Config(app, port=0, http=protocol, log_config=None, access_log=False, proxy_headers=False)
        )
        thread = threading.Thread(target=web.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + 60
        while not web.started and thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.005)
        assert web.started, "the site did not start"
        port = web.servers[0].sockets[0].getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            web.should_exit = True
            thread.join(60)


def run_in_thread(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `work` in an event loop of another thread, because Playwright has one in this thread."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(work())).result(120)


@dataclass(frozen=True)
class Site:
    """A running site: its address, the address of its database, and its settings."""

    address: str
    url: str
    settings: Settings

    def run_with_database(self, work: DatabaseWork) -> None:
        """Run `work` with the site's database."""

        async def run_work() -> None:
            async with Database(self.url) as database:
                await work(database)

        run_in_thread(run_work)

    def outbox_address(self) -> str:
        """An address that opens the outbox once, as the terminal prints it."""
        key = outbox_keys.make_key(open_outbox(self.settings), now=utc_now())
        return f"{self.address}/outbox/open/{key}"

    def send_mail(self) -> str:
        """Send the waiting mail as a worker would. Returns the path of the link in the newest message."""
        self.run_with_database(self._send)
        text = open_outbox(self.settings).list_newest(1)[0].message.get_body(("plain",))
        assert text is not None
        return find_link(text.get_content(), "")

    async def _send(self, database: Database) -> None:
        links = DigestLinks.from_settings(self.settings, await load_signer(database, self.settings))
        async with open_mailer(self.settings) as mail:
            await accounts_mail.send_due_links(database, mail, self.settings, now=utc_now())
            await confirmation.send_due_confirmations(
                database, mail, links, self.settings.site_name, now=utc_now()
            )

    def deliver(self) -> None:
        """Match topics and send the digests as workers would when the last one is due."""
        self.run_with_database(self._deliver)

    async def _deliver(self, database: Database) -> None:
        await edition_matches.match_latest(database, None)
        async with database.read_session() as session:
            due: datetime | None = await session.scalar(select(func.max(Subscription.next_due_at)))
        assert due is not None
        async with delivery.open_context(self.settings, database) as desk:
            await delivery.send_due_digests(replace(desk, clock=lambda: due + timedelta(minutes=1)))


def find_link(text: str, path: str) -> str:
    """The path of the first link in `text` whose path begins with `path`."""
    link = re.search(rf"http://127\.0\.0\.1:8000({path}/[\w/.:%?&=-]+)", text)
    assert link is not None, text
    return link[1]


@contextmanager
def running_filled_site(server: str, folder: Path, fill: DatabaseWork, **options: Any) -> Iterator[Site]:
    """Run a site with what `fill` stores, under settings with `options`. Its outbox is in `folder`."""
    settings = Settings(_env_file=None, data_dir=folder, **options)
    with new_database(server) as url, running_site(settings, url) as address:
        site = Site(address, url, settings)
        site.run_with_database(fill)
        yield site
