"""What readers get, in a real Chromium."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from playwright.sync_api import Page, expect

from support.browser import DESK, FAINT, HEADINGS, PHONE, SMALL, Opener, click_through

pytestmark = pytest.mark.browser

USUAL = [
    "/papers",
    "/papers/date/2026-03-03",
    "/papers/date/1999-01-01",
    "/papers/week/2026-W10",
    "/papers/month/2026-03",
    "/papers/trending",
    "/papers/2603.00001",
    "/status",
    "/docs",
    "/about",
    "/papers/2699.99999",
]
ODD = [
    "/papers/date/2026-03-04",
    "/organizations/long",
    *(f"/papers/2603.0010{number}" for number in range(1, 6)),
]
PAGES = [("site", path) for path in USUAL] + [("odd_site", path) for path in ODD]


@pytest.fixture(params=PAGES, ids=lambda page: f"{page[0]}{page[1]}")
def address(request: pytest.FixtureRequest) -> str:
    site, path = request.param
    return f"{request.getfixturevalue(site)}{path}"


# How much of the page moved by itself until its second frame from now.
SHIFT = """() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
  const watch = new PerformanceObserver(() => {});
  watch.observe({type: 'layout-shift', buffered: true});
  done(watch.takeRecords().reduce((moved, entry) => moved + entry.value, 0));
})))"""


def test_a_page_has_one_heading_landmarks_and_nothing_inline(open_page: Opener, address: str) -> None:
    page = open_page(address)
    levels = page.evaluate(HEADINGS)
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for landmark in ("banner", "main", "contentinfo"):
        assert page.get_by_role(landmark).count() == 1, landmark
    assert page.get_by_role("navigation", name="Main").count() == 1
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("[style], style, script:not([src], [type='application/ld+json'])").count() == 0
    assert page.title().endswith(" · Paperround")


def test_a_page_fits_a_phone_and_a_thumb(open_page: Opener, address: str) -> None:
    page = open_page(address, PHONE, has_touch=True)
    assert page.evaluate(SMALL) == []
    for width in (390, 320):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_text_stands_out_by_day_and_by_night(open_page: Opener, address: str) -> None:
    page = open_page(address, reduced_motion="reduce")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(FAINT) == [], scheme


def test_dark_is_dark(open_page: Opener, site: str) -> None:
    shades = [
        open_page(f"{site}/papers", color_scheme=scheme).evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        for scheme in ("light", "dark")
    ]
    assert shades == ["rgb(251, 250, 246)", "rgb(22, 21, 18)"]


def test_a_reader_chooses_the_colours_and_they_stay(open_page: Opener, site: str) -> None:
    page = open_page(f"{site}/papers", color_scheme="light")
    body = page.locator("body")
    page.get_by_label("Dark").check(force=True)
    expect(body).to_have_css("background-color", "rgb(22, 21, 18)")
    page.goto(f"{site}/papers/trending")
    expect(body).to_have_css("background-color", "rgb(22, 21, 18)")
    expect(page.get_by_label("Dark")).to_be_checked()
    page.get_by_label("System").check(force=True)
    expect(body).to_have_css("background-color", "rgb(251, 250, 246)")


def test_without_scripts_the_colours_are_the_systems_and_no_choice_is_shown(
    open_page: Opener, site: str
) -> None:
    page = open_page(f"{site}/papers", color_scheme="dark", java_script_enabled=False)
    assert not page.get_by_label("Dark").is_visible()
    assert not page.locator(".keys").is_visible()


def test_the_keyboard_reaches_everything_visibly(open_page: Opener, odd_site: str) -> None:
    page = open_page(f"{odd_site}/papers/date/2026-03-04")
    for step in range(14):
        page.keyboard.press("Tab")
        outline, box = page.evaluate(
            "[getComputedStyle(document.activeElement).outlineStyle,"
            " document.activeElement.getBoundingClientRect().toJSON()]"
        )
        assert outline != "none"
        assert 0 <= box["top"] < DESK["height"]
        if step == 0:
            expect(page.locator(":focus")).to_have_text("Skip to content")


def test_the_skip_link_leads_past_the_navigation(open_page: Opener, site: str) -> None:
    page = open_page(f"{site}/papers")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{site}/papers#main")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Day")


def test_an_abstract_opens_in_place_all_of_it(open_page: Opener, odd_site: str) -> None:
    page = open_page(f"{odd_site}/papers/date/2026-03-04", java_script_enabled=False)
    entry = page.locator(".paper").filter(has_text="Barrier")
    closed = entry.locator("summary").bounding_box()
    assert closed is not None
    assert closed["height"] < 70
    end = entry.get_by_text("Here the third paragraph ends.")
    expect(end).to_be_hidden()
    entry.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(end).to_be_visible()
    text = entry.locator("summary span").first
    assert text.evaluate("(e) => e.scrollHeight <= e.clientHeight + 2")


def test_formulas_are_formulas(open_page: Opener, odd_site: str) -> None:
    page = open_page(f"{odd_site}/papers/2603.00104", PHONE)
    assert page.locator("h1 math").count() == 1
    wide = page.locator("math[display=block]")
    assert wide.evaluate("(e) => e.scrollWidth > e.clientWidth && getComputedStyle(e).overflowX") == "auto"


def test_j_k_and_o_go_through_the_papers(open_page: Opener, odd_site: str) -> None:
    page = open_page(f"{odd_site}/papers/date/2026-03-04")
    titles = page.locator(".paper h2 a")
    for key, place in [("j", 0), ("j", 1), ("k", 0), ("k", 0)]:
        page.keyboard.press(key)
        expect(titles.nth(place)).to_be_focused()
    abstract = page.locator(".paper").first.locator("details")
    page.keyboard.press("o")
    expect(abstract).to_have_attribute("open", "")
    page.keyboard.press("o")
    expect(abstract).not_to_have_attribute("open", "")


def test_keys_typed_with_others_are_left_to_the_browser(open_page: Opener, site: str) -> None:
    page = open_page(f"{site}/papers")
    page.keyboard.press("Control+j")
    assert page.locator(".paper :focus").count() == 0


def test_a_slash_searches_and_a_question_mark_tells_the_keys(open_page: Opener, site: str) -> None:
    page = open_page(f"{site}/papers")
    page.keyboard.press("/")
    box = page.get_by_label("Search for papers")
    expect(box).to_be_focused()
    expect(box).to_have_value("")
    page.locator("h1").click()
    page.keyboard.press("?")
    help_ = page.get_by_role("dialog", name="Keys")
    expect(help_.get_by_text("next and previous paper")).to_be_visible()
    page.keyboard.press("Escape")
    expect(help_).to_be_hidden()


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["desk", "phone"])
def test_what_came_since_the_last_visit_is_marked_and_nothing_moves(
    open_page: Opener, odd_site: str, viewport: dict[str, int]
) -> None:
    page = open_page(f"{odd_site}/papers/date/2026-03-04", viewport)
    assert page.locator(".fresh").count() == 0
    assert not page.locator(".since").is_visible()
    seen = [int(e.get_attribute("data-seen") or 0) for e in page.locator(".paper").all()]
    last_look = (max(seen) - 3600) * 1000
    page.evaluate(f"localStorage.setItem('looked', {last_look})")
    page.reload()
    news = sum(moment * 1000 > last_look for moment in seen)
    assert page.locator(".fresh").count() == news > 0
    assert page.locator(".since").inner_text().startswith(f"{news} new since ")
    page.goto(f"{odd_site}/papers/date/2026-03-04")
    assert page.locator(".fresh").count() == news, "the same visit"
    assert page.evaluate(SHIFT) == 0


def test_selecting_words_of_an_abstract_leaves_it_open(open_page: Opener, odd_site: str) -> None:
    page = open_page(f"{odd_site}/papers/date/2026-03-04")
    summary = page.locator(".paper summary").first
    summary.click()
    box = summary.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 15)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 15)
    page.mouse.up()
    assert page.evaluate("getSelection().toString()")
    expect(page.locator(".paper details").first).to_have_attribute("open", "")


def test_a_paper_is_shared_by_a_press_and_without_scripts_by_hand(open_page: Opener, site: str) -> None:
    address = f"{site}/papers/2603.00001"
    page = open_page(address, permissions=["clipboard-read", "clipboard-write"])
    page.get_by_text("Share", exact=True).click()
    page.get_by_role("button", name="Copy as Markdown").click()
    expect(page.locator(".share [role=status]")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()").startswith(
        "[Patient Gradients, Part 2603.00001](http"
    )

    page = open_page(address, java_script_enabled=False)
    page.get_by_text("Share", exact=True).click()
    expect(page.get_by_label("Link", exact=True)).to_have_value(re.compile(r"http.*/papers/2603\.00001"))
    assert page.locator(".share button:visible").count() == 0


def find_point(page: Page, x: int, y: int) -> tuple[float, float]:
    """Find where a place of the map is on the screen; a point has no size of its own to ask for."""
    box = page.locator(".map svg").bounding_box()
    return box["x"] + x / 1000 * box["width"], box["y"] + y / 700 * box["height"]


def test_a_point_of_the_map_leads_to_its_paper_and_tells_its_title(open_page: Opener, odd_site: str) -> None:
    page = open_page(f"{odd_site}/map")
    page.mouse.move(*find_point(page, 720, 480))
    listed = page.locator('.groups a[href="/papers/2603.00104"]').text_content()
    expect(page.locator(".pointed")).to_have_text(listed)

    page = open_page(f"{odd_site}/map", java_script_enabled=False)
    page.mouse.click(*find_point(page, 720, 480))
    page.wait_for_url(f"{odd_site}/papers/2603.00104")


def test_the_list_goes_on_without_scripts(open_page: Opener, site: str) -> None:
    page = open_page(f"{site}/papers/date/2026-03-02", java_script_enabled=False)
    seen = page.locator(".paper h2").all_text_contents()
    click_through(page.get_by_role("link", name="More papers"))
    seen += page.locator(".paper h2").all_text_contents()
    assert len(seen) == len(set(seen)) == 60
    assert page.get_by_role("link", name="More papers").count() == 0
    click_through(page.get_by_role("link", name="Back to the top papers"))
    assert page.locator(".paper").count() == 30


def test_empty_days_are_skipped(open_page: Opener, site: str) -> None:
    page = open_page(f"{site}/papers")
    assert page.url.endswith("/papers")
    click_through(page.get_by_role("link", name="Previous:"))
    assert page.url.endswith("/papers/date/2026-03-03")
    click_through(page.get_by_role("link", name="Next:"))
    assert page.url.endswith("/papers/date/2026-03-06")


def test_a_day_is_chosen_without_scripts(open_page: Opener, site: str) -> None:
    page = open_page(f"{site}/papers", java_script_enabled=False)
    page.get_by_text("Calendar").click()
    page.get_by_label("Papers of").fill("2026-03-03")
    click_through(page.get_by_role("button", name="Go"))
    assert page.url.endswith("/papers/date/2026-03-03")
    assert page.locator("h1").inner_text().startswith("Tuesday, 3 March")


def test_day_week_and_month_are_one_click_apart(open_page: Opener, site: str) -> None:
    page = open_page(f"{site}/papers/month/2026-03")
    switch = page.get_by_role("navigation", name="Day, week or month")
    click_through(switch.get_by_role("link", name="Week"))
    assert page.url.endswith("/papers/week/2026-W10")
    assert page.locator(".paper").count() == 30
    click_through(switch.get_by_role("link", name="Day"))
    assert page.locator(".paper").count() > 0
    assert switch.locator("[aria-current]").inner_text() == "Day"


def test_an_empty_day_offers_another(open_page: Opener, site: str) -> None:
    page = open_page(f"{site}/papers/date/2026-03-04")
    assert "No papers were listed on this day." in page.locator("main").inner_text()
    click_through(page.get_by_role("link", name="Read the papers from"))
    assert page.locator(".paper").count() > 0


def test_all_authors_are_on_a_papers_page(open_page: Opener, odd_site: str) -> None:
    page = open_page(f"{odd_site}/papers/2603.00101")
    assert page.locator(".authors li").count() == 664
    assert page.locator(".authors li:visible").count() == 20
    page.get_by_text("and 644 others").click()
    expect(page.locator(".authors li:visible")).to_have_count(664)


def test_votes_over_time_are_a_line_and_a_table(open_page: Opener, odd_site: str) -> None:
    page = open_page(f"{odd_site}/papers/2603.00104")
    line = page.locator(".signals .line")
    assert re.fullmatch(r"M0 [\d.]+(H[\d.]+V[\d.]+)+H600", line.get_attribute("d") or "")
    page.get_by_text("The numbers").click()
    votes = page.locator(".signals tbody td:nth-child(2)")
    expect(votes.first).to_be_visible()
    expect(votes).to_have_text(["40", "22", "9", "3", "1"])


def test_a_model_s_words_are_called_that(open_page: Opener, odd_site: str) -> None:
    page = open_page(f"{odd_site}/papers/2603.00104")
    assert "Written by a model, not by the authors." in page.locator(".model").inner_text()


def test_printing_gives_whole_abstracts_and_addresses(open_page: Opener, odd_site: str) -> None:
    page = open_page(f"{odd_site}/papers/date/2026-03-04")
    page.emulate_media(media="print")
    assert page.get_by_text("Here the third paragraph ends.").is_visible()
    after = "getComputedStyle(document.querySelector('.facts a[href^=http]'), '::after').content"
    assert "https://github.com/paperround-sample/patience" in page.evaluate(after)
    assert page.get_by_role("navigation", name="Main").is_visible() is False


def test_nothing_moves_when_motion_is_not_wanted(open_page: Opener, site: str) -> None:
    page = open_page(f"{site}/papers", reduced_motion="reduce")
    assert page.evaluate("getComputedStyle(document.querySelector('.paper a')).transitionDuration") in (
        "0s",
        "",
    )
