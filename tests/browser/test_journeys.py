"""What readers do, from the first page to the last, in every way that they may do it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from support.browser import DESK, PHONE, Opener, click_through

pytestmark = pytest.mark.browser
WAYS: dict[str, tuple[ViewportSize, dict[str, Any]]] = {
    "desk": (DESK, {}),
    "phone": (PHONE, {"has_touch": True}),
    "without scripts": (DESK, {"java_script_enabled": False}),
    "phone without scripts": (PHONE, {"java_script_enabled": False}),
    "dark": (DESK, {"color_scheme": "dark"}),
}


@pytest.fixture(params=[*WAYS.values()], ids=[*WAYS])
def opened(request: pytest.FixtureRequest, open_page: Opener) -> Callable[[str], Page]:
    viewport, options = request.param
    return lambda address: open_page(address, viewport, **options)


def test_browse_open_a_paper_and_one_like_it(opened: Callable[[str], Page], odd_site: str) -> None:
    page = opened(f"{odd_site}/papers")
    entry = page.locator(".paper").filter(has_text="Barrier")
    entry.locator("summary").click()
    expect(entry.get_by_text("Here the third paragraph ends.")).to_be_visible()
    click_through(entry.get_by_role("link", name="Barrier"))
    assert page.url.endswith("/papers/2603.00104")
    page.get_by_text("Cite", exact=True).click()
    expect(page.get_by_role("region", name="BibTeX")).to_be_visible()
    alike = page.locator(".similar li a").first
    title = alike.inner_text()
    click_through(alike)
    assert page.locator("h1").inner_text() == title


def test_search_narrow_the_search_and_find_nothing(opened: Callable[[str], Page], site: str) -> None:
    page = opened(f"{site}/papers")
    page.get_by_label("Search for papers").fill("patient gradients")
    click_through(page.get_by_role("button", name="Search"))
    found = page.locator("h1").inner_text()
    assert found.endswith("results for “patient gradients”")
    page.get_by_text("Narrow the search").click()
    page.get_by_label("with", exact=False).last.select_option("25")
    click_through(page.get_by_role("button", name="Narrow"))
    narrowed = page.locator("h1").inner_text()
    assert int(narrowed.split()[0]) < int(found.split()[0])
    votes = page.locator(".paper .votes b").all_text_contents()
    assert votes
    assert all(int(number) >= 25 for number in votes)
    page.get_by_label("from").fill("2026-03-07")
    click_through(page.get_by_role("button", name="Narrow"))
    assert page.locator("h1").inner_text() == "No results for “patient gradients”"
    click_through(page.get_by_role("link", name="Search all papers for this"))
    assert page.locator("h1").inner_text() == found


def test_an_id_leads_straight_to_its_paper(opened: Callable[[str], Page], site: str) -> None:
    page = opened(f"{site}/papers/trending")
    page.get_by_label("Search for papers").fill("https://arxiv.org/abs/2603.00001v2")
    page.keyboard.press("Enter")
    page.wait_for_url("**/papers/2603.00001")


def test_through_the_editions_and_back(opened: Callable[[str], Page], site: str) -> None:
    page = opened(f"{site}/papers")
    heading = page.locator("h1").inner_text()
    click_through(page.get_by_role("link", name="Previous:"))
    click_through(page.get_by_role("link", name="Next:"))
    assert page.locator("h1").inner_text() == heading
    click_through(page.get_by_role("link", name="Week"))
    click_through(page.get_by_role("link", name="Month"))
    assert page.locator("h1").inner_text().startswith("March")


def test_from_an_error_the_rest_of_the_house_is_near(opened: Callable[[str], Page], site: str) -> None:
    page = opened(f"{site}/papers/2699.99999")
    assert page.locator("h1").inner_text() == "Not found"
    click_through(page.get_by_role("link", name="Read the latest papers"))
    assert page.locator(".paper").count() > 0
