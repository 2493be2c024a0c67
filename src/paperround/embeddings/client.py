"""Text → vectors over the OpenAI embeddings protocol. The only caller of the encoder; knows no torch."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

import httpx
import numpy as np
import stamina
from pydantic import BaseModel, TypeAdapter, ValidationError

from paperround.embeddings import bundled_model
from paperround.settings import Settings

TEXTS_A_REQUEST = 32  # text-embeddings-inference takes no more unless it is told to
PATIENCE = 120.0  # seconds for one request, its repeats included
ATTEMPTS = 4
LONGEST_WAIT = 10.0  # seconds between two attempts; who is told to wait longer hears it from us

NOT_THESE_TEXTS = frozenset({400, 413, 422})
COME_BACK_LATER = frozenset({408, 409, 425, 429})

Vectors: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.float32]]


class EncoderError(Exception):
    """EncoderError ── EncoderUnavailable · EncoderRefused · EncoderMisconfigured

    Raised itself for an answer that can't be used: garbage, a wrong count, a vector of no length.
    """


class EncoderUnavailable(EncoderError):
    """Down, busy or too slow: the same texts may be sent again after `retry_after` seconds, if it said."""

    def __init__(self, words: str, *, retry_after: float | None = None) -> None:
        super().__init__(words)
        self.retry_after = retry_after


class EncoderRefused(EncoderError):
    """It won't take at least one of these texts, however often it is asked. In the server's words."""


class EncoderMisconfigured(EncoderError):
    """The address, the key or the model's name is wrong: nothing to do with the texts."""


@dataclass(frozen=True)
class ModelInfo:
    name: str
    dimensions: int


