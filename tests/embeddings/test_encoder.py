"""The encoder as a process on its socket: with the packaged model, and a toy one where that is enough."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import signal
import stat
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest

from paperround.embeddings import bundled_model
from paperround.embeddings.client import EncoderClient, EncoderRefused, ModelInfo
from paperround.embeddings.encoder import (
    MAX_CONCURRENT_REQUESTS,
    EncoderAlreadyRunning,
    LoadedModel,
    ModelUnusable,
    create_app,
    load_model,
    open_listener,
)
from paperround.embeddings.protocol import MAX_BODY_BYTES, MAX_CHARACTERS, MAX_TEXTS
from paperround.settings import Settings

from support.encoders import ABSTRACT, SERVE_ENCODER, start_encoder_process, wait_for_encoder

TOY = """
import time
def encode(texts):
    time.sleep(.05 * len(texts) if texts[0].startswith("slow") else 0)
    return np.ones((len(texts), 2), np.float32)
encoder.load_model = lambda settings: encoder.LoadedModel("toy", 2, encode, encode)
"""
PLAIN_FIRST = """
import json
from paperround.embeddings import bundled_model
load_model = encoder.load_model
def load_and_save(settings):
    model = load_model(settings)
    from sentence_transformers import SentenceTransformer
    transformer = SentenceTransformer(str(bundled_model.find_folder()))
    np.save(sys.argv[2], transformer.encode(json.loads(sys.argv[3])))
    return model
