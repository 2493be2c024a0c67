"""Channels for tests: a sink, a site's settings that let it be reached, and runs at any time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from paperround.accounts.tables import Reader
from paperround.channels.address import parse_address
from paperround.channels.encryption import SecretBox
from paperround.database import Database
from paperround.digests import channels
from paperround.digests.channel_run import open_channel_run
from paperround.digests.channel_tables import Channel
from paperround.digests.channels import ChannelDraft
from paperround.digests.delivery import SendingPolicy
from paperround.digests.links import DigestLinks
from paperround.digests.subscriptions import SubscriptionPreferences
from paperround.digests.tables import Delivery, DeliveryState
from paperround.settings import Settings
from paperround.tokens import Signer

from support.channel_sink import SERVICES, ChannelSink
from support.factories import utc

KEY = "a key of the tests of channels that is long enough"
SETTINGS = Settings(
    _env_file=None,
    secret_key=KEY,
    public_url="https://papers.example.org",
    channel_networks="127.0.0.0/8",
)
BOX = SecretBox.from_signer(Signer([KEY]))
LINKS = DigestLinks.from_settings(SETTINGS, Signer([KEY]))
POLICY = SendingPolicy(connections=4, batch_size=4, lease=timedelta(seconds=30))


def build_draft(address: str) -> ChannelDraft:
    return ChannelDraft.build(BOX, parse_address(address, allows_apprise=True))


@dataclass
class ChannelDesk:
    """What a test does with channels, and what came of it."""

    database: Database
    sink: ChannelSink
    settings: Settings = SETTINGS
    policy: SendingPolicy = field(default_factory=lambda: POLICY)
    drafts: dict[str, ChannelDraft] = field(default_factory=dict)

    async def add(
        self, address: str, *, now: str, reader: Reader | None = None, **preferences: Any
    ) -> Channel:
        """Add a channel as the operator does: it is on at once."""
        self.drafts[address] = draft = build_draft(address)
        async with self.database.write_session() as session:
            return await channels.add_confirmed(
                session,
                draft,
                "",
                SubscriptionPreferences(**preferences),
                reader_id=reader.id if reader else None,
                now=utc(now),
            )

    async def add_all(self, *, now: str, services: Sequence[str] = SERVICES) -> dict[str, Channel]:
        return {service: await self.add(self.sink.address(service), now=now) for service in services}

    async def send(self, now: str | datetime) -> Counter[DeliveryState]:
        """Do a run as a worker does at that time."""
        moment = utc(now) if isinstance(now, str) else now
        async with open_channel_run(
            self.settings, self.database, clock=lambda: moment, policy=self.policy
        ) as run:
            assert run is not None
            return await run.send()

    async def deliveries(self) -> list[Delivery]:
        async with self.database.read_session() as session:
            return list(await session.scalars(select(Delivery).order_by(Delivery.period, Delivery.id)))

    async def load(self, channel_id: int) -> Channel:
        async with self.database.read_session() as session:
            query = select(Channel).where(Channel.id == channel_id)
            return (await session.scalars(query.options(joinedload(Channel.subscription)))).one()
