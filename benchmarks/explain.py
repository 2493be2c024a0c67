"""How PostgreSQL carries out each hot query, on a database that `benchmarks/vectors.py` filled and kept.

    python benchmarks/explain.py KEPT

Prints the plan of every statement that a page's function sends, shortened to what it walks through.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import psycopg
from sqlalchemy import func, select

from paperround.database import Database, ReadSession, utc_now
from paperround.embeddings.state import load_embedding_state
from paperround.embeddings.tables import Embedding, EmbeddingModel, ModelState
from paperround.papers import editions
from paperround.papers.edition_facts import ask_edition
from paperround.papers.edition_query import EditionQuery
from paperround.papers.editions import Sort
from paperround.papers.period import EditionPeriod, Period
from paperround.papers.tables import Listing, Paper
from paperround.papers.vote_history import ask_vote_histories
from paperround.postgres import EmbeddedPostgres
from paperround.reads import answer
from paperround.search.engine import search
from paperround.search.filters import SearchFilters
from paperround.search.query_syntax import parse_query
from paperround.search.query_vectors import QueryVector
from paperround.search.similar import find_similar_papers
from paperround.search.vectors import find_nearest

Work = Callable[[ReadSession], Awaitable[Any]]
NODE = re.compile(
    r"(Scan|Join|Nested Loop|Sort|Aggregate|Limit|Cond|Filter|Order By|Execution Time|Unique|Result)"
)


async def explain(database: Database, name: str, work: Work) -> None:
    """`work` runs twice: once to see and warm what it sends, once with each statement explained."""
    sent: list[tuple[str, Any]] = []
    execute = psycopg.AsyncCursor.execute

    async def note(cursor: Any, statement: Any, parameters: Any = None, **options: Any) -> Any:
        sent.append((statement.decode() if isinstance(statement, bytes) else str(statement), parameters))
        return await execute(cursor, statement, parameters, **options)

    async with database.read_session() as session:
        with patch.object(psycopg.AsyncCursor, "execute", note):
            await work(session)
        connection = await session.connection()
        print(f"\n## {name}")
        for statement, parameters in sent:
            if "FROM" not in statement:
                continue
            explained = f"EXPLAIN (ANALYZE, BUFFERS OFF, COSTS OFF) {statement}"
            rows = (await connection.exec_driver_sql(explained, parameters)).all()
            print("\n".join(line[:140] for (line,) in rows if NODE.search(line)), "\n")


async def main(kept: Path) -> None:
    with EmbeddedPostgres(kept / "data").attached() as server:
        async with Database(server.owner_url, pool_size=1) as database:
            async with database.read_session() as session:
                by_size = select(Listing.day).group_by(Listing.day).order_by(func.count().desc()).limit(1)
                day = (await session.execute(by_size)).scalar_one()
                own = select(Embedding.paper_id, Embedding.vector, Paper.title, EmbeddingModel.name).limit(1)
                own = own.join(EmbeddingModel).join(Paper, Paper.id == Embedding.paper_id)
                row = (await session.execute(own.where(EmbeddingModel.state == ModelState.current))).one()
                some = (
                    await editions.list_papers(session, EditionQuery(), sort=Sort.trending, limit=30)
                ).papers
            vector = np.array(row.vector, np.float32)
            question, known = parse_query(" ".join(row.title.split()[:8])), QueryVector(row.name, vector)
            choices = {
                period: EditionQuery.for_period(EditionPeriod.containing(period, day)) for period in Period
            }
            works: dict[str, Work] = {
                "trending": lambda s: editions.list_papers(s, EditionQuery(), sort=Sort.trending, limit=50),
                "sort=published": lambda s: editions.list_papers(
                    s, EditionQuery(), sort=Sort.published, limit=50
                ),
                "sort=upvotes": lambda s: editions.list_papers(
                    s, EditionQuery(), sort=Sort.upvotes, limit=50
                ),
                "newest day": editions.find_newest_day,
                "one paper": lambda s: editions.find_paper(s, row.paper_id),
                "its listings": lambda s: editions.load_listings(s, [row.paper_id]),
                "its signals": lambda s: editions.list_signals(s, row.paper_id, limit=100),
                "similar": lambda s: find_similar_papers(s, row.paper_id, limit=8),
                "nearest": lambda s: find_nearest(s, vector, limit=50),
                "nearest, 1 %": lambda s: find_nearest(
                    s, vector, limit=50, where=[Paper.organization_name == "lab"]
                ),
                "search": lambda s: search(s, question, known, limit=20),
                "search, with code": lambda s: search(
                    s, question, known, filters=SearchFilters(has_code=True)
                ),
                "how votes moved": lambda s: answer(
                    s, lambda trip: ask_vote_histories(trip, some, now=utc_now())
                ),
                "state of vectors": load_embedding_state,
                "nearest, 5 %": lambda s: find_nearest(s, vector, limit=50, where=[Paper.votes >= 40]),
                "nearest, 20 %": lambda s: find_nearest(
                    s, vector, limit=50, where=[Paper.github_url.is_not(None)]
                ),
            }
            for period, choice in choices.items():
                works[f"{period} page"] = lambda s, c=choice: editions.list_papers(  # type: ignore[misc]
                    s, c, sort=Sort.upvotes, limit=50
                )
                works[f"{period} totals and neighbours"] = lambda s, p=period: answer(  # type: ignore[misc]
                    s, lambda trip: ask_edition(trip, EditionPeriod.containing(p, day))
                )
            for name, work in works.items():
                await explain(database, name, work)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
