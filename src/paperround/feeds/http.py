"""One GET of a feed, bounded and patient: size, time, pace, a few tries, Retry-After."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, NoReturn, TypeVar

import httpx
import stamina

from paperround import __version__
from paperround.database import utc_now
from paperround.throttle import Pace

Answer = TypeVar("Answer")
USER_AGENT: Final = f"paperround/{__version__} (self-hosted daily papers)"
SHORT_WAIT: Final = timedelta(seconds=20)  # one that a reading sits out; a longer one is the schedule's
LONGEST_WAIT: Final = timedelta(hours=24)


@dataclass(frozen=True)
class Limits:
    """How long one answer may take, how large it may be, how often it is asked for. Times in seconds."""

    connect: float = 5
    silence: float = 20
    whole: float = 60  # however slowly it trickles
    most_bytes: int = 32 * 2**20
    tries: int = 3
    first_wait: float = 0.5  # before the second try; then twice as long

    @property
    def timeout(self) -> httpx.Timeout:
        return httpx.Timeout(self.silence, connect=self.connect)


class FeedError(Exception):
    """FeedError ── FeedUnreachable (it may work later) · FeedUnreadable (not a list of papers)"""


class FeedUnreachable(FeedError):
    """No usable answer. `retry_at` is the host's own wish, when it had one."""

    def __init__(self, reason: str, retry_at: datetime | None = None) -> None:
        super().__init__(reason)
        self.retry_at = retry_at


class FeedUnreadable(FeedError):
    """An answer, but not a list of papers."""


async def get_json(
    client: httpx.AsyncClient, url: str, parameters: Mapping[str, str | int], pace: Pace, limits: Limits
) -> object:
    """The answer's JSON. Raises `FeedUnreachable` or `FeedUnreadable` after a few tries."""
    return await get(client, url, parameters, pace, limits, read=_parsed)


async def get(
    client: httpx.AsyncClient,
    url: str,
    parameters: Mapping[str, str | int],
    pace: Pace,
    limits: Limits,
    *,
    read: Callable[[bytes, str], Awaitable[Answer]],
) -> Answer:
    """What `read` makes of the answer's body and content type; it may raise `FeedUnreadable`.

    Raises `FeedUnreachable` or `FeedUnreadable` after a few tries.
    """
    wait = limits.first_wait
    async for attempt in stamina.retry_context(
        on=_worth_another_try, attempts=limits.tries, wait_initial=wait, wait_max=8 * wait, wait_jitter=wait
    ):
        with attempt:
            await _sit_out_pause(pace)
            await pace.turn()
            body, kind = await _get_once(client, url, parameters, pace, limits)
            return await read(body, kind)
    raise AssertionError("unreachable: the last try returns or raises")


async def _sit_out_pause(pace: Pace) -> None:
    """The host may have asked for one meanwhile, in another answer or of another worker."""
    until = await pace.paused_until(now=utc_now())
    if until is None:
        return
    wait = until - utc_now()
    if wait > SHORT_WAIT:
        raise FeedUnreachable("the host asked for a pause", retry_at=until)
    await asyncio.sleep(max(wait.total_seconds(), 0))


def _worth_another_try(error: Exception) -> bool | timedelta:
    if isinstance(error, FeedUnreachable) and error.retry_at:
        wait = error.retry_at - utc_now()
        return max(wait, timedelta(0)) if wait <= SHORT_WAIT else False
    return isinstance(error, FeedError)


async def _get_once(
    client: httpx.AsyncClient, url: str, parameters: Mapping[str, str | int], pace: Pace, limits: Limits
) -> tuple[bytes, str]:
    try:
        async with (
            asyncio.timeout(limits.whole),
            client.stream("GET", url, params=dict(parameters), timeout=limits.timeout) as answer,
        ):
            await _honour_limits(answer, pace)
            kind = answer.headers.get("Content-Type", "no content type")
            return await _bounded(answer, limits.most_bytes), kind
    except TimeoutError as error:
        raise FeedUnreachable(f"no whole answer within {limits.whole:g} s") from error
    except httpx.TimeoutException as error:
        raise FeedUnreachable("no answer in time") from error
    except httpx.InvalidURL as error:
        raise FeedUnreachable(f"its address is not usable: {error}") from error
    except httpx.HTTPError as error:
        raise FeedUnreachable(f"connection failed: {error or type(error).__name__}") from error


async def _bounded(answer: httpx.Response, most: int) -> bytes:
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > most:
            raise FeedUnreadable(f"the answer is larger than {most // 1024:,} KiB")
    return bytes(body)


async def _honour_limits(answer: httpx.Response, pace: Pace) -> None:
    """Pause all requests to the host when it says so; raise when this one was refused."""
    wait = retry_after(answer.headers, now=utc_now())
    if wait is not None and (answer.status_code in (429, 503) or _used_up(answer.headers)):
        await pace.pause(utc_now() + wait)
    if answer.status_code == 200:
        return
    refused = answer.status_code in (429, 503)
    raise FeedUnreachable(
        f"HTTP {answer.status_code} {answer.reason_phrase}".strip(),
        retry_at=utc_now() + wait if refused and wait is not None else None,
    )


def _used_up(headers: httpx.Headers) -> bool:
    return re.search(r"\br=0\b", headers.get("RateLimit", "")) is not None


def retry_after(headers: httpx.Headers, *, now: datetime) -> timedelta | None:
    """How long the host asks us to wait: `Retry-After` (seconds or a date), else `t=` of `RateLimit`.

    At most a day, whatever it says; None when it says nothing that can be read.
    """
    asked = headers.get("Retry-After") or ""
    in_window = re.search(r"\bt=(\d{1,9})\b", headers.get("RateLimit", ""))
    wait: timedelta | None = None
    if re.fullmatch(r"\d{1,9}(\.\d+)?", asked.strip()):
        wait = timedelta(seconds=math.ceil(float(asked)))
    elif asked:
        wait = _until(asked, now)
    if wait is None and in_window:
        wait = timedelta(seconds=int(in_window.group(1)))
    return None if wait is None else min(max(wait, timedelta(0)), LONGEST_WAIT)


def _until(http_date: str, now: datetime) -> timedelta | None:
    try:
        moment = parsedate_to_datetime(http_date)
    except (ValueError, OverflowError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now


async def _parsed(body: bytes, kind: str) -> object:
    try:
        return json.loads(body, parse_constant=_refuse, parse_float=_number)
    except (ValueError, RecursionError) as error:
        raise FeedUnreadable(f"the answer is not JSON ({kind}, {len(body)} bytes)") from error


def _number(digits: str) -> float | str:
    """One that no float holds stays text: as infinity it could not be stored, nor its whole list."""
    number = float(digits)
    return number if math.isfinite(number) else digits


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
