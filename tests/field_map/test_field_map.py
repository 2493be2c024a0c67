"""The map of the field: alike papers stand together, stay where they were, and groups say what they share."""

from __future__ import annotations

import re
from datetime import timedelta

import httpx
import numpy as np
import pytest
from sqlalchemy import select

from paperround.database import Database
from paperround.embeddings.tables import Embedding, EmbeddingModel, ModelState
from paperround.field_map import maps, projector
from paperround.field_map.group_names import name_groups
from paperround.field_map.messages import HEIGHT, WIDTH, Drawing, MapInputs, Matrix
from paperround.field_map.tables import FieldMap
from paperround.papers import removal
from paperround.papers.tables import Paper
from paperround.topics import edition_matches, reader_topics
from paperround.topics.drafts import TopicDraft

from support.factories import add_reader, feed_record, store_listing, utc
from support.pages import Page, opened
from support.people import ADA, sign_in_browser
from support.topic_corpus import add_measured_subjects, paper_id

NOW = utc("2026-03-10 12:00")
FIELDS = ("protein folding", "video diffusion", "code agents", "speech codecs")
KINDS = len(FIELDS)


def text(number: int) -> str:
    field = FIELDS[number % KINDS]
    return f"On {field.title()} {number}\nWe study {field} with models. Case {number}."


def vectors(count: int) -> Matrix:
    """Vectors in clouds, one for each of FIELDS."""
    chance = np.random.default_rng(3)
    rows = np.eye(KINDS, 16)[np.arange(count) % KINDS] + chance.normal(0, 0.12, (count, 16))
    unit: Matrix = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def draw(count: int, former: Drawing | None = None) -> Drawing:
    known = former.places if former else ()
    places = [known[number] if number < len(known) else None for number in range(count)]
    return projector.draw_map(MapInputs(tuple(map(text, range(count))), tuple(places), vectors(count)))


def test_alike_papers_stand_together_and_stay_when_others_come() -> None:
    first = draw(60)
    assert draw(60) == first
    places = np.array(first.places)
    assert places.min() >= 0
    assert (places.max(axis=0) <= [WIDTH, HEIGHT]).all()
    middles = np.array([places[field::KINDS].mean(axis=0) for field in range(KINDS)])
    nearest = np.linalg.norm(places[:, None] - middles, axis=2).argmin(axis=1)
    assert (nearest == np.arange(60) % KINDS).mean() > 0.95

    later = np.array(draw(72, first).places)
    assert np.median(np.linalg.norm(later[:60] - places, axis=1)) < 0.1 * WIDTH


@pytest.mark.parametrize("count", [3, 12])
def test_few_papers_and_equal_ones_have_a_map_too(count: int) -> None:
    same = np.ones((count, 8), np.float32)
    drawing = projector.draw_map(MapInputs(("Same text",) * count, (None,) * count, same))
    assert len(drawing.places) == len(drawing.groups) == count
    assert all(drawing.names)


def test_a_group_is_called_by_what_its_papers_share_and_others_lack() -> None:
    texts = [text(number) for number in range(30)]
    names = name_groups(texts, [number % KINDS for number in range(30)], KINDS)
    for name, field in zip(names, FIELDS, strict=True):
        assert field in name.lower()
    assert name_groups(["", "", "a"], [0, 0, 1], 2) == ["Other papers", "Other papers"]


async def fill(database: Database, count: int) -> None:
    """Papers of a month with vectors, and one of long ago."""
    records = []
    for number in range(count):
        title, _, abstract = text(number).partition("\n")
        texts = {"title": title, "paper__title": title, "summary": abstract, "paper__summary": abstract}
        records.append(feed_record(f"2603.{number + 1:05}", **texts, paper__upvotes=number % 7))
    await store_listing(database, "2025-03-09", feed_record("2503.00001"))
    await store_listing(database, "2026-03-09", *records)
    async with database.write_session() as session:
        model = EmbeddingModel(name="m", dimensions=16, state=ModelState.current, created_at=NOW)
        session.add(model)
        await session.flush()
        for row, paper in zip(
            vectors(count + 1), await session.scalars(select(Paper).order_by(Paper.id)), strict=True
        ):
            session.add(
                Embedding(
                    model_id=model.id,
                    paper_id=paper.id,
                    text_hash=paper.text_hash,
                    vector=row,
                    embedded_at=NOW,
                    failures=0,
                )
            )


