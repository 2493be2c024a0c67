"""Each picture that a feed names is fetched once, kept small within a quota, and goes with its paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from paperround import queue
from paperround.database import Database
from paperround.papers import removal
from paperround.papers.tables import Paper
from paperround.pictures import thumbnails
from paperround.pictures.tables import Thumbnail
from paperround.settings import Settings
from paperround.worker import jobs
from paperround.worker.registry import WorkerContext

from support.factories import feed_record, store_listing, utc
from support.pages import opened
from support.pictures import PictureServer, draw, running_picture_server

NOW = utc("2026-03-10 12:00")


@pytest.fixture
def pictures() -> Iterator[PictureServer]:
    with running_picture_server() as server:
        yield server


@pytest.fixture
def settings(pictures: PictureServer, database_url: str) -> Settings:
    """The hub is where the pictures are, so that a host on loopback may be asked."""
    return Settings(
        _env_file=None, huggingface_url=pictures.url, database_url=database_url, feed_rate=0, thumbnails=True
    )


async def list_paper(database: Database, number: int, url: str, day: str = "2026-03-09") -> str:
    """List a paper whose picture is at `url`, which may be one that no feed could name."""
    paper_id = f"2603.{number:05}"
    await store_listing(database, day, feed_record(paper_id))
    async with database.write_session() as session:
        await session.execute(update(Paper).where(Paper.id == paper_id).values(thumbnail_url=url))
    return paper_id


async def fetch(database: Database, settings: Settings, now: datetime = NOW) -> int:
    return await thumbnails.fetch_due(database, settings, clock=lambda: now)


async def load_names(database: Database) -> dict[str, str | None]:
    async with database.read_session() as session:
        return {row.id: row.thumbnail for row in await session.execute(select(Paper.id, Paper.thumbnail))}


async def test_a_picture_is_fetched_once_and_lists_show_our_own_small_one(
    database: Database, settings: Settings, pictures: PictureServer, database_url: str
) -> None:
    await list_paper(database, 1, pictures.show("a.png?size=large", draw()))
    assert await fetch(database, settings) == 1
    assert await fetch(database, settings) == 0
    assert pictures.asked == ["/a.png?size=large"]

    async with opened(database_url) as client:
        page = (await client.get("/papers")).text
        assert pictures.url not in page.partition("<main")[2]
        (picture,) = re.findall(r"<picture.*?</picture>", page)
        assert 'width="160" height="90" alt="" loading="lazy"' in picture
        found = re.findall(r'(?:src|srcset)="([^"]+)"', picture)
        assert len(found) == 2
        for address in found:
            answer = await client.get(address)
            assert answer.headers["Content-Type"] == (
                "image/webp" if address.endswith("webp") else "image/jpeg"
            )
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert len(answer.content) > 100
        assert (await client.get("/thumbnails/" + "0" * 16 + ".webp")).status_code == 404

        async with database.write_session() as session:
            await removal.remove_paper(session, "2603.00001", now=NOW)
        assert [(await client.get(address)).status_code for address in found] == [404, 404]
    async with database.read_session() as session:
        assert (await session.scalars(select(Thumbnail.paper_id))).all() == []


async def test_a_new_address_brings_a_new_picture_and_the_former_one_is_gone(
    database: Database, settings: Settings, pictures: PictureServer, database_url: str
) -> None:
    await list_paper(database, 1, pictures.show("a.png", draw()))
    await fetch(database, settings)
    former = (await load_names(database))["2603.00001"]
    await list_paper(database, 1, pictures.show("b.png", draw(size=(300, 300))))
    await fetch(database, settings)
    name = (await load_names(database))["2603.00001"]
    assert name not in (None, former)
    async with opened(database_url) as client:
        assert (await client.get(f"/thumbnails/{former}.webp")).status_code == 404


async def test_what_cannot_be_had_is_tried_again_a_few_times_and_what_is_no_picture_is_not(
    database: Database, settings: Settings, pictures: PictureServer
) -> None:
    """Neither keeps the others waiting, and a host inside the operator's network is not asked."""
    elsewhere = pictures.show("to.png", b"", 302, Location="http://10.9.8.7/a.png")
    faults = [
        pictures.show("gone.png", b"no", 404), pictures.show("late.png", b"", 500), elsewhere,
        "http://10.9.8.7/b.png", "http://[::ffff:192.168.0.1]/c.png",
        pictures.show("huge.png", b"x" * 13 * 2**20), "http://127.0.0.1:1/refused.png", "no address",
    ]  # fmt: skip
    refused = [
        pictures.show("page.html", b"<html>"),
        pictures.show("cut.png", draw()[:300]),
        pictures.show("e", b""),
    ]
    for number, url in enumerate([*faults, *refused, pictures.show("good.png", draw())], 1):
        await list_paper(database, number, url)

    tried, now = [], NOW
    for _ in range(6):
        tried.append(await fetch(database, settings, now))
        now += timedelta(days=1)
    assert tried == [len(faults) + len(refused) + 1, len(faults), len(faults), len(faults), 0, 0]
    assert sum(name is not None for name in (await load_names(database)).values()) == 1
    assert not any("10.9.8.7" in path for path in pictures.asked)
    async with database.read_session() as session:
        assert all(await session.scalars(select(Thumbnail.error).where(Thumbnail.size == 0)))


