"""axe-core on every page, by day and by night; zoom, motion, the order of reading."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from paperround.database import Database, utc_now
from paperround.digests import channels
from paperround.digests.subscriptions import SubscriptionPreferences
from paperround.library import reading_list
from paperround.settings import Settings
from paperround.topics import corpus, judging, ratings, reader_topics
from paperround.topics.drafts import TopicDraft

from support.browser import DESK, ODD, PHONE, SMALL, Opener, faults, faults_everywhere
from support.channels import build_draft
from support.databases import new_database
from support.factories import store_listing
from support.people import Person, add_person
from support.sites import run_in_thread, running_site

pytestmark = pytest.mark.browser

PAGES = [
    ("odd_site", "/papers/date/2026-03-04"),
    ("odd_site", "/papers/2603.00101"),
    ("odd_site", "/papers/2603.00104"),
    ("odd_site", "/organizations/long"),
    ("odd_site", "/authors/Author Numbered 7"),
    ("odd_site", "/map"),
    ("site", "/papers/date/1999-01-01"),
    ("site", "/papers/month/2026-03"),
    ("site", "/papers/trending"),
    ("site", "/papers/trending/month/2026-03"),
    ("site", "/papers?q=patient&min_upvotes=5"),
    ("site", "/papers?q=nowhere-to-be-found"),
    ("site", "/about"),
    ("site", "/status"),
    ("site", "/docs"),
    ("site", "/sign-in"),
    ("site", "/papers/2699.99999"),
]


@pytest.fixture(params=PAGES, ids=lambda page: f"{page[0]}{page[1]}")
def address(request: pytest.FixtureRequest) -> str:
    site, path = request.param
    return f"{request.getfixturevalue(site)}{path}"


def test_axe_finds_nothing(open_page: Opener, address: str) -> None:
    page = open_page(address, reduced_motion="reduce")
    assert faults_everywhere(page) == []


def test_axe_finds_nothing_in_what_opens(open_page: Opener, odd_site: str) -> None:
    page = open_page(f"{odd_site}/papers/2603.00101")
    page.locator("details").evaluate_all("(all) => all.forEach((one) => { one.open = true })")
    assert faults(page) == []
    page.goto(f"{odd_site}/papers/date/2026-03-04")
    page.locator("details").evaluate_all("(all) => all.forEach((one) => { one.open = true })")
    assert faults(page) == []
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    assert faults(page) == []


def test_at_twice_the_size_nothing_is_cut_off(open_page: Opener, address: str) -> None:
    """Zooming to 200% on a screen of 1280 px leaves 640 px of the page's own."""
    page = open_page(address, {"width": 640, "height": 450})
    assert page.evaluate("document.documentElement.scrollWidth") == 640
    clipped = """() => [...document.querySelectorAll('h1, h2, .facts, .by, nav a, button')]
      .filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1)
      .map((e) => e.outerHTML)"""
    assert page.evaluate(clipped) == []


def test_a_reader_hears_the_title_then_who_then_the_abstract_then_votes(
    open_page: Opener, odd_site: str
) -> None:
    page = open_page(f"{odd_site}/papers/date/2026-03-04")
    heard = page.locator(".paper").first.aria_snapshot()
    places = [heard.index(words) for words in ("A Title That", "Author Numbered 0", "We wait for", "votes")]
    assert places == sorted(places)


OWN = [
    "/papers/date/2026-03-04", "/papers/2603.00101", "/topics", "/topics/1?days=7", "/topics/1/edit",
    "/judge", "/saved", "/submit", "/settings", "/settings/leave", "/channels", "/channels/1", "/nowhere",
]  # fmt: skip


@pytest.fixture
def signed_in_page(open_page: Opener, server: str) -> Iterator[Callable[[str], Page]]:
    """Opens a page on a phone as Ada sees it, who is signed in."""
    with new_database(server) as url, running_site(Settings(_env_file=None, judging=True), url) as address:
        found: list[Person] = []
        run_in_thread(lambda: _ada(url, found))
        page = open_page(f"{address}/about", PHONE, has_touch=True, reduced_motion="reduce")
        page.context.add_cookies(
            [{"name": name, "value": value, "url": address} for name, value in found[0].cookies.items()]
        )

        def opened(path: str) -> Page:
            page.set_viewport_size(PHONE)
            page.goto(address + path)
            return page

        yield opened
        page.close()


async def _ada(url: str, found: list[Person]) -> None:
    async with Database(url) as database:
        await store_listing(database, "2026-03-04", *ODD)
        found.append(await add_person(database))
        await corpus.measure_if_grown(database, now=utc_now())
        async with database.write_session() as session:
            for words in ("waiting for gradients with patience", "barriers"):
                topic = await reader_topics.create_topic(
                    session, found[0].id, TopicDraft(words=words), now=utc_now()
                )
            await ratings.rate_paper(session, topic, "2603.00104", 1, now=utc_now())
            for paper_id in ("2603.00101", "2603.00103"):
                await reading_list.save_paper(session, found[0].id, paper_id, now=utc_now())
            await reading_list.set_note(session, found[0].id, "2603.00101", "On the train.")
            draft = build_draft("slack://T0/B0/secret")
            channel = await channels.add(
                session,
                draft,
                "Our lab",
                SubscriptionPreferences(),
                reader_id=found[0].id,
                now=utc_now(),
            )
            assert channel.id == 1
            await judging.judge(session, found[0].id, topic, "2603.00105", 1, now=utc_now())


def test_axe_finds_nothing_on_a_reader_s_own_pages(signed_in_page: Callable[[str], Page]) -> None:
    for path in OWN:
        page = signed_in_page(path)
        assert page.get_by_role("link", name="Settings").count() == 1, "signed in"
        assert page.evaluate(SMALL) == [], path
        for viewport in (DESK, PHONE):
            page.set_viewport_size(viewport)
            assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"], path
        if path == "/judge":
            assert page.get_by_role("button", name="Partly").count() >= 2, "there is something to judge"
        assert faults_everywhere(page) == [], path
