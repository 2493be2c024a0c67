"""Commands as an operator types them: what they say, leave in the database and exit with."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from paperround.database import Database
from paperround.embeddings.tables import Embedding, EmbeddingModel
from paperround.papers.tables import Listing

from support.arxiv_server import ArxivPaper, ArxivServer, running_arxiv_server
from support.commands import run_command
from support.encoders import running_inference_server
from support.factories import feed_record, store_listing

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def inference() -> Iterator[str]:
    with running_inference_server() as url:
        yield url


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
