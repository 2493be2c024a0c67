"""Commands as an operator types them: what they say, leave in the database and exit with."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import select

from paperround.database import Database
from paperround.embeddings.tables import Embedding, EmbeddingModel
from paperround.papers.tables import Listing

from support.arxiv_server import ArxivPaper, ArxivServer, running_arxiv_server
from support.commands import run_command
from support.factories import feed_record, store_listing

Run = Callable[..., subprocess.CompletedProcess[str]]


class Inference(BaseHTTPRequestHandler):
    """Speaks OpenAI's embeddings protocol: a text's vector tells how long it is."""

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
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


@pytest.fixture
def inference() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Inference)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def run(database_url: str, tmp_path: Path) -> Run:
    def command(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        defaults = {"database_url": database_url, "data_dir": str(tmp_path)}
        return run_command(*arguments, folder=tmp_path, **(defaults | settings))

    return command


async def test_ingest_reads_days_of_arxiv(run: Run, database: Database) -> None:
    with running_arxiv_server(ArxivServer(papers=[ArxivPaper()])) as arxiv:
        result = run(
            "ingest", "--feed", "arxiv", "--from", "2026-03-03", "--to", "2026-03-04",
            feeds="arxiv", arxiv_url=arxiv.url, arxiv_query_url=arxiv.url, arxiv_categories="cs.CL",
        )  # fmt: skip
    assert result.returncode == 0, result.stderr
    async with database.read_session() as session:
        rows = (await session.execute(select(Listing.feed, Listing.paper_id))).all()
    assert rows == [("arxiv", "2603.00001")]


async def test_embed_fills_a_model_of_a_foreign_server_and_switches_to_it(
    run: Run, database: Database, inference: str
) -> None:
    await store_listing(database, "2026-03-02", feed_record("2603.00001"), feed_record("2603.00002"))
    result = run("embed", "--model", "lengths", "--activate", encoder_url=inference)
    assert result.returncode == 0, result.stderr
    assert "lengths is the current model" in " ".join(result.stderr.split())
    async with database.read_session() as session:
        model = (await session.scalars(select(EmbeddingModel))).one()
        vectors = (await session.scalars(select(Embedding.vector))).all()
    assert (model.name, model.dimensions, model.state) == ("lengths", 3, "current")
    assert len(vectors) == 2

    result = run("embed", "--drop", "unknown", encoder_url=inference)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
