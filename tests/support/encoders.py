"""Encoders for tests: a fake one behind the real client, and the real encoder as a process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socket import AF_UNIX
from socket import socket as Socket  # noqa: N812 - a type here; `socket` is a path
from typing import Any, ClassVar

import httpx
import pytest
from sqlalchemy import select

from paperround.database import Database
from paperround.embeddings import backfill
from paperround.embeddings.backfill import backfill_vectors
from paperround.embeddings.client import EncoderClient
from paperround.embeddings.state import EmbeddingState, load_embedding_state
from paperround.embeddings.tables import Embedding, EmbeddingModel, ModelState
from paperround.settings import Settings

from support.factories import feed_record, store_listing, utc
from support.socket_server import serving_http

NOW = utc("2026-03-02 13:00")
ABSTRACT = "We present a method that learns from few labelled examples and holds on many tasks. " * 14
SERVE_ENCODER = """
import sys
from pathlib import Path
from socket import AF_UNIX
from socket import socket as Socket  # noqa: N812 - a type here; `socket` is a path
import numpy as np
from paperround.embeddings import encoder
from paperround.settings import Settings
{prelude}
encoder.serve(Settings(_env_file=None), socket=Path(sys.argv[1]))
"""
PROBE = "How long is a vector?"


@dataclass
class FakeEncoder:
    """Answers with a vector computed from the text.

    `refuses` and `fails` say for which texts and which requests it answers with an error instead.
    """

    dimensions: int = 3
    refuses: Callable[[str], bool] = lambda text: False
    fails: Callable[[int], bool] = lambda number: False  # the number of the request, the first of papers is 1
    before: Callable[[], Awaitable[None]] | None = None
    requests: list[list[str]] = field(default_factory=list)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        texts = json.loads(request.content)["input"]
        if texts != [PROBE]:
            self.requests.append(texts)
            if self.before:
                await self.before()
            if self.fails(len(self.requests)):
                return httpx.Response(503, headers={"Retry-After": "600"}, text="busy")
            if any(self.refuses(text) for text in texts):
                return httpx.Response(400, json={"error": {"message": "I won't take this\0text"}})
        data = [{"index": i, "embedding": self.direction(text)} for i, text in enumerate(texts)]
        return httpx.Response(200, json={"data": data})

    def direction(self, text: str) -> list[float]:
        return [
            1.0,
            *(float(1 + sum(text.encode()[n :: self.dimensions]) % 97) for n in range(self.dimensions - 1)),
        ]

    @property
    def sent(self) -> list[str]:
        return [text for texts in self.requests for text in texts]

    def __len__(self) -> int:
        return len(self.requests)


async def fill_and_activate(
    database: Database, server: FakeEncoder, *, model: str = "", now: datetime = NOW, **more: Any
) -> int:
    """Backfill, and activate the model once it is complete. Returns how many papers were embedded."""
    async with connect_fake_encoder(server, model) as client:
        done = await backfill_vectors(database, client, clock=lambda: now, **more)
        await backfill.activate_if_complete(database, client.name, clock=lambda: now)
        return done


def connect_fake_encoder(server: FakeEncoder, model: str = "") -> EncoderClient:
    settings = Settings(_env_file=None, embedding_model=model)
    return EncoderClient(settings, transport=httpx.MockTransport(server))


async def store_papers(database: Database, count: int, *, day: str = "2026-03-02", first: int = 1) -> None:
    """Store papers whose abstracts have different lengths, in no order of length."""
    numbers = sorted(range(first, first + count), key=lambda n: n * 7919 % 1009)
    records = [
        feed_record(f"2603.{i:05}", title=f"T{n:05}", paper__summary="x" * n)
        for i, n in enumerate(numbers, first)
    ]
    await store_listing(database, day, *records)


async def list_embeddings(database: Database, model: str = "all-MiniLM-L6-v2") -> list[Embedding]:
    query = select(Embedding).join(EmbeddingModel).where(EmbeddingModel.name == model)
    async with database.read_session() as session:
        return list(await session.scalars(query.order_by(Embedding.paper_id)))


async def load_model_states(database: Database) -> dict[str, ModelState]:
    async with database.read_session() as session:
        return {model.name: model.state for model in await session.scalars(select(EmbeddingModel))}


async def load_state(database: Database) -> EmbeddingState:
    async with database.read_session() as session:
        return await load_embedding_state(session)


@contextmanager
def start_encoder_process(
    code: str, *arguments: object, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PAPERROUND_")}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(command, env=clean | environment, stderr=subprocess.PIPE) as running:
        try:
            yield running
        finally:
            running.kill()


def wait_for_encoder(socket: Path, running: subprocess.Popen[bytes], seconds: float = 150) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and running.poll() is None:
        with Socket(AF_UNIX) as caller:
            if caller.connect_ex(str(socket)) == 0:
                return
        time.sleep(0.05)
    running.kill()
    pytest.fail(f"no encoder: {running.communicate()[1].decode()}")


class Inference(BaseHTTPRequestHandler):
    """Speaks OpenAI's embeddings protocol: a text's vector tells how long it is."""

    received: ClassVar[list[str]]
    seconds_per_text: ClassVar[float]

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.received.extend(request["input"])
        time.sleep(self.seconds_per_text * len(request["input"]))
        rows = [
            {"object": "embedding", "index": n, "embedding": [1.0, float(len(text)), 2.0]}
            for n, text in enumerate(request["input"])
        ]
        body = json.dumps({"object": "list", "model": request["model"], "data": rows}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running_inference_server(
    received: list[str] | None = None, *, seconds_per_text: float = 0
) -> Iterator[str]:
    """The address of a server with the OpenAI embeddings protocol that isn't ours.

    `received` gets the texts that it is sent.
    """
    of_this_one = {"received": [] if received is None else received, "seconds_per_text": seconds_per_text}
    handler = type("RecordingInference", (Inference,), of_this_one)
    with serving_http(handler) as address:
        yield address
