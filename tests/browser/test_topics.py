"""Topics, ratings, votes and the reading list in a real Chromium, with scripts and without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from paperround.database import Database, utc_now
from paperround.topics import corpus

from support.browser import DESK, PHONE, Opener, click_through, faults, fits, scripted
from support.factories import store_listing
from support.people import Person, add_person
from support.sites import Site, running_filled_site
from support.topic_corpus import add_three_subjects, paper_id, subject_record

pytestmark = pytest.mark.browser
WAYS: dict[str, tuple[ViewportSize, dict[str, Any]]] = {
    "desk": (DESK, {}),
    "dark phone without scripts": (PHONE, {"java_script_enabled": False, "color_scheme": "dark"}),
}
LIBRARY = """@article{hives, title={On honey bees, part 10}, author={Somebody}}
@article{elsewhere, title={A paper that nobody listed here}, author={Somebody Else}}
"""


@pytest.fixture(scope="module")
def bees(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Sixty papers of three subjects, listed today. Every test has a reader of its own."""
    with running_filled_site(server, tmp_path_factory.mktemp("bees"), _three_subjects, judging=True) as site:
        yield site


async def _three_subjects(database: Database) -> None:
    today = utc_now().date().isoformat()
    await add_three_subjects(database, day=today)
    await store_listing(database, today, subject_record(1, "bees", "Ada Lindqvist", "Wei Zhang"))
    await corpus.measure_if_grown(database, now=utc_now())


@pytest.fixture(params=[*WAYS.values()], ids=[*WAYS])
def opened(request: pytest.FixtureRequest, open_page: Opener, bees: Site) -> Callable[[str], Page]:
    """A page of the site as a reader sees it who has just come, in each way."""
    viewport, options = request.param
    email = f"{request.node.name.replace(' ', '-').translate({91: 45, 93: 45})}@example.org"[-60:].strip("-")
    found: list[Person] = []

    async def signed_in(database: Database) -> None:
        found.append(await add_person(database, email))

    def opened(path: str) -> Page:
        bees.run_with_database(signed_in)
        page = open_page(f"{bees.address}/about", viewport, **options)
        cookies = found[0].cookies.items()
        page.context.add_cookies([{"name": n, "value": v, "url": bees.address} for n, v in cookies])
        page.goto(bees.address + path)
        return page

    return opened


def previewed(page: Page) -> None:
    """Wait for the preview; without scripts it is asked for."""
    if not scripted(page):
        click_through(page.get_by_role("button", name="Preview"))
    expect(page.locator(".previewed li").first).to_be_visible()


def follow(page: Page, words: str) -> None:
    page.get_by_label("What is it about?").fill(words)
    click_through(page.get_by_role("button", name="Follow it"))
    page.wait_for_url("**/topics/*?days=7")


def test_a_topic_is_seen_before_it_is_kept_and_learns_from_ratings(opened: Callable[[str], Page]) -> None:
    page = opened("/topics")
    click_through(page.get_by_role("link", name="New topic"))
    page.get_by_label("What is it about?").fill("honey bees")
    previewed(page)
    foreseen = page.locator(".previewed h3").all_inner_texts()
    assert all("part" in title for title in foreseen)
    assert fits(page)

    click_through(page.get_by_role("button", name="Follow it"))
    page.wait_for_url("**/topics/*?days=7")
    papers = page.locator("li.paper")
    assert papers.locator("h2").all_text_contents() == foreseen
    best, worst = (page.locator(f'[id="{papers.nth(n).get_attribute("id")}"]') for n in (0, 1))
    liked, refused = (one.locator("h2").text_content() or "" for one in (best, worst))
    best.get_by_role("button", name="More like this for honey bees").click()
    expect(best.locator(".rated")).to_contain_text("More for honey bees")
    worst.get_by_role("button", name="Less", exact=True).click()
    expect(worst.locator(".rated")).to_contain_text("Less for honey bees")
    expect(worst.get_by_role("button", name="Undo")).to_have_count(1)
    assert fits(page)

    page.goto(page.url.partition("?")[0] + "?days=7")
    assert refused not in papers.locator("h2").all_text_contents(), "never again"
    expect(page.locator("#learned")).to_contain_text(f"More like {liked}")
    expect(page.locator("#learned")).to_contain_text(f"Less like {refused}")
    assert fits(page)

    click_through(page.get_by_role("button", name=f"Undo: {refused}"))
    expect(page.locator("#learned")).not_to_contain_text(refused)
    assert refused in papers.locator("h2").all_text_contents()


def test_votes_and_saving_stay_where_they_are(opened: Callable[[str], Page], bees: Site) -> None:
    page = opened("/papers")
    first = page.locator("li.paper").first
    title, votes = first.locator("h2").inner_text(), int(first.locator(".votes b").inner_text())
    vote = first.get_by_role("button", name="Vote for it")
    vote.click()
    expect(vote).to_have_attribute("aria-pressed", "true")
    expect(first.locator(".votes b")).to_have_text(str(votes + 1))
    first.get_by_role("button", name="Save", exact=True).click()
    expect(first.get_by_role("button", name="Saved")).to_have_attribute("aria-pressed", "true")
    assert fits(page)
    if scripted(page):
        expect(page, "never left").to_have_url(f"{bees.address}/papers")
        expect(first.get_by_role("button", name="Saved")).to_be_focused()
        page.keyboard.press("u")
        expect(vote).to_have_attribute("aria-pressed", "false")

    click_through(page.get_by_role("link", name="Saved", exact=True))
    expect(page.locator("li.paper h2")).to_have_text([title])
    page.get_by_text("Note", exact=True).click()
    page.get_by_label("Your note on").fill("Read this one on the train.")
    click_through(page.get_by_role("button", name="Save note"))
    click_through(page.get_by_role("button", name="Mark as read"))
    expect(page.locator(".head")).to_contain_text("1 paper, 0 to read.")
    expect(page.get_by_label("Your note on")).to_have_value("Read this one on the train.")
    assert fits(page)
    page.locator("li.paper").get_by_role("button", name="Saved").click()
    expect(page.locator("li.paper")).to_have_count(0)
    page.goto(f"{bees.address}/saved")
    expect(page.locator(".head")).to_contain_text("Nothing saved yet.")


