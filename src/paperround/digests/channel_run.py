"""One run of all that goes to channels: codes, digests that are due, and what failures mean.

It is apart from mail, so that a server that answers slowly holds up nobody's letters.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from paperround.channels.encryption import SecretBox
from paperround.channels.errors import SecretUnreadable
from paperround.channels.sender import open_channel_sender
from paperround.database import Database, utc_now
from paperround.digests import channel_health
from paperround.digests.channel_carrier import ChannelCarrier
from paperround.digests.channel_tables import Channel
from paperround.digests.channel_tests import ChannelTester
from paperround.digests.delivery import SendingContext, SendingPolicy, send_due_digests
from paperround.digests.links import DigestLinks
from paperround.digests.tables import DeliveryState
from paperround.settings import Settings
from paperround.throttle import Throttle
from paperround.tokens import load_signer
from paperround.topics.profiles import TextEncoder

CHANNEL_POLICY: Final = SendingPolicy(connections=8, batch_size=50)
RENEWAL_BATCH_SIZE: Final = 500


@dataclass(frozen=True)
class ChannelRun:
    """What a run works with."""

    tester: ChannelTester
    context: SendingContext

    async def send(self) -> Counter[DeliveryState]:
        """Send codes and digests that are due. Returns how many deliveries came to which state."""
        database, clock = self.context.database, self.context.clock
        await self.tester.send_due(now=clock())
        counts = await send_due_digests(self.context)
        async with database.write_session() as session:
            await channel_health.pause_failing(session, now=clock())
        return counts


@asynccontextmanager
async def open_channel_run(
    settings: Settings,
    database: Database,
    encoder: TextEncoder | None = None,
    *,
    clock: Callable[[], datetime] = utc_now,
    policy: SendingPolicy = CHANNEL_POLICY,
) -> AsyncIterator[ChannelRun | None]:
    """Open a run as the settings describe. None: there is no channel. Raises `MailSettingsError`."""
    async with database.read_session() as session:
        has_channels = await session.scalar(select(Channel.id).limit(1)) is not None
    if not has_channels:
        yield None
        return
    signer = await load_signer(database, settings)
    links, box = DigestLinks.from_settings(settings, signer), SecretBox.from_signer(signer)
    async with open_channel_sender(settings.channel_networks) as sender:
        yield ChannelRun(
            ChannelTester(database, sender, box, links.site, settings.site_name),
            SendingContext(
                database,
                ChannelCarrier(sender, box, links, settings.site_name),
                Throttle(database, "channels", 0, window=timedelta(minutes=1)),
                policy,
                clock,
                encoder,
            ),
        )


async def renew_secrets(database: Database, box: SecretBox) -> int:
    """Encrypt with the site's first key what an earlier one encrypted; how many channels' secrets.

    So an earlier key can be dropped some hours after the change. What no key reads is left.
    """
    renewed, last = 0, 0
    while True:
        async with database.write_session() as session:
            query = select(Channel).where(Channel.id > last).order_by(Channel.id).limit(RENEWAL_BATCH_SIZE)
            channels = (await session.scalars(query.with_for_update(skip_locked=True))).all()
            for channel in channels:
                try:
                    sealed = box.renew(channel.secrets)
                except SecretUnreadable:
                    continue
                if sealed is not None:
                    channel.secrets, renewed = sealed, renewed + 1
        if len(channels) < RENEWAL_BATCH_SIZE:
            return renewed
        last = channels[-1].id