class Encoder:
    """A connection to the encoder; use it as `async with Encoder(settings, socket) as encoder`.

    `settings.encoder_url` goes before `socket` (a Unix socket's path, at most 107 bytes).
    `patience` is in seconds, for each request of up to 32 texts: a page that waits wants less.
    """

    def __init__(
        self,
        settings: Settings,
        socket: Path | None = None,
        *,
        patience: float = PATIENCE,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.name = settings.embedding_model or bundled_model.NAME
        self.patience = patience
        self._dimensions: int | None = None
        if settings.encoder_url is None and transport is None:
            transport = httpx.AsyncHTTPTransport(uds=str(socket)) if socket else None
            if transport is None:
                raise ValueError("the encoder needs a socket or PAPERROUND_ENCODER_URL")
        self._http = httpx.AsyncClient(
            base_url=address_of(settings),
            headers=key_of(settings),
            timeout=httpx.Timeout(patience, connect=min(5.0, patience)),
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def model(self) -> ModelInfo:
        """The model that answers, and how long its vectors are: one short text is sent to learn it.

        Who refuses even that one does so for another reason: some servers say 400 to an unknown model.
        """
        if self._dimensions is None:
            try:
                await self.encode(["How long is a vector?"])
            except EncoderRefused as error:
                raise EncoderMisconfigured(str(error)) from error
        return ModelInfo(self.name, self._dimensions or 0)

    async def encode(self, texts: Sequence[str]) -> Vectors:
        """Rows of length 1, shape (len(texts), dimensions), in the order of `texts`.

        Raises EncoderUnavailable, EncoderRefused, EncoderMisconfigured or, for an answer that
        can't be used, EncoderError. All or nothing: one refused text fails the call.
        """
        parts = [
            await self._encode_part(texts[start : start + TEXTS_A_REQUEST])
            for start in range(0, len(texts), TEXTS_A_REQUEST)
        ]
        if not parts:
            return np.empty((0, (await self.model()).dimensions), np.float32)
        return np.concatenate(parts)

    async def _encode_part(self, texts: Sequence[str]) -> Vectors:
        try:
            body = EmbeddingsRequest(model=self.name, input=list(texts)).model_dump_json().encode()
        except ValueError as error:  # a lone surrogate can't be sent
            raise EncoderRefused(f"text is not Unicode: {error}") from error
        rows = unit_rows(await self._ask(body), count=len(texts))
        if rows.shape[1] != (self._dimensions or rows.shape[1]):
            raise EncoderError(f"{self.name} gave {self._dimensions} dimensions, now {rows.shape[1]}")
        self._dimensions = rows.shape[1]
        return rows

    async def _ask(self, body: bytes) -> bytes:
        """The answer's bytes. Connection errors, 429 and 5xx are tried again, within our patience."""
        try:
            async with asyncio.timeout(self.patience):
                async for attempt in stamina.retry_context(
                    on=seconds_to_wait, attempts=ATTEMPTS, timeout=None, wait_initial=0.2, wait_jitter=0.2
                ):
                    with attempt:
                        return await self._post(body)
        except TimeoutError:
            raise EncoderUnavailable(f"the encoder took longer than {self.patience:g} s") from None
        raise AssertionError("stamina returns or raises")

    async def _post(self, body: bytes) -> bytes:
        try:
            answer = await self._http.post(
                "embeddings", content=body, headers={"Content-Type": "application/json"}
            )
        except httpx.RequestError as error:
            words = str(error) or type(error).__name__
            raise EncoderUnavailable(f"the encoder does not answer: {words}") from error
        if answer.status_code != httpx.codes.OK:
            raise as_error(answer)
        return answer.content


def address_of(settings: Settings) -> str:
    """The base address, ending in /v1 however the setting was written."""
    url = str(settings.encoder_url or "http://encoder").rstrip("/")
    return url if url.endswith("/v1") else f"{url}/v1"


def key_of(settings: Settings) -> dict[str, str]:
    key = settings.encoder_key
    return {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}


# --- Errors ----------------------------------------------------------------------------------------------


def as_error(answer: httpx.Response) -> EncoderError:
    words = f"the encoder answers {answer.status_code}: {words_of(answer)}"
    if answer.status_code >= 500 or answer.status_code in COME_BACK_LATER:
        return EncoderUnavailable(words, retry_after=retry_after(answer))
    if answer.status_code in NOT_THESE_TEXTS:
        return EncoderRefused(words)
    return EncoderMisconfigured(f"{words} (asked at {answer.url.path})")


def words_of(answer: httpx.Response) -> str:
    """The server's own words, from OpenAI's or FastAPI's shape of an error or else the body's beginning."""
    try:
        return ERROR.validate_json(answer.content).words[:500]
    except ValidationError:
        return " ".join(answer.text[:500].split()) or answer.reason_phrase


def retry_after(answer: httpx.Response) -> float | None:
    """Seconds; a date, which no encoder is known to send, counts as none."""
    given = answer.headers.get("Retry-After", "")
    return float(given) if given.isascii() and given.isdigit() else None


def seconds_to_wait(error: Exception) -> bool | float:
    """For stamina: whether to try again (its own back-off) or after how many seconds."""
    if not isinstance(error, EncoderUnavailable):
        return False
    if error.retry_after is None:
        return True
    return error.retry_after if error.retry_after <= LONGEST_WAIT else False


# --- The wire --------------------------------------------------------------------------------------------


class EmbeddingsRequest(BaseModel):
    model: str
    input: list[str]
    encoding_format: str = "base64"


class EmbeddingItem(BaseModel):
    index: int
    embedding: str | list[float]  # some servers pass over that base64 was asked for


class EmbeddingsAnswer(BaseModel):
    data: list[EmbeddingItem]


class ErrorWords(BaseModel):
    message: str


class ErrorAnswer(BaseModel):
    error: ErrorWords

    @property
    def words(self) -> str:
        return self.error.message


class Fault(BaseModel):
    loc: tuple[str | int, ...]
    msg: str


class Detail(BaseModel):
    """FastAPI's own errors; a fault repeats the whole input, which is for no log."""

    detail: str | list[Fault]

    @property
    def words(self) -> str:
        if isinstance(self.detail, str):
            return self.detail
        return "; ".join(f"{'.'.join(map(str, fault.loc))}: {fault.msg}" for fault in self.detail)


ERROR = TypeAdapter[ErrorAnswer | Detail](ErrorAnswer | Detail)


def unit_rows(body: bytes, *, count: int) -> Vectors:
    """The answer's vectors in the order of their index, each scaled to length 1.

    EncoderError: another shape, not `count` of them, uneven, not finite, or of no length.
    """
    try:
        items = EmbeddingsAnswer.model_validate_json(body).data
        if sorted(item.index for item in items) != list(range(count)):
            raise EncoderError(f"the encoder gave {len(items)} vectors for {count} texts")
        items.sort(key=lambda item: item.index)
        rows = np.stack([numbers(item.embedding) for item in items])
    except ValueError as error:  # pydantic's, base64's and numpy's are all of this kind
        words = " ".join(str(error).split())[:300]
        raise EncoderError(f"the encoder's answer can't be read: {words}") from error
    with np.errstate(over="ignore"):
        lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    if rows.shape[1] == 0 or not np.isfinite(lengths).all() or (lengths < 1e-9).any():
        raise EncoderError("the encoder gave a vector that is empty, of no length or not finite")
    unit: Vectors = (rows / lengths).astype(np.float32)
    return unit


def numbers(embedding: str | list[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """In float64, where no float32 can overflow when it is squared."""
    if isinstance(embedding, list):
        return np.array(embedding, np.float64)
    return np.frombuffer(base64.b64decode(embedding, validate=True), "<f4").astype(np.float64)
