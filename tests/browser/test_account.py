"""Signing in and the settings, in a real Chromium, with the mail from the outbox."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from paperround.settings import Settings

from support.browser import FAINT, HEADINGS, NEIGHBOUR, PHONE, SMALL, Opener, click_through
from support.databases import new_database
from support.sites import Site, running_site

pytestmark = pytest.mark.browser


@pytest.fixture
def own(server: str, tmp_path: Path) -> Iterator[Site]:
    """A site of the test's own, for changing. Asked for before `open_page`: what starts first stops last."""
    settings = Settings(_env_file=None, data_dir=tmp_path, allowed_hosts=(NEIGHBOUR,))
    with new_database(server) as url, running_site(settings, url) as address:
        yield Site(address, url, settings)


def sign_in(page: Page, own: Site, email: str = "ada@example.org") -> None:
    page.get_by_label("Your address").fill(email)
    click_through(page.get_by_role("button", name="Send me a link"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your email")
    page.goto(own.address + own.send_mail())
    click_through(page.get_by_role("main").get_by_role("button", name="Sign in"))


def test_a_reader_signs_in_from_the_outbox_and_is_led_back(own: Site, open_page: Opener) -> None:
    page = open_page(f"{own.address}/settings", timezone_id="America/Bogota")
    expect(page).to_have_url(f"{own.address}/sign-in?next=%2Fsettings")
    sign_in(page, own)

    expect(page).to_have_url(f"{own.address}/settings")
    expect(page.get_by_role("main")).to_contain_text("You are signed in as ada@example.org.")
    expect(page.get_by_label("Time zone")).to_have_value("Bogota, Colombia (UTC−5)")
    expect(page.get_by_text("Chrome on Linux")).to_be_visible()


def test_it_works_without_scripts(own: Site, open_page: Opener) -> None:
    page = open_page(f"{own.address}/sign-in?next=/settings", java_script_enabled=False)
    sign_in(page, own)
    page.get_by_label("Name", exact=True).fill("Ada")
    assert page.locator("#time_zone").evaluate("field => field.list.options.length") > 400
    page.get_by_label("Time zone").fill("stockholm")
    click_through(page.get_by_role("button", name="Save"))

    expect(page.get_by_role("status")).to_have_text("Your name and time zone have been saved.")
    expect(page.get_by_label("Time zone")).to_have_value(re.compile("Stockholm, Sweden"))


def test_this_devices_time_zone_is_offered_where_it_is_another(own: Site, open_page: Opener) -> None:
    page = open_page(f"{own.address}/sign-in?next=/settings", timezone_id="Europe/Stockholm")
    sign_in(page, own)
    offer = page.get_by_text("Use this device’s:")
    expect(offer).to_be_hidden()
    page.get_by_label("Time zone").fill("UTC")
    click_through(page.get_by_role("button", name="Save"))
    expect(offer).to_have_text(re.compile(r"Use this device’s: Stockholm, Sweden \(UTC\+[12]\)"))
    offer.click()

    expect(page.get_by_label("Time zone")).to_have_value(re.compile("Stockholm, Sweden"))


def test_a_key_is_made_shown_once_and_taken_back(own: Site, open_page: Opener) -> None:
    page = open_page(f"{own.address}/sign-in?next=/settings")
    sign_in(page, own)
    page.get_by_label("What is it for?").fill("my script")
    page.get_by_label("What can it do?").select_option("write")
    click_through(page.get_by_role("button", name="Create a key"))
    expect(page.get_by_role("status")).to_contain_text("pr_")
    page.goto(f"{own.address}/settings")
    expect(page.get_by_role("status")).to_have_count(0)
    click_through(page.get_by_role("button", name="Revoke the key my script"))

    expect(page.get_by_role("status")).to_have_text("That key has been revoked.")


def test_signing_out_everywhere_and_leaving(own: Site, open_page: Opener) -> None:
    desk = open_page(f"{own.address}/sign-in?next=/settings")
    sign_in(desk, own)
    phone = open_page(f"{own.address}/sign-in?next=/settings", PHONE)
    sign_in(phone, own)
    click_through(phone.get_by_role("button", name="Sign out everywhere"))
    expect(phone).to_have_url(f"{own.address}/papers")
    desk.reload()
    expect(desk).to_have_url(f"{own.address}/sign-in?next=%2Fsettings")

    sign_in(desk, own)
    click_through(desk.get_by_role("link", name="Delete your account"))
    desk.get_by_label("type your address").fill("ada@example.org")
    click_through(desk.get_by_role("button", name="Delete everything"))
    expect(desk.get_by_role("heading", level=1)).to_have_text("Your account is deleted")


def test_the_pages_are_as_good_as_the_papers(own: Site, open_page: Opener) -> None:
    page = open_page(f"{own.address}/sign-in", PHONE, has_touch=True, reduced_motion="reduce")
    is_good(page)
    page.get_by_label("Your address").fill("ada@example.org")
    click_through(page.get_by_role("button", name="Send me a link"))
    is_good(page)
    page.goto(own.address + own.send_mail())
    is_good(page)
    click_through(page.get_by_role("main").get_by_role("button", name="Sign in"))
    for path in ("/settings", "/settings/leave"):
        page.goto(own.address + path)
        is_good(page)


def is_good(page: Page) -> None:
    assert page.evaluate(SMALL) == []
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert page.evaluate(HEADINGS).count(1) == 1
    assert page.locator("[style], style, script:not([src])").count() == 0
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(FAINT) == [], scheme


def test_forms_work_over_plain_http_in_a_local_network(browser: Browser, own: Site) -> None:
    """There a browser says `Origin` alone, and `null` if our pages kept their referrer to themselves."""
    address = own.address.replace("127.0.0.1", NEIGHBOUR)
    page = browser.new_page()
    page.goto(f"{address}/sign-in")
    page.get_by_label("Your address").fill("ada@example.org")
    with page.expect_request("**/sign-in") as sent:
        click_through(page.get_by_role("button", name="Send me a link"))
    headers = sent.value.all_headers()

    expect(page.get_by_role("heading", level=1)).to_have_text("Check your email")
    page.close()
    assert headers["origin"] == address
    assert "sec-fetch-site" not in headers
