"""The client against small servers of the protocol: what it accepts, what it repeats, its errors."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from paperround.embeddings.client import (
    EncoderClient,
    EncoderError,
    EncoderMisconfigured,
    EncoderRefused,
    EncoderUnavailable,
    ModelInfo,
)
from paperround.settings import Settings

Handler = Callable[[httpx.Request], httpx.Response]


class Server:
    """Gives its answers one after the other, the last one for ever, and remembers what was asked."""

    def __init__(self, *answers: Handler) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(request)


def status(code: int, body: str = "", **headers: str) -> Handler:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _: httpx.Response(code, text=body, headers=named)


def vectors(*rows: Sequence[float] | str, order: Sequence[int] | None = None) -> Handler:
    """`rows` in any number, listed as `order` says."""
    listed = range(len(rows)) if order is None else order
    body = json.dumps({"data": [{"index": i, "embedding": rows[i]} for i in listed]})
    return lambda _: httpx.Response(200, text=body)


def in_base64(*numbers: float) -> str:
    return base64.b64encode(np.array(numbers, "<f4").tobytes()).decode()


def first_letters(request: httpx.Request) -> httpx.Response:
    """A text's vector points where its first letter says."""
    texts = json.loads(request.content)["input"]
    angles = [ord(text[0]) / 100 for text in texts]
    return vectors(*[in_base64(np.cos(a), np.sin(a)) for a in angles])(request)


def encoder(server: Handler, *, patience: float = 10, **settings: Any) -> EncoderClient:
    return EncoderClient(
        Settings(_env_file=None, **settings), timeout=patience, transport=httpx.MockTransport(server)
    )


async def test_rows_are_of_length_one_and_in_the_order_of_the_index() -> None:
    async with encoder(vectors([3, 4], in_base64(0, 2), order=[1, 0])) as client:
        rows = await client.encode(["a", "b"])

    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, np.array([[0.6, 0.8], [0, 1]]), rtol=1e-6)


async def test_asks_for_base64_of_the_packaged_model_and_sends_its_key() -> None:
    server = Server(vectors([1, 0]))
    async with encoder(server, encoder_key="s3cret") as client:
        await client.encode(["text"])

    asked = server.asked[0]
    assert json.loads(asked.content) == {
        "model": "all-MiniLM-L6-v2",
        "input": ["text"],
        "encoding_format": "base64",
    }
    assert asked.headers["Authorization"] == "Bearer s3cret"


@pytest.mark.parametrize("url", ["http://gpu:9000", "http://gpu:9000/v1", "http://gpu:9000/v1/"])
async def test_the_address_may_end_with_v1_or_not(url: str) -> None:
    server = Server(vectors([1, 0]))
    async with encoder(server, encoder_url=url, embedding_model="e5") as client:
        assert await client.describe_model() == ModelInfo("e5", 2)
        assert await client.describe_model() == ModelInfo("e5", 2)

    assert [str(asked.url) for asked in server.asked] == ["http://gpu:9000/v1/embeddings"]


async def test_many_texts_go_in_bounded_requests_and_come_back_in_order() -> None:
    server = Server(first_letters)
    texts = [chr(65 + i % 50) + "…" for i in range(150)]
    async with encoder(server) as client:
        rows = await client.encode(texts)
        none = await client.encode([])

    assert [len(json.loads(asked.content)["input"]) for asked in server.asked] == [32, 32, 32, 32, 22]
    np.testing.assert_allclose(rows[:, 0], [np.cos(ord(text[0]) / 100) for text in texts], atol=1e-6)
    assert none.shape == (0, 2)


async def test_a_busy_server_is_asked_again_when_it_said() -> None:
    server = Server(status(429, Retry_After="1"), vectors([1, 0]))
    began = time.monotonic()
    async with encoder(server) as client:
        await client.encode(["text"])

    assert len(server.asked) == 2
    assert time.monotonic() - began >= 1


async def test_who_must_wait_long_is_told_so_at_once() -> None:
    server = Server(status(503, Retry_After="600"))
    async with encoder(server) as client:
        with pytest.raises(EncoderUnavailable) as caught:
            await client.encode(["text"])

    assert caught.value.retry_after == 600
    assert len(server.asked) == 1


async def test_errors_of_the_server_pass() -> None:
    server = Server(status(500), status(502, "<html>Bad gateway"), vectors([1, 0]))
    async with encoder(server) as client:
        assert (await client.encode(["text"])).shape == (1, 2)

    assert len(server.asked) == 3


async def test_a_server_that_stays_broken_is_unavailable() -> None:
    server = Server(status(500, '{"error": {"message": "out of memory"}}'))
    async with encoder(server) as client:
        with pytest.raises(EncoderUnavailable, match="500: out of memory"):
            await client.encode(["text"])

    assert len(server.asked) == 4


