"""The page of an author."""

from __future__ import annotations

import re

import httpx
import pytest

from paperround.database import Database

from support.factories import feed_record, store_listing
from support.pages import Page


def by(*names: str, hidden: tuple[str, ...] = ()) -> list[dict[str, object]]:
    return [{"_id": f"a{n}", "name": name, "hidden": name in hidden} for n, name in enumerate(names)]


def papers(answer: httpx.Response) -> list[str]:
    return re.findall(r'<h2[^>]*><a href="/papers/([^"]+)"', answer.text)


async def test_an_author_has_their_papers_coauthors_and_first_day(
    pages: httpx.AsyncClient, database: Database
) -> None:
    records = [
        feed_record("2603.00001", paper__upvotes=3, paper__authors=by("José Núñez", "Wei Zhang", "Ada L")),
        feed_record("2603.00002", paper__upvotes=9, paper__authors=by("Ada L", "Nunez, Jose")),
        feed_record("2603.00003", paper__authors=by("José Núñez Ruiz", "Wei Zhang")),
        feed_record("2603.00004", paper__authors=by("Ada L", "José Núñez", hidden=("José Núñez",))),
        feed_record("2603.00006", paper__authors=by("Núñez José", "Wei Zhang")),
        feed_record("2603.00005", paper__authors=by("José Núñez", "Eve", hidden=("Eve",)), paper__upvotes=1),
    ]
    await store_listing(database, "2026-02-27", records[1])
    await store_listing(database, "2026-03-02", *records)
    answer = await pages.get("/authors/José Núñez")
    page = Page(answer)

    assert papers(answer) == ["2603.00001", "2603.00002", "2603.00005"]
    assert papers(await pages.get("/authors/nunez,%20jose?order=votes")) == [
        "2603.00002", "2603.00001", "2603.00005",
    ]  # fmt: skip
    assert "3 papers here, the first listed on 27 Feb , with 13 votes." in page.text
    assert "Also written Nunez, Jose ." in page.text
    assert "distinguished by name only" in page.text
    assert "Wrote with Ada L 2 papers Wei Zhang 1 paper" in page.text
    assert {"/authors/Wei%20Zhang", "/papers/date/2026-02-27"} < {*page.links()}
    assert page.links().count("/authors/Ada%20L") == 1
    assert "Eve" not in page.text
    assert "/authors/Jos%C3%A9%20N%C3%BA%C3%B1ez" in Page(await pages.get("/papers/2603.00001")).links()
    citations = await pages.get("/authors/José Núñez.bib")
    assert citations.text.count("@") >= 3


async def test_a_long_list_goes_on_and_a_late_author_of_hundreds_is_found(
    pages: httpx.AsyncClient, database: Database
) -> None:
    team = by(*(f"Member {n} Ofteam" for n in range(400)))
    await store_listing(
        database,
        "2026-03-02",
        *(feed_record(f"2603.{n:05}", paper__authors=by("Ada L")) for n in range(40)),
        feed_record("2603.09999", paper__authors=team),
    )
    first = await pages.get("/authors/Ada L")
    link = re.search(r'class="button" href="([^"]+after=[^"]+)"', first.text)
    assert link
    rest = papers(await pages.get(link[1].replace("&amp;", "&")))
    assert sorted([*papers(first), *rest]) == [f"2603.{n:05}" for n in range(40)]
    assert papers(await pages.get("/authors/Member 399 Ofteam")) == ["2603.09999"]


async def test_who_is_not_here_has_no_page(
    subtests: pytest.Subtests,
    pages: httpx.AsyncClient,
    database: Database,
) -> None:
    cases: list[tuple[str, int]] = [
        ("nobody", 404), ("%2C.", 404), ("%00", 400), ("x" * 501, 400), ("Ada Lindqvist?after=x", 400),
        ("' | 'x", 404), ("Ada", 404), ("", 308),
    ]  # fmt: skip
    for name, status in cases:
        with subtests.test(name=name, status=status):
            await store_listing(database, "2026-03-02", feed_record("2603.00001"))
            assert (await pages.get(f"/authors/{name}")).status_code == status


async def test_whatever_a_name_is_its_link_leads_to_its_page_and_it_stays_text(
    pages: httpx.AsyncClient, database: Database
) -> None:
    odd = 'Eve a/b "c" <d>?&#%'
    await store_listing(database, "2026-03-02", feed_record("2603.00001", paper__authors=by(odd)))
    (link,) = [one for one in Page(await pages.get("/papers/2603.00001")).links() if "/authors/" in one]
    answer = await pages.get(link)
    assert papers(answer) == ["2603.00001"]
    assert "<d>" not in answer.text
