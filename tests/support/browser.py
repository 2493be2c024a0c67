"""What browser tests share: viewports, odd papers, scripts that measure a page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, ViewportSize

from support.factories import feed_record

NEIGHBOUR = "papers.test"  # this machine as if it were another: http from there isn't trusted by a browser


PHONE: ViewportSize = {"width": 390, "height": 844}


DESK: ViewportSize = {"width": 1280, "height": 900}


LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3


ABSTRACT = (
    "We wait for gradients, one after the other, and they come when $O(n \\log n)$ steps are done. " * 9
)


FORMULA = "$$\\sum_{i=1}^{n} " + " ".join(f"\\alpha_{{{i}}}\\beta_{{{i}}}" for i in range(40)) + "$$"


def authors(*names: str) -> list[dict[str, Any]]:
    return [{"name": name, "hidden": False} for name in names]


def odd(paper_id: str, title: str, summary: str = ABSTRACT, **changes: Any) -> dict[str, Any]:
    texts = {"title": title, "summary": summary, "paper__title": title, "paper__summary": summary}
    return feed_record(paper_id, **{**texts, **changes})


ODD = [
    odd(
        "2603.00101",
        title="A Title That Goes On and On and " * 12 + "Stops",
        summary=ABSTRACT,
        paper__authors=authors(*(f"Author Numbered {number}" for number in range(664))),
        paper__upvotes=12_345,
        organization={"name": "long", "fullname": "The Institute for the Study of Very Long Names of " * 3},
        paper__githubRepo="https://github.com/paperround-sample/patience",
        paper__githubStars=123_456,
        paper__projectPage="https://example.org/patience",
    ),
    odd("2603.00102", title=LONG_WORD, summary=LONG_WORD * 5, paper__upvotes=90),
    odd(
        "2603.00103",
        title="שיטה סבלנית לגרדיאנטים ארוכים",
        summary="תקציר קצר, עם mixed words וסיום. " * 8,
        paper__authors=authors("מרים לוי", "王小明", "أحمد بن علي", "Ada Lindqvist"),
        paper__upvotes=50,
    ),
    odd(
        "2603.00104",
        title="On the $O(n \\log n)$ Barrier",
        summary=f"{ABSTRACT}\n\nThen {FORMULA} holds.\n\nHere the third paragraph ends.",
        paper__ai_summary="Patience pays.",
        paper__ai_keywords=["patience", "gradients"],
        paper__upvotes=40,
    ),
    odd("2603.00105", "No Abstract", summary="", paper__authors=[], paper__upvotes=0),
]


Opener = Callable[..., Page]


def click_through(link: Locator) -> None:
    """Click what leads to another document, and wait until that has loaded and its scripts have run.

    A click returns as soon as the first bytes have come: what is read at once may be missing, or half a list.
    """
    with link.page.expect_event("load"):
        link.click()


HEADINGS = "[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map((h) => Number(h.tagName[1]))"


# Text whose colour is too near to what lies behind it (WCAG AA).
FAINT = """() => {
  const parse = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
    return {r, g, b, a};
  };
  const light = ({r, g, b}) => {
    const [R, G, B] = [r, g, b].map((c) => (c /= 255) <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
    return .2126 * R + .7152 * G + .0722 * B;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.a === 1) return colour;
    }
    return {r: 255, g: 255, b: 255};
  };
  const faint = new Set();
  for (const element of document.querySelectorAll('body *')) {
    const says = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!says || !element.checkVisibility()) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))];
    const contrast = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (contrast < 4.5) faint.add(`${element.tagName}.${element.className} ${contrast.toFixed(2)}`);
  }
  return [...faint];
}"""


# Things to tap that are lower than 44 px; links within sentences aside, and boxes, whose labels are tapped.
SMALL = """() => [...document.querySelectorAll(
    'nav a, .brand a, .links a, summary, button, .button, input:not([type=checkbox])')]
  .filter((element) => element.checkVisibility() && element.getBoundingClientRect().height < 43.5)
  .map((element) => `${element.outerHTML.slice(0, 80)} ${element.getBoundingClientRect().height}`)"""


COLOURS = {"runOnly": ["color-contrast"]}  # all that differs in dark mode


def faults(page: Page, **options: object) -> list[str]:
    """List what axe finds wrong on a page.

    No script runs in the frame of a message, so axe would wait there for ever. Unless told otherwise axe also
    describes what is right, and takes three times as long.
    """
    axe_options = {"iframes": False, "resultTypes": ["violations"], **options}
    violations = Axe().run(page, options=axe_options).response["violations"]
    return [f"{fault['id']} ({fault['impact']}): {fault['nodes'][0]['html'][:200]}" for fault in violations]


def faults_everywhere(page: Page) -> list[str]:
    """List what axe finds wrong on a phone and on a desk, in light and in dark mode."""
    found = []
    for viewport in (PHONE, DESK):
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme="light")
        found += faults(page)
        page.emulate_media(color_scheme="dark")
        found += faults(page, **COLOURS)
    return found


def scripted(page: Page) -> bool:
    """Tell whether the page's scripts have run."""
    return page.locator("html.js").count() == 1


def fits(page: Page) -> bool:
    size = page.viewport_size
    assert size is not None
    return bool(page.evaluate("document.documentElement.scrollWidth") == size["width"])