async def test_a_host_that_asks_for_a_pause_is_left_alone_until_then(
    database: Database, settings: Settings, pictures: PictureServer
) -> None:
    for number in (1, 2, 3):
        await list_paper(database, number, pictures.show(f"{number}.png", b"", 429, **{"Retry-After": "900"}))
    assert await fetch(database, settings) == 1
    assert len(pictures.asked) == 1


async def test_the_newest_pictures_are_kept_within_the_quota(
    database: Database, settings: Settings, pictures: PictureServer
) -> None:
    small = settings.model_copy(update={"thumbnail_megabytes": 1})
    url = pictures.show("a.png", draw())
    for number in range(1, 4):
        await list_paper(database, number, url, f"2026-03-0{number}")
    await fetch(database, small)
    async with database.write_session() as session:
        await session.execute(update(Thumbnail).values(size=(2**20 - 30_000) // 2))
        oldest = update(Thumbnail).where(Thumbnail.paper_id == "2603.00001")
        await session.execute(oldest.values(size=30_000))
    await list_paper(database, 9, url, "2026-02-01")
    await list_paper(database, 10, url, "2026-03-09")
    assert await fetch(database, small) == 1, "the older one finds no room"

    names = await load_names(database)
    assert [number for number in range(1, 11) if names.get(f"2603.{number:05}")] == [2, 3, 10]
    assert await fetch(database, small) == 0, "what was deleted is not fetched again"


async def test_without_the_setting_nothing_is_fetched_and_what_was_kept_is_deleted(
    database: Database, settings: Settings, pictures: PictureServer
) -> None:
    await list_paper(database, 1, pictures.show("a.png", draw()))
    off = settings.model_copy(update={"thumbnails": False})
    shown = []
    for chosen in (off, settings, off, settings):
        await jobs.fetch_thumbnails(WorkerContext(chosen, database, Path("/nowhere.sock"), queue.app))
        shown.append((await load_names(database))["2603.00001"] is not None)
    assert shown == [False, True, False, True]


async def test_two_workers_do_not_fetch_the_same_picture(
    database: Database, settings: Settings, pictures: PictureServer
) -> None:
    await list_paper(database, 1, pictures.show("a.png", draw()))
    quota = settings.thumbnail_megabytes * 2**20
    assert await thumbnails.claim(database, quota, now=NOW) is not None
    assert await thumbnails.claim(database, quota, now=NOW) is None
    later = await thumbnails.claim(database, quota, now=NOW + thumbnails.LEASE)
    assert later is not None, "that of a worker that died"
    assert later.number == 2
