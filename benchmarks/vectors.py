"""How fast, and how complete, finding by vectors is in a large catalogue; and the pages that lie above it.

    python benchmarks/vectors.py FOLDER [PAPERS] [KEPT]

FOLDER holds recorded papers as JSON lines (`id`, `title`, `summary`, `authors`, `categories`, `days`);
changed copies fill up to PAPERS, 100,000 unless told. 3,000 abstracts are embedded by the real encoder, the
other vectors are mixtures of two of those with noise. Each figure stands beside its baseline from the same
run: the exact search, the search without a filter, an empty route. With KEPT, a folder, the filled database
stays there for the next run; else all is thrown away.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psycopg
from large_catalogue import keep, seeds, spread, store
from sqlalchemy import select, text

from paperround import schema
from paperround.conninfo import build_conninfo
from paperround.database import Database
from paperround.embeddings import bundled_model, index
from paperround.embeddings.client import EncoderClient
from paperround.embeddings.tables import Embedding
from paperround.environment import environment_with
from paperround.papers.tables import Paper
from paperround.postgres import EmbeddedPostgres
from paperround.search.similar import find_similar_papers
from paperround.search.vectors import find_nearest
from paperround.settings import Settings

QUESTIONS = 200
RESULTS = 50


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def process(*arguments: str, health: str, **settings: str) -> Iterator[None]:
    """`paperround ARGUMENTS` until the block ends; it is waited for at `health`."""
    command = [sys.executable, "-m", "paperround", *arguments]
    child = subprocess.Popen(command, env=environment_with(**settings), stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                httpx.get(health)
                break
            except httpx.TransportError:
                time.sleep(0.2)
        yield
    finally:
        child.terminate()
        child.wait()


async def fill(url: str, folder: Path, count: int, encoder_url: str) -> None:
    async with Database(url) as database:
        began = time.monotonic()
        await store(database, folder, count)
        print(f"{count:,} papers stored in {time.monotonic() - began:.0f} s")
        began = time.monotonic()
        async with EncoderClient(Settings(_env_file=None, encoder_url=encoder_url)) as encoder:
            real = await seeds(database, encoder)
        print(f"{len(real):,} really embedded, {len(real) / (time.monotonic() - began):.0f} a second")
        await asyncio.to_thread(keep, url, bundled_model.NAME, spread(real, count))


async def make_index(url: str) -> None:
    async with Database(url) as database:
        with psycopg.connect(build_conninfo(url)) as connection:
            ((model_id,),) = connection.execute("SELECT id FROM embedding_models").fetchall()
        began = time.monotonic()
        await index.ensure(database, model_id)
        print(f"index made in {time.monotonic() - began:.0f} s")


# --- Vectors ---------------------------------------------------------------------------------------------


def questions(url: str) -> np.ndarray[Any, Any]:
    """Papers' own vectors, moved a little: near to many, equal to none."""
    with psycopg.connect(build_conninfo(url)) as connection:
        rows = connection.execute(
            "SELECT vector::text FROM embeddings ORDER BY md5(paper_id || 'q') LIMIT %s", [QUESTIONS]
        ).fetchall()
    vectors = np.array([[float(x) for x in row[1:-1].split(",")] for (row,) in rows], np.float32)
    vectors += np.random.default_rng(5).normal(0, 0.02, vectors.shape).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


async def exact(session: Any, vector: np.ndarray[Any, Any], **more: Any) -> Sequence[tuple[str, float]]:
    """PostgreSQL compares all vectors: what search does without an index."""
    distance = Embedding.vector.cosine_distance(vector).label("distance")
    query = select(Embedding.paper_id, distance).where(Embedding.vector.is_not(None), *more.get("where", []))
    rows = await session.execute(query.order_by(distance).limit(RESULTS))
    return [(key, 1 - far) for key, far in rows]


async def timed(database: Database, work: Callable[[Any], Awaitable[Any]]) -> tuple[Any, float]:
    async with database.read_session() as session:
        began = time.perf_counter()
        answer = await work(session)
        return answer, 1000 * (time.perf_counter() - began)


def ids(rows: Sequence[tuple[str, float]]) -> set[str]:
    return {key for key, _ in rows}


def percentiles(milliseconds: Sequence[float]) -> str:
    p50, p95 = np.percentile(milliseconds, [50, 95])
    return f"p50 {p50:7.1f} ms   p95 {p95:7.1f} ms"


FILTERS: dict[str, list[Any]] = {
    "1 % (an organization)": [Paper.organization_name == "lab"],
    "20 % (has code)": [Paper.github_url.is_not(None)],
    "5 % (votes)": [Paper.votes >= 40],
}


async def vectors(url: str) -> None:
    async with Database(url, pool_size=1) as database:
        asked = questions(url)
        took: dict[str, list[float]] = {"all one by one": [], "by index": [], "similar papers": []}
        recall, alike = [], []
        for vector in asked[:5]:  # warm
            await timed(database, partial(exact, vector=vector))
            await timed(database, partial(find_nearest, vector=vector, limit=RESULTS))
        answers = []
        for vector in asked:
            found, ms = await timed(database, partial(find_nearest, vector=vector, limit=RESULTS))
            took["by index"].append(ms)
            answers.append(found)
        for vector, found in zip(asked[::4], answers[::4], strict=True):
            truth, ms = await timed(database, partial(exact, vector=vector))
            took["all one by one"].append(ms)
            recall.append(len(ids(found) & ids(truth)) / RESULTS)
        for n, found in enumerate(answers):
            key = found[0][0]
            near, ms = await timed(database, partial(find_similar_papers, paper_id=key, limit=8))
            took["similar papers"].append(ms)
            if n % 8 == 0:
                alike.append(await similar_recall(database, key, {match.paper.id for match in near}))
        for name, times in took.items():
            print(f"{name:28} {percentiles(times)}")
        ratio = np.median(took["all one by one"]) / np.median(took["by index"])
        print(f"recall@{RESULTS} {np.mean(recall):.3f}, {ratio:.1f} times as fast as one by one")
        print(f"similar papers: recall@8 {np.mean(alike):.3f}")
        for name, where in FILTERS.items():
            await filtered(database, asked, name, where, float(np.median(took["by index"])))


