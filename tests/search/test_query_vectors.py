"""Vectors of questions: asked once, kept by model, done without when the encoder fails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from paperround.embeddings.client import EncoderUnavailable
from paperround.search import query_vectors
from paperround.search.query_vectors import PREFIX_LIFETIME, QueryEncoder


class Encoder:
    name = "m"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.down = False

    async def encode(self, texts: Any) -> Any:
        self.asked += texts
        if self.down:
            raise EncoderUnavailable("gone")
        return np.ones((len(texts), 2), np.float32)


async def test_the_same_question_is_encoded_once() -> None:
    encoder = Encoder()
    vectors = QueryEncoder(encoder)
    first = await vectors.encode("slow  rivers")
    assert first is not None
    assert first.model == "m"
    assert await vectors.encode(" slow rivers ") is not None
    assert encoder.asked == ["slow rivers"]


async def test_another_model_is_asked_again() -> None:
    encoder = Encoder()
    vectors = QueryEncoder(encoder)
    await vectors.encode("rivers")
    encoder.name = "n"
    assert (await vectors.encode("rivers")).model == "n"
    assert len(encoder.asked) == 2


async def test_a_failing_encoder_is_left_alone_for_a_while_and_what_is_kept_stays() -> None:
    encoder, now = Encoder(), [0.0]
    vectors = QueryEncoder(encoder, clock=lambda: now[0])
    await vectors.encode("rivers")
    encoder.down = True
    assert await vectors.encode("lakes") is None
    assert await vectors.encode("seas") is None
    assert encoder.asked == ["rivers", "lakes"]
    assert await vectors.encode("rivers") is not None
    encoder.down = False
    now[0] += query_vectors.MIN_COOLDOWN
    assert await vectors.encode("seas") is not None


async def test_an_encoder_that_makes_searches_wait_is_left_alone_for_longer() -> None:
    now = [0.0]

    class SlowEncoder(Encoder):
        async def encode(self, texts: Sequence[str]) -> Any:
            now[0] += 2
            return await super().encode(texts)

    encoder = SlowEncoder()
    vectors = QueryEncoder(encoder, clock=lambda: now[0])
    encoder.down = True
    assert await vectors.encode("lakes") is None
    encoder.down = False
    now[0] += 4
    assert await vectors.encode("lakes") is None
    now[0] += 6
    assert await vectors.encode("lakes") is not None


async def test_only_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_vectors, "VECTOR_CACHE_SIZE", 2)
    encoder = Encoder()
    vectors = QueryEncoder(encoder)
    for words in ("a", "b", "a", "c", "a", "b"):
        await vectors.encode(words)
    assert encoder.asked == ["a", "b", "c", "b"]


async def test_without_an_encoder_or_words_there_is_no_vector() -> None:
    assert await QueryEncoder(None).encode("rivers") is None
    assert await QueryEncoder(Encoder()).encode("  ") is None


async def test_it_says_whether_the_encoder_must_be_waited_for() -> None:
    vectors = QueryEncoder(Encoder())
    assert not vectors.is_immediate("slow rivers")
    await vectors.encode("slow rivers")
    assert vectors.is_immediate(" slow  rivers ")
    assert vectors.is_immediate("")
    assert QueryEncoder(None).is_immediate("rivers")


async def test_an_encoder_that_rests_is_not_waited_for() -> None:
    encoder = Encoder()
    encoder.down = True
    vectors = QueryEncoder(encoder, clock=lambda: 0.0)
    assert await vectors.encode("rivers") is None
    assert vectors.is_immediate("lakes")


async def test_the_models_prefix_goes_before_a_question_and_a_new_one_after_a_while() -> None:
    now, prefix, encoder = [0.0], ["query: "], Encoder()

    async def load_prefix(model: str) -> str:
        assert model == encoder.name
        return prefix[0]

    vectors = QueryEncoder(encoder, load_prefix=load_prefix, clock=lambda: now[0])
    await vectors.encode("rivers")
    prefix[0] = "find: "
    await vectors.encode("rivers")
    assert encoder.asked == ["query: rivers"]
    now[0] += PREFIX_LIFETIME
    await vectors.encode("lakes")
    await vectors.encode("rivers")
    assert encoder.asked == ["query: rivers", "find: lakes", "find: rivers"]
