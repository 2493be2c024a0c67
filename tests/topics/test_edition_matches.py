"""Matching a day for all topics: once, again, by two workers, after changes, and after a worker's death."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select, text, update

from paperround.accounts.tables import Reader
from paperround.database import Database
from paperround.embeddings.client import EncoderUnavailable
from paperround.reads import Asked, RoundTrip
from paperround.topics import corpus, edition_matches
from paperround.topics.edition_matches import match_edition, match_latest
from paperround.topics.match_store import ask_packed_directions
from paperround.topics.matcher import match_papers
from paperround.topics.model.bands import DEFAULT_MIN_BAND, Band
from paperround.topics.queries import load_matches, load_topic_queries
from paperround.topics.tables import Rating, Topic, TopicDay, TopicDirection, TopicExample

from support.factories import store_listing, utc
from support.topic_corpus import (
    MODEL,
    add_three_subjects,
    add_vectors,
    paper_id,
    subject_record,
    subject_vector,
)

DAY = date(2026, 3, 2)
NOW = utc("2026-03-02 14:00")


class InventedEncoder:
    name = MODEL

    def __init__(self, *, down: bool = False) -> None:
        self.down = down
        self.asked: list[str] = []

    async def encode(self, texts: Any) -> Any:
        if self.down:
            raise EncoderUnavailable("down")
        self.asked += texts
        return np.stack([subject_vector(text) for text in texts])


async def topics(database: Database, *given: dict[str, Any]) -> list[int]:
    """Topics of one reader, in order."""
    async with database.write_session() as session:
        reader = Reader(
            email=f"ada{NOW.timestamp()}@example.org", created_at=NOW, seen_at=NOW, visited_at=NOW
        )
        session.add(reader)
        await session.flush()
        made = [
            Topic(reader_id=reader.id, name="a topic", created_at=NOW, changed_at=NOW, daily=10, **values)
            for values in given
        ]
        session.add_all(made)
        await session.flush()
        return [topic.id for topic in made]


async def rate(database: Database, topic_id: int, paper: str, value: int, *, minutes: int = 1) -> None:
    now = NOW + timedelta(minutes=minutes)
    async with database.write_session() as session:
        session.add(Rating(topic_id=topic_id, paper_id=paper, value=value, rated_at=now))
        await session.execute(update(Topic).where(Topic.id == topic_id).values(changed_at=now))


async def stored(database: Database, topic_id: int) -> list[str] | None:
    async with database.read_session() as session:
        days = (await load_matches(session, [topic_id], DAY, DAY))[topic_id]
    return [match.paper_id for match in days[DAY]] if DAY in days else None


async def versions(database: Database) -> list[Any]:
    """What is stored, with the transaction that wrote it."""
    async with database.read_session() as session:
        return [*await session.execute(text("SELECT topic_id, day, xmin FROM topic_days ORDER BY 1, 2"))]


async def test_every_active_topic_gets_its_matches_and_a_paused_one_none(catalogue: Database) -> None:
    bees, clocks, paused = await topics(
        catalogue, {"words": "honey bees"}, {"words": "pendulum clocks"}, {"words": "rivers", "paused": True}
    )
    assert await match_edition(catalogue, DAY, InventedEncoder()) == 2
    assert {int(key[-5:]) % 3 for key in await stored(catalogue, bees)} == {1}
    assert {int(key[-5:]) % 3 for key in await stored(catalogue, clocks)} == {2}
    assert await stored(catalogue, paused) is None


async def test_what_is_stored_is_what_a_page_would_compute(catalogue: Database) -> None:
    [topic] = await topics(catalogue, {"words": "honey bees", "must_not": ["hive temperature"]})
    async with catalogue.write_session() as session:
        session.add(TopicExample(topic_id=topic, paper_id=paper_id(4)))
    await rate(catalogue, topic, paper_id(7), 1)
    await rate(catalogue, topic, paper_id(10), -1, minutes=2)
    await match_edition(catalogue, DAY, InventedEncoder())
    async with catalogue.read_session() as session:
        kept = (await load_matches(session, [topic], DAY, DAY))[topic][DAY]
        wanted = (await load_topic_queries(session, [topic]))[topic]
        vector = type("Vector", (), {"model": MODEL, "numbers": subject_vector("honey bees")})()
        live = await match_papers(
            session, wanted, text_vector=vector, first=DAY, last=DAY, limit=50, daily=10
        )
    assert kept
    assert [match.paper_id for match in kept] == [match.paper_id for match in live]
    assert [match.score for match in kept] == pytest.approx([match.score for match in live], abs=0.02)
    assert [[reason[:2] for reason in match.reasons] for match in kept] == [
        [reason[:2] for reason in match.reasons] for match in live
    ]
    assert paper_id(10) not in {match.paper_id for match in kept}


async def test_topics_that_are_matched_together_get_what_each_gets_alone(catalogue: Database) -> None:
    """From stored models, some of which have no match, with every kind of rule among them."""
    asked: list[dict[str, Any]] = [
        {"words": "honey bees", "must_not": ["hive temperature"]}, {"words": "zxqv blorp"},
        {"words": "pendulum clocks", "min_band": "possible"}, {"words": "", "authors": ["Ada Lovelace"]},
        {"words": "river deltas", "must": ["flood plains"], "min_band": "strong"}, {"words": "leap seconds"},
    ]  # fmt: skip
    made = await topics(catalogue, *asked)
    await rate(catalogue, made[-1], paper_id(8), 1)
    await match_edition(catalogue, DAY, InventedEncoder())
    await store_listing(catalogue, str(DAY), subject_record(100, "bees", "Ada Lovelace"))
    assert await match_edition(catalogue, DAY, None) == len(made), "their models are stored"
    async with catalogue.read_session() as session:
        kept = await load_matches(session, made, DAY, DAY)
        wanted = await load_topic_queries(session, made)
        for topic, values in zip(made, asked, strict=True):
            words, band = values["words"], Band(values.get("min_band", DEFAULT_MIN_BAND))
            vector = (
                type("Vector", (), {"model": MODEL, "numbers": subject_vector(words)})() if words else None
            )
            live = await match_papers(
                session,
                wanted[topic],
                text_vector=vector,
                first=DAY,
                last=DAY,
                limit=50,
                daily=10,
                min_band=band,
            )
            stored_matches = kept[topic][DAY]
            assert [match.paper_id for match in stored_matches] == [match.paper_id for match in live], words
            assert [match.fit for match in stored_matches] == pytest.approx([m.fit for m in live], abs=0.01)
            reasons = [
                [[reason[:2] for reason in m.reasons] for m in found] for found in (stored_matches, live)
            ]
            assert reasons[0] == reasons[1], words
    assert [match.paper_id for match in kept[made[3]][DAY]] == [paper_id(100)]


async def test_of_topics_that_nothing_fits_only_the_fits_part_is_read(
    catalogue: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await topics(catalogue, *({"words": f"zxqv {n}"} for n in range(3)), {"words": "honey bees"})
    asked: list[Sequence[int]] = []

    def watch(trip: RoundTrip, topic_ids: Sequence[int]) -> Asked[dict[int, bytes]]:
        asked.append(topic_ids)
        return ask_packed_directions(trip, topic_ids)

    monkeypatch.setattr("paperround.topics.edition_matches.ask_packed_directions", watch)
    await match_edition(catalogue, DAY, None)
    assert asked == [made[-1:]]
    assert await stored(catalogue, made[-1])
    assert [await stored(catalogue, topic) for topic in made[:-1]] == [[], [], []]


async def test_matching_again_writes_nothing(catalogue: Database) -> None:
    await topics(catalogue, {"words": "honey bees"}, {"words": "clocks"})
    await match_edition(catalogue, DAY, InventedEncoder())
    before = await versions(catalogue)
    assert await match_edition(catalogue, DAY, InventedEncoder()) == 0
    assert await versions(catalogue) == before


async def test_a_late_paper_is_matched(catalogue: Database) -> None:
    [bees] = await topics(catalogue, {"words": "honey bees"})
    await match_edition(catalogue, DAY, InventedEncoder())
    await store_listing(catalogue, "2026-03-02", subject_record(100, "bees"))
    assert await match_edition(catalogue, DAY, InventedEncoder()) == 1
    assert paper_id(100) in await stored(catalogue, bees)


async def test_only_the_topic_that_changed_is_matched_again(catalogue: Database) -> None:
    bees, clocks = await topics(catalogue, {"words": "honey bees"}, {"words": "clocks"})
    await match_edition(catalogue, DAY, InventedEncoder())
    [less, *_] = await stored(catalogue, bees)
    before = await versions(catalogue)
    await rate(catalogue, bees, less, -1)
    assert await stored(catalogue, bees) is None, "what was found before the rating is not shown any more"
    assert await match_edition(catalogue, DAY, InventedEncoder()) == 1
    assert less not in await stored(catalogue, bees)
    after = await versions(catalogue)
    assert [row for row in after if row.topic_id == clocks] == [
        row for row in before if row.topic_id == clocks
    ]


async def test_two_workers_share_the_blocks_and_leave_none(
    catalogue: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edition_matches, "BATCH_SIZE", 2)
    made = await topics(catalogue, *({"words": "honey bees"} for _ in range(9)))
    done = await asyncio.gather(*(match_edition(catalogue, DAY, InventedEncoder()) for _ in range(3)))
    assert sum(done) == len(made)
    assert all([await stored(catalogue, topic) for topic in made])


async def test_a_worker_that_dies_in_the_middle_leaves_whole_blocks(
    catalogue: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edition_matches, "BATCH_SIZE", 2)
    made = await topics(catalogue, *({"words": f"bees {n}"} for n in range(12)))

    class Dying(InventedEncoder):
        async def encode(self, texts: Any) -> Any:
            if len(self.asked) >= 6:
                raise RuntimeError("gone")
            return await super().encode(texts)

    with pytest.raises(RuntimeError, match="gone"):
        await match_edition(catalogue, DAY, Dying())
    async with catalogue.read_session() as session:
        done = await session.scalar(select(func.count()).select_from(TopicDay))
    assert 0 < done < len(made)
    assert await match_edition(catalogue, DAY, InventedEncoder()) == len(made) - done


async def test_after_a_failure_what_is_under_way_is_finished_and_nothing_else_begun(
    catalogue: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edition_matches, "BATCH_SIZE", 2)
    made = await topics(catalogue, *({"words": f"bees {n}"} for n in range(12)))
    both, failed = asyncio.Event(), asyncio.Event()

    class Failing(InventedEncoder):
        async def encode(self, texts: Any) -> Any:
            self.asked += texts
            if not both.is_set():
                both.set()
                await failed.wait()
                return np.stack([subject_vector("honey bees") for _ in texts])
            failed.set()
            raise RuntimeError("gone")

    encoder = Failing()
    async with asyncio.timeout(60):
        with pytest.raises(RuntimeError, match="gone"):
            await match_edition(catalogue, DAY, encoder)
    async with catalogue.read_session() as session:
        done = (await session.scalars(select(TopicDay.topic_id).order_by(TopicDay.topic_id))).all()
    assert 0 < len(done) <= 2, "the batch that was computed beside the one that failed"
    assert len(encoder.asked) <= 2 * edition_matches.LANES
    assert await match_edition(catalogue, DAY, InventedEncoder()) == len(made) - len(done)


async def test_a_worker_killed_within_a_block_lets_go_of_it(catalogue: Database, database_url: str) -> None:
    made = await topics(catalogue, {"words": "honey bees"}, {"words": "clocks"})
    child = Path(__file__).parents[1] / "support" / "matching_child.py"
    with subprocess.Popen([sys.executable, child, database_url, str(DAY)], stdout=subprocess.PIPE) as doomed:
        assert doomed.stdout
        try:
            assert await asyncio.to_thread(doomed.stdout.readline) == b"encoding\n"
            assert await match_edition(catalogue, DAY, InventedEncoder()) == 0, "the other has it in hand"
        finally:
            doomed.kill()
    done = 0
    async with asyncio.timeout(60):
        while not done:
            done = await match_edition(catalogue, DAY, InventedEncoder())
    assert done == len(made)
    assert all([await stored(catalogue, topic) for topic in made])


async def test_a_new_version_of_the_statistics_makes_all_scores_anew(catalogue: Database) -> None:
    await topics(catalogue, {"words": "honey bees"})
    encoder = InventedEncoder()
    await match_edition(catalogue, DAY, encoder)
    await store_listing(catalogue, "2026-03-03", *(subject_record(n, "clocks") for n in range(200, 240)))
    await add_vectors(catalogue)
    assert await corpus.measure_if_grown(catalogue, now=NOW)
    assert await match_edition(catalogue, DAY, encoder) == 1
    async with catalogue.read_session() as session:
        version = await corpus.load_current_version(session)
        of_day = await session.scalar(select(TopicDay.measured_id).where(TopicDay.day == DAY))
        of_direction = await session.scalar(select(TopicDirection.measured_id))
    assert of_day == of_direction == version.id
    assert encoder.asked == ["honey bees"], "the words' vector is still good"


async def test_an_encoder_that_is_down_is_made_up_for(catalogue: Database) -> None:
    [topic] = await topics(catalogue, {"words": "buzzing"})
    assert await match_edition(catalogue, DAY, InventedEncoder(down=True)) == 1
    assert await stored(catalogue, topic) == []
    assert await match_edition(catalogue, DAY, None) == 1, "still due"

    class Buzzing(InventedEncoder):
        async def encode(self, texts: Any) -> Any:
            return np.stack([subject_vector("honey bees") for _ in texts])

    assert await match_edition(catalogue, DAY, Buzzing()) == 1
    assert {int(key[-5:]) % 3 for key in await stored(catalogue, topic)} == {1}
    assert await match_edition(catalogue, DAY, Buzzing()) == 0


async def test_before_the_catalogue_was_measured_nothing_is_stored(database: Database) -> None:
    await add_three_subjects(database)
    await topics(database, {"words": "honey bees"})
    assert await match_edition(database, DAY, None) == 0


async def test_old_days_are_forgotten(catalogue: Database) -> None:
    await topics(catalogue, {"words": "honey bees"})
    await match_latest(catalogue, InventedEncoder())
    later = DAY + timedelta(days=61)
    await store_listing(catalogue, str(later), subject_record(300, "bees"))
    await match_latest(catalogue, InventedEncoder())
    async with catalogue.read_session() as session:
        assert list(await session.scalars(select(TopicDay.day))) == [later]


async def test_a_topic_that_is_deleted_takes_its_rows_along(catalogue: Database) -> None:
    await topics(catalogue, {"words": "honey bees"})
    await match_edition(catalogue, DAY, InventedEncoder())
    async with catalogue.write_session() as session:
        await session.execute(text("DELETE FROM topics"))
        assert not await session.scalar(select(func.count()).select_from(TopicDay))
        assert not await session.scalar(select(func.count()).select_from(TopicDirection))
