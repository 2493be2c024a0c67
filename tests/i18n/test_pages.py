"""Pages in a language that puts each message in brackets: whatever stands outside isn't marked."""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Final

import httpx
import pytest
from sqlalchemy import text

from paperround.database import Database
from paperround.i18n import messages
from paperround.i18n.languages import ENGLISH, find_locale
from paperround.kept_parts import KeptParts

from support.factories import utc
from support.pages import TODAY, opened
from support.people import ADA, Person, sign_in_browser
from support.topic_corpus import add_measured_subjects, paper_id
from support.unmarked_texts import NAMES, NOT_SHOWN, list_shown_attributes

DAY: Final = "2026-03-10"
PAPER: Final = paper_id(1)
FOR_ALL: Final = [
    "/papers", "/papers/date/2026-03-10", "/papers/date/2026-03-09", "/papers/week/2026-W11",
    "/papers/month/2026-03", "/papers/month/2026-09", f"/papers/{PAPER}", "/papers/trending",
    "/papers/trending/month/2026-03", "/papers/trending/week/2026-W11", "/papers?q=honey",
    "/papers?q=nothing-here", "/papers?q=the", "/papers?q=bees&has_code=yes", "/papers/2699.99999",
    "/papers/date/nonsense", "/about", "/status", "/map", "/docs", "/subscribe", "/sign-in",
    "/authors/Ada%20Lindqvist", "/authors/Nobody", "/organizations/nowhere", "/venues/nowhere",
    "/unsubscribe/wrong", "/preferences/wrong", "/sign-in/wrong",
]  # fmt: skip
FOR_READERS: Final = [
    *FOR_ALL, "/topics", "/topics/new", "/topics/1", "/topics/1?days=7", "/topics/1/edit", "/topics/history",
    f"/rate/{PAPER}", "/topics/99", "/saved", "/saved?q=x", "/settings", "/settings/confirm",
    "/settings/leave", "/settings/zotero", "/following", "/submit", "/channels", "/judge",
    "/papers?order=fit",
]  # fmt: skip
CALENDAR: Final = [
    name
    for names in (find_locale(ENGLISH).days, find_locale(ENGLISH).months)
    for width in ("wide", "abbreviated")
    for name in names["format"][width].values()
]
# What the CLDR writes, what is searched for, and what is the same in every language.
WRITTEN: Final = re.compile(
    r"\b(?:English|Deutsch|in|ago|hours?|days?|minutes?|and|or|Ada|bees|honey|the|nothing-here|notes|https?|tgram|you@lab\.org|"
    + "|".join(CALENDAR)
    + r")\b"
)


class Bracketed(gettext.NullTranslations):
    """A catalogue that puts every message in brackets."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"

    def pgettext(self, context: str, message: str) -> str:
        return f"⟦{message}⟧"


class Texts(HTMLParser):
    """Collects what people read or hear, but for texts that say that they are in another language."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.attributes: list[str] = []
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        is_other = (
            tag in NOT_SHOWN
            or tag in ("bdi", "math", "annotation")
            or told.get("dir") == "auto"
            or ("lang" in told and tag != "html")
        )
        if not is_other and told.get("class") != "Z3988":
            self.attributes += list_shown_attributes(attrs)
        if tag not in ("meta", "link", "input", "br", "img", "source", "path", "rect", "circle"):
            self._open.append((tag, is_other))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not any(is_other for _, is_other in self._open):
            self.texts.append(" ".join(data.split()))


@pytest.fixture
def bracketed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "load_catalogue", lambda language: Bracketed())
    # Parts that were kept before are in English without brackets.
    monkeypatch.setattr(KeptParts, "find_or_make", lambda kept, key, make: make())


async def fill_site(browser: httpx.AsyncClient, database: Database) -> Person:
    """Let a reader have one of each: a topic, a rating, a saved paper, a follow, a key."""
    ada = await sign_in_browser(browser, database, ADA, now=utc(TODAY))
    for address, fields in {
        "/topics/new": {"words": "honey bees dance"},
        "/rate": {"topic": "1", "more": PAPER},
        f"/papers/{PAPER}/save": {"on": "true"},
        f"/papers/{PAPER}/upvote": {"on": "true"},
        "/follow": {"on": "author:Ada Lindqvist"},
        "/settings/keys": {"name": "notes", "scope": "read"},
    }.items():
        answer = await browser.post(address, data=ada.form(**fields))
        assert answer.status_code in (200, 303, 403), (address, answer.text)
    return ada


async def list_data(database: Database) -> list[str]:
    """List what the site holds and shows as it is, the longest first."""
    async with database.read_session() as session:
        rows = (await session.execute(text("SELECT title, abstract FROM papers"))).all()
        people = (
            await session.execute(text("SELECT name FROM topics UNION SELECT email FROM readers"))
        ).scalars()
        return sorted({part for row in rows for part in row if part} | {*people}, key=len, reverse=True)


def strip_messages(shown: str) -> str:
    """Leave out what stands in brackets, which may hold brackets in turn."""
    while (stripped := re.sub(r"⟦[^⟦⟧]*⟧", " ", shown)) != shown:
        shown = stripped
    return shown


def find_unmarked(answer: httpx.Response, data: list[str]) -> Iterator[str]:
    reader = Texts()
    reader.feed(answer.text)
    # A message goes over the tags in it, so texts are looked at as one.
    for shown in [*reader.attributes, *strip_messages("\n".join(reader.texts)).split("\n")]:
        rest = strip_messages(" ".join(shown.split()))
        for known in data:
            rest = rest.replace(known, " ")
        if re.search(r"[^\W\d_]{3,}", WRITTEN.sub(" ", NAMES.sub(" ", rest))):
            yield rest.strip()


@pytest.mark.usefixtures("bracketed")
async def test_pages_hold_no_text_that_is_not_marked(database_url: str, database: Database) -> None:
    await add_measured_subjects(database, day=DAY, now=utc(TODAY))
    found: dict[str, list[str]] = {}
    async with opened(database_url, judging=True, zotero_url="https://api.zotero.org") as browser:
        data = await list_data(database)
        for address in FOR_ALL:
            found[address] = [*find_unmarked(await browser.get(address, follow_redirects=True), data)]
        await fill_site(browser, database)
        data = await list_data(database)
        for address in FOR_READERS:
            found[f"{address}, signed in"] = [
                *find_unmarked(await browser.get(address, follow_redirects=True), data)
            ]
    assert {address: texts for address, texts in found.items() if texts} == {}
