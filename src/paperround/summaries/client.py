"""The client of the server that writes texts: one request, with what can go wrong told apart."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Self

import httpx
import structlog

from paperround import traces
from paperround.database import Database, utc_now
from paperround.errors import PaperroundError
from paperround.outbound.client import open_transport
from paperround.server_answers import parse_error_message, parse_retry_after, read_bounded
from paperround.settings import Settings
from paperround.summaries.prompt import Prompt
from paperround.summaries.protocol import PATHS, Answer, AnswerUnreadable, build_body, parse_answer
from paperround.throttle import Throttle

logger = structlog.get_logger(__name__)

REQUEST_TIMEOUT: Final = 120.0  # seconds: a model on a small machine takes its time
MAX_ANSWER_BYTES: Final = 1_000_000
REJECTED_TEXT_STATUSES: Final = frozenset({400, 413, 422})
BUSY_STATUSES: Final = frozenset({408, 409, 425, 429})


class TextServerError(PaperroundError):
    """The server of `PAPERROUND_SUMMARY_URL` gave no text. It is the base of the errors below."""

    title = "The text server failed"
    advice = "Look at its log. Papers wait meanwhile, and everything else goes on."


class TextServerUnavailable(TextServerError):
    """The server is down, busy, too slow, or asked us to wait."""

    title = "The text server is unavailable"


class TextServerMisconfigured(TextServerError):
    """The address, the key, the model's name or the API is wrong."""

    title = "The text server is misconfigured"
    advice = "Check PAPERROUND_SUMMARY_URL, _KEY, _MODEL and _API."


class TextRefused(TextServerError):
    """The server doesn't take this paper's text, or its answer can't be read. Others may go through."""

    title = "The text server refused a paper"


class TextServerClient:
    """A connection to the server; use it as `async with TextServerClient(settings, database) as server`.

    All workers share a pause that the server asked for.
    """

    def __init__(
        self, settings: Settings, database: Database, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        if settings.summary_url is None:
            raise ValueError("summaries are off: PAPERROUND_SUMMARY_URL is not set")
        self.model = settings.summary_model
        self._api, self._extra = settings.summary_api, settings.summary_extra
        key = settings.summary_key
        self._http = httpx.AsyncClient(
            base_url=_build_base_url(str(settings.summary_url)),
            headers={"Authorization": f"Bearer {key.get_secret_value()}"} if key else {},
            timeout=httpx.Timeout(REQUEST_TIMEOUT, connect=10),
            transport=transport or open_transport(),
        )
        self._throttle = Throttle(database, f"texts {settings.summary_url.host}", 0)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def write(self, prompt: Prompt) -> Answer:
        """Let the model answer. Raises `TextServerError` of one of its kinds."""
        paused_until = await self._throttle.paused_until(now=utc_now())
        if paused_until is not None:
            raise TextServerUnavailable(f"it asked us to wait until {paused_until:%H:%M:%S} UTC")
        body = build_body(self._api, self.model, prompt, self._extra)
        with traces.span("texts", "client"):
            content = await self._ask(body, is_private=prompt.is_private)
        try:
            return parse_answer(self._api, content)
        except AnswerUnreadable as error:
            raise TextRefused(str(error)) from error

    async def _ask(self, body: bytes, *, is_private: bool) -> bytes:
        try:
            async with (
                asyncio.timeout(REQUEST_TIMEOUT),
                self._http.stream(
                    "POST", PATHS[self._api], content=body, headers={"Content-Type": "application/json"}
                ) as response,
            ):
                content = await read_bounded(response, MAX_ANSWER_BYTES)
                if content is None:
                    raise TextRefused(f"the answer has more than {MAX_ANSWER_BYTES // 1000:,} kB")
                if response.status_code != httpx.codes.OK:
                    raise await self._explain(response, content, is_private=is_private)
                return content
        except TimeoutError:
            raise TextServerUnavailable(f"no answer within {REQUEST_TIMEOUT:g} s") from None
        except httpx.InvalidURL as error:
            raise TextServerMisconfigured(f"its address can't be used: {error}") from error
        except httpx.HTTPError as error:
            words = str(error) or type(error).__name__
            raise TextServerUnavailable(f"no answer: {words}") from error

    async def _explain(
        self, response: httpx.Response, content: bytes, *, is_private: bool
    ) -> TextServerError:
        """Make an error of an answer that isn't 200, and pause if the server asks for it.

        A server may repeat what it was asked, so the message of a private answer isn't told.
        """
        message = parse_error_message(b"" if is_private else content, response.reason_phrase)
        words = f"it answers {response.status_code}: {message}"
        wait = parse_retry_after(response.headers, now=utc_now())
        if response.status_code >= 500 or response.status_code in BUSY_STATUSES:
            if wait:
                await self._throttle.pause(utc_now() + wait)
            return TextServerUnavailable(words)
        if response.status_code in REJECTED_TEXT_STATUSES:
            return TextRefused(words)
        return TextServerMisconfigured(f"{words} (asked at {response.url.path})")


def _build_base_url(url: str) -> str:
    """Build the base address: servers have their protocol under /v1 unless the address has a path."""
    return url if httpx.URL(url).path not in ("", "/") else f"{url.rstrip('/')}/v1"
