"""The client of the encoder: turns text into vectors over the OpenAI embeddings protocol, without torch."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

import httpx
import stamina
from pydantic import BaseModel

from paperround import metrics, traces
from paperround.arrays import np
from paperround.database import utc_now
from paperround.embeddings import bundled_model
from paperround.errors import PaperroundError
from paperround.outbound.client import open_transport
from paperround.server_answers import parse_error_message, parse_retry_after
from paperround.settings import Settings

MAX_TEXTS_PER_REQUEST = 32  # the default of text-embeddings-inference
REQUEST_TIMEOUT = 120.0  # seconds for one request, including its retries
MAX_ATTEMPTS = 4
MAX_RETRY_DELAY = 10.0  # seconds between two attempts; a longer Retry-After raises EncoderUnavailable

REJECTED_TEXT_STATUSES = frozenset({400, 413, 422})
RETRYABLE_STATUSES = frozenset({408, 409, 425, 429})

Vectors: TypeAlias = "np.ndarray[tuple[int, int], np.dtype[np.float32]]"


class EncoderError(PaperroundError):
    """The encoder's response can't be used: it is malformed, or has a wrong count or a zero vector.

    It is the base of EncoderUnavailable, EncoderRefused and EncoderMisconfigured.
    """

    title = "The encoder failed"


class EncoderUnavailable(EncoderError):
    """The encoder is down, busy or too slow. The same texts may be sent again.

    `retry_after` is the number of seconds that the encoder asked for, if it did.
    """

    title = "The encoder is unavailable"

    def __init__(self, text: str, *, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class EncoderRefused(EncoderError):
    """The encoder rejects at least one of the texts for good. The message is the server's own."""

    title = "The encoder refused a text"


class EncoderMisconfigured(EncoderError):
    """The address, the key or the model's name is wrong; the texts are not the reason."""

    title = "The encoder is misconfigured"


@dataclass(frozen=True)
class ModelInfo:
    """A model's name and the length of its vectors."""

    name: str
    dimensions: int