@pytest.mark.parametrize("code", [400, 413, 422])
async def test_texts_it_will_not_take_are_refused_in_its_own_words(code: int) -> None:
    server = Server(status(code, '{"error": {"message": "input.0: text is blank"}}'))
    async with encoder(server) as client:
        with pytest.raises(EncoderRefused, match=r"input\.0: text is blank"):
            await client.encode([" "])

    assert len(server.asked) == 1


async def test_a_framework_that_repeats_the_text_is_quoted_without_it() -> None:
    place = ["body", "input", 3]
    faults = [{"type": "string_too_long", "loc": place, "msg": "at most 10 characters", "input": "x" * 900}]
    async with encoder(status(422, json.dumps({"detail": faults}))) as client:
        with pytest.raises(EncoderRefused, match=r"422: body\.input\.3: at most 10 characters$"):
            await client.encode(["x" * 900])


async def test_who_refuses_a_short_plain_text_refuses_something_else() -> None:
    """Infinity answers 400 to a model's name that it doesn't know."""
    words = '{"error": {"message": "Invalid model: `e6` not found"}}'
    async with encoder(status(400, words), embedding_model="e6") as client:
        with pytest.raises(EncoderMisconfigured, match="400: Invalid model: `e6` not found"):
            await client.describe_model()


async def test_text_that_is_not_unicode_is_refused() -> None:
    async with encoder(vectors([1, 0])) as client:
        with pytest.raises(EncoderRefused, match="not Unicode"):
            await client.encode(["\ud800"])


@pytest.mark.parametrize("code", [301, 401, 403, 404])
async def test_a_wrong_address_key_or_model_is_not_the_texts_fault(code: int) -> None:
    async with encoder(status(code, '{"detail": "no"}'), encoder_url="http://a:b@gpu/api") as client:
        with pytest.raises(EncoderMisconfigured, match=rf"{code}: no \(asked at /api/v1/embeddings\)$"):
            await client.encode(["text"])


@pytest.mark.parametrize(
    "answer",
    [
        status(200, "<html>"),
        status(200, '{"data": [{"index": 0, "emb'),
        status(200, '{"data": 1}'),
        status(200, '{"data": []}'),
        vectors([1, 0]),
        vectors([1, 0], [0, 1], [1, 1]),
        vectors([1, 0], [1, 0, 0]),
        vectors([], []),
        vectors([1, 0], [0, 0]),
        vectors([1, 0], [float("nan"), 1]),
        vectors([1, 0], [float("inf"), 1]),
        vectors([1, 0], [1e308, 1e308]),
        vectors([1, 0], in_base64(float("nan"), 1)),
        vectors([1, 0], "not base64"),
        vectors([1, 0], base64.b64encode(b"12345").decode()),
        vectors([1, 0], [0, 1], order=[0, 0]),
    ],
)
async def test_an_answer_that_cannot_be_used_is_an_error(answer: Callable[..., Any]) -> None:
    async with encoder(answer) as client:
        with pytest.raises(EncoderError) as caught:
            await client.encode(["a", "b"])

    assert type(caught.value) is EncoderError


async def test_vectors_that_change_their_length_are_an_error() -> None:
    async with encoder(Server(vectors([1, 0]), vectors([1, 0, 0]))) as client:
        await client.encode(["a"])
        with pytest.raises(EncoderError, match="gave 2 dimensions, now 3"):
            await client.encode(["a"])


async def test_nobody_at_the_socket_is_unavailable(tmp_path: Path) -> None:
    async with EncoderClient(Settings(_env_file=None), tmp_path / "none.sock") as client:
        with pytest.raises(EncoderUnavailable, match="does not answer"):
            await client.encode(["text"])


async def test_connection_refused_is_unavailable() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        settings = Settings(_env_file=None, encoder_url=f"http://127.0.0.1:{deaf.getsockname()[1]}")
        async with EncoderClient(settings) as client:
            with pytest.raises(EncoderUnavailable, match="does not answer"):
                await client.encode(["text"])


async def test_patience_ends() -> None:
    began = time.monotonic()
    async with encoder(status(503, Retry_After="10"), patience=0.3) as client:
        with pytest.raises(EncoderUnavailable, match=r"longer than 0\.3 s"):
            await client.encode(["text"])

    assert time.monotonic() - began < 10


def test_without_socket_and_address_there_is_nobody_to_ask() -> None:
    with pytest.raises(ValueError, match="PAPERROUND_ENCODER_URL"):
        EncoderClient(Settings(_env_file=None))


def test_the_client_brings_no_torch() -> None:
    code = "import sys, paperround.embeddings.client; print({'torch', 'sklearn', 'scipy'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
