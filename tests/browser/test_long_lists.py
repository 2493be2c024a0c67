"""Long lists are laid out as they are read, and nobody notices. What happens without a connection."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from paperround.database import Database, utc_now

from support.browser import PHONE, Opener
from support.people import Person, add_person
from support.sites import Site, running_filled_site
from support.topic_corpus import add_three_subjects

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def long_list(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Sixty papers, listed today."""
    with running_filled_site(server, tmp_path_factory.mktemp("long"), _listed_today) as site:
        yield site


async def _listed_today(database: Database) -> None:
    await add_three_subjects(database, day=utc_now().date().isoformat())


def rendered(page: Page) -> int:
    """How many entries the browser has laid out so far."""
    seen = "list => list.filter(title => title.checkVisibility({contentVisibilityAuto: true})).length"
    return int(page.locator(".paper h2").evaluate_all(seen))


def test_what_is_below_the_screen_waits_and_is_found_all_the_same(open_page: Opener, long_list: Site) -> None:
    page = open_page(f"{long_list.address}/papers", PHONE)
    entries = page.locator(".paper")
    assert 0 < rendered(page) < entries.count() * 2 / 3

    last = entries.last
    assert page.evaluate("text => find(text)", last.locator("h2").text_content())
    expect(last).to_be_in_viewport()


def test_an_address_leads_to_a_paper_far_below(open_page: Opener, long_list: Site) -> None:
    page = open_page(f"{long_list.address}/papers", PHONE)
    place = page.locator(".paper").nth(25).get_attribute("id")
    page.goto(f"{long_list.address}/about")
    page.goto(f"{long_list.address}/papers#{place}")

    expect(page.locator(f"[id='{place}']")).to_be_in_viewport()


def test_keys_walk_through_all_of_a_long_list(open_page: Opener, long_list: Site) -> None:
    page = open_page(f"{long_list.address}/papers")
    entries = page.locator(".paper")
    for number in range(entries.count()):
        page.keyboard.press("j")
        expect(entries.nth(number).locator("h2 a")).to_be_focused()
        expect(entries.nth(number)).to_be_in_viewport()


def test_all_of_a_long_list_is_printed(open_page: Opener, long_list: Site) -> None:
    page = open_page(f"{long_list.address}/papers")
    page.emulate_media(media="print")
    assert rendered(page) == page.locator(".paper").count()


def test_without_a_connection_one_stays_and_is_told(browser: Browser, long_list: Site) -> None:
    found: list[Person] = []

    async def signed_in(database: Database) -> None:
        found.append(await add_person(database, "offline@example.org"))

    long_list.run_with_database(signed_in)
    context = browser.new_context(viewport=PHONE)
    cookies = found[0].cookies.items()
    context.add_cookies([{"name": name, "value": value, "url": long_list.address} for name, value in cookies])
    page = context.new_page()
    page.goto(f"{long_list.address}/papers")
    first = page.locator(".paper").first

    context.set_offline(True)
    for _ in range(2):
        first.get_by_role("button", name="Save", exact=True).click()
        expect(first.get_by_role("alert")).to_contain_text("This didn’t get through")
    assert page.url.endswith("/papers")

    context.set_offline(False)
    first.get_by_role("button", name="Save", exact=True).click()
    expect(first.get_by_role("button", name="Saved")).to_be_focused()
    expect(first.get_by_role("alert")).to_have_count(0)
    context.close()
