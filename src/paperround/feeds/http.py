"""Sends a GET request to a feed.

It is bounded in size and time, throttled, retried, and obeys Retry-After.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

import httpx
import stamina
from pydantic import HttpUrl

from paperround import __version__
from paperround.database import utc_now
from paperround.errors import PaperroundError
from paperround.feeds.broken_record import DocumentBroken, load_json
from paperround.outbound.client import AddressRefused, open_client
from paperround.server_answers import parse_retry_after, read_bounded
from paperround.throttle import Throttle

Parsed = TypeVar("Parsed")
USER_AGENT: Final = f"paperround/{__version__} (self-hosted daily papers)"
# A reading waits this long for the host. After a longer wait the schedule tries the day again.
MAX_WAIT_WITHIN_REQUEST: Final = timedelta(seconds=20)
MAX_REDIRECTS: Final = 3


@dataclass(frozen=True)
class RequestLimits:
    """How long an answer may take, how large it may be, and how often to try. Times are in seconds."""

    connect_timeout: float = 5
    read_timeout: float = 20
    total_timeout: float = 60  # for the whole answer, even if it arrives slowly
    max_bytes: int = 32 * 2**20
    max_attempts: int = 3
    first_retry_delay: float = 0.5  # before the second attempt; each later delay is twice as long

    @property
    def timeout(self) -> httpx.Timeout:
        return httpx.Timeout(self.read_timeout, connect=self.connect_timeout)


class FeedError(PaperroundError):
    """A feed could not be read, because it is unreachable or its answer is not a list of papers."""

    title = "A feed could not be read"
    status = 502


class FeedUnreachable(FeedError):
    """The host gave no usable answer. `retry_at` is when the host allows the next attempt, or None."""

    def __init__(self, reason: str, retry_at: datetime | None = None) -> None:
        super().__init__(reason)
        self.retry_at = retry_at


class FeedUnreadable(FeedError):
    """The host answered, but not with a list of papers."""


def open_feed_client(*addresses: HttpUrl, headers: Mapping[str, str]) -> httpx.AsyncClient:
    """Open a client for the hosts of the configured `addresses`.

    Their redirects lead to public addresses, or to addresses of the kind that a configured host has itself.
    """
    hosts = [address.host for address in addresses if address.host]
    return open_client(trusted_hosts=hosts, headers=headers, max_redirects=MAX_REDIRECTS)


async def fetch_json(
    client: httpx.AsyncClient,
    url: str,
    parameters: Mapping[str, str | int],
    throttle: Throttle,
    limits: RequestLimits,
) -> object:
    """Fetch JSON. Raises `FeedUnreachable` or `FeedUnreadable` after a few attempts."""
    return await fetch(client, url, parameters, throttle, limits, parse=_parse_json)


async def fetch(
    client: httpx.AsyncClient,
    url: str,
    parameters: Mapping[str, str | int],
    throttle: Throttle,
    limits: RequestLimits,
    *,
    parse: Callable[[bytes, str], Awaitable[Parsed]],
) -> Parsed:
    """Fetch a URL and return what `parse` makes of its body and content type.

    `parse` may raise `FeedUnreadable`. Raises `FeedUnreachable` or `FeedUnreadable` after a few attempts.
    """
    wait = limits.first_retry_delay
    async for attempt in stamina.retry_context(
        on=_should_retry, attempts=limits.max_attempts, wait_initial=wait, wait_max=8 * wait, wait_jitter=wait
    ):
        with attempt:
            await _wait_for_pause(throttle)
            await throttle.acquire()
            body, kind = await _get_once(client, url, parameters, throttle, limits)
            return await parse(body, kind)
    raise AssertionError("unreachable: the last attempt returns or raises")


async def _wait_for_pause(throttle: Throttle) -> None:
    """Wait while requests to the host are paused.

    Another worker may have received the host's request to pause.
    """
    paused_until = await throttle.paused_until(now=utc_now())
    if paused_until is None:
        return
    wait = paused_until - utc_now()
    if wait > MAX_WAIT_WITHIN_REQUEST:
        raise FeedUnreachable("the host asked for a pause", retry_at=paused_until)
    await asyncio.sleep(max(wait.total_seconds(), 0))


def _should_retry(error: Exception) -> bool | timedelta:
    if isinstance(error, FeedUnreachable) and error.retry_at:
        wait = error.retry_at - utc_now()
        return max(wait, timedelta(0)) if wait <= MAX_WAIT_WITHIN_REQUEST else False
    return isinstance(error, FeedError)


async def _get_once(
    client: httpx.AsyncClient,
    url: str,
    parameters: Mapping[str, str | int],
    throttle: Throttle,
    limits: RequestLimits,
) -> tuple[bytes, str]:
    try:
        async with (
            asyncio.timeout(limits.total_timeout),
            client.stream("GET", url, params=dict(parameters) or None, timeout=limits.timeout) as answer,
        ):
            await _check_limits(answer, throttle)
            kind = answer.headers.get("Content-Type", "no content type")
            body = await read_bounded(answer, limits.max_bytes)
            if body is None:
                raise FeedUnreadable(f"the answer is larger than {limits.max_bytes // 1024:,} KiB")
            return body, kind
    except TimeoutError as error:
        raise FeedUnreachable(f"no complete answer within {limits.total_timeout:g} s") from error
    except httpx.TimeoutException as error:
        raise FeedUnreachable("no answer in time") from error
    except AddressRefused as error:
        raise FeedUnreachable(f"refused to connect: {error}") from error
    except httpx.InvalidURL as error:
        raise FeedUnreachable(f"its address is not usable: {error}") from error
    except httpx.HTTPError as error:
        raise FeedUnreachable(f"connection failed: {error or type(error).__name__}") from error


async def _check_limits(answer: httpx.Response, throttle: Throttle) -> None:
    """Pause all requests to the host if it asks for that. Raises `FeedUnreachable` for an error status."""
    wait = parse_retry_after(answer.headers, now=utc_now())
    if wait is not None and (answer.status_code in (429, 503) or _is_exhausted(answer.headers)):
        await throttle.pause(utc_now() + wait)
    if answer.status_code == 200:
        return
    is_throttled = answer.status_code in (429, 503)
    raise FeedUnreachable(
        f"HTTP {answer.status_code} {answer.reason_phrase}".strip(),
        retry_at=utc_now() + wait if is_throttled and wait is not None else None,
    )


def _is_exhausted(headers: httpx.Headers) -> bool:
    return re.search(r"\br=0\b", headers.get("RateLimit", "")) is not None


async def _parse_json(body: bytes, kind: str) -> object:
    try:
        return load_json(body)
    except DocumentBroken as error:
        raise FeedUnreadable(f"the answer is not JSON ({kind}, {len(body)} bytes)") from error
