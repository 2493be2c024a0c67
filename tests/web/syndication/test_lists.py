"""Feeds for feed readers: valid, complete, stable, cheap to ask for again, and found from the pages."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import feedparser
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.database import Database
from paperround.papers.paper_values import hash_text
from paperround.text.reading import page_budget
from paperround.web.syndication import atom, document, formats
from paperround.web.syndication.document import FeedDocument

from support.citation_records import complete_feed_record
from support.factories import build_paper, feed_record, store_listing, utc
from support.pages import HOSTILE, Page, opened

ATOM = "{http://www.w3.org/2005/Atom}"
FEEDS = ["/feeds/daily", "/feeds/trending", "/feeds/search"]
ASKED = "?q=patient+gradients"


@pytest.fixture
async def pages(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(database_url) as client:
        yield client


def parsed(answer: httpx.Response) -> feedparser.FeedParserDict:
    assert answer.status_code == 200, answer.text
    found = feedparser.parse(
        answer.content, response_headers={"content-type": answer.headers["Content-Type"]}
    )
    assert not found.bozo, found.get("bozo_exception")
    return found


async def two_days(database: Database) -> None:
    await store_listing(
        database,
        "2026-03-06",
        complete_feed_record("2603.00001", paper__upvotes=41),
        feed_record("2603.00002"),
    )
    await store_listing(database, "2026-03-09", feed_record("2603.00003", paper__upvotes=9))


@pytest.mark.parametrize("address", FEEDS)
async def test_a_feed_reader_understands_every_feed(
    pages: httpx.AsyncClient, database: Database, address: str
) -> None:
    await two_days(database)
    answer = await pages.get(f"{address}.atom{ASKED}")
    feed = parsed(answer)

    assert answer.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    assert feed.version == "atom10"
    assert {entry.link for entry in feed.entries} == {
        f"http://127.0.0.1:8000/papers/2603.0000{number}" for number in (1, 2, 3)
    }


async def test_the_daily_feed_has_the_newest_day_first_then_by_votes(
    pages: httpx.AsyncClient, database: Database
) -> None:
    await two_days(database)
    feed = parsed(await pages.get("/feeds/daily.atom"))

    assert [entry.id[-5:] for entry in feed.entries] == ["00003", "00001", "00002"]
    assert feed.feed.link == "http://127.0.0.1:8000/papers"


async def test_an_entry_tells_of_its_paper_but_not_of_hidden_authors(
    pages: httpx.AsyncClient, database: Database
) -> None:
    await two_days(database)
    entry = next(e for e in parsed(await pages.get("/feeds/daily.atom")).entries if e.id.endswith("00001"))

    assert entry.title == "Patient Gradients, Part 2603.00001"
    assert entry.summary.startswith("AI summary: Gradients come to those who wait.\n\nWe wait for gradients")
    assert [author.name for author in entry.authors] == ["Ada Lindqvist", "Benedikt Åström"]
    assert [tag.term for tag in entry.tags] == ["gradients", "patience"]
    assert entry.published == "2026-03-06T00:00:00+00:00"


@pytest.mark.parametrize("address", FEEDS)
async def test_an_atom_feed_has_what_the_rfc_requires(
    pages: httpx.AsyncClient, database: Database, address: str
) -> None:
    await two_days(database)
    root = ElementTree.fromstring((await pages.get(f"{address}.atom{ASKED}")).content)

    for element in (root, *root.iter(f"{ATOM}entry")):
        for name in ("id", "title", "updated"):
            (found,) = element.findall(f"{ATOM}{name}")
            assert found.text
        assert datetime.fromisoformat(element.findtext(f"{ATOM}updated") or "").tzinfo
        links = [link.get("rel", "alternate") for link in element.findall(f"{ATOM}link")]
        assert links.count("alternate") == 1
        assert element.findall(f"{ATOM}author")
    assert root.find(f"{ATOM}link[@rel='self']").get("href").startswith("http://127.0.0.1:8000" + address)
    ids = [entry.findtext(f"{ATOM}id") for entry in root.iter(f"{ATOM}entry")]
    assert len(ids) == len(set(ids)) == 3


@pytest.mark.parametrize("address", FEEDS)
async def test_a_json_feed_has_what_its_version_requires(
    pages: httpx.AsyncClient, database: Database, address: str
) -> None:
    await two_days(database)
    answer = await pages.get(f"{address}.json{ASKED}")
    told = answer.json()

    assert answer.headers["Content-Type"] == "application/feed+json; charset=utf-8"
    assert told["version"] == "https://jsonfeed.org/version/1.1"
    assert told["feed_url"].startswith(f"http://127.0.0.1:8000{address}.json")
    assert told["title"]
    assert len({one["id"] for one in told["items"]}) == 3
    for one in told["items"]:
        assert isinstance(one["id"], str)
        assert one["url"].startswith("http://127.0.0.1:8000/papers/")
        assert one["content_text"]
        assert datetime.fromisoformat(one["date_published"]).tzinfo
        assert all(author["name"] for author in one["authors"])


async def test_a_search_s_feed_has_what_matches_and_is_new(database: Database, database_url: str) -> None:
    await store_listing(
        database, "2026-01-05", feed_record("2601.00001", title="Old Tides", paper__title="Old Tides")
    )
    await store_listing(
        database, "2026-03-02", feed_record("2603.00001", title="New Tides", paper__title="New Tides")
    )
    await store_listing(database, "2026-03-02", feed_record("2603.00002"))
    async with opened(database_url, now="2026-03-10 12:00") as client:
        feed = parsed(await client.get("/feeds/search.atom?q=tides&has_code=false"))

    assert [entry.title for entry in feed.entries] == ["New Tides"]
    assert feed.feed.title == "Paperround: tides"
    assert feed.feed.link == "http://127.0.0.1:8000/papers?q=tides&has_code=false"


@pytest.mark.parametrize("asked", ["atom", "json?q=", "atom?q=%20"])
async def test_a_search_for_nothing_is_refused_in_words(pages: httpx.AsyncClient, asked: str) -> None:
    answer = await pages.get(f"/feeds/search.{asked}")

    assert answer.status_code == 400
    assert "Say what to look for" in answer.json()["detail"]


@pytest.mark.parametrize("form", ["atom", "json"])
async def test_a_feed_that_has_not_changed_is_not_sent_again(
    pages: httpx.AsyncClient, database: Database, form: str
) -> None:
    await two_days(database)
    first = await pages.get(f"/feeds/daily.{form}")
    mark, time = first.headers["ETag"], first.headers["Last-Modified"]

    for headers in ({"If-None-Match": mark}, {"If-None-Match": f'"x", {mark}'}, {"If-Modified-Since": time}):
        again = await pages.get(f"/feeds/daily.{form}", headers=headers)
        assert (again.status_code, again.content) == (304, b""), headers
        assert again.headers["ETag"] == mark
    wrong = {"If-None-Match": '"other"', "If-Modified-Since": time}
    assert (await pages.get(f"/feeds/daily.{form}", headers=wrong)).status_code == 200
    assert (await pages.get(f"/feeds/daily.{form}", headers={"If-Modified-Since": "soon"})).status_code == 200


async def test_a_new_paper_changes_the_feed_and_a_new_vote_does_not(
    pages: httpx.AsyncClient, database: Database
) -> None:
    await two_days(database)
    first = (await pages.get("/feeds/daily.atom")).headers["ETag"]
    await store_listing(
        database, "2026-03-09", feed_record("2603.00003", paper__upvotes=10), seen_at=utc("2026-03-09 13:00")
    )
    voted = (await pages.get("/feeds/daily.atom")).headers["ETag"]
    await store_listing(database, "2026-03-09", feed_record("2603.00004"), seen_at=utc("2026-03-09 14:00"))
    grown = (await pages.get("/feeds/daily.atom")).headers["ETag"]

    assert first == voted != grown


async def test_a_feed_without_papers_is_a_feed(pages: httpx.AsyncClient) -> None:
    for address in FEEDS:
        assert parsed(await pages.get(f"{address}.atom{ASKED}")).entries == []
        assert (await pages.get(f"{address}.json{ASKED}")).json()["items"] == []


async def test_hostile_texts_stay_text_in_feeds(pages: httpx.AsyncClient, database: Database) -> None:
    await store_listing(database, "2026-03-02", feed_record("2603.00001", **HOSTILE))
    answer = await pages.get("/feeds/daily.atom")
    told = (await pages.get("/feeds/daily.json")).json()

    assert b"<script" not in answer.content
    assert parsed(answer).entries[0].title.startswith("Bad")
    assert "<script>" in told["items"][0]["title"]


@given(st.text(), st.text(), st.text())
def test_whatever_a_text_holds_the_feeds_can_be_read(title: str, abstract: str, name: str) -> None:
    paper = build_paper(title=title, abstract=abstract, author_names=[name], ai_keywords=[title])
    site = "http://a.example"
    feed = FeedDocument(title, f"{site}/?{abstract}", f"{site}/", site, name, [paper], {paper.id: abstract})

    root = ElementTree.fromstring(atom.write_atom(feed))
    (told,) = json.loads(json.dumps(formats.json_feed(feed)))["items"]
    (entry,) = root.iter(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}title") == told["title"]
    assert [one.text for one in entry.iterfind(f"{ATOM}author/{ATOM}name")] == [
        author["name"] for author in told.get("authors", ())
    ]
    assert [one.get("term") for one in entry.iterfind(f"{ATOM}category")] == told.get("tags", [])


def test_an_atom_feed_has_every_character_that_xml_can_write() -> None:
    text = "".join(map(chr, range(0x250))) + "\ud800\ufffe\uffff\U0001f600]]>"
    site = "http://a.example"
    feed = FeedDocument("T", f"{site}/?{text}", f"{site}/", site, "S", [build_paper()], {"2611.00001": text})

    root = ElementTree.fromstring(atom.write_atom(feed))
    controls = {*range(0x20)} - {0x9, 0xA, 0xD}
    writable = "".join(c for c in text if ord(c) not in {*controls, 0xD800, 0xFFFE, 0xFFFF})
    assert root.findtext(f"{ATOM}id") == f"{site}/?{writable}"
    assert root.findtext(f"{ATOM}entry/{ATOM}summary", "").startswith(writable)


def test_an_entry_that_is_kept_says_what_a_new_one_would() -> None:
    """Whatever changes in a paper between two requests, the second answer tells of it."""
    first = build_paper()
    changes: list[dict[str, Any]] = [
        {},
        {"upvotes": first.upvotes + 1},
        {"title": "Another Title"},
        {"abstract": "Another abstract."},
        {"ai_summary": "They came."},
        {"own_summary": "They came late."},
        {"withdrawn_on_arxiv": True},
        {"listed_on": first.listed_on + timedelta(days=1)},
        {"revised_at": first.published_at + timedelta(days=3)},
        {"author_names": ["Cyn Doe"]},
        {"categories": ["cs.CL"]},
        {"ai_keywords": ["tides"]},
    ]
    for change in changes:
        told = build_paper(**change)
        text_hash = hash_text(told.title, told.abstract)
        paper = told._replace(text_hash=text_hash, read_hash=text_hash)
        shown = document.read_entry(paper, page_budget())
        again = document.read_entry(paper, page_budget())
        assert shown == document._build_entry(paper, page_budget()), change
        assert again is shown, "it was kept"


@pytest.mark.parametrize(
    ("page", "feed"),
    [
        ("/papers", "/feeds/daily"),
        ("/papers/trending", "/feeds/trending"),
        ("/papers?q=patient", "/feeds/search"),
    ],
)
async def test_a_page_names_its_feeds(
    pages: httpx.AsyncClient, database: Database, page: str, feed: str
) -> None:
    await two_days(database)
    links = {
        attrs["type"]: attrs["href"]
        for tag, attrs in Page(await pages.get(page)).elements
        if tag == "link" and attrs.get("rel") == "alternate"
    }
    query = page.partition("/papers")[2].replace("/trending", "")

    assert links["application/atom+xml"] == f"{feed}.atom{query}"
    assert links["application/feed+json"] == f"{feed}.json{query}"
    assert (await pages.get(links["application/atom+xml"])).status_code == 200


async def test_a_search_s_feeds_are_narrowed_as_it_is_and_begin_at_its_beginning(
    pages: httpx.AsyncClient, database: Database
) -> None:
    await two_days(database)
    page = Page(await pages.get("/papers?q=patient&feed=readers&min_upvotes=8&after=2"))
    feeds = [attrs for tag, attrs in page.elements if tag == "link" and attrs.get("rel") == "alternate"]

    assert {feed["title"] for feed in feeds} == {"Search: patient"}
    for feed in feeds:
        assert feed["href"].endswith("?q=patient&feed=readers&min_upvotes=8")
    assert "/api/v1/search?q=patient&feed=readers&min_upvotes=8" in page.links()
    assert parsed(await pages.get(feeds[0]["href"])).entries == []
    everything = feeds[0]["href"].replace("feed=readers", "feed=huggingface")
    assert len(parsed(await pages.get(everything)).entries) == 2
