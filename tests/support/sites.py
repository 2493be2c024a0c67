"""Sites of their own for tests that change things, and what their workers would do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from conftest import new_database, running_site
from paperround.accounts import mail as accounts_mail
from paperround.database import Database, utc_now
from paperround.digests import confirmation, delivery
from paperround.digests.links import Links
from paperround.digests.tables import Subscription
from paperround.mail import mailer, outbox
from paperround.settings import Settings
from paperround.tokens import signer
from paperround.topics import edition_matches

Work = Callable[[Database], Coroutine[Any, Any, object]]


def elsewhere(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Playwright keeps an event loop in this thread."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(work())).result(120)


@dataclass(frozen=True)
class Site:
    address: str
    url: str
    settings: Settings

    def do(self, work: Work) -> None:
        async def worked() -> None:
            database = Database(self.url)
            await work(database)
            await database.close()

        elsewhere(worked)

    def mailed(self) -> str:
        """Send the mail that waits, as a worker would; the path of the link in the newest."""
        self.do(self._send)
        text = outbox(self.settings).newest(1)[0].message.get_body(("plain",))
        assert text is not None
        return link_in(text.get_content(), "")

    async def _send(self, database: Database) -> None:
        links = Links.of(self.settings, await signer(database, self.settings))
        async with mailer(self.settings) as mail:
            await accounts_mail.send_due(database, mail, self.settings, now=utc_now())
            await confirmation.send_due(database, mail, links, self.settings.site_name, now=utc_now())

    def deliver(self) -> None:
        """Match topics and send the digests, as workers would when the last of them is due."""
        self.do(self._deliver)

    async def _deliver(self, database: Database) -> None:
        await edition_matches.match_latest(database, None)
        async with database.reading() as session:
            due: datetime | None = await session.scalar(select(func.max(Subscription.next_due_at)))
        assert due is not None
        async with delivery.opened(self.settings, database) as desk:
            await delivery.send_due(replace(desk, clock=lambda: due + timedelta(minutes=1)))


def link_in(text: str, path: str) -> str:
    """The path of the first link in `text` whose path begins so."""
    link = re.search(rf"http://127\.0\.0\.1:8000({path}/[\w/.:%?&=-]+)", text)
    assert link is not None, text
    return link[1]


@contextmanager
def filled_site(server: str, folder: Path, fill: Work) -> Iterator[Site]:
    """A site with what `fill` puts there; its outbox is in `folder`."""
    settings = Settings(_env_file=None, data_dir=folder)
    with new_database(server) as url, running_site(settings, url) as address:
        site = Site(address, url, settings)
        site.do(fill)
        yield site
