"""The page of an organization."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from paperround.database import Database

from support.factories import feed_record, store_listing

RIVERS = {"_id": "o1", "name": "open-rivers-lab", "fullname": "Open Rivers Lab"}
ODD = {"_id": "o2", "name": 'a/b "c" <d>?', "fullname": "<b>Odd</b>"}
PAGE = "/organizations/open-rivers-lab"


def of(organization: Any, number: Any, **changes: Any) -> Any:
    published = f"2026-02-{number % 28 + 1:02}T12:00:00.000Z"
    told = {"paper__organization": organization, "paper__publishedAt": published, "publishedAt": published}
    return feed_record(f"2603.{number:05}", paper__upvotes=number % 7, **(told | changes))


def papers(answer: Any) -> Any:
    assert answer.status_code == 200
    return re.findall(r'<h2[^>]*><a href="/papers/([^"]+)"', answer.text)


async def test_an_organization_has_its_papers_and_no_others(web: httpx.Client, database: Database) -> None:
    await store_listing(
        database, "2026-03-02", of(RIVERS, 1), of(RIVERS, 2), of(ODD, 3), feed_record("2603.00009")
    )
    answer = web.get(PAGE)

    assert papers(answer) == ["2603.00002", "2603.00001"]
    assert "2 papers since February 2026, with 3 votes." in answer.text
    assert '<h1 dir="auto">Open Rivers Lab</h1>' in answer.text
    assert 'href="https://huggingface.co/open-rivers-lab"' in answer.text
    assert "Ada Lindqvist" in answer.text


@pytest.mark.parametrize("order", ["newest", "votes"])
async def test_a_long_list_goes_on_in_its_order_to_its_end(
    web: httpx.Client, database: Database, order: str
) -> None:
    await store_listing(database, "2026-03-02", *(of(RIVERS, number) for number in range(120)))
    address, found = f"{PAGE}?order={order}", []
    while address:
        answer = web.get(address)
        found += papers(answer)
        link = re.search(r'class="button" href="([^"]+)"', answer.text)
        address = link[1].replace("&amp;", "&") if link else None

    keys = {"newest": lambda number: number % 28, "votes": lambda number: number % 7}
    numbers = [int(paper_id[5:]) for paper_id in found]
    assert numbers == sorted(range(120), key=lambda number: (-keys[order](number), number))


async def test_entries_and_papers_lead_to_their_organization(web: httpx.Client, database: Database) -> None:
    await store_listing(database, "2026-03-02", of(RIVERS, 1))

    for address in ["/papers", "/papers/trending", "/papers/2603.00001"]:
        assert f'<a href="{PAGE}"><bdi>Open Rivers Lab</bdi></a>' in web.get(address).text


async def test_whatever_a_name_is_its_link_leads_to_its_page_and_it_stays_text(
    web: httpx.Client, database: Database
) -> None:
    await store_listing(database, "2026-03-02", of(ODD, 1))
    link = re.search(r'href="(/organizations/[^"]+)"', web.get("/papers").text)
    assert link
    answer = web.get(link[1])

    assert papers(answer) == ["2603.00001"]
    assert "&lt;b&gt;Odd&lt;/b&gt;" in answer.text
    assert "<d>" not in answer.text
    assert "<b>Odd" not in answer.text


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/organizations/nobody", 404),
        ("/organizations/", 308),
        ("/organizations/%00", 400),
        (f"/organizations/{'x' * 501}", 400),
        (f"{PAGE}?after=nonsense", 400),
    ],
)
async def test_what_can_not_be_shown_says_why(
    web: httpx.Client, database: Database, address: str, status: int
) -> None:
    await store_listing(database, "2026-03-02", of(RIVERS, 1))

    assert web.get(address).status_code == status


async def test_a_cursor_of_the_other_order_is_refused(web: httpx.Client, database: Database) -> None:
    await store_listing(database, "2026-03-02", *(of(RIVERS, number) for number in range(60)))
    link = re.search(r'class="button" href="[^"]*after=([^"]+)"', web.get(PAGE).text)

    assert link
    assert web.get(f"{PAGE}?order=votes&after={link[1]}").status_code == 400
