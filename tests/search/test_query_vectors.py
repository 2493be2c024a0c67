"""Vectors of questions: asked once, kept by model, done without when the encoder fails."""

from __future__ import annotations

import numpy as np

from paperround.embeddings.client import EncoderUnavailable
from paperround.search import query_vectors
from paperround.search.query_vectors import QueryVectors


class Encoder:
    name = "m"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.down = False

    async def encode(self, texts):
        self.asked += texts
        if self.down:
            raise EncoderUnavailable("gone")
        return np.ones((len(texts), 2), np.float32)


async def test_the_same_question_is_encoded_once():
    encoder = Encoder()
    vectors = QueryVectors(encoder)
    first = await vectors.of("slow  rivers")
    assert first is not None
    assert first.model == "m"
    assert await vectors.of(" slow rivers ") is not None
    assert encoder.asked == ["slow rivers"]


async def test_another_model_is_asked_again():
    encoder = Encoder()
    vectors = QueryVectors(encoder)
    await vectors.of("rivers")
    encoder.name = "n"
    assert (await vectors.of("rivers")).model == "n"
    assert len(encoder.asked) == 2


async def test_a_failing_encoder_is_left_alone_for_a_while_and_what_is_kept_stays():
    encoder, now = Encoder(), [0.0]
    vectors = QueryVectors(encoder, clock=lambda: now[0])
    await vectors.of("rivers")
    encoder.down = True
    assert await vectors.of("lakes") is None
    assert await vectors.of("seas") is None
    assert encoder.asked == ["rivers", "lakes"]
    assert await vectors.of("rivers") is not None
    encoder.down = False
    now[0] += query_vectors.REST
    assert await vectors.of("seas") is not None


async def test_only_so_many_are_kept(monkeypatch):
    monkeypatch.setattr(query_vectors, "KEPT", 2)
    encoder = Encoder()
    vectors = QueryVectors(encoder)
    for words in ("a", "b", "a", "c", "a", "b"):
        await vectors.of(words)
    assert encoder.asked == ["a", "b", "c", "b"]


async def test_without_an_encoder_or_words_there_is_no_vector():
    assert await QueryVectors(None).of("rivers") is None
    assert await QueryVectors(Encoder()).of("  ") is None


async def test_it_says_whether_the_encoder_must_be_waited_for():
    vectors = QueryVectors(Encoder())
    assert not vectors.at_once("slow rivers")
    await vectors.of("slow rivers")
    assert vectors.at_once(" slow  rivers ")
    assert vectors.at_once("")
    assert QueryVectors(None).at_once("rivers")


async def test_an_encoder_that_rests_is_not_waited_for():
    encoder = Encoder()
    encoder.down = True
    vectors = QueryVectors(encoder, clock=lambda: 0.0)
    assert await vectors.of("rivers") is None
    assert vectors.at_once("lakes")
