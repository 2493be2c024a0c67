"""Take the screenshots in this folder again, from a server that shows the sample edition (invented papers).

Start one whose feed can't be reached, wait until it shows the samples, then run this with its address:

    PAPERROUND_HUGGINGFACE_URL=http://127.0.0.1:9 PAPERROUND_PORT=8011 \\
        PAPERROUND_DATA_DIR=/var/lib/paperround-shots paperround up
    python docs/screenshots/take.py http://127.0.0.1:8011

It needs Chromium and the `dev` extra. Pictures of real papers don't belong here, so it refuses to take any.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

FOLDER = Path(__file__).parent
DESK = {"viewport": {"width": 1280, "height": 1200}}
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}
SHOTS: list[tuple[str, str, dict[str, Any]]] = [
    ("edition-light", "/papers", {**DESK, "color_scheme": "light"}),
    ("edition-dark", "/papers", {**DESK, "color_scheme": "dark"}),
    ("phone-light", "/papers", {**PHONE, "color_scheme": "light"}),
    ("paper", "/papers/0000.00001", {**DESK, "color_scheme": "light"}),
]


def main() -> None:
    parser = argparse.ArgumentParser(description="Take the screenshots of the sample edition.")
    parser.add_argument("address", help="where the server is, such as http://127.0.0.1:8011")
    address = parser.parse_args().address.rstrip("/")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("There is no Chromium on this machine.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, path, options in SHOTS:
            page = browser.new_page(**options)
            page.goto(address + path)
            if not page.locator(".sample").is_visible():
                sys.exit(f"{address} does not show the sample edition.")
            page.screenshot(path=FOLDER / f"{name}.png", full_page=name == "paper")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