async def similar_recall(database: Database, key: str, found: set[str]) -> float:
    truth = text(
        "SELECT other.paper_id FROM embeddings AS other, embeddings AS own WHERE own.paper_id = :key"
        " AND other.paper_id <> :key ORDER BY other.vector <=> own.vector LIMIT 8"
    )
    async with database.read_session() as session:
        return len(found & set(await session.scalars(truth, {"key": key}))) / 8


async def filtered(
    database: Database, asked: np.ndarray[Any, Any], name: str, where: list[Any], unfiltered: float
) -> None:
    times, recall, counts = [], [], []
    kept = Embedding.paper_id.in_(select(Paper.id).where(*where))
    for n, vector in enumerate(asked):
        found, ms = await timed(database, partial(find_nearest, vector=vector, limit=RESULTS, where=where))
        times.append(ms)
        counts.append(len(found))
        if n % 10 == 0:
            truth, _ = await timed(database, partial(exact, vector=vector, where=[kept]))
            recall.append(len(ids(found) & ids(truth)) / RESULTS)
    ratio = np.median(times) / unfiltered
    print(
        f"{'filter: ' + name:28} {percentiles(times)}   {ratio:.1f} times unfiltered, "
        f"at least {min(counts)} results, recall {np.mean(recall):.3f}"
    )


# --- Pages -----------------------------------------------------------------------------------------------


def pages(url: str, site: str) -> None:
    with psycopg.connect(build_conninfo(url)) as connection:
        biggest = "SELECT day FROM listings GROUP BY day ORDER BY count(*) DESC LIMIT 1"
        ((day,),) = connection.execute(biggest).fetchall()
        some = connection.execute("SELECT id, title FROM papers ORDER BY md5(id) LIMIT 100").fetchall()
    week = f"{day.isocalendar().year}-W{day.isocalendar().week:02}"
    addresses: dict[str, list[str]] = {
        "/healthz (empty)": ["/healthz"] * 100,
        "/papers/trending": ["/papers/trending"] * 40,
        "/papers (latest)": ["/papers"] * 40,
        "/papers/date/… (the biggest)": [f"/papers/date/{day}"] * 40,
        "/papers/week/…": [f"/papers/week/{week}"] * 40,
        "/papers/month/…": [f"/papers/month/{day:%Y-%m}"] * 20,
        "one paper": [f"/papers/{key}" for key, _ in some],
        "similar (API)": [f"/api/v1/papers/{key}/similar" for key, _ in some],
        "API, sort=published": ["/api/v1/papers?sort=published&limit=50"] * 40,
        "API, sort=upvotes": ["/api/v1/papers?sort=upvotes&limit=50"] * 40,
        "/status": ["/status"] * 10,
        "search, new question": [search_for(title) for _, title in some],
        "search, vector kept": [search_for(title) for _, title in some],
        "search, filtered, vector kept": [search_for(title) + "&has_code=true" for _, title in some],
    }
    with httpx.Client(base_url=site, timeout=60) as client:
        for paths in addresses.values():
            if not paths[0].startswith("/api/v1/search"):
                client.get(paths[-1])
        client.get(search_for("warm up"))
        for name, paths in addresses.items():
            print(f"{name:28} {percentiles([milliseconds(client, path) for path in paths])}")


def search_for(title: str) -> str:
    return f"/api/v1/search?limit=20&q={httpx.QueryParams({'q': ' '.join(title.split()[:8])})['q']}"


def milliseconds(client: httpx.Client, path: str) -> float:
    began = time.perf_counter()
    answer = client.get(path)
    took = 1000 * (time.perf_counter() - began)
    if answer.status_code != 200:
        raise SystemExit(f"{path} answers {answer.status_code}")
    return took


async def encoding(encoder_url: str) -> None:
    times = []
    async with EncoderClient(Settings(_env_file=None, encoder_url=encoder_url)) as encoder:
        for n in range(100):
            began = time.perf_counter()
            await encoder.encode([f"planning with learned world models, part {n}"])
            times.append(1000 * (time.perf_counter() - began))
    print(f"{'encoding a question':28} {percentiles(times[5:])}")


def main() -> None:
    folder, count = Path(sys.argv[1]), int((sys.argv[2:3] or ["100000"])[0])
    with ExitStack() as stack:
        home = Path(sys.argv[3]) if sys.argv[3:] else Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home.chmod(0o755)
        server = stack.enter_context(EmbeddedPostgres(home / "data").attached())
        port, own = free_port(), free_port()
        encoder_url, site = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{own}"
        listening = ("--host", "127.0.0.1", "--port", str(port))
        stack.enter_context(process("encoder", *listening, health=f"{encoder_url}/health"))
        if not (home / "filled").exists():
            schema.upgrade(server.owner_url)
            asyncio.run(fill(server.owner_url, folder, count, encoder_url))
            (home / "filled").touch()
        asyncio.run(make_index(server.owner_url))
        asyncio.run(vectors(server.owner_url))
        asyncio.run(encoding(encoder_url))
        here = {"database_url": server.owner_url, "port": str(own), "encoder_url": encoder_url}
        stack.enter_context(process("web", health=f"{site}/healthz", **here))
        pages(server.owner_url, site)


if __name__ == "__main__":
    os.environ.setdefault("PAPERROUND_LOG_FORMAT", "text")
    main()