class EncoderClient:
    """A connection to the encoder; use it as `async with Encoder(settings, socket) as encoder`.

    `settings.encoder_url` has precedence over `socket` (a Unix socket's path, at most 107 bytes).
    `timeout` is in seconds, for each request of up to 32 texts, which is tried `attempts` times. A page that
    waits needs fewer of both.
    """

    def __init__(
        self,
        settings: Settings,
        socket: Path | None = None,
        *,
        timeout: float = REQUEST_TIMEOUT,
        attempts: int = MAX_ATTEMPTS,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.name = settings.embedding_model or bundled_model.NAME
        self.timeout = timeout
        self._attempts = attempts
        self._dimensions: int | None = None
        if settings.encoder_url is None and transport is None:
            if socket is None:
                raise ValueError("the encoder needs a socket or PAPERROUND_ENCODER_URL")
            transport = httpx.AsyncHTTPTransport(uds=str(socket), verify=False)  # it speaks no TLS
        self._http = httpx.AsyncClient(
            base_url=build_base_url(settings),
            headers=build_auth_headers(settings),
            timeout=httpx.Timeout(timeout, connect=min(5.0, timeout)),
            transport=transport or open_transport(),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def describe_model(self) -> ModelInfo:
        """Find out the length of the model's vectors by sending one short text.

        A server that refuses even that text does not know the model: some answer 400 to an unknown one.
        """
        if self._dimensions is None:
            try:
                await self.encode(["How long is a vector?"])
            except EncoderRefused as error:
                raise EncoderMisconfigured(str(error)) from error
        return ModelInfo(self.name, self._dimensions or 0)

    async def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode texts as rows of length 1, shape (len(texts), dimensions), in the order of `texts`.

        Raises EncoderUnavailable, EncoderRefused, EncoderMisconfigured or, for a response that can't be used,
        EncoderError. One refused text fails the whole call.
        """
        parts = [
            await self._encode_part(texts[start : start + MAX_TEXTS_PER_REQUEST])
            for start in range(0, len(texts), MAX_TEXTS_PER_REQUEST)
        ]
        if not parts:
            return np.empty((0, (await self.describe_model()).dimensions), np.float32)
        return np.concatenate(parts)

    async def _encode_part(self, texts: Sequence[str]) -> Vectors:
        try:
            body = EmbeddingsRequest(model=self.name, input=list(texts)).model_dump_json().encode()
        except ValueError as error:  # a lone surrogate can't be sent
            raise EncoderRefused(f"text is not Unicode: {error}") from error
        with metrics.measure(metrics.ENCODER_DURATION), traces.span("embeddings", "client"):
            rows = parse_vectors(await self._ask(body), count=len(texts))
        if rows.shape[1] != (self._dimensions or rows.shape[1]):
            raise EncoderError(f"{self.name} gave {self._dimensions} dimensions, now {rows.shape[1]}")
        self._dimensions = rows.shape[1]
        return rows

    async def _ask(self, body: bytes) -> bytes:
        """The answer's bytes. Connection errors, 429 and 5xx are tried again, within our patience."""
        try:
            async with asyncio.timeout(self.timeout):
                async for attempt in stamina.retry_context(
                    on=compute_retry_delay,
                    attempts=self._attempts,
                    timeout=None,
                    wait_initial=0.2,
                    wait_jitter=0.2,
                ):
                    with attempt:
                        return await self._post(body)
        except TimeoutError:
            raise EncoderUnavailable(f"the encoder took longer than {self.timeout:g} s") from None
        raise AssertionError("stamina returns or raises")

    async def _post(self, body: bytes) -> bytes:
        try:
            response = await self._http.post(
                "embeddings", content=body, headers={"Content-Type": "application/json"}
            )
        except httpx.RequestError as error:
            words = str(error) or type(error).__name__
            raise EncoderUnavailable(f"the encoder does not answer: {words}") from error
        if response.status_code != httpx.codes.OK:
            raise build_error(response)
        return response.content


def build_base_url(settings: Settings) -> str:
    """Build the base address, which ends in /v1 whether or not the setting does."""
    url = str(settings.encoder_url or "http://encoder").rstrip("/")
    return url if url.endswith("/v1") else f"{url}/v1"


def build_auth_headers(settings: Settings) -> dict[str, str]:
    key = settings.encoder_key
    return {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}


# --- Errors ----------------------------------------------------------------------------------------------


def build_error(response: httpx.Response) -> EncoderError:
    message = parse_error_message(response.content, response.reason_phrase)
    words = f"the encoder answers {response.status_code}: {message}"
    if response.status_code >= 500 or response.status_code in RETRYABLE_STATUSES:
        wait = parse_retry_after(response.headers, now=utc_now())
        return EncoderUnavailable(words, retry_after=wait.total_seconds() if wait is not None else None)
    if response.status_code in REJECTED_TEXT_STATUSES:
        return EncoderRefused(words)
    return EncoderMisconfigured(f"{words} (asked at {response.url.path})")


def compute_retry_delay(error: Exception) -> bool | float:
    """Tell stamina whether to retry (True: with its own back-off) or after how many seconds."""
    if not isinstance(error, EncoderUnavailable):
        return False
    if error.retry_after is None:
        return True
    return error.retry_after if error.retry_after <= MAX_RETRY_DELAY else False


# --- The protocol ---------------------------------------------------------------------------------------


class EmbeddingsRequest(BaseModel):
    model: str
    input: list[str]
    encoding_format: str = "base64"


class EmbeddingItem(BaseModel):
    index: int
    embedding: str | list[float]  # some servers ignore `encoding_format`


class EmbeddingsResponse(BaseModel):
    data: list[EmbeddingItem]


def parse_vectors(body: bytes, *, count: int) -> Vectors:
    """Parse the vectors of a response in the order of their index, each scaled to length 1.

    Raises EncoderError if the response has another shape or not `count` vectors, or if a vector has another
    length, is not finite or is zero.
    """
    try:
        items = EmbeddingsResponse.model_validate_json(body).data
        if sorted(item.index for item in items) != list(range(count)):
            raise EncoderError(f"the encoder gave {len(items)} vectors for {count} texts")
        items.sort(key=lambda item: item.index)
        rows = np.stack([decode_vector(item.embedding) for item in items])
    except ValueError as error:  # pydantic's, base64's and numpy's are all of this kind
        words = " ".join(str(error).split())[:300]
        raise EncoderError(f"the encoder's answer can't be read: {words}") from error
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if rows.shape[1] == 0 or not np.isfinite(lengths).all() or (lengths < 1e-9).any():
        raise EncoderError("the encoder gave a vector that is empty, of no length or not finite")
    unit: Vectors = (rows / lengths).astype(np.float32)
    return unit


def decode_vector(embedding: str | list[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Decode to float64, in which the square of a float32 can't overflow."""
    if isinstance(embedding, list):
        return np.array(embedding, np.float64)
    return np.frombuffer(base64.b64decode(embedding, validate=True), "<f4").astype(np.float64)
