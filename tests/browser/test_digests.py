"""From the box on a page to a digest and out again, in a real Chromium, with the mail from the outbox."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import FrameLocator, Page, ViewportSize, expect

from paperround.database import Database, utc_now
from paperround.mail import open_outbox
from paperround.topics import corpus

from support.browser import DESK, FAINT, PHONE, Opener, click_through, faults_everywhere, fits, scripted
from support.sites import Site, find_link, running_filled_site
from support.topic_corpus import add_three_subjects

pytestmark = pytest.mark.browser
WAYS: dict[str, tuple[ViewportSize, dict[str, Any]]] = {
    "desk": (DESK, {"timezone_id": "Europe/Stockholm"}),
    "dark phone without scripts": (PHONE, {"java_script_enabled": False, "color_scheme": "dark"}),
}


@pytest.fixture(params=[*WAYS.values()], ids=[*WAYS])
def opened(request: pytest.FixtureRequest, post: Site, open_page: Opener) -> Callable[[str], Page]:
    viewport, options = request.param
    return lambda path: open_page(post.address + path, viewport, **options)


@pytest.fixture
def post(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with papers listed today and an outbox of its own; it stops after the pages are closed."""
    with running_filled_site(server, tmp_path_factory.mktemp("post"), _papers) as site:
        yield site


async def _papers(database: Database) -> None:
    await add_three_subjects(database, day=utc_now().date().isoformat(), count=45)
    await corpus.measure_if_grown(database, now=utc_now())


def read(page: Page, post: Site, subject: str) -> FrameLocator:
    """Open the newest message in the outbox, which must be about this."""
    page.goto(post.outbox_address())
    click_through(page.get_by_role("main").get_by_role("link").first)
    expect(page.get_by_role("heading", level=1)).to_contain_text(subject)
    return page.frame_locator("iframe")


def address_of(letter: FrameLocator, name: str, post: Site) -> str:
    """Where a letter's link leads; mail names the site by its public address."""
    href = letter.get_by_role("link", name=name).first.get_attribute("href")
    assert href is not None
    return post.address + href.removeprefix("http://127.0.0.1:8000")


def subscribe(page: Page, post: Site) -> None:
    page.get_by_label("Get trending papers in your inbox").fill("bea@example.org")
    click_through(page.get_by_role("button", name="Subscribe"))
    expect(page.get_by_role("heading", level=1)).to_have_text("One step left")
    assert fits(page)
    post.send_mail()
    page.goto(address_of(read(page, post, "One step left"), "Confirm", post))
    click_through(page.get_by_role("button", name="Yes, send them"))


