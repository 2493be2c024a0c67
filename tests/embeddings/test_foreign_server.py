"""Paperround with Infinity, a server of embeddings that isn't ours, as a process with the packaged model."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
import pytest

from paperround.database import Database
from paperround.embeddings import bundled_model
from paperround.embeddings.backfill import backfill_vectors
from paperround.embeddings.client import (
    EncoderClient,
    EncoderMisconfigured,
    EncoderRefused,
    EncoderUnavailable,
    ModelInfo,
)
from paperround.settings import Settings

from support.encoders import ABSTRACT, SERVE_ENCODER, start_encoder_process, wait_for_encoder
from support.factories import feed_record, store_listing
from support.sites import free_port, running_site

INFINITY = Path(__file__).parents[2] / ".venv-infinity"
pytestmark = pytest.mark.skipif(
    not (INFINITY / ".installed").exists(),
    reason="Infinity isn't installed; `make test-infinity` installs it and runs these tests",
)

START = 150.0  # seconds, on a busy machine
KEY = "s3cret"
OTHER = "another"  # with one model alone, Infinity gives that one's vectors whatever name is asked for
LONGEST = 122_880  # characters of a text, as Infinity has it

PURRING = "We measure how house cats purr when they are fed, in forty homes."
MIXED = [
    "Graphs",
    PURRING,
    "Erdős–Rényi, Łojasiewicz and naïve Schrödinger bridges: 模型 🙂",
    r"A bound of $\mathcal{O}(\sqrt{n} \log n)$ for $\ell_2$-regularised \emph{transport}",
    ABSTRACT * 3,
    " Two\n\nlines,\tand a NUL\0",
]


class Server(NamedTuple):
    process: subprocess.Popen[bytes]
    url: str


@contextmanager
def infinity(folder: Path, *models: str) -> Iterator[Server]:
    """It serves the packaged model under each of these names, and asks for a key."""
    port = free_port()
    command = [str(INFINITY / "bin" / "infinity_emb"), "v2", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--url-prefix", "/v1", "--device", "cpu", "--no-model-warmup"]
    for name in models:
        command += ["--model-id", str(bundled_model.find_folder()), "--served-model-name", name]
    environment = os.environ | {
        "INFINITY_API_KEY": KEY,
        "INFINITY_MAX_CLIENT_BATCH_SIZE": "32",  # as text-embeddings-inference has it by default
        "INFINITY_HOME": str(folder),
        "HF_HUB_OFFLINE": "1",
        "DO_NOT_TRACK": "1",
        "PYTHONDONTWRITEBYTECODE": "",  # or each start compiles it all again
    }
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log) as server,
    ):
        try:
            wait_until_healthy(f"http://127.0.0.1:{port}/health", server, folder / "log")
            yield Server(server, f"http://127.0.0.1:{port}")
        finally:
            server.kill()


def wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START
    while time.monotonic() < end and server.poll() is None:
        try:
            httpx.get(url, timeout=5).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"no Infinity: {log.read_text()[-4000:]}")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Infinity's address."""
    with infinity(tmp_path_factory.mktemp("infinity"), bundled_model.NAME, OTHER) as running:
        yield running.url


@pytest.fixture(scope="module")
def own() -> Iterator[Path]:
    """The socket of Paperround's encoder."""
    with tempfile.TemporaryDirectory(prefix="pr-", dir="/tmp") as folder:  # a socket's path must be short
        socket = Path(folder) / "own"
        with start_encoder_process(SERVE_ENCODER.format(prelude=""), socket) as running:
            wait_for_encoder(socket, running)
            yield socket


def settings_for(url: str, *, key: str = KEY, model: str = "") -> Settings:
    return Settings(_env_file=None, encoder_url=url, encoder_key=key, embedding_model=model)


async def test_vectors_are_those_of_our_own_encoder(foreign: str, own: Path) -> None:
    async with EncoderClient(Settings(_env_file=None), own) as ours:
        wanted = await ours.encode(MIXED)
    async with EncoderClient(settings_for(foreign)) as client:
        rows = await client.encode(MIXED)
        assert await client.describe_model() == ModelInfo("all-MiniLM-L6-v2", 384)

    assert (rows * wanted).sum(axis=1).min() > 0.999
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


