"""How well search ranks: words and vectors fused, against words alone and vectors alone.

    python benchmarks/search.py FOLDER [--tune]

FOLDER holds labelled sets: `relevance` (papers.jsonl.gz, topics.jsonl), `relevance_curated`,
`relevance_search`, `relevance_csfcube`, and `hf_daily` for one-sentence summaries. A fresh database is filled
with a set's papers and the product's own search is asked. Vectors come from the real encoder and are kept in
the temporary folder. Topics are split by a hash of their name; `--tune` shows the half that constants were
chosen on, the default the other.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from math import log2
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import structlog
from sqlalchemy import text

from paperround import schema
from paperround.conninfo import build_conninfo
from paperround.database import Database
from paperround.embeddings import bundled_model
from paperround.embeddings.backfill import backfill_vectors
from paperround.embeddings.client import ModelInfo, Vectors
from paperround.papers import catalogue
from paperround.papers.record import FeedPaper
from paperround.postgres import EmbeddedPostgres
from paperround.search import engine, word_counts
from paperround.search.filters import SearchFilters
from paperround.search.query_syntax import parse_query, text_to_encode
from paperround.search.query_vectors import QueryEncoder
from paperround.search.vectors import find_nearest
from paperround.settings import Settings
from paperround.text.plain import to_plain_paragraphs, to_plain_text

Record = Mapping[str, Any]
CACHE = Path(tempfile.gettempdir()) / "paperround-bench-vectors.npz"
SUMMARIES = 600  # known-item queries


def records(path: Path) -> list[Record]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


class KeptEncoder:
    """The real encoder; what it answered is kept over runs."""

    name = bundled_model.NAME

    def __init__(self) -> None:
        self.kept: dict[str, np.ndarray[Any, Any]] = {}
        self.new = 0
        if CACHE.exists():
            stored = np.load(CACHE)
            self.kept = dict(zip(stored["keys"].tolist(), stored["rows"].astype(np.float32), strict=True))

    @cached_property
    def loaded(self) -> Any:
        from paperround.embeddings.encoder import load_model

        return load_model(Settings(_env_file=None))

    async def describe_model(self) -> ModelInfo:
        return ModelInfo(self.name, (await self.encode(["How long?"])).shape[1])

    async def encode(self, texts: Sequence[str]) -> Vectors:
        keys = [hashlib.sha256(value.encode()).hexdigest() for value in texts]
        lacking = [(k, t) for k, t in zip(keys, texts, strict=True) if k not in self.kept]
        for start in range(0, len(lacking), 16):
            part = lacking[start : start + 16]
            rows = self.loaded.encode([value for _, value in part])
            self.kept |= dict(zip([k for k, _ in part], rows, strict=True))
            self.new += len(part)
        return np.stack([self.kept[key] for key in keys])

    def keep(self) -> None:
        if self.new:
            rows = np.stack(list(self.kept.values())).astype(np.float16)
            np.savez(CACHE, keys=np.array(list(self.kept)), rows=rows)


async def fill_database(database: Database, papers: Sequence[Record], encoder: KeptEncoder) -> None:
    """The papers as a feed would have told them; ids that aren't arXiv's are kept as they are."""
    by_day: dict[date, list[FeedPaper]] = {}
    for paper in papers:
        day = date.fromisoformat(paper.get("day", "2026-01-01"))
        by_day.setdefault(day, []).append(
            FeedPaper(
                id=paper["id"],
                title=to_plain_text(paper["title"]),
                abstract=to_plain_paragraphs(paper["abstract"] or ""),
            )
        )
    now = datetime.now(UTC)
    for day, listed in sorted(by_day.items()):
        async with database.write_session() as session:
            await catalogue.store_papers(
                session, listed, feed="huggingface", day=day, seen_at=now, half_life=timedelta(hours=24)
            )
    await backfill_vectors(database, encoder)  # type: ignore[arg-type]
    await word_counts.refresh_word_counts(database)
    async with database.engine.connect() as connection:
        await (await connection.execution_options(isolation_level="AUTOCOMMIT")).execute(text("ANALYZE"))


def ndcg(ranked: Sequence[str], gains: Mapping[str, float], depth: int) -> float:
    got = sum(gains.get(key, 0) / log2(place + 2) for place, key in enumerate(ranked[:depth]))
    best = sum(
        gain / log2(place + 2) for place, gain in enumerate(sorted(gains.values(), reverse=True)[:depth])
    )
    return got / best if best else 0.0


def mrr(ranked: Sequence[str], wanted: str) -> float:
    return 1 / (ranked[:10].index(wanted) + 1) if wanted in ranked[:10] else 0.0


def tuned_on(name: str) -> bool:
    return hashlib.sha256(name.encode()).digest()[0] % 2 == 0


Asks = Callable[[str, date | None], Any]


def views(database: Database, encoder: KeptEncoder) -> dict[str, Asks]:
    """The three rankings that are compared. All but the last are the product's search as it stands."""
    with_vectors, without = QueryEncoder(encoder), QueryEncoder(None)

    async def ask(vectors: QueryEncoder, words: str, last: date | None) -> list[str]:
        async with database.read_session() as session:
            vector = await vectors.encode(text_to_encode(parse_query(words)))
            found = await engine.search(
                session, parse_query(words), vector, filters=SearchFilters(last_day=last)
            )
        return [match.paper_id for match in found.results]

    async def vectors_alone(words: str, last: date | None) -> list[str]:
        [vector] = await encoder.encode([" ".join(parse_query(words).text.split())])
        async with database.read_session() as session:
            near = await find_nearest(
                session, vector, limit=50, where=SearchFilters(last_day=last).conditions
            )
        return [key for key, _ in near]

    return {
        "fused": lambda words, last: ask(with_vectors, words, last),
        "words": lambda words, last: ask(without, words, last),
        "vectors": vectors_alone,
    }


