"""Records whose links and texts are not what they should be, as the hub's JSON and Markdown show them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from markdown_it import MarkdownIt

from paperround.database import Database
from paperround.settings import Settings

from support.citation_records import hub_account
from support.databases import new_database
from support.factories import feed_record, store_listing
from support.sites import running_site

ODD = 'https://example.org/ab/é?q=<x>&y=%20%zz#"`'
ENCODED = "https://example.org/ab/%C3%A9?q=%3Cx%3E&y=%20%25zz#%22%60"
TITLE = r"A *bold* [claim](https://evil.example) <img src=x> of $\sqrt{n}$ &amp; #"


def odd_record() -> dict[str, Any]:
    """A paper with links that no standard allows, and texts full of markup."""
    person = {**hub_account("eve"), "avatarUrl": ODD}
    return feed_record(
        "2603.00001",
        title=TITLE,
        paper__title=TITLE,
        paper__summary="# No heading, 2 < 3 and snake_case\n\n- no list\n\n1. none either\n\n===",
        paper__authors=[{"name": "Eve _Under_ `Line`", "user": person}],
        paper__githubRepo=ODD,
        paper__projectPage=ODD,
        thumbnail=ODD,
        paper__mediaUrls=[ODD, "https://example.org/[x].png"],
        paper__organization={"name": "odd", "fullname": "Odd", "avatar": ODD},
        submittedBy=person,
    )


@pytest.fixture(scope="module")
def hub(server: str) -> Iterator[str]:
    async def fill(url: str) -> None:
        async with Database(url) as database:
            await store_listing(database, "2026-03-02", odd_record())

    with new_database(server) as url:
        asyncio.run(fill(url))
        with running_site(Settings(_env_file=None), url) as address:
            yield address


def test_links_are_addresses_by_the_standard_however_the_feed_wrote_them(hub: str) -> None:
    record = httpx.get(f"{hub}/api/papers/2603.00001").json()
    ours = httpx.get(f"{hub}/api/v1/papers/2603.00001").json()
    people = [record["authors"][0]["user"], record["submittedBy"]]

    assert record["githubRepo"] == record["projectPage"] == record["thumbnail"] == ENCODED
    assert record["mediaUrls"] == ours["media_urls"] == [ENCODED, "https://example.org/%5Bx%5D.png"]
    assert {person["avatarUrl"] for person in people} == {ENCODED}
    assert record["organization"]["avatar"] == ENCODED
    assert ours["github_url"] == ours["project_url"] == ours["thumbnail_url"] == ENCODED
    assert f"- <{ENCODED}>" in httpx.get(f"{hub}/papers/2603.00001.md").text
    assert ODD not in httpx.get(f"{hub}/api/daily_papers").text


def test_markdown_shows_titles_names_and_texts_and_nothing_that_they_mark_up(hub: str) -> None:
    shown = MarkdownIt("commonmark").render(httpx.get(f"{hub}/papers/2603.00001.md").text)

    assert (
        "<h1>A *bold* [claim](https://evil.example) &lt;img src=x&gt; of √(n) &amp;amp; #</h1>"
        in shown.replace("√n", "√(n)")
    )
    assert "<p>Eve _Under_ `Line`</p>" in shown
    assert "<p># No heading, 2 &lt; 3 and snake_case</p>" in shown
    assert "<p>- no list</p>\n<p>1. none either</p>\n<p>===</p>" in shown
    assert shown.count("<h") == 2