encoder.load_model = load_and_save
"""

CATS = "We measure how house cats purr when they are fed."
KITTENS = "A study of the sounds that kittens make at meal times."
LATTICES = "Quantum chromodynamics on a lattice of four dimensions."
MIXED = [ABSTRACT, CATS, ABSTRACT * 3, "Graphs", KITTENS * 5, "naïve Σ 模型 \x00 emoji 🙂", LATTICES] * 5


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Short: a socket's path may have 107 bytes, and pytest's folders are long."""
    path = Path(tempfile.mkdtemp(prefix="pr-", dir="/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def real(folder: Path) -> Iterator[tuple[Path, np.ndarray]]:
    """The packaged model's socket, and what sentence-transformers itself makes of MIXED."""
    socket, plain = folder / "real", folder / "plain.npy"
    with start_encoder_process(
        SERVE_ENCODER.format(prelude=PLAIN_FIRST), socket, plain, json.dumps(MIXED)
    ) as running:
        wait_for_encoder(socket, running)
        yield socket, np.load(plain)


@pytest.fixture
async def client(real: tuple[Path, np.ndarray]) -> AsyncIterator[EncoderClient]:
    async with EncoderClient(Settings(_env_file=None), real[0], timeout=60) as client:
        yield client


@pytest.fixture
async def http(real: tuple[Path, np.ndarray]) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.AsyncHTTPTransport(uds=str(real[0]))
    async with httpx.AsyncClient(transport=transport, base_url="http://encoder", timeout=60) as http:
        yield http


async def test_texts_that_are_alike_are_near(client: EncoderClient) -> None:
    cats, kittens, lattices = await client.encode([CATS, KITTENS, LATTICES])

    assert cats @ kittens > cats @ lattices + 0.3
    assert await client.describe_model() == ModelInfo("all-MiniLM-L6-v2", 384)


async def test_vectors_are_those_of_sentence_transformers_in_the_order_of_the_texts(
    client: EncoderClient, real: tuple[Path, np.ndarray]
) -> None:
    rows = await client.encode(MIXED)

    assert rows.shape == (len(MIXED), 384)
    assert (rows * real[1]).sum(axis=1).min() > 0.9999
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


async def test_base64_and_floats_are_the_same_numbers(http: httpx.AsyncClient) -> None:
    ask = {"model": "all-MiniLM-L6-v2", "input": CATS}
    floats = (await http.post("/v1/embeddings", json=ask)).json()
    coded = (await http.post("/v1/embeddings", json=ask | {"encoding_format": "base64"})).json()

    assert floats["object"] == "list"
    assert floats["data"][0]["index"] == 0
    decoded = np.frombuffer(base64.b64decode(coded["data"][0]["embedding"]), "<f4")
    np.testing.assert_array_equal(np.array(floats["data"][0]["embedding"], np.float32), decoded)


async def test_the_model_is_listed(http: httpx.AsyncClient) -> None:
    assert [model["id"] for model in (await http.get("/v1/models")).json()["data"]] == ["all-MiniLM-L6-v2"]


async def test_a_big_batch_keeps_neither_health_nor_a_search_waiting(
    client: EncoderClient, http: httpx.AsyncClient
) -> None:
    ask = {"model": "all-MiniLM-L6-v2", "input": [ABSTRACT] * MAX_TEXTS}
    big = asyncio.create_task(http.post("/v1/embeddings", json=ask))
    try:
        await busy(http)
        for _ in range(5):
            await http.get("/health")
        await client.encode([CATS])
        assert not big.done()
    finally:
        big.cancel()

    async with asyncio.timeout(60):
        while (await http.get("/health")).json()["waiting"]:  # work that nobody waits for is dropped
            await asyncio.sleep(0.05)


async def busy(http: httpx.AsyncClient) -> None:
    """Until the encoder has something to do."""
    async with asyncio.timeout(60):
        while (await http.get("/health")).json()["waiting"] == 0:
            await asyncio.sleep(0.01)


# --- The protocol, with a toy model ------------------------------------------------------------------------


def toy(encode: Callable[..., Any] | None = None, key: str | None = None) -> httpx.AsyncClient:
    encode = encode or (lambda texts: np.array([[len(t), 1] for t in texts], np.float32))
    model = LoadedModel("toy", 2, encode, encode)
    transport = httpx.ASGITransport(create_app(model, key=key), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://encoder")


@pytest.mark.parametrize(
    ("status", "words", "body"),
    [
        (400, "Invalid JSON", b"not JSON"),
        (400, "Invalid JSON", b"[" * 10_000),
        (400, "object", b"[]"),
        (400, "model", {"input": "text"}),
        (400, "input: Field required", {"model": "toy"}),
        (400, "input: List should have at least 1", {"model": "toy", "input": []}),
        (400, "text is blank", {"model": "toy", "input": ""}),
        (400, "input.1: Value error, text is blank", {"model": "toy", "input": ["a", " \n"]}),
        (400, "input.0: Input should be a valid string", {"model": "toy", "input": [[1, 2]]}),
        (400, "at most 256", {"model": "toy", "input": ["a"] * (MAX_TEXTS + 1)}),
        (400, "at most 100000", {"model": "toy", "input": "a" * (MAX_CHARACTERS + 1)}),
        (400, "Invalid JSON", b'{"model": "toy", "input": "\\ud800"}'),
        (400, "encoding_format", {"model": "toy", "input": "a", "encoding_format": "int8"}),
        (400, "dimensions", {"model": "toy", "input": "a", "dimensions": 3}),
        (404, "the model here is 'toy', not 'other'", {"model": "other", "input": "a"}),
        (413, "at most 8388608 bytes", b" " * (MAX_BODY_BYTES + 1)),
    ],
)
async def test_bad_input_gets_a_clear_error(status: int, words: str, body: bytes | dict[str, Any]) -> None:
    async with toy() as http:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        answer = await http.post("/v1/embeddings", content=content)

    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_the_limits_themselves_are_taken() -> None:
    async with toy() as http:
        texts = ["a" * (i + 1) for i in range(MAX_TEXTS)]
        rows = (await http.post("/v1/embeddings", json={"model": "toy", "input": texts})).json()["data"]
        long = await http.post("/v1/embeddings", json={"model": "toy", "input": "a" * MAX_CHARACTERS})

    assert [row["embedding"][0] for row in rows] == [len(text) for text in texts]
    assert long.status_code == 200


async def test_a_question_is_answered_while_a_batch_is_encoded() -> None:
    go_on = threading.Event()

    def encode(texts: Sequence[str]) -> Any:
        if len(texts) > 1:
            go_on.wait(60)
        return np.ones((len(texts), 2), np.float32)

    async with toy(encode) as http:
        batch = asyncio.create_task(
            http.post("/v1/embeddings", json={"model": "toy", "input": ["a paper", "another"]})
        )
        await busy(http)
        question = await http.post("/v1/embeddings", json={"model": "toy", "input": "why?"})
        assert (question.status_code, batch.done()) == (200, False)
        go_on.set()
        assert (await batch).status_code == 200


async def test_too_many_waiting_requests_are_told_to_come_back() -> None:
    go_on = threading.Event()
    async with toy(lambda texts: go_on.wait(60) and np.ones((len(texts), 2), np.float32)) as http:
        ask = {"model": "toy", "input": "a"}
        asked = [
            asyncio.create_task(http.post("/v1/embeddings", json=ask))
            for _ in range(MAX_CONCURRENT_REQUESTS + 3)
        ]
        refused = [await answer for answer in islice(asyncio.as_completed(asked), 3)]
        go_on.set()
        taken = [answer for answer in await asyncio.gather(*asked) if answer.status_code == 200]
        later = await http.post("/v1/embeddings", json=ask)

    assert [answer.status_code for answer in refused] == [503] * 3
    assert refused[0].headers["Retry-After"] == "2"
    assert len(taken) == MAX_CONCURRENT_REQUESTS
    assert later.status_code == 200


async def test_an_encoder_with_a_key_asks_for_it() -> None:
    async with toy(key="s3cret") as http:
        assert (await http.get("/health")).status_code == 200
        assert (await http.get("/v1/models")).status_code == 401
        assert (
            await http.get("/v1/models", headers={b"Authorization": "Bearer näh".encode()})
        ).status_code == 401
        known = await http.get("/v1/models", headers={"Authorization": "Bearer s3cret"})
        assert known.status_code == 200


async def test_a_model_that_fails_is_a_server_error_and_the_next_request_goes_on() -> None:
    def encode(texts: Any) -> Any:
        if texts == ["bad"]:
            raise MemoryError
        return np.ones((len(texts), 2), np.float32)

    async with toy(encode) as http:
        failed = await http.post("/v1/embeddings", json={"model": "toy", "input": "bad"})
        worked = await http.post("/v1/embeddings", json={"model": "toy", "input": "good"})

    assert failed.status_code == 500
    assert failed.json()["error"]["type"] == "server_error"
    assert worked.status_code == 200


# --- The process -------------------------------------------------------------------------------------------


async def test_the_client_hears_the_encoders_words(folder: Path) -> None:
    with start_encoder_process(SERVE_ENCODER.format(prelude=TOY), folder / "words") as running:
        wait_for_encoder(folder / "words", running)
        async with EncoderClient(Settings(_env_file=None, embedding_model="toy"), folder / "words") as client:
            with pytest.raises(EncoderRefused, match=r"input\.1: Value error, text is blank"):
                await client.encode(["a", " "])


def test_the_socket_is_for_this_user_alone_and_goes_with_the_process(folder: Path) -> None:
    socket = folder / "own"
    with start_encoder_process(SERVE_ENCODER.format(prelude=TOY), socket) as running:
        wait_for_encoder(socket, running)
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600
        running.send_signal(signal.SIGTERM)
        assert running.wait(5) == 0

    assert not socket.exists()


async def test_sigterm_does_not_wait_for_a_long_batch(folder: Path) -> None:
    socket = folder / "term"
    with start_encoder_process(SERVE_ENCODER.format(prelude=TOY), socket) as running:
        wait_for_encoder(socket, running)
        transport = httpx.AsyncHTTPTransport(uds=str(socket))
        async with httpx.AsyncClient(transport=transport, base_url="http://encoder") as http:
            ask = {"model": "toy", "input": ["slow"] * MAX_TEXTS}  # 12.8 s
            big = asyncio.create_task(http.post("/v1/embeddings", json=ask, timeout=60))
            await busy(http)
            running.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(running.wait, 60) == 0
            with pytest.raises(httpx.HTTPError):
                (await big).raise_for_status()
        assert running.stderr is not None
        assert b"Traceback" not in running.stderr.read()


def test_a_killed_encoders_socket_is_taken_over(folder: Path) -> None:
    socket = folder / "killed"
    with start_encoder_process(SERVE_ENCODER.format(prelude=TOY), socket) as running:
        wait_for_encoder(socket, running)
        running.kill()
    assert socket.exists()

    with start_encoder_process(SERVE_ENCODER.format(prelude=TOY), socket) as running:
        wait_for_encoder(socket, running)


def test_of_two_encoders_at_one_socket_the_second_is_refused(folder: Path) -> None:
    with open_listener(folder / "two"):
        with (
            pytest.raises(EncoderAlreadyRunning, match="another encoder serves"),
            open_listener(folder / "two"),
        ):
            pass
        assert (folder / "two").is_socket()


def test_a_file_that_is_no_socket_is_left_alone(folder: Path) -> None:
    (folder / "file").write_text("mine")
    with pytest.raises(OSError, match="in use"), open_listener(folder / "file"):
        pass
    assert (folder / "file").read_text() == "mine"


# --- The packaged model's files ----------------------------------------------------------------------------


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A package of the same name whose model folder points to the real files."""
    model = tmp_path / bundled_model.PACKAGE / "model"
    for name in bundled_model.SHA256:
        (model / name).parent.mkdir(parents=True, exist_ok=True)
        (model / name).symlink_to(bundled_model.find_folder() / name)
    (tmp_path / bundled_model.PACKAGE / "__init__.py").touch()
    return model


def flip_a_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.unlink()
    file.write_bytes(content)


def test_the_packaged_files_are_the_expected_ones(copied: Path) -> None:
    bundled_model.verify_files(copied)


@pytest.mark.parametrize("name", bundled_model.SHA256)
def test_a_file_that_differs_is_named(copied: Path, name: str) -> None:
    flip_a_byte(copied / name)
    with pytest.raises(bundled_model.ModelDamaged, match=name):
        bundled_model.verify_files(copied)


def test_a_missing_file_is_named(copied: Path) -> None:
    (copied / "vocab.txt").unlink()
    with pytest.raises(bundled_model.ModelDamaged, match=r"vocab\.txt"):
        bundled_model.verify_files(copied)


def test_an_encoder_with_a_damaged_model_does_not_start(copied: Path, folder: Path) -> None:
    flip_a_byte(copied / "model.safetensors")
    path = str(copied.parent.parent)
    with start_encoder_process(
        SERVE_ENCODER.format(prelude=""), folder / "damaged", PYTHONPATH=path
    ) as running:
        errors = running.communicate(timeout=30)[1].decode()

    assert running.returncode != 0
    assert "model.safetensors is not the packaged model's file" in errors
    assert not (folder / "damaged").exists()


@pytest.mark.parametrize("error", [OSError("no such model"), KeyError("type"), ValueError("bad")], ids=repr)
def test_a_model_that_cannot_be_loaded_is_named_with_what_to_do(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the library raises depends on the file that is damaged. Importing it here would take seconds."""

    def load(*_: object, **__: object) -> None:
        raise error

    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_PROGRESS_BARS"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "32")
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "sentence_transformers", SimpleNamespace(SentenceTransformer=load))
    with pytest.raises(ModelUnusable, match=str(tmp_path)) as raised:
        load_model(Settings(_env_file=None, embedding_model=str(tmp_path)))
    assert "PAPERROUND_EMBEDDING_MODEL" in raised.value.detail
