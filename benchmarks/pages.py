"""How fast pages are on a slow phone, in a real Chromium: python benchmarks/pages.py http://127.0.0.1:8000

The phone: 390 px wide, a processor four times slower than this one, 150 ms to the server and 1.6 Mbit/s (what
Lighthouse calls slow 4G). Each page is opened three times with an empty cache; the median counts. Prints the
largest paint, how far things moved by themselves, bytes, and the longest task of 50 ms or more, on the slow
processor and on this one; fails over budget. The slow one has no budget of its own: there even a page without
any style has a long task where other programs are busy.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
from typing import Any, NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

PATHS = ("/papers", "/papers/trending", "/papers?q=video+agents", "/about", "/status", "/papers/{paper}")
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
}
SLOW_4G = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1_600_000 / 8,
    "uploadThroughput": 750_000 / 8,
}
SLOWER = 4
RUNS = 3

WATCH = """
window.seen = {paint: 0, shift: 0, task: 0};
const watch = (type, note) => {
  new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({type, buffered: true});
};
watch('largest-contentful-paint', (entry) => { seen.paint = entry.startTime });
watch('layout-shift', (entry) => { seen.shift += entry.value });
watch('longtask', (entry) => { seen.task = Math.max(seen.task, entry.duration) });
"""
BYTES = """() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
  .reduce((sum, entry) => sum + entry.transferSize, 0)"""


class Seen(NamedTuple):
    paint_ms: float
    shift: float
    bytes: float
    task_ms: float  # 0: none of 50 ms or more


BUDGET = Seen(paint_ms=1000, shift=0, bytes=100_000, task_ms=0)


def main() -> None:
    parser = argparse.ArgumentParser(description="How fast pages are on a slow phone.")
    parser.add_argument("address", nargs="?", default="http://127.0.0.1:8000")
    address = parser.parse_args().address.rstrip("/")
    names = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
    chromium = next(filter(None, map(shutil.which, names)), None)
    if chromium is None:
        sys.exit("There is no Chromium on this machine.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        broken = measure(browser, address)
        browser.close()
    sys.exit(f"over budget: {', '.join(broken)}" if broken else 0)


def measure(browser: Browser, address: str) -> list[str]:
    """Prints a line a page; which pages are over the budget."""
    print(f"{'page':<28}{'largest paint':>15}{'moved':>8}{'kB':>7}{'long task':>11}{'on the phone':>14}")
    broken = []
    for pattern in PATHS:
        path = pattern.format(paper=first_paper(browser, address))
        slow = median([opened(browser, address + path, SLOWER) for _ in range(RUNS)])
        fast = median([opened(browser, address + path, 1) for _ in range(RUNS)])
        seen = slow._replace(task_ms=fast.task_ms)
        print(f"{line(path, seen)}{slow.task_ms:>11.0f} ms")
        if any(value > most for value, most in zip(seen, BUDGET, strict=True)):
            broken.append(path)
    print(line("budget", BUDGET))
    return broken


def median(runs: list[Seen]) -> Seen:
    return Seen(*(statistics.median(values) for values in zip(*runs, strict=True)))


def line(name: str, seen: Seen) -> str:
    kilobytes = seen.bytes / 1000
    return f"{name:<28}{seen.paint_ms:>12.0f} ms{seen.shift:>8.3f}{kilobytes:>7.1f}{seen.task_ms:>8.0f} ms"


def first_paper(browser: Browser, address: str) -> str:
    page = browser.new_page()
    page.goto(f"{address}/papers")
    link = page.locator(".paper h2 a").first.get_attribute("href") or ""
    page.close()
    return link.removeprefix("/papers/")


def opened(browser: Browser, address: str, slower: int) -> Seen:
    context = browser.new_context(**PHONE)
    page = context.new_page()
    slow_down(page, slower)
    page.add_init_script(WATCH)
    page.goto(address, wait_until="load")
    page.wait_for_timeout(500)
    seen = page.evaluate("seen")
    result = Seen(seen["paint"], round(seen["shift"], 4), page.evaluate(BYTES), seen["task"])
    context.close()
    return result


def slow_down(page: Page, slower: int) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", SLOW_4G)
    session.send("Emulation.setCPUThrottlingRate", {"rate": slower})


if __name__ == "__main__":
    main()
