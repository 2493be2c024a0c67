"""Encodes queries with a short timeout and caches the latest vectors."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple, Protocol, TypeAlias

import structlog
from cachetools import LRUCache

from paperround import metrics
from paperround.arrays import np
from paperround.database import Database
from paperround.embeddings.client import EncoderError, Vectors
from paperround.embeddings.models import load_prefixes

logger = structlog.get_logger(__name__)

Numbers: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.float32]]"

QUERY_ENCODING_TIMEOUT: Final = 3.0  # seconds
VECTOR_CACHE_SIZE: Final = 2000  # vectors, about 3 MB
PREFIX_LIFETIME: Final = 300.0  # seconds until a model's prefix is looked up again
# Seconds without requests after the encoder failed: some times as long as that took, within bounds. One that
# is starting refuses at once and is soon there; one that is overloaded makes every search wait.
COOLDOWN_FACTOR: Final = 4.0
MIN_COOLDOWN: Final = 0.5
MAX_COOLDOWN: Final = 10.0


class VectorEncoder(Protocol):
    """The interface that `EncoderClient` and the tests' encoders have in common."""

    name: str

    async def encode(self, texts: Sequence[str]) -> Vectors: ...


class QueryVector(NamedTuple):
    """A query's vector and the name of the model that made it."""

    model: str
    numbers: Numbers


class QueryEncoder:
    """Shared by a process's requests. Encode before taking a database connection: it may take seconds."""

    def __init__(
        self,
        encoder: VectorEncoder | None,
        *,
        load_prefix: Callable[[str], Awaitable[str]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`load_prefix` says what goes before questions under the model of a name; without it, nothing."""
        self._encoder = encoder
        self._load_prefix = load_prefix
        self._prefix = ""
        self._prefix_ends = -math.inf
        self._clock = clock
        self._vectors: LRUCache[tuple[str, str], Numbers] = LRUCache(VECTOR_CACHE_SIZE)
        self._cooldown_ends = 0.0

    @property
    def has_encoder(self) -> bool:
        """Whether there should be vectors: without an encoder, search is for words alone."""
        return self._encoder is not None

    def is_immediate(self, text: str) -> bool:
        """Tell whether `encode` returns without waiting: the vector is cached, or none is available now."""
        key = self._cache_key(text)
        return key is None or key in self._vectors or self._is_cooling_down

    async def encode(self, text: str) -> QueryVector | None:
        """Return the query's vector under the encoder's model, or None if none is available now."""
        encoder, key = self._encoder, self._cache_key(text)
        if encoder is None or key is None:
            return None
        model, normalized_text = key
        values = self._vectors.get(key)
        metrics.count_lookups("query vectors", hits=values is not None, misses=values is None)
        if values is None:
            if self._is_cooling_down:
                return None
            began = self._clock()
            try:
                prefix = await self._find_prefix(model)
                values = (await encoder.encode([prefix + normalized_text]))[0]
            except EncoderError as error:
                logger.warning("search goes on without vectors", error=str(error))
                now = self._clock()
                cooldown = min(max(COOLDOWN_FACTOR * (now - began), MIN_COOLDOWN), MAX_COOLDOWN)
                self._cooldown_ends = now + cooldown
                return None
            self._vectors[key] = values
        return QueryVector(model, values)

    async def _find_prefix(self, model: str) -> str:
        """Look the model's prefix up. Where it has changed, earlier vectors are forgotten."""
        if self._load_prefix and self._clock() >= self._prefix_ends:
            prefix = await self._load_prefix(model)
            if prefix != self._prefix:
                self._vectors.clear()
            self._prefix, self._prefix_ends = prefix, self._clock() + PREFIX_LIFETIME
        return self._prefix

    def _cache_key(self, text: str) -> tuple[str, str] | None:
        normalized_text = " ".join(text.split())
        return (self._encoder.name, normalized_text) if self._encoder and normalized_text else None

    @property
    def _is_cooling_down(self) -> bool:
        return self._clock() < self._cooldown_ends


async def load_query_prefix(database: Database, model: str) -> str:
    """Load what goes before questions under the model of this name."""
    async with database.read_session() as session:
        return (await load_prefixes(session, model)).query
