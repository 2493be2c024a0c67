"""Sends a digest or a notice to one channel: in its service's format, signed where it is a webhook."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from paperround.channels import apprise_process
from paperround.channels.address import ChannelAddress, ChannelKind
from paperround.channels.client import ChannelClient, encode, open_channel_client
from paperround.channels.encryption import ChannelSecrets
from paperround.channels.formats import discord, markdown, slack, telegram, webhook
from paperround.channels.message import ChannelDigest, ChannelNotice, Payload
from paperround.channels.signature import sign
from paperround.outbound.addresses import Network


@dataclass(frozen=True)
class ChannelSender:
    """Sends to channels of every kind."""

    client: ChannelClient
    networks: Sequence[Network] = ()

    def prepare(
        self, secrets: ChannelSecrets, content: ChannelDigest | ChannelNotice, *, now: datetime
    ) -> Callable[[], Awaitable[str]]:
        """Render a message. Returns what hands it over, which raises as `ChannelClient.post` does."""
        if secrets.address.kind is ChannelKind.apprise:
            message = (
                markdown.format_digest(content, max_size=apprise_process.MAX_MESSAGE_SIZE)
                if isinstance(content, ChannelDigest)
                else markdown.format_notice(content)
            )
            return apprise_process.prepare(secrets.address.url, message, self.networks)
        body = encode(_format(secrets.address, content, now))
        headers = sign(secrets.signing_secret, content.id, body, at=now) if secrets.signing_secret else {}
        return partial(self.client.post, secrets.address.url, body, headers=headers, now=now)


def _format(address: ChannelAddress, content: ChannelDigest | ChannelNotice, now: datetime) -> Payload:
    if isinstance(content, ChannelDigest):
        return _format_digest(address, content, now)
    match address.kind:
        case ChannelKind.slack:
            return slack.format_notice(content)
        case ChannelKind.discord:
            return discord.format_notice(content)
        case ChannelKind.telegram:
            return telegram.format_notice(content, address.chat)
        case _:
            return webhook.format_notice(content, at=now)


def _format_digest(address: ChannelAddress, digest: ChannelDigest, now: datetime) -> Payload:
    match address.kind:
        case ChannelKind.slack:
            return slack.format_digest(digest)
        case ChannelKind.discord:
            return discord.format_digest(digest)
        case ChannelKind.telegram:
            return telegram.format_digest(digest, address.chat)
        case _:
            return webhook.format_digest(digest, at=now)


@asynccontextmanager
async def open_channel_sender(networks: Sequence[Network]) -> AsyncIterator[ChannelSender]:
    """Open a sender. `networks`: private ones that it may write to. Raises `CertificatesUnusable`."""
    async with open_channel_client(networks) as client:
        yield ChannelSender(client, tuple(networks))