async def test_many_texts_come_back_in_order_though_it_takes_few_at_once(foreign: str) -> None:
    """It sorts a batch by length before it encodes it."""
    texts = [f"{'very ' * (i * 37 % 11)}short text {i}" for i in range(150)]
    async with EncoderClient(settings_for(foreign)) as client:
        rows = await client.encode(texts)
        alone = [(await client.encode([texts[i]]))[0] for i in range(0, 150, 7)]

    cosines = np.array(alone) @ rows.T
    assert cosines.argmax(axis=1).tolist() == list(range(0, 150, 7))
    assert cosines.max(axis=1).min() > 0.9999


async def test_a_text_at_its_limit_is_taken_and_a_longer_one_refused_in_its_words(foreign: str) -> None:
    async with EncoderClient(settings_for(foreign)) as client:
        assert (await client.encode(["a " * (LONGEST // 2 - 1) + "ab"])).shape == (1, 384)
        with pytest.raises(EncoderRefused, match=r"\.1: String should have at most 122880 characters"):
            await client.encode([PURRING, "a" * (LONGEST + 1)])


async def test_a_model_that_it_has_not_is_named(foreign: str) -> None:
    async with EncoderClient(settings_for(foreign, model="e5-small")) as client:
        with pytest.raises(EncoderMisconfigured, match=r"`e5-small` not found.*all-MiniLM-L6-v2"):
            await client.describe_model()


@pytest.mark.parametrize("key", ["wrong", ""])
async def test_its_key_is_needed(foreign: str, key: str) -> None:
    async with EncoderClient(settings_for(foreign, key=key)) as client:
        with pytest.raises(EncoderMisconfigured, match="answers 401: Unauthorized"):
            await client.encode([PURRING])


async def test_an_address_at_which_it_serves_nothing_is_told(foreign: str) -> None:
    """Without `--url-prefix /v1` Infinity is where nobody asks; so is every other path than its own."""
    async with EncoderClient(settings_for(f"{foreign}/infinity")) as client:
        with pytest.raises(EncoderMisconfigured, match=r"404: Not Found \(asked at /infinity/v1/embed"):
            await client.encode([PURRING])


async def test_a_catalogue_is_filled_by_it_and_searched_by_meaning(
    foreign: str, database: Database, database_url: str
) -> None:
    papers = [feed_record(f"2603.{n:05}") for n in range(100, 140)]
    cats = feed_record("2603.00001", title="Felis catus at dinner", paper__title="Felis catus at dinner")
    cats |= {"summary": PURRING}
    cats["paper"]["summary"] = PURRING
    await store_listing(database, "2026-03-02", *papers, cats)
    async with EncoderClient(settings_for(foreign)) as client:
        assert await backfill_vectors(database, client) == 41
        assert await backfill_vectors(database, client) == 0

    with running_site(settings_for(foreign), database_url) as site:
        async with httpx.AsyncClient(base_url=site, timeout=60) as reader:
            found = (await reader.get("/api/v1/search", params={"q": "meowing felines eating a meal"})).json()
            page = await reader.get("/papers/2603.00001")
    assert found["vectors"]
    # The other papers share neither a word nor a meaning with the question: no result.
    assert [(result["paper"]["id"], result["words"]) for result in found["papers"]] == [("2603.00001", [])]
    assert "Patient Gradients" in page.text  # what is nearest to it, though far


async def test_papers_of_our_own_encoder_and_of_this_one_stand_together(
    foreign: str, own: Path, database: Database
) -> None:
    await store_listing(database, "2026-03-02", feed_record("2603.00001"))
    async with EncoderClient(Settings(_env_file=None), own) as ours:
        assert await backfill_vectors(database, ours) == 1
    await store_listing(database, "2026-03-03", feed_record("2603.00002"))

    async with EncoderClient(settings_for(foreign)) as client:
        assert await backfill_vectors(database, client) == 1


async def test_a_server_that_dies_in_the_middle_is_unavailable(tmp_path: Path) -> None:
    with infinity(tmp_path, bundled_model.NAME) as running:
        async with EncoderClient(settings_for(running.url), timeout=60) as client:
            many = asyncio.create_task(client.encode([ABSTRACT] * 320))
            await asyncio.sleep(0.3)  # of some seconds
            running.process.kill()
            with pytest.raises(EncoderUnavailable):
                await many