async def test_the_map_is_drawn_when_its_papers_changed_and_a_page_shows_it(
    database: Database, database_url: str
) -> None:
    async with opened(database_url) as client:
        assert "There is no map yet" in (await client.get("/map")).text
        await fill(database, 30)
        assert await maps.renew_map(database, now=NOW)
        assert not await maps.renew_map(database, now=NOW + timedelta(hours=2)), "nothing changed"
        async with database.write_session() as session:
            await removal.remove_paper(session, "2603.00001", now=NOW)
        assert not await maps.renew_map(database, now=NOW + timedelta(minutes=20)), "too soon"

        answer = await client.get("/map")
        page = Page(answer)
        assert len(answer.content) < 100_000
        drawn = re.findall(r'<a href="/papers/([\d.]+)" tabindex="-1"><path', answer.text)
        listed = re.findall(r'<li><a href="/papers/([\d.]+)">', answer.text)
        assert sorted(drawn) == sorted(listed) == [f"2603.{number:05}" for number in range(2, 31)]
        assert "29 papers of the last 30 days" in page.text
        assert re.search("protein folding|video diffusion", page.text, re.IGNORECASE)


async def test_a_reader_sees_what_of_it_fits_a_topic_of_their_own(
    database: Database, database_url: str
) -> None:
    await add_measured_subjects(database, day="2026-03-09", now=NOW)
    ids = [paper_id(number) for number in range(1, 61)]
    async with database.write_session() as session:
        points = [[one, 10 * place, 10 * place, place % 3] for place, one in enumerate(ids)]
        session.add(FieldMap(made_at=NOW, inputs="", content={"points": points, "groups": ["a", "b", "c"]}))
    async with opened(database_url) as client:
        ada = await sign_in_browser(client, database, ADA, now=NOW)
        ben = await add_reader(database, "ben@example.org")
        async with database.write_session() as session:
            draft = TopicDraft(words="honey bees")
            own = await reader_topics.create_topic(session, ada.id, draft, now=NOW)
            other = await reader_topics.create_topic(session, ben.id, draft, now=NOW)
        await edition_matches.match_latest(database, None)
        fitting = (await client.get(f"/map?topic={own.id}")).text
        drawn = set(re.findall(r'<a href="/papers/([\d.]+)" tabindex="-1"><path', fitting))
        assert drawn
        assert drawn <= {one for place, one in enumerate(ids) if place % 3 == 0}, "the bees"
        assert f"{len(drawn)} papers of the map fit" in fitting
        assert (await client.get(f"/map?topic={other.id}")).status_code == 404
        client.cookies.clear()
        assert (await client.get(f"/map?topic={own.id}")).text == (await client.get("/map")).text


async def test_a_month_of_long_titles_is_a_small_page(database: Database, database_url: str) -> None:
    title = "<&'\" " + "Very long titles " * 20
    records = [
        feed_record(f"2603.{n:05}", title=title, paper__title=title) for n in range(1, maps.MAX_PAPERS + 1)
    ]
    await store_listing(database, "2026-03-09", *records)
    async with database.write_session() as session:
        points = [[record["paper"]["id"], 999, 699, n % 16] for n, record in enumerate(records)]
        session.add(
            FieldMap(
                made_at=NOW,
                inputs="",
                content={"points": points, "groups": ["A name as long as may be"] * 16},
            )
        )
    async with opened(database_url) as client:
        answer: httpx.Response = await client.get("/map")
        assert len(answer.content) < 100_000
        assert answer.text.count("<path d=") >= maps.MAX_PAPERS
