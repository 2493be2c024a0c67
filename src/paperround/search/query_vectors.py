"""Vectors of questions, from the encoder with little patience, the latest ones kept."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

import numpy as np
import structlog

from paperround.embeddings.client import EncoderError, Vectors

logger = structlog.get_logger(__name__)

Numbers = np.ndarray[tuple[int], np.dtype[np.float32]]

PATIENCE: Final = 3.0  # seconds that a page waits for a vector
KEPT: Final = 2000  # vectors; some 3 MB
REST: Final = 10.0  # seconds in which an encoder that failed isn't asked again


class Encoding(Protocol):
    """An `embeddings.client.Encoder`, or what stands in for one."""

    name: str

    async def encode(self, texts: Sequence[str]) -> Vectors: ...


class QueryVector(NamedTuple):
    model: str
    numbers: Numbers


class QueryVectors:
    """Shared by a process's requests. Ask before taking a database connection: encoding may take seconds."""

    def __init__(self, encoder: Encoding | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._encoder = encoder
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], Numbers] = OrderedDict()
        self._resting_until = 0.0

    def at_once(self, question: str) -> bool:
        """Nobody has to be waited for: the vector is kept, or there is none to be had now."""
        key = self._key(question)
        return key is None or key in self._kept or self._resting

    async def of(self, question: str) -> QueryVector | None:
        """The question's vector under the encoder's model; None when it can't be had now."""
        encoder, key = self._encoder, self._key(question)
        if encoder is None or key is None:
            return None
        if key in self._kept:
            self._kept.move_to_end(key)
        elif self._resting:
            return None
        else:
            try:
                self._kept[key] = (await encoder.encode([key[1]]))[0]
            except EncoderError as error:
                logger.warning("search goes on without vectors", error=str(error))
                self._resting_until = self._clock() + REST
                return None
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return QueryVector(key[0], self._kept[key])

    def _key(self, question: str) -> tuple[str, str] | None:
        text = " ".join(question.split())
        return (self._encoder.name, text) if self._encoder and text else None

    @property
    def _resting(self) -> bool:
        return self._clock() < self._resting_until
