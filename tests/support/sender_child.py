"""A process that sends the digests that are due until it is killed.

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
from paperround.digests.delivery import SendingContext, SendingPolicy, send_due_digests
from paperround.digests.links import DigestLinks
from paperround.digests.mail_carrier import MailCarrier
from paperround.digests.renderer import DigestRenderer
from paperround.mail.smtp import SmtpTimeouts, open_smtp
from paperround.mail.smtp_url import SmtpServer
from paperround.throttle import Throttle
from paperround.tokens import Signer

LINKS = DigestLinks(
    Signer(["a key of the tests"]),
    "https://papers.example.org",
    "Paperround <papers@example.org>",
    "example.org",
    "bounces@example.org",
    separate_return_paths=True,
)


async def main(url: str, smtp_url: str, now: datetime, lease: timedelta) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    began = time.monotonic()
    policy = SendingPolicy(lease=lease)
    server, timeouts = SmtpServer.parse(smtp_url), SmtpTimeouts(60, 60, 60)
    async with (
        Database(url, application="a sender of the tests") as database,
        open_smtp(server, connections=4, timeouts=timeouts) as mail,
    ):
        carrier = MailCarrier(
            mail, DigestRenderer(LINKS, "Paperround"), server_retry_delay=timedelta(seconds=0.2)
        )
        context = SendingContext(
            database, carrier, Throttle(database, "mail", 0), policy,
            lambda: now + timedelta(seconds=time.monotonic() - began),
        )  # fmt: skip
        while True:
            await send_due_digests(context)
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
