"""A reader's morning in a real Chromium, with scripts and without: what fits, rating in place, Undo."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import update

from paperround.accounts.tables import Reader
from paperround.database import Database, utc_now
from paperround.topics import corpus, reader_topics
from paperround.topics.drafts import TopicDraft
from paperround.topics.edition_matches import match_latest

from support.browser import DESK, PHONE, Opener, click_through, faults_everywhere, fits
from support.factories import utc
from support.people import Person, add_person
from support.sites import Site, running_filled_site
from support.topic_corpus import add_three_subjects

pytestmark = pytest.mark.browser
WAYS = {"with scripts": True, "without": False}
NEARLY = 3  # pixels: browsers round where they scroll to
TOP = "element => element.getBoundingClientRect().top"


@pytest.fixture(scope="module")
def morning(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with running_filled_site(server, tmp_path_factory.mktemp("morning"), _list_papers) as site:
        yield site


async def _list_papers(database: Database) -> None:
    yesterday = utc_now() - timedelta(days=1)
    await add_three_subjects(database, day=yesterday.date().isoformat())
    await corpus.measure_if_grown(database, now=utc_now())


@pytest.fixture(params=[*WAYS.values()], ids=[*WAYS])
def page(request: pytest.FixtureRequest, open_page: Opener, morning: Site) -> Page:
    """The latest edition as a reader sees it who follows bees and clocks, and was here before."""
    email = f"reader-{request.param}-{abs(hash(request.node.name))}@example.org".lower()
    found: list[Person] = []

    async def sign_in(database: Database) -> None:
        reader = await add_person(database, email)
        async with database.write_session() as session:
            for words in ("honey bees", "pendulum clocks"):
                await reader_topics.create_topic(session, reader.id, TopicDraft(words=words), now=utc_now())
            seen = update(Reader).where(Reader.id == reader.id)
            await session.execute(seen.values(created_at=utc("2026-01-01"), visited_at=utc("2026-02-01")))
        await match_latest(database, None)
        found.append(reader)

    morning.run_with_database(sign_in)
    page = open_page(
        f"{morning.address}/about", DESK, java_script_enabled=request.param, reduced_motion="reduce"
    )
    cookies = found[0].cookies.items()
    page.context.add_cookies([{"name": n, "value": v, "url": morning.address} for n, v in cookies])
    page.goto(f"{morning.address}/papers")
    return page


def is_scripted(page: Page) -> bool:
    return page.locator("html.js").count() == 1


def by_id(page: Page, row: Locator) -> Locator:
    """The row, whatever becomes of it."""
    return page.locator(f'[id="{row.get_attribute("id")}"]')


def test_the_best_stand_first_fold_away_and_order_the_list(page: Page) -> None:
    best = page.locator(".for-you h3")
    expect(best.first).to_be_visible()
    expect(page.locator(".for-you")).to_contain_text("Mentions")
    titles = best.all_inner_texts()
    page.locator(".for-you summary").click()
    expect(best.first).to_be_hidden()
    if is_scripted(page):
        page.reload()
        expect(best.first).to_be_hidden()
    page.locator(".view summary").click()
    page.get_by_label("Fade seen papers").check()
    click_through(page.get_by_role("link", name="fit", exact=True))
    assert page.locator("li.paper h2").all_inner_texts()[: len(titles)] == titles
    click_through(page.get_by_role("button", name="Mark all as seen"))
    expect(page.locator(".head")).to_contain_text("Caught up: nothing new since your last visit.")
    expect(page.locator(".paper.seen").first).to_be_visible()
    if not page.get_by_label("Fade seen papers").is_checked():  # nothing keeps it without scripts
        page.locator(".view summary").click()
        page.get_by_label("Fade seen papers").check()
        page.locator(".view summary").click()
    page.set_viewport_size(PHONE)
    assert fits(page)
    if is_scripted(page):  # axe is one
        assert faults_everywhere(page) == []


def test_a_rating_folds_the_row_in_its_place_and_undo_opens_it(page: Page) -> None:
    row = by_id(page, page.locator("li.paper:has(.fits)").nth(1))
    following = by_id(page, row.locator("xpath=following-sibling::li[contains(@class, 'paper')][1]"))
    more = row.get_by_role("button", name="More like this for")
    topic = more.locator("bdi").inner_text()
    more.scroll_into_view_if_needed()
    before = following.evaluate(TOP)
    height = row.bounding_box()
    if is_scripted(page):
        row.locator("h2 a").focus()
        before = following.evaluate(TOP)
        page.keyboard.press("+")
    else:
        more.click()
    expect(row.get_by_role("status")).to_contain_text(f"More for {topic}")
    folded = row.bounding_box()
    assert height is not None
    assert folded is not None
    assert folded["height"] < 60 < height["height"]
    if is_scripted(page):
        assert abs(following.evaluate(TOP) - before) <= NEARLY, "what lies under the finger stays"
        expect(row.get_by_role("button", name="Undo")).to_be_focused()
        page.keyboard.press("Enter")
    else:
        row.get_by_role("button", name="Undo").click()
    expect(row.get_by_role("button", name="More like this for")).to_be_visible()
    if is_scripted(page):
        assert abs(following.evaluate(TOP) - before) <= NEARLY
        row.locator("h2 a").focus()
        page.keyboard.press("-")
        expect(row.get_by_role("status")).to_contain_text(f"Less for {topic}")
        page.keyboard.press("j")
        expect(following.locator("h2 a")).to_be_focused()


def test_another_topic_is_chosen_where_one_reads_the_best_one_first(page: Page) -> None:
    row = by_id(page, page.locator("li.paper").filter(has_text="waggle dances").first)
    link = row.get_by_role("link", name="Other topic").or_(row.get_by_role("link", name="More like this"))
    if is_scripted(page):
        link.first.click()
        choice = row.locator(".choice")
    else:
        click_through(link.first)
        choice = page.locator(".choice")
    expect(choice.get_by_label("For the topic").locator("option").first).to_contain_text("honey bees")
    expect(choice.get_by_role("link", name="New topic from this paper")).to_be_visible()
    choice.get_by_label("For the topic").select_option(label=choice.locator("option").nth(1).inner_text())
    choice.get_by_role("button", name="Less").click()
    expect(row.get_by_role("status")).to_contain_text("Less for pendulum clocks")
    assert fits(page)
