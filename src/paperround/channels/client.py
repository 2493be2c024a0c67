"""Hands one message to a channel over HTTP, and tells what certainly happened to it.

A request has ten seconds in all and follows no redirect. Where it may lead is checked at the connection
(`outbound/client.py`).
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

import httpx

from paperround import __version__
from paperround.channels.errors import ChannelAnswerLost, ChannelGone, ChannelUnavailable
from paperround.channels.message import Payload
from paperround.i18n.messages import gettext as _
from paperround.outbound.addresses import Network
from paperround.outbound.certificates import explain_distrust
from paperround.outbound.client import AddressRefused, open_posting_client
from paperround.outbound.proxies import ProxyUnusable
from paperround.text.http_date import parse_http_date

REQUEST_TIMEOUT: Final = 10.0  # seconds for all of it
# Of that time, for the connection and again for TLS. When the time for all is over instead, the library lets
# go of a connection that is being made without closing it.
CONNECT_SHARE: Final = 0.4
MAX_ANSWER_SIZE: Final = 4000  # bytes that are read
MAX_WAIT: Final = timedelta(hours=6)  # that the other side may ask for
MAX_REASON_LENGTH: Final = 80  # characters
NO_REASON: Final = re.compile(r"[^A-Za-z_' ]+")
# "Connection": a connection that the other side just closes would look like an answer that was lost.
HEADERS: Final = {
    "User-Agent": f"Paperround/{__version__}",
    "Content-Type": "application/json; charset=utf-8",
    "Accept-Encoding": "identity",
    "Connection": "close",
}
ANSWER_LOST: Final = "It was handed over, but no answer came that says whether it was taken."


@dataclass(frozen=True)
class ChannelClient:
    """Posts JSON to addresses that readers gave."""

    http: httpx.AsyncClient
    timeout: float = REQUEST_TIMEOUT

    async def post(self, url: str, body: bytes, *, headers: Mapping[str, str], now: datetime) -> str:
        """Post a message and return what the other side answered, in our words.

        Raises `ChannelUnavailable` where it was certainly not taken, `ChannelGone` where nothing will be, and
        `ChannelAnswerLost` where it may have been taken.
        """
        begun = False

        async def note(event: str, details: Mapping[str, Any]) -> None:
            nonlocal begun
            request = details.get("request")
            is_ours = request is not None and request.method == b"POST"  # not a proxy's CONNECT
            begun = begun or (is_ours and event.endswith("send_request_headers.started"))

        answer = Answer()
        try:
            async with asyncio.timeout(self.timeout):
                request = self.http.stream(
                    "POST",
                    url,
                    content=body,
                    headers=headers,
                    extensions={"trace": note},
                    timeout=httpx.Timeout(self.timeout, connect=self.timeout * CONNECT_SHARE),
                )
                async with request as response:
                    answer.status, answer.headers = response.status_code, response.headers
                    answer.body = await _read_start(response)
        except AddressRefused as error:
            raise ChannelUnavailable(str(error)) from error
        except ProxyUnusable as error:
            raise ChannelUnavailable(error.detail) from error
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError, ValueError) as error:
            if answer.status is None:
                if begun:
                    raise ChannelAnswerLost(ANSWER_LOST) from error
                raise ChannelUnavailable(_explain(error)) from error
        return answer.judge(now)


@dataclass
class Answer:
    """What came back. Without a status nothing did."""

    status: int | None = None
    headers: Mapping[str, str] | None = None
    body: bytes = b""

    def judge(self, now: datetime) -> str:
        """Return the answer of one who took the message. Raises as `ChannelClient.post` does."""
        assert self.status is not None  # noqa: S101 (whoever asks has seen to it)
        words = f"{self.status} {_name_status(self.status)}".strip()
        if 200 <= self.status < 300:
            return words
        if 300 <= self.status < 400:
            raise ChannelUnavailable(
                _("%(words)s: it leads elsewhere, which is not followed.", words=words), code=self.status
            )
        reason = self._read_reason()
        text = f"{words} ({reason})" if reason else words
        if self.status == HTTPStatus.GONE:
            raise ChannelGone(text, code=self.status)
        raise ChannelUnavailable(text, code=self.status, wait=self._read_wait(now))

    def _read_reason(self) -> str:
        """A few plain words of what chats say of their refusals."""
        content = self._parse()
        told = [content.get(name) for name in ("description", "message", "error")]
        text = next((one for one in told if isinstance(one, str)), "") if content else ""
        if not content and (self.headers or {}).get("content-type", "").startswith("text/plain"):
            text = self.body.decode(errors="replace")
        return " ".join(NO_REASON.sub(" ", text[:1000]).split())[:MAX_REASON_LENGTH]

    def _read_wait(self, now: datetime) -> timedelta:
        """The time that is asked for, by the header or, as Telegram and Discord do, in the answer."""
        header = (self.headers or {}).get("retry-after", "").strip()
        content = self._parse()
        parameters = content.get("parameters")
        told: object = header
        if not header:
            inner = parameters.get("retry_after") if isinstance(parameters, dict) else None
            told = content.get("retry_after", inner)
        try:
            wait = timedelta(seconds=float(str(told)))
        except (ValueError, OverflowError):
            moment = parse_http_date(header)
            wait = moment - now if moment else timedelta(0)
        return min(max(wait, timedelta(0)), MAX_WAIT)

    def _parse(self) -> dict[str, Any]:
        try:
            content = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}


async def _read_start(response: httpx.Response) -> bytes:
    """Read no more of an answer than is looked at."""
    body = b""
    async for piece in response.aiter_raw():
        body += piece
        if len(body) >= MAX_ANSWER_SIZE:
            break
    return body[:MAX_ANSWER_SIZE]


def _name_status(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _explain(error: Exception) -> str:
    """Say why nothing could be handed over, without the address."""
    if (distrust := explain_distrust(error)) is not None:
        return f"It can't be reached: {distrust}."
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "It can't be reached: no connection in time."
    return "It can't be reached."


def encode(payload: Payload) -> bytes:
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


@asynccontextmanager
async def open_channel_client(networks: Sequence[Network]) -> AsyncIterator[ChannelClient]:
    """Open a client. `networks`: private ones that it may write to. Raises `CertificatesUnusable`."""
    async with open_posting_client(networks=networks, headers=HEADERS) as http:
        yield ChannelClient(http)
