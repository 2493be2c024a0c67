"""A digest in words: subject, text and HTML from one pair of templates, and the message with its headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import format_datetime, formataddr, parseaddr
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

import css_inline
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from paperround import schema
from paperround.digests.contents import Contents
from paperround.digests.items import Item
from paperround.digests.links import Links
from paperround.digests.tables import Cadence
from paperround.mail.message import address_of
from paperround.mail.quick import assembled, encoded

LONGEST_BEST: Final = 100  # characters of a title in a subject
MOST_BYTES: Final = 100_000  # mail programs cut off what is longer
TRENDING: Final = {
    Cadence.daily: "Trending now",
    Cadence.weekdays: "Trending now",
    Cadence.weekly: "Trending this week",
}


@dataclass(frozen=True)
class Digest:
    """What one message is about. `delivery_id` None: a preview, without links that act."""

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
    """The same in both forms."""

    text: str
    html: Markup


class Part(NamedTuple):
    heading: str
    text: str
    html: Markup


class Written(NamedTuple):
    subject: str
    text: str
    html: str


class Writer:
    """Templates with their styles put in line, once; a paper's lines are made once for all readers."""

    def __init__(self, links: Links, site_name: str) -> None:
        self._links = links
        self._name = site_name
        self._templates = Templates.load()
        self._blocks: dict[Item, Block] = {}
        host = urlsplit(links.site).hostname or "localhost"
        self._same = [
            ("From", _sender(links.sender)),
            ("List-Id", f"<digest.{host}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            ("Auto-Submitted", "auto-generated"),
            ("Feedback-ID", f"digest:{links.domain}"),
        ]

    def message(self, digest: Digest, *, now: datetime) -> bytes:
        """The whole message, as it goes over the wire."""
        delivery = digest.delivery_id or 0
        written = self.write(digest)
        unsubscribe = self._links.unsubscribe(digest.subscription_id)
        headers = [
            *self._same,
            ("To", digest.email),
            ("Subject", encoded("Subject", written.subject)),
            ("Date", format_datetime(now)),
            ("Message-ID", f"<{self._links.message_id(delivery)}>"),
            # On one line, however long: signatures break where others fold it again.
            ("List-Unsubscribe", f"<{unsubscribe}>, <{self._links.unsubscribe_by_mail(delivery)}>"),
        ]
        return assembled(headers, written.text, written.html)

    def write(self, digest: Digest, *, on_the_web: bool = False) -> Written:
        """`on_the_web`: without links that belong to its reader alone, as the page may be passed on."""
        papers = digest.papers
        shown: dict[str, Any] = {
            "site": self._links.site,
            "site_name": self._name,
            "day": f"{digest.period:%A}, {digest.period.day} {digest.period:%B}",
            "heading": _heading(digest),
            "nothing": "No paper has come up since your last digest. The next one comes when it is due.",
            "best": _best(papers),
            "others": max(len(papers) - 1, 0),
            "parts": self._parts(digest),
            "browser": self._links.digest(digest.delivery_id)
            if digest.delivery_id and not on_the_web
            else "",
            "preferences": "" if on_the_web else self._links.preferences(digest.subscription_id),
            "unsubscribe": "" if on_the_web else self._links.unsubscribe(digest.subscription_id),
        }
        shown["subject"] = subject = self._templates.subject.render(shown).strip()
        return Written(subject, self._templates.text.render(shown), self._templates.html.render(shown))

    def _parts(self, digest: Digest) -> list[Part]:
        reasons = digest.contents.reasons
        groups: dict[str, list[Item]] = {}
        for item in digest.papers:
            why = reasons.get(item.id)
            groups.setdefault(why["name"] if why and why["own"] else TRENDING[digest.cadence], []).append(
                item
            )
        parts = []
        for heading, items in groups.items():
            blocks = [self._block(digest, item) for item in items]
            text, html = zip(*blocks, strict=True)
            parts.append(Part(heading, "".join(text), Markup("").join(html)))
        return parts

    def _block(self, digest: Digest, item: Item) -> Block:
        why = digest.contents.reasons.get(item.id)
        if why:
            return self._render(item, _because(why), self._rating(digest, item))
        if item not in self._blocks:
            self._blocks[item] = self._render(item, "", ("", ""))
        return self._blocks[item]

    def _render(self, item: Item, why: str, rating: tuple[str, str]) -> Block:
        url = f"{self._links.site}/papers/{item.id}"
        shown = {"paper": item, "url": url, "why": why, "more": rating[0], "less": rating[1]}
        html = Markup(self._templates.paper_html.render(shown))  # noqa: S704 (a template's, escaped there)
        return Block(self._templates.paper_text.render(shown), html)

    def _rating(self, digest: Digest, item: Item) -> tuple[str, str]:
        """Where "more" and "less like this" lead: to a page with a button."""
        if not digest.delivery_id:
            return "", ""
        page = f"{self._links.digest(digest.delivery_id)}/rate?paper={quote(item.id, safe='')}"
        return f"{page}&value=1", f"{page}&value=-1"


class Templates(NamedTuple):
    subject: Template
    text: Template
    html: Template
    paper_text: Template
    paper_html: Template

    @classmethod
    def load(cls) -> Templates:
        """HTML gets its styles here, in the template itself: once, not a message at a time."""
        folder = schema.project_file("templates") / "mail"
        plain, marked_up = _environment(autoescape=False), _environment(autoescape=True)
        inliner = css_inline.CSSInliner(load_remote_stylesheets=False)
        css = (folder / "digest.css").read_text(encoding="utf-8")
        media = (folder / "digest.media.css").read_text(encoding="utf-8")

        def source(name: str) -> str:
            return (folder / name).read_text(encoding="utf-8")

        whole = inliner.inline(source("digest.html").replace("</head>", f"<style>{css}</style></head>"))
        whole = whole.replace("</head>", f"<style>{media}</style></head>")
        return cls(
            plain.get_template("digest.subject.txt"),
            plain.get_template("digest.txt"),
            marked_up.from_string(whole),
            plain.get_template("paper.txt"),
            marked_up.from_string(inliner.inline_fragment(source("paper.html"), css)),
        )


def _environment(*, autoescape: bool) -> Environment:
    return Environment(
        loader=FileSystemLoader(schema.project_file("templates") / "mail"),
        autoescape=autoescape,  # noqa: S701 (off for plain text alone)
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _sender(mail_from: str) -> str:
    return formataddr((encoded("From", parseaddr(mail_from)[0]), address_of(mail_from)))


def _heading(digest: Digest) -> str:
    number = len(digest.papers)
    if not number:
        return "Nothing new"
    return f"{number} {'paper' if number == 1 else 'papers'} for you"


def _best(papers: Sequence[Item]) -> str:
    """The first paper's title, cut for a subject."""
    if not papers:
        return ""
    title = papers[0].title
    return title if len(title) <= LONGEST_BEST else title[: LONGEST_BEST - 1].rpartition(" ")[0] + "…"


def _because(why: Mapping[str, Any]) -> str:
    told = ", ".join(why["why"])
    return f"For your topic “{why['name']}”" + (f": {told}." if told else ".")
