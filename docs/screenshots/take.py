"""Take the screenshots in this folder again: python docs/screenshots/take.py [FOLDER]

Starts a Paperround of its own whose feed can't be reached, and waits until it shows the sample edition
(invented papers: pictures of real ones don't belong here). Samples are never mailed, so that of a digest
stays as it is. With FOLDER, every page and letter goes there too, on a phone and on a desk, by day and by
night, to be looked at. It needs Chromium and the `dev` extra.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, StorageState, sync_playwright

HERE = Path(__file__).parent
PORT = 8011
ADDRESS = f"http://127.0.0.1:{PORT}"
PATIENCE = 180  # seconds
DESK = {"viewport": {"width": 1280, "height": 1000}}
PHONE = {"viewport": {"width": 390, "height": 844}}
KEPT: list[tuple[str, str, dict[str, Any]]] = [
    ("edition-light", "/papers", {**DESK, "color_scheme": "light"}),
    ("edition-dark", "/papers", {**DESK, "color_scheme": "dark"}),
    ("phone-light", "/papers", {**PHONE, "color_scheme": "light", "device_scale_factor": 2}),
    ("paper", "/papers/0000.00001", {**DESK, "color_scheme": "light"}),
    ("topics", "/topics/1?days=7", {**DESK, "color_scheme": "light"}),
]
ALL = {
    "edition": "/papers",
    "empty-day": "/papers/date/1999-01-01",
    "week": "/papers/week/{week}",
    "trending": "/papers/trending",
    "search": "/papers?q=gradients",
    "no-match": "/papers?q=%22nowhere+to+be+found%22",
    "paper": "/papers/0000.00001",
    "about": "/about",
    "status": "/status",
    "api": "/docs",
    "sign-in": "/sign-in",
    "not-found": "/papers/9999.99999",
    "subscribe": "/subscribe",
    "topics": "/topics",
    "topic": "/topics/1?days=7",
    "new-topic": "/topics/new",
    "saved": "/saved",
    "submit": "/submit",
    "settings": "/settings",
    "outbox": "/outbox",
}
READER = "ada@example.org"


def main() -> None:
    parser = argparse.ArgumentParser(description="Take the screenshots of the sample edition.")
    parser.add_argument("folder", nargs="?", type=Path, help="where all pages go, such as /tmp/shots")
    folder = parser.parse_args().folder
    names = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
    chromium = next(filter(None, map(shutil.which, names)), None)
    if chromium is None:
        sys.exit("There is no Chromium on this machine.")
    with sample_site() as settings, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        session = signed_in(browser, settings)
        for name, path, options in KEPT:
            own = {"storage_state": session} if path.startswith("/topics") else {}
            take(browser, path, HERE / f"{name}.png", {**options, **own})
        if folder:
            take_all(browser, ALL, folder, {})
            take_all(browser, ALL, folder / "signed-in", {"storage_state": session})
            take_all(browser, letters(settings), folder / "letters", {})
        browser.close()


def signed_in(browser: Browser, settings: dict[str, str]) -> StorageState:
    """A reader who follows a topic, has saved a paper and gets digests; the cookies of their browser."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{ADDRESS}/subscribe")
    page.get_by_label("Your address").first.fill("ben@example.org")
    page.get_by_role("main").get_by_role("button", name="Subscribe").click()
    page.get_by_role("heading", name="One step left").wait_for()
    page.goto(f"{ADDRESS}/sign-in")
    page.get_by_label("Your address").fill(READER)
    page.get_by_role("button", name="Send me a link").click()
    page.get_by_role("heading", name="Check your email").wait_for()
    letter = page.get_by_role("link", name="Sign in to")
    page.goto(outbox_link(settings))
    while not letter.count():
        page.wait_for_timeout(500)
        page.reload()
    letter.click()
    link = page.frame_locator("iframe").get_by_role("link", name="Sign in").first.get_attribute("href")
    page.goto(link or "")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{ADDRESS}/papers")
    page.goto(f"{ADDRESS}/topics/new?words=speech+recognition+for+rare+languages")
    page.get_by_role("button", name="Follow it").click()
    page.wait_for_url("**/topics/*?days=7")
    page.locator(".save").first.click()
    page.locator(".save[aria-pressed=true]").first.wait_for()
    page.goto(f"{ADDRESS}/papers")
    page.get_by_role("button", name="Get them by mail").click()
    page.get_by_role("heading", name="All set").wait_for()
    state = context.storage_state()
    context.close()
    return state


def outbox_link(settings: dict[str, str]) -> str:
    """The link to the outbox that works once, as the command line prints it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        listed = subprocess.run(
            [sys.executable, "-m", "paperround", "outbox"],
            env=os.environ | settings,
            cwd=Path(settings["PAPERROUND_DATA_DIR"]).parent,
            capture_output=True,
            text=True,
            check=True,
        ).stderr
        link = re.search(r"http\S+/outbox/open/\S+", listed)
        if link:
            return link[0]
        time.sleep(1)
    sys.exit("No mail came into the outbox.")


@contextmanager
def sample_site() -> Iterator[dict[str, str]]:
    """Runs it; yields its settings."""
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o755)  # as root, PostgreSQL runs as another user
        settings = {
            "PAPERROUND_HUGGINGFACE_URL": "http://127.0.0.1:9",
            "PAPERROUND_DATA_DIR": f"{scratch}/data",
            "PAPERROUND_PORT": str(PORT),
            "PAPERROUND_PUBLIC_URL": ADDRESS,
        }
        running = subprocess.Popen([sys.executable, "-m", "paperround", "up"], env=os.environ | settings)
        try:
            wait_for_sample(running)
            yield settings
        finally:
            running.terminate()
            running.wait(30)


def wait_for_sample(running: subprocess.Popen[bytes]) -> None:
    """Until the samples are there, and what is like them."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and running.poll() is None:
        try:
            page = httpx.get(f"{ADDRESS}/papers/0000.00001").text
            if 'class="sample"' in page and 'class="similar"' in page:
                return
        except httpx.HTTPError:
            pass
        time.sleep(1)
    sys.exit("The sample edition did not come.")


def letters(settings: dict[str, str]) -> dict[str, str]:
    """The HTML of the messages in the outbox, by their subjects."""
    folder = Path(settings["PAPERROUND_DATA_DIR"])
    addresses: dict[str, str] = {}
    for file in sorted((folder / "outbox").rglob("*.eml")):
        message = message_from_bytes(file.read_bytes(), policy=policy.default)
        html = message.get_body(("html",))
        if html is not None:
            name = re.sub(r"\W+", "-", message["Subject"].lower()).strip("-")
            page = folder.parent / f"{name}.html"
            page.write_text(html.get_content(), encoding="utf-8")
            addresses[name] = page.as_uri()
    return addresses


def take_all(browser: Browser, paths: dict[str, str], folder: Path, context: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    week = time.strftime("%G-W%V")
    for name, path in paths.items():
        for size in (DESK, PHONE):
            for scheme in ("light", "dark"):
                file = folder / f"{name}-{size['viewport']['width']}-{scheme}.png"
                take(browser, path.format(week=week), file, {**size, **context, "color_scheme": scheme})


def take(browser: Browser, path: str, file: Path, options: dict[str, Any]) -> None:
    page = browser.new_page(**options)
    page.goto(path if path.startswith("file:") else ADDRESS + path)
    page.screenshot(path=file)
    page.close()


if __name__ == "__main__":
    main()
