"""What is common to other servers' answers: their size, how long to wait, and why they refuse."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta
from typing import Final

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from paperround.text.http_date import parse_http_date

MAX_RETRY_AFTER: Final = timedelta(hours=24)
MAX_MESSAGE_LENGTH: Final = 500  # characters


def parse_retry_after(headers: httpx.Headers, *, now: datetime) -> timedelta | None:
    """Parse how long the host asks us to wait.

    `Retry-After` (seconds or a date) comes before the `t=` of `RateLimit`. The result is at most a day.
    Returns None if neither header can be read.
    """
    retry_after = headers.get("Retry-After") or ""
    window_reset = re.search(r"\bt=(\d{1,9})\b", headers.get("RateLimit", ""))
    wait: timedelta | None = None
    if re.fullmatch(r"\d{1,9}(\.\d+)?", retry_after.strip()):
        wait = timedelta(seconds=math.ceil(float(retry_after)))
    elif retry_after:
        wait = _time_until(retry_after, now)
    if wait is None and window_reset:
        wait = timedelta(seconds=int(window_reset.group(1)))
    return None if wait is None else min(max(wait, timedelta(0)), MAX_RETRY_AFTER)


def _time_until(http_date: str, now: datetime) -> timedelta | None:
    moment = parse_http_date(http_date)
    return None if moment is None else moment - now


async def read_bounded(response: httpx.Response, max_bytes: int) -> bytes | None:
    """Read the body of a streamed answer. None: it is larger than that."""
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > max_bytes:
            return None
    return bytes(body)


def parse_error_message(body: bytes, reason_phrase: str) -> str:
    """The server's message, from OpenAI's or FastAPI's error format, or else the beginning of the body."""
    try:
        return ERROR_ADAPTER.validate_json(body).text[:MAX_MESSAGE_LENGTH]
    except ValidationError:
        return " ".join(body.decode(errors="replace")[:MAX_MESSAGE_LENGTH].split()) or reason_phrase


class OpenAIErrorContent(BaseModel):
    message: str


class OpenAIErrorResponse(BaseModel):
    error: OpenAIErrorContent

    @property
    def text(self) -> str:
        return self.error.message


class FastAPIFieldError(BaseModel):
    loc: tuple[str | int, ...]
    msg: str


class FastAPIErrorResponse(BaseModel):
    """FastAPI's error format. A field error also repeats the whole input, which must not be logged."""

    detail: str | list[FastAPIFieldError]

    @property
    def text(self) -> str:
        if isinstance(self.detail, str):
            return self.detail
        return "; ".join(
            f"{'.'.join(map(str, field_error.loc))}: {field_error.msg}" for field_error in self.detail
        )


ERROR_ADAPTER = TypeAdapter[OpenAIErrorResponse | FastAPIErrorResponse](
    OpenAIErrorResponse | FastAPIErrorResponse
)