async def mean(asked: Sequence[Record], score: Callable[[Record], Any]) -> float:
    return float(np.mean([await score(record) for record in asked])) if asked else float("nan")


async def pool_figures(folder: Path, url: str, encoder: KeptEncoder, *, tune: bool) -> None:
    papers = records(folder / "relevance/papers.jsonl.gz")
    async with Database(url) as database:
        await fill_database(database, papers, encoder)
        sets = {
            name: [r for r in records(folder / name / "topics.jsonl") if tuned_on(r["topic"]) == tune]
            for name in ("relevance", "relevance_curated")
        }
        summaries = known_items(folder, {paper["id"] for paper in papers})
        for view, ask in views(database, encoder).items():
            for name, topics in sets.items():

                async def topic_score(r: Record, ask: Asks = ask) -> float:
                    last = date.fromisoformat(r["until"]) if "until" in r else None
                    return ndcg(await ask(r["topic"], last), dict.fromkeys(r["papers"], 1.0), 10)

                figure = await mean(topics, topic_score)
                print(f"{name:20} nDCG@10 {view:8} {figure:.3f}  ({len(topics)} topics)")

            async def known(r: Record, ask: Asks = ask) -> float:
                return mrr(await ask(r["summary"], None), r["id"])

            figure = await mean(summaries, known)
            print(f"{'known item':20} MRR@10 {view:8} {figure:.3f}  ({len(summaries)} papers)")


def known_items(folder: Path, ids: set[str]) -> list[Record]:
    """One-sentence summaries of the feed, each to find its paper."""
    told: dict[str, Any] = {}
    for path in sorted((folder / "hf_daily").glob("*.json.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            told |= {r["paper"]["id"]: r["paper"].get("ai_summary") for r in json.load(file)}
    known = [{"id": key, "summary": value} for key, value in told.items() if value and key in ids]
    return random.Random(7).sample(known, min(SUMMARIES, len(known)))


async def judged_figures(folder: Path, name: str, url: str, encoder: KeptEncoder) -> None:
    """Sets that judge a handful of papers a query: those alone are ranked, the ones not found last."""
    by_id = {paper["id"]: paper for paper in records(folder / name / "papers.jsonl.gz")}
    asked = records(folder / name / "queries.jsonl")
    async with Database(url) as database:
        await fill_database(database, list(by_id.values()), encoder)
        depth, grade = (10, "clicks") if name == "relevance_search" else (20, "grade")
        for view, ask in views(database, encoder).items():

            async def score(r: Record, ask: Asks = ask) -> float:
                example = by_id.get(r["query"])
                words = f"{example['title']} {example['abstract']}" if example else r["query"]
                gains = {j["id"]: float(j[grade]) for j in r["judged"]}
                ranked = [key for key in await ask(words, None) if key in gains and key != r["query"]]
                return ndcg([*ranked, *(key for key in sorted(gains) if key not in ranked)], gains, depth)

            print(f"{name:20} nDCG@{depth} {view:8} {await mean(asked, score):.3f}  ({len(asked)} queries)")


def main() -> None:
    folder, tune = Path(sys.argv[1]), "--tune" in sys.argv
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    encoder = KeptEncoder()
    sets: Iterable[str] = ("pool", "relevance_search", "relevance_csfcube")
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)  # as root, PostgreSQL runs as another user
        with EmbeddedPostgres(Path(place) / "data").attached() as server:
            for name in sets:
                url = new_database(server.superuser_url, name)
                if name == "pool":
                    asyncio.run(pool_figures(folder, url, encoder, tune=tune))
                else:
                    asyncio.run(judged_figures(folder, name, url, encoder))
                encoder.keep()


def new_database(server: str, name: str) -> str:
    with psycopg.connect(build_conninfo(server), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE bench_{name}")
    url = server.replace("/paperround?", f"/bench_{name}?")
    schema.upgrade(url)
    return url


if __name__ == "__main__":
    main()
