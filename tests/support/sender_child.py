"""A sender in a process of its own, to be killed: sends what is due until its input closes.

python sender_child.py DATABASE_URL SMTP_URL NOW LEASE_IN_SECONDS
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from datetime import datetime, timedelta

import structlog

from paperround.database import Database
from paperround.digests.delivery import Desk, Rules, send_due
from paperround.digests.links import Links
from paperround.digests.renderer import Writer
from paperround.mail.smtp import Patience, smtp
from paperround.mail.smtp_url import SmtpServer
from paperround.throttle import Pace
from paperround.tokens import Signer

LINKS = Links(
    Signer(["a key of the tests"]),
    "https://papers.example.org",
    "Paperround <papers@example.org>",
    "example.org",
    "bounces@example.org",
    a_path_each=True,
)


async def main(url: str, smtp_url: str, now: datetime, lease: timedelta) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    database = Database(url, application="a sender of the tests")
    began = time.monotonic()
    rules = Rules(lease=lease, server_retry=timedelta(seconds=0.2))
    async with smtp(SmtpServer.parse(smtp_url), connections=4, patience=Patience(60, 60, 60)) as mail:
        writer = Writer(LINKS, "Paperround")
        while True:
            desk = Desk(
                database, mail, writer, Pace(database, "mail", 0), rules,
                lambda: now + timedelta(seconds=time.monotonic() - began),
            )  # fmt: skip
            await send_due(desk)
            await asyncio.sleep(0.1)


if __name__ == "__main__":
    asyncio.run(
        main(
            sys.argv[1],
            sys.argv[2],
            datetime.fromisoformat(sys.argv[3]),
            timedelta(seconds=float(sys.argv[4])),
        )
    )