def test_a_library_is_a_topic_s_seed_and_what_was_not_found_is_said(
    opened: Callable[[str], Page], tmp_path: Path
) -> None:
    file = tmp_path / "library.bib"
    file.write_text(LIBRARY)
    page = opened("/topics/new")
    page.get_by_text("Start from papers, or a library").click()
    page.get_by_label("Or a library").set_input_files(file)
    click_through(page.get_by_role("button", name="Follow it"))
    expect(page.locator("#preview")).to_contain_text("Not in the catalogue: 1 paper")
    expect(page.locator("#preview")).to_contain_text("A paper that nobody listed here")
    expect(page.get_by_label("Papers like")).to_have_value(paper_id(10))

    click_through(page.get_by_role("button", name="Follow it"))
    page.wait_for_url("**/topics/*?days=7")
    expect(page.locator("#learned")).to_contain_text("Example: On honey bees, part 10")
    found = page.locator("li.paper .why").first.inner_text()
    assert "On honey bees, part 10" in found or "bees" in found or "pollen" in found


def test_among_several_topics_a_rating_counts_where_the_paper_stands(
    opened: Callable[[str], Page], bees: Site
) -> None:
    page = opened("/topics/new")
    follow(page, "river deltas")
    page.goto(f"{bees.address}/topics/new")
    follow(page, "pendulum clocks")
    page.goto(f"{bees.address}/topics")
    groups = page.locator(".group")
    clocks = groups.filter(has=page.get_by_role("heading", name="pendulum clocks"))
    clocks.locator("li.paper").first.get_by_role("button", name="More like this").click()
    expect(clocks.locator("li.paper .rated")).to_contain_text(["More for pendulum clocks"])
    click_through(page.get_by_role("button", name="Move pendulum clocks up"))
    expect(groups.first.locator("> h2")).to_have_text("pendulum clocks")
    assert fits(page)


def test_a_topic_is_renamed_paused_and_deleted(opened: Callable[[str], Page]) -> None:
    page = opened("/topics/new")
    follow(page, "leap seconds")
    page.get_by_text("Rename", exact=True).first.click()
    page.get_by_label("Name", exact=True).fill("Time itself")
    click_through(page.get_by_role("button", name="Rename"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Time itself")
    click_through(page.get_by_role("button", name="Pause it"))
    expect(page.locator(".head")).to_contain_text("This topic is paused")
    click_through(page.get_by_role("button", name="Create a feed"))
    expect(page.get_by_role("status")).to_contain_text("/feeds/topics/")
    assert fits(page)
    page.get_by_text("Delete", exact=True).click()
    click_through(page.get_by_role("button", name="Delete this topic"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Your topics")
    expect(page.get_by_role("main")).not_to_contain_text("Time itself")


def test_papers_are_judged_one_after_the_other(opened: Callable[[str], Page], bees: Site) -> None:
    page = opened("/topics/new")
    follow(page, "honey bees")
    page.goto(f"{bees.address}/judge")
    papers = page.locator("li.paper")
    expect(papers).to_have_count(10)
    for left, answer in ((9, "Fits"), (8, "Partly"), (7, "Does not fit")):
        first = papers.first
        expect(first.get_by_role("group", name="Does it fit “honey bees”?")).to_be_visible()
        title = first.locator("h2").inner_text()
        button = first.get_by_role("button", name=answer, exact=True)
        button.focus()
        button.press("Enter")
        expect(papers).to_have_count(left)
        expect(page.get_by_role("heading", name=title, exact=True)).to_have_count(0)
    expect(page.locator(".head")).to_contain_text("3 of 10 judged today")
    assert fits(page)
    click_through(page.get_by_role("button", name="Delete my answers"))
    expect(page.locator(".head")).to_contain_text("0 of 10 judged today")
    expect(papers).to_have_count(10)


def test_an_author_is_followed_where_they_stand_and_their_papers_stand_together(
    opened: Callable[[str], Page],
) -> None:
    page = opened(f"/papers/{paper_id(1)}")
    scroll = "window.scrollY"
    follow = page.get_by_role("button", name="Follow Ada Lindqvist")
    expect(follow).to_have_attribute("aria-pressed", "false")
    follow.press("Enter")
    expect(follow).to_have_attribute("aria-pressed", "true")
    assert page.evaluate(scroll) == 0
    if scripted(page):
        expect(follow).to_be_focused()
    assert fits(page)

    page.get_by_role("link", name="Ada Lindqvist").first.click()
    expect(page.get_by_role("button", name="Follow Ada Lindqvist")).to_have_text("Following")
    expect(page.get_by_text("distinguished by name only")).to_be_visible()
    page.goto(page.url.partition("/authors")[0] + "/following")
    expect(page.get_by_text("You follow Ada Lindqvist.").first).to_be_visible()
    assert fits(page)
    if scripted(page):
        assert faults(page) == []
    page.get_by_role("button", name="Unfollow Ada Lindqvist").click()
    expect(page.get_by_text("Follow authors, organizations, venues and keywords")).to_be_visible()
