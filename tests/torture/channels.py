"""Channels of every service, whose servers take digests and fail at what they like."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg

from paperround.channels.address import parse_address
from paperround.channels.encryption import ChannelSecrets, SecretBox
from paperround.channels.signature import generate_signing_secret
from paperround.tokens import Signer

from support.channel_sink import SERVICES, ChannelSink, Posted
from torture.site import LINKS, SECRET_KEY, Site

BOX = SecretBox.from_signer(Signer([SECRET_KEY]))


@dataclass
class FaultyChannels:
    """The sink of a world's channels, and how many of these fell due."""

    chance: random.Random
    sink: ChannelSink = field(default_factory=ChannelSink)
    active_faults: set[str] = field(default_factory=set)
    share_of_faults: float = 0.3
    faults: Counter[str] = field(default_factory=Counter)
    fallen_due: int = 0

    def __post_init__(self) -> None:
        self.sink.judge = self._judge

    def _judge(self, posted: Posted) -> str | None:
        active = sorted(self.active_faults)
        if not active or self.chance.random() > self.share_of_faults:
            return None
        fault = self.chance.choice(active)
        self.faults[fault] += 1
        return fault

    def count(self) -> Counter[int]:
        """How often each delivery was taken."""
        return self.sink.count(LINKS)

    def fall_due(self, world: Site, number: int) -> None:
        """So many new channels are on, with a digest due now."""
        with suppress(psycopg.Error), world.database() as connection:
            for _ in range(number):
                name, service = str(self.fallen_due), SERVICES[self.fallen_due % len(SERVICES)]
                address = parse_address(self.sink.address(service, name), allows_apprise=False)
                signing_secret = generate_signing_secret() if service == "webhook" else ""
                connection.execute(
                    "WITH s AS (INSERT INTO subscriptions (email, by_channel, state, asked_at, changed_at, "
                    "confirmed_at, next_due_at, cadence, weekday, hour, time_zone, trending, topics, most, "
                    "when_empty, topic_words, letter_attempts) SELECT 'channel:' || %s, true, 'active', "
                    "past, past, past, date_trunc('hour', now()), 'daily', 0, "
                    "extract(hour FROM now() AT TIME ZONE 'UTC'), 'UTC', true, false, 10, 'skip', '', 0 "
                    "FROM (SELECT now() - interval '2 days' AS past) _ RETURNING id) "
                    "INSERT INTO channels (subscription_id, name, kind, hint, secrets) "
                    "SELECT id, %s, %s, '127.0.0.1', %s FROM s",
                    [name, name, service, BOX.encrypt(ChannelSecrets(address, signing_secret))],
                )
                self.fallen_due += 1
