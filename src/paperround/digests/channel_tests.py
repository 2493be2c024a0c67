"""The messages with codes that confirm channels.

Each is claimed by moving the moment at which it is due, so that no transaction is open while a stranger's
server is waited for. A worker that dies meanwhile leaves it to be sent again, with another code.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update

from paperround.channels.encryption import SecretBox
from paperround.channels.errors import ChannelError, ChannelUnavailable, SecretUnreadable
from paperround.channels.message import ChannelNotice
from paperround.channels.sender import ChannelSender
from paperround.database import Database
from paperround.digests.channel_tables import Channel
from paperround.digests.channels import CODE_LIFETIME, generate_code, hash_code
from paperround.digests.tables import select_mail_language
from paperround.i18n.languages import choose_stored, using_language
from paperround.i18n.messages import gettext as _

MAX_TESTS_A_RUN: Final = 100
MAX_CONCURRENT_TESTS: Final = 4
MAX_ATTEMPTS: Final = 3
LEASE: Final = timedelta(minutes=1)
LANGUAGE: Final = select_mail_language(Channel.id).correlate(Channel).scalar_subquery().label("language")


@dataclass(frozen=True)
class ClaimedTest:
    """A message with a code, ready to be sent. `due_at` tells this claim from any later one."""

    channel_id: int
    secrets: bytes
    code: str
    attempt: int
    due_at: datetime
    language: str


@dataclass(frozen=True)
class ChannelTester:
    """Sends codes. `site` is the address of ours, without a slash at the end."""

    database: Database
    sender: ChannelSender
    box: SecretBox
    site: str
    site_name: str

    async def send_due(self, *, now: datetime) -> None:
        """Send every message with a code that is due."""
        async with self.database.read_session() as session:
            query = select(Channel.id).where(Channel.test_due_at <= now).order_by(Channel.test_due_at)
            due = (await session.scalars(query.limit(MAX_TESTS_A_RUN))).all()
        places = asyncio.Semaphore(MAX_CONCURRENT_TESTS)

        async def send_in_turn(channel_id: int) -> None:
            async with places:
                if (claimed := await self._claim(channel_id, now)) is not None:
                    await self._send(claimed, now)

        async with asyncio.TaskGroup() as group:
            for channel_id in due:
                group.create_task(send_in_turn(channel_id))

    async def _claim(self, channel_id: int, now: datetime) -> ClaimedTest | None:
        code, leased_until = generate_code(), now + LEASE
        claim = (
            update(Channel)
            .where(Channel.id == channel_id, Channel.test_due_at <= now)
            .values(
                test_due_at=leased_until,
                test_attempts=Channel.test_attempts + 1,
                code_hash=hash_code(channel_id, code),
                code_expires_at=now + CODE_LIFETIME,
                code_attempts=0,
            )
            .returning(Channel.secrets, Channel.test_attempts, LANGUAGE)
        )
        async with self.database.write_session() as session:
            row = (await session.execute(claim)).one_or_none()
        if row is None:
            return None
        language = choose_stored(row.language)
        return ClaimedTest(channel_id, row.secrets, code, row.test_attempts, leased_until, language)

    async def _send(self, claimed: ClaimedTest, now: datetime) -> None:
        next_due_at = None
        try:
            secrets = self.box.decrypt(claimed.secrets)
            with using_language(claimed.language):
                notice = self._build_notice(claimed)
            hand_over = self.sender.prepare(secrets, notice, now=now)
            response = await hand_over()
        except ChannelUnavailable as error:
            response = error.response
            if claimed.attempt < MAX_ATTEMPTS:
                next_due_at = now + max(timedelta(minutes=claimed.attempt), min(error.wait, CODE_LIFETIME))
        except ChannelError as error:
            response = error.response
        except SecretUnreadable as error:
            response = error.detail
        done = update(Channel).where(Channel.id == claimed.channel_id, Channel.test_due_at == claimed.due_at)
        async with self.database.write_session() as session:
            await session.execute(done.values(test_due_at=next_due_at, test_response=response))

    def _build_notice(self, claimed: ClaimedTest) -> ChannelNotice:
        shown = f"{claimed.code[:4]}-{claimed.code[4:]}"
        url = f"{self.site}/channels/{claimed.channel_id}"
        return ChannelNotice(
            id=f"test_{claimed.channel_id}_{int(claimed.due_at.timestamp())}",
            site_name=self.site_name,
            site_url=self.site,
            title=_("Your code for %(site)s is %(code)s", site=self.site_name, code=shown),
            text=_(
                "Somebody wants to have papers sent here. If it was you, enter %(code)s at %(address)s "
                "within an hour. If it wasn’t, do nothing: nothing more comes.",
                code=shown,
                address=url,
            ),
            url=url,
            code=claimed.code,
        )