def test_from_the_box_to_a_digest_and_out_again(opened: Callable[[str], Page], post: Site) -> None:
    page = opened("/papers")
    subscribe(page, post)
    zone = "Stockholm (UTC+" if scripted(page) else "UTC"
    expect(page.get_by_role("main")).to_contain_text(f"at 07:00 in {zone}")
    assert fits(page)

    post.deliver()
    digest = read(page, post, "and 9 more")
    expect(digest.get_by_role("heading", level=1)).to_have_text("10 papers for you")
    expect(digest.get_by_role("heading", level=3)).to_have_count(10)
    assert fits(page)
    if scripted(page):
        frame, letter = page.locator("iframe").bounding_box(), digest.locator("html").bounding_box()
        assert frame is not None
        assert letter is not None
        assert 0 < frame["height"] - letter["height"] <= 2, "as high as the letter"
    preferences, unsubscribe, browser = (
        address_of(digest, name, post) for name in ("Preferences", "Unsubscribe", "View in browser")
    )
    page.goto(browser)
    expect(page.get_by_role("heading", level=3)).to_have_count(10)
    assert fits(page)

    page.goto(preferences)
    expect(page.get_by_label("On which day")).to_be_hidden()
    page.get_by_label("How often").select_option("Once a week")
    page.get_by_label("On which day").select_option("Friday")
    click_through(page.get_by_role("button", name="Save"))
    expect(page.get_by_role("status")).to_have_text("Saved.")
    expect(page.get_by_label("On which day")).to_have_value("4")
    click_through(page.get_by_role("button", name="Pause"))
    expect(page.locator(".head")).to_contain_text("are paused")
    click_through(page.get_by_role("button", name="Resume"))
    expect(page.get_by_role("status")).to_have_text("Digests are active again.")
    assert fits(page)

    page.goto(unsubscribe)
    click_through(page.get_by_role("button", name="Unsubscribe"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Unsubscribed")
    click_through(page.get_by_role("link", name="subscribe again"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Papers in your inbox")


def test_a_mail_program_s_one_click_ends_it_at_once(opened: Callable[[str], Page], post: Site) -> None:
    page = opened("/papers/trending")
    subscribe(page, post)
    post.deliver()
    newest = open_outbox(post.settings).list_newest(1)[0].message
    assert newest["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    path = find_link(newest["List-Unsubscribe"], "/unsubscribe")
    answer = page.request.post(post.address + path, form={"List-Unsubscribe": "One-Click"})
    assert answer.ok
    page.goto(post.address + find_link(newest.get_body(("plain",)).get_content(), "/preferences"))
    expect(page.locator(".head")).to_contain_text("bea@example.org no longer receives digests.")
    page.get_by_text("Delete everything", exact=True).click()
    click_through(page.get_by_role("button", name="Send me the link"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your email")
    page.goto(post.address + post.send_mail())
    click_through(page.get_by_role("main").get_by_role("button", name="Sign in"))
    page.get_by_label("To confirm, type your address").fill("bea@example.org")
    click_through(page.get_by_role("button", name="Delete everything"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Your account is deleted")


def test_a_topic_in_words_comes_with_its_reasons_and_is_rated_from_the_mail(
    opened: Callable[[str], Page], post: Site
) -> None:
    page = opened("/subscribe")
    page.get_by_label("Your address").fill("bea@example.org")
    page.get_by_label("A topic in plain words").fill("honey bees")
    page.get_by_text("Choose days, hour and contents").click()
    page.get_by_label("Trending papers").uncheck()
    click_through(page.get_by_role("button", name="Subscribe"))
    post.send_mail()
    page.goto(address_of(read(page, post, "One step left"), "Confirm", post))
    click_through(page.get_by_role("button", name="Yes, send them"))
    post.deliver()
    digest = read(page, post, "more")
    expect(digest.get_by_role("heading", level=2)).to_have_text("honey bees")
    expect(digest.get_by_text(re.compile("^(Strong|Good|Possible) match: ")).first).to_be_visible()
    title = digest.get_by_role("heading", level=3).first.inner_text()
    page.goto(address_of(digest, "Less like this", post))
    expect(page.locator(".head")).to_contain_text(title)
    click_through(page.get_by_role("button", name="Less like this"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Noted")
    assert fits(page)


@pytest.fixture
def addresses(post: Site, open_page: Opener) -> list[str]:
    """Every page that a subscriber meets, with a topic's digest among them."""
    page = open_page(f"{post.address}/subscribe")
    page.get_by_label("Your address").fill("bea@example.org")
    page.get_by_label("A topic in plain words").fill("honey bees")
    click_through(page.get_by_role("button", name="Subscribe"))
    confirm = post.send_mail()
    page.goto(post.address + confirm)
    click_through(page.get_by_role("button", name="Yes, send them"))
    post.deliver()
    name = open_outbox(post.settings).list_newest(1)[0].name
    text = open_outbox(post.settings).list_newest(1)[0].message.get_body(("plain",))
    assert text is not None
    kinds = ("/digests/rate", "/digests(?!/rate)", "/preferences", "/unsubscribe")
    links = [find_link(text.get_content(), kind) for kind in kinds]
    own = [confirm, *links, "/outbox", f"/outbox/{name}"]
    return [post.address + path for path in ("/subscribe", *own)]


def test_axe_finds_nothing_where_subscribers_come(
    post: Site, open_page: Opener, addresses: list[str]
) -> None:
    page = open_page(post.outbox_address(), reduced_motion="reduce")
    for address in addresses:
        page.goto(address)
        page.locator("details").evaluate_all("(all) => all.forEach((one) => { one.open = true })")
        assert faults_everywhere(page) == [], address
        for viewport in (PHONE, DESK):
            page.set_viewport_size(viewport)
            assert fits(page), address


def test_a_letter_is_readable_without_pictures_by_day_and_by_night(
    post: Site, open_page: Opener, addresses: list[str]
) -> None:
    names = [stored.name for stored in open_outbox(post.settings).list_newest(10)]
    assert len(names) == 2
    for name in names:
        page = open_page(post.outbox_address())
        page.goto(f"{post.address}/outbox/{name}/html")
        assert page.locator("img, link, script, [src], [background]").count() == 0
        for width in (600, 390):
            page.set_viewport_size({"width": width, "height": 800})
            assert fits(page), width
        grounds = []
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate(FAINT) == [], scheme
            grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert grounds == ["rgb(251, 250, 246)", "rgb(22, 21, 18)"]
