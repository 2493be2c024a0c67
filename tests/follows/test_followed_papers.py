"""Which papers of some days speak to what a reader follows, and why."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import update

from paperround.database import Database
from paperround.follows import reader_follows
from paperround.follows.followed_papers import list_followed_papers
from paperround.follows.reader_follows import FollowRefused
from paperround.follows.tables import FollowKind
from paperround.papers.tables import Paper

from support.factories import add_reader, feed_record, store_listing, utc

NOW = utc("2026-03-03 09:00")
DAY = date(2026, 3, 2)
AUTHOR, ORGANIZATION, KEYWORD = FollowKind.author, FollowKind.organization, FollowKind.keyword
RIVERS = {"_id": "o1", "name": "open-rivers", "fullname": "Open Rivers Lab"}


async def follow(database: Database, kind: FollowKind, name: str, email: str = "ada@example.org") -> int:
    reader = await add_reader(database, email)
    async with database.write_session() as session:
        await reader_follows.add_follow(session, reader.id, kind, name, now=NOW)
    return reader.id


async def found(
    database: Database, reader_id: int, first: date = DAY, last: date = DAY, limit: int = 50
) -> dict[str, list[str]]:
    async with database.read_session() as session:
        follows = await reader_follows.list_follows(session, reader_id)
        papers = await list_followed_papers(session, follows, first, last, limit=limit)
    return {paper.paper_id[-1]: [follow.name for follow in paper.follows] for paper in papers}


def by(*names: str, hidden: bool = False) -> list[dict[str, object]]:
    return [{"_id": f"a{n}", "name": name, "hidden": hidden} for n, name in enumerate(names)]


@pytest.mark.parametrize(
    ("followed", "written", "is_found"),
    [
        ("Wei Zhang", "Wei Zhang", True),
        ("Wei Zhang", "Zhang, Wei", True),
        ("wei  zhang", "Wei Zhang", True),
        ("Jose Nunez", "José Núñez", True),
        ("Jürgen Müller", "Jurgen Muller", True),
        ("O'Brien, Conan", "Conan O’Brien", True),
        ("Yang Liu", "Liu Yang", False),
        ("Ada Smith Jr.", "Ada Smith, Jr.", True),
        ("李 伟", "李 伟", True),
        ("Wei Zhang", "Wei Zhang Li", False),
        ("Wei Zhang", "W. Zhang", False),
        ("Wei Zhang", "Weiwei Zhang", False),
        ("Zhang", "Wei Zhang", False),
    ],
)
async def test_an_author_is_followed_by_name_without_accents_and_with_the_family_name_first_or_last(
    database: Database, followed: str, written: str, is_found: bool
) -> None:
    await store_listing(
        database,
        "2026-03-02",
        feed_record("2603.00001", paper__authors=by("Ada Lindqvist", written)),
        feed_record("2603.00002", paper__authors=by(written, hidden=True)),
        feed_record("2603.00003", paper__authors=by("Somebody Else"), paper__title=f"On {written}"),
    )
    reader_id = await follow(database, AUTHOR, followed)
    assert set(await found(database, reader_id)) == ({"1"} if is_found else set())


@pytest.mark.parametrize(
    ("followed", "told", "is_found"),
    [
        ("diffusion models", {"paper__summary": "We train a diffusion model."}, True),
        ("Vision-Language Models", {"paper__ai_keywords": ["vision language models"]}, True),
        ("vision language models", {"paper__ai_keywords": ["Vision-Language Models (VLMs)"]}, False),
        ("reinforcement learning", {"paper__title": "Learning of reinforcement"}, False),
        ("RLHF", {"paper__title": "Notes on rlhf"}, True),
        ("C++", {"paper__title": "Compiling C++ slowly"}, True),
        ("C++", {"paper__title": "Compiling C slowly"}, False),
        ("adam", {"paper__authors": by("Adam Lee")}, False),
        ("the", {"paper__title": "The of the"}, False),
        ("it's 'quoted' \\ & | !", {"paper__title": "It's 'quoted'"}, True),
    ],
)
async def test_a_keyword_is_one_of_the_papers_or_stands_in_its_text(
    database: Database, followed: str, told: dict[str, object], is_found: bool
) -> None:
    record = feed_record("2603.00001", **({"paper__summary": "Nothing here.", "summary": ...} | told))
    record["title"] = record["paper"]["title"]
    await store_listing(database, "2026-03-02", record)
    reader_id = await follow(database, KEYWORD, followed)
    assert set(await found(database, reader_id)) == ({"1"} if is_found else set())


async def test_each_paper_of_the_days_is_told_once_with_all_that_speaks_for_it(database: Database) -> None:
    both = {"paper__organization": RIVERS, "paper__ai_keywords": ["Patience"]}
    await store_listing(database, "2026-03-01", feed_record("2603.00009"))
    await store_listing(
        database,
        "2026-03-02",
        feed_record("2603.00001", paper__upvotes=3, **both),
        feed_record("2603.00002", paper__upvotes=9, paper__organization=RIVERS, paper__authors=by("X Y")),
        feed_record("2603.00003", paper__authors=by("X Y")),
    )
    await store_listing(database, "2026-03-03", feed_record("2603.00001", paper__upvotes=3, **both))
    for kind, name in [(AUTHOR, "Ada Lindqvist"), (ORGANIZATION, "open-rivers"), (KEYWORD, "patience")]:
        reader_id = await follow(database, kind, name)
    ben = await follow(database, AUTHOR, "Nobody Here", "ben@example.org")

    in_order = await found(database, reader_id)
    assert list(in_order) == ["1", "2"]
    assert in_order == {
        "1": ["Ada Lindqvist", "patience", "Open Rivers Lab"],
        "2": ["Open Rivers Lab"],
    }
    assert list(await found(database, reader_id, date(2026, 3, 1), date(2026, 3, 3))) == ["9", "1", "2"]
    assert list(await found(database, reader_id, limit=1)) == ["1"]
    assert await found(database, ben) == {}


async def test_what_is_followed_is_kept_once_within_bounds(database: Database) -> None:
    reader = await add_reader(database, "ada@example.org")
    async with database.write_session() as session:
        first = await reader_follows.add_follow(session, reader.id, AUTHOR, "Wei Zhang", now=NOW)
        again = await reader_follows.add_follow(session, reader.id, AUTHOR, "Zhang, Wei", now=NOW)
        assert (first.id, again.name) == (again.id, "Wei Zhang")
        for kind, name in [(AUTHOR, " ,. "), (KEYWORD, "x" * 301), (ORGANIZATION, "nobody")]:
            with pytest.raises(FollowRefused):
                await reader_follows.add_follow(session, reader.id, kind, name, now=NOW)
        for number in range(reader_follows.MAX_FOLLOWS - 1):
            await reader_follows.add_follow(session, reader.id, KEYWORD, f"word {number}", now=NOW)
        with pytest.raises(FollowRefused, match="200"):
            await reader_follows.add_follow(session, reader.id, KEYWORD, "one more", now=NOW)
        await reader_follows.remove_follow(session, reader.id, AUTHOR, "ZHANG, wei")
        assert not await reader_follows.remove_follow_by_id(session, reader.id, first.id)
        assert len(await reader_follows.list_follows(session, reader.id)) == reader_follows.MAX_FOLLOWS - 1


async def test_a_venue_is_followed_where_a_paper_appeared_there(database: Database) -> None:
    await store_listing(database, "2026-03-02", feed_record("2603.00001"), feed_record("2603.00002"))
    async with database.write_session() as session:
        await session.execute(update(Paper).where(Paper.id == "2603.00001").values(venue="ICML"))
    reader_id = await follow(database, FollowKind.venue, "ICML")
    assert await found(database, reader_id) == {"1": ["ICML"]}
    with pytest.raises(FollowRefused, match="appeared"):
        await follow(database, FollowKind.venue, "NeurIPS")
