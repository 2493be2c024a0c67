"""A digest in words: subject, text and HTML from one pair of templates, and the message with its headers."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import format_datetime, formataddr, parseaddr
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import quote, urlsplit

import css_inline
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import escape

from paperround import schema
from paperround.digests.contents import Contents, Why
from paperround.digests.items import Item, shortened
from paperround.digests.links import Addresses, Links
from paperround.digests.tables import Cadence
from paperround.mail.message import address_of
from paperround.mail.quick import assembled, encoded

LONGEST_BEST: Final = 100  # characters of a title in a subject
PARTS: Final = "<!-- parts -->\n"  # where they stand in the templates
NAMES: Final = Addresses(*(f"(({name}))" for name in Addresses._fields))
NOTHING: Final = "No paper has come up since your last digest. The next one comes when it is due."
TRENDING: Final = {
    Cadence.daily: "Trending now",
    Cadence.weekdays: "Trending now",
    Cadence.weekly: "Trending this week",
}


@dataclass(frozen=True)
class Digest:
    """What one message is about. `delivery_id` None: a preview."""

    subscription_id: int
    email: str
    cadence: Cadence
    period: date
    contents: Contents
    items: Mapping[str, Item]
    delivery_id: int | None = None

    @property
    def papers(self) -> list[Item]:
        """Those that are still in the catalogue."""
        return [self.items[key] for key in self.contents.papers if key in self.items]


class Block(NamedTuple):
    """Some lines of a digest, in both forms."""

    text: str
    html: str


class Written(NamedTuple):
    subject: str
    text: str
    html: str


class Letter(NamedTuple):
    """A message as it goes over the wire, and where its bounces go."""

    body: bytes
    return_path: str


class Writer:
    """Templates with their styles put in line, once. What many readers get alike is rendered once, too."""

    def __init__(self, links: Links, site_name: str) -> None:
        self._links = links
        self._templates = Templates.load()
        self._same = {"site": links.site, "site_name": site_name}
        self._known: dict[Hashable, Block] = {}
        host = urlsplit(links.site).hostname or "localhost"
        self._headers = [
            ("From", _sender(links.sender)),
            ("List-Id", f"<digest.{host}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            ("Auto-Submitted", "auto-generated"),
            ("Feedback-ID", f"digest:{links.domain}"),
        ]

    def letter(self, digest: Digest, *, now: datetime) -> Letter:
        """The message to its reader."""
        links = self._links.of_delivery(digest.delivery_id or 0, digest.subscription_id)
        subject = self._subject(digest)
        headers = [
            *self._headers,
            ("To", digest.email),
            ("Subject", encoded("Subject", subject)),
            ("Date", format_datetime(now)),
            ("Message-ID", f"<{links.message_id}>"),
            # On one line, however long: signatures break where others fold it again.
            ("List-Unsubscribe", f"<{links.unsubscribe}>, <{links.unsubscribe_by_mail}>"),
        ]
        blocks = self._blocks(digest, subject, links)
        body = assembled(headers, (block.text for block in blocks), (block.html for block in blocks))
        return Letter(body, links.return_path)

    def page(self, digest: Digest) -> Written:
        """Without the links that belong to its reader alone: a page is passed on."""
        subject = self._subject(digest)
        blocks = self._blocks(digest, subject, None)
        return Written(
            subject, "".join(block.text for block in blocks), "".join(block.html for block in blocks)
        )

    def _subject(self, digest: Digest) -> str:
        """The best paper, and how many more."""
        papers = digest.papers
        if not papers:
            return f"Nothing new {_day(digest)}"
        best = shortened(papers[0].title, LONGEST_BEST)
        return f"{best} and {len(papers) - 1} more" if len(papers) > 1 else best

    def _blocks(self, digest: Digest, subject: str, links: Addresses | None) -> list[Block]:
        opening = {"subject": subject, "day": _day(digest), "heading": _heading(digest)}
        opening["nothing"] = "" if digest.papers else NOTHING
        return [
            self._once("opening", opening),
            *self._parts(digest, links),
            self._end(links),
        ]

    def _end(self, links: Addresses | None) -> Block:
        """Rendered once with names in place of the links, which then make way for them."""
        if None not in self._known:
            self._known[None] = self._templates.end.render(self._same | {"links": None})
            self._known[NAMES] = self._templates.end.render(self._same | {"links": NAMES})
        if links is None:
            return self._known[None]
        text, html = self._known[NAMES]
        for name, link in zip(NAMES, links, strict=True):
            text, html = text.replace(name, link), html.replace(name, str(escape(link)))
        return Block(text, html)

    def _parts(self, digest: Digest, links: Addresses | None) -> Iterator[Block]:
        before = None
        for item in digest.papers:
            why = digest.contents.reasons.get(item.id)
            heading = why["name"] if why and why["own"] else TRENDING[digest.cadence]
            if heading != before:
                yield self._once("part", {"heading": heading})
            before = heading
            yield self._paper(item, why, links)

    def _paper(self, item: Item, why: Why | None, links: Addresses | None) -> Block:
        if why is None:
            if item not in self._known:
                self._known[item] = self._render_paper(item, "", "")
            return self._known[item]
        rate = f"{links.rate}?paper={quote(item.id, safe='')}&value=" if links else ""
        return self._render_paper(item, _because(why), rate)

    def _render_paper(self, item: Item, why: str, rate: str) -> Block:
        shown = {"paper": item, "url": f"{self._links.site}/papers/{item.id}", "why": why, "rate": rate}
        return self._templates.paper.render(shown)

    def _once(self, kind: Literal["opening", "part"], shown: dict[str, str]) -> Block:
        key = (kind, *shown.values())
        if key not in self._known:
            self._known[key] = getattr(self._templates, kind).render(self._same | shown)
        return self._known[key]


class Pair(NamedTuple):
    """The same lines as text and as HTML."""

    text: Template
    html: Template

    def render(self, shown: Mapping[str, Any]) -> Block:
        return Block(self.text.render(shown), self.html.render(shown))


class Templates(NamedTuple):
    opening: Pair
    part: Pair
    paper: Pair
    end: Pair

    @classmethod
    def load(cls) -> Templates:
        """HTML gets its styles here, in the template itself: once, not a message at a time."""
        plain, marked_up = _environment(autoescape=False), _environment(autoescape=True)
        inliner = css_inline.CSSInliner(load_remote_stylesheets=False)
        css, media = _source("digest.css"), _source("digest.media.css")
        whole = inliner.inline(_source("digest.html").replace("</head>", f"<style>{css}</style></head>"))
        opening, end = whole.replace("</head>", f"<style>{media}</style>\n</head>").split(PARTS)
        text_opening, text_end = _source("digest.txt").split(PARTS)

        def pair(name: str) -> Pair:
            html = inliner.inline_fragment(_source(f"{name}.html"), css)
            return Pair(plain.from_string(_source(f"{name}.txt")), marked_up.from_string(html))

        return cls(
            Pair(plain.from_string(text_opening), marked_up.from_string(opening)),
            pair("part"),
            pair("paper"),
            Pair(plain.from_string(text_end), marked_up.from_string(end)),
        )


def _source(name: str) -> str:
    return (schema.project_file("templates") / "mail" / name).read_text(encoding="utf-8")


def _environment(*, autoescape: bool) -> Environment:
    return Environment(
        autoescape=autoescape,  # noqa: S701 (off for plain text alone)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _sender(mail_from: str) -> str:
    return formataddr((encoded("From", parseaddr(mail_from)[0]), address_of(mail_from)))


def _day(digest: Digest) -> str:
    return f"{digest.period:%A}, {digest.period.day} {digest.period:%B}"


def _heading(digest: Digest) -> str:
    number = len(digest.papers)
    if not number:
        return "Nothing new"
    return f"{number} {'paper' if number == 1 else 'papers'} for you"


def _because(why: Mapping[str, Any]) -> str:
    told = ", ".join(why["why"])
    return f"For your topic “{why['name']}”" + (f": {told}." if told else ".")
