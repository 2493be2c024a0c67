"""How many papers a screen shows, as a reader chooses, with scripts and without."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from paperround.database import Database
from paperround.settings import Settings

from support.browser import DESK, PHONE, SMALL, Opener, faults_everywhere
from support.databases import new_database
from support.factories import feed_record, store_listing
from support.sites import run_in_thread, running_site

pytestmark = pytest.mark.browser

# Papers that end on the first screen, and where the first title stands.
WHOLE = """() => [...document.querySelectorAll('.paper')]
  .filter((paper) => paper.getBoundingClientRect().bottom <= innerHeight).length"""
FIRST = "document.querySelector('.paper h2').getBoundingClientRect().top"
LINES = """() => new Set([...document.querySelector('.paper .facts').children]
  .filter((part) => part.checkVisibility())
  .map((part) => Math.round(part.getBoundingClientRect().bottom / 8))).size"""
NARROW: ViewportSize = {"width": 320, "height": 700}
DAY, MONTH = "/papers/date/2026-03-04", "/papers/month/2026-03"
SUMMARY = (
    "Patient optimizers wait for rare gradients and reach the same accuracy with a third of the steps that "
    "others take."
)


@pytest.fixture(scope="module")
def usual_site(server: str) -> Iterator[str]:
    """A site with thirty papers as long as real ones."""
    with new_database(server) as url:
        run_in_thread(lambda: _fill(url))
        with running_site(Settings(_env_file=None), url) as address:
            yield address


async def _fill(url: str) -> None:
    async with Database(url) as database:
        records = [
            feed_record(
                f"2603.{number:05}",
                title=f"Patience {number}: Waiting for Rare Gradients in Large Networks",
                paper__title=f"Patience {number}: Waiting for Rare Gradients in Large Networks",
                paper__ai_summary=SUMMARY,
                organization={
                    "name": "lab",
                    "fullname": "The Institute for Patient Optimization of Networks",
                },
                paper__githubRepo="https://github.com/paperround-sample/patience",
                paper__projectPage="https://example.org/patience",
                paper__upvotes=400 - number,
            )
            for number in range(1, 31)
        ]
        await store_listing(database, "2026-03-04", *records)


def choose(page: Page, density: str) -> None:
    page.locator(".view summary").click()
    page.get_by_label(density).check()
    page.locator(".view summary").click()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_a_screen_shows_as_many_papers_as_a_reader_wants(
    open_page: Opener, usual_site: str, scripts: bool
) -> None:
    page = open_page(usual_site + DAY, java_script_enabled=scripts)
    for density, papers in (("Comfortable", 5), ("Compact", 9), ("Headlines", 20)):
        choose(page, density)
        assert page.locator(".paper").first.is_visible()
        assert page.evaluate(WHOLE) >= papers, density
        assert page.evaluate("document.documentElement.scrollWidth") == DESK["width"]


def test_the_choice_stays_in_this_browser_without_an_account(open_page: Opener, usual_site: str) -> None:
    page = open_page(usual_site + DAY)
    choose(page, "Headlines")
    for path in ("/papers/trending", MONTH):
        page.goto(usual_site + path)
        assert page.evaluate(WHOLE) >= 20, path
        expect(page.get_by_label("Headlines")).to_be_checked()
        assert page.context.cookies() == [], "nobody's answer differs"
    page.locator(".paper h2 a").first.focus()
    page.keyboard.press("o")
    expect(page.get_by_text("We wait for gradients").first).to_be_visible()


@pytest.mark.parametrize("density", ["Comfortable", "Compact", "Headlines"])
def test_each_density_fits_phones_and_axe_finds_nothing(
    open_page: Opener, usual_site: str, density: str
) -> None:
    page = open_page(usual_site + DAY, PHONE, has_touch=True, reduced_motion="reduce")
    assert page.evaluate(FIRST) <= 260
    choose(page, density)
    assert page.evaluate(FIRST) <= 260
    assert page.evaluate(SMALL) == []
    assert density == "Headlines" or page.evaluate(LINES) == 1
    for viewport in (NARROW, PHONE):
        page.set_viewport_size(viewport)
        assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]
    assert faults_everywhere(page) == []


def test_the_first_title_of_every_list_is_near_the_top_of_a_phone(open_page: Opener, usual_site: str) -> None:
    page = open_page(f"{usual_site}/papers/trending", PHONE)
    for path in ("/papers/trending", MONTH, "/papers/week/2026-W10", "/papers"):
        page.goto(usual_site + path)
        assert page.evaluate(FIRST) <= 260, path


def test_subscribing_is_offered_behind_the_third_paper(open_page: Opener, usual_site: str) -> None:
    page = open_page(usual_site + DAY)
    assert page.locator(".papers > li").nth(3).get_by_role("button", name="Subscribe").is_visible()
    assert page.get_by_role("form", name="Subscribe").count() == 1
    assert "Published 1 Mar" in page.locator(".paper .facts").first.inner_text()
    page.goto(usual_site + MONTH)
    facts = page.locator(".paper .facts").first.inner_text()
    assert "Published 1 Mar" in facts
    assert "Listed" in facts
