"""A digest in words: subject, text and HTML from one pair of templates, and the message with its headers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import format_datetime, formataddr, parseaddr
from functools import lru_cache
from itertools import groupby
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import quote, urlsplit

from paperround.digests.items import Item, shortened
from paperround.digests.links import Addresses, Links
from paperround.digests.selection import Contents, Why
from paperround.digests.tables import Cadence
from paperround.digests.templates import Block, Templates, placed
from paperround.mail.message import address_of
from paperround.mail.mime import assembled, encoded

LONGEST_BEST: Final = 100  # characters of a title in a subject
LARGEST: Final = 100_000  # bytes of a message: mail programs clip what is longer
MOST_ALIKE: Final = 100  # lists of papers that are kept ready; 30 kB each
LINKS: Final = placed(*Addresses._fields)
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
        self._same: dict[str, Any] = {"site": links.site, "site_name": site_name}
        self._known: dict[Hashable, Block] = {}
        self._alike = lru_cache(maxsize=MOST_ALIKE)(self._render_alike)
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
        return Letter(self._fitting(digest, headers, subject, links), links.return_path)

    def _fitting(
        self, digest: Digest, headers: Sequence[tuple[str, str]], subject: str, links: Addresses
    ) -> bytes:
        """The last papers without their summaries where all is too long; then without the last papers, and
        with a link to where they stand."""

        def body(cut: int) -> bytes:
            blocks = self._blocks(digest, subject, links, cut=cut)
            whole = Block.joined(blocks)
            return assembled(headers, [whole.quoted_text], [whole.quoted_html])

        whole = body(0)
        if len(whole) <= LARGEST:
            return whole
        cuts = range(1, 2 * len(digest.papers) + 1)
        return body(
            cuts[bisect_left(cuts, True, hi=len(cuts) - 1, key=lambda cut: len(body(cut)) <= LARGEST)]
        )

    def page(self, digest: Digest) -> Written:
        """All of it, without the links that belong to its reader alone: a page is passed on."""
        subject = self._subject(digest)
        whole = Block.joined(self._blocks(digest, subject, None))
        return Written(subject, whole.text, whole.html)

    def _subject(self, digest: Digest) -> str:
        """The best paper, and how many more."""
        papers = digest.papers
        if not papers:
            return f"Nothing new {_day(digest)}"
        best = shortened(papers[0].title, LONGEST_BEST)
        return f"{best} and {len(papers) - 1} more" if len(papers) > 1 else best

    def _blocks(self, digest: Digest, subject: str, links: Addresses | None, *, cut: int = 0) -> list[Block]:
        """`cut`: how many papers, from the last, are without a summary; what is beyond their number, how many
        are left out."""
        papers = digest.papers
        left_out = max(cut - len(papers), 0)
        shown = papers[: len(papers) - left_out]
        opening = {"subject": subject, "day": _day(digest), "heading": _heading(digest)}
        opening["nothing"] = "" if papers else NOTHING
        opening["role"] = "article" if links else "main"
        return [
            self._once("opening", opening),
            *self._parts(digest, shown, links, whole=len(papers) - cut),
            *([self._rest(left_out, links)] if left_out and links else ()),
            self._end(links),
        ]

    def _parts(
        self, digest: Digest, papers: Sequence[Item], links: Addresses | None, *, whole: int
    ) -> Iterator[Block]:
        """A part a heading. Papers that come without a reason are the same for many readers."""
        reasons, trending = digest.contents.reasons, TRENDING[digest.cadence]

        def heading(placed: tuple[int, Item]) -> tuple[str, bool]:
            why = reasons.get(placed[1].id)
            return (why["name"] if why and why["own"] else trending), why is None

        before = None
        for (name, alike), group in groupby(enumerate(papers), key=heading):
            if name != before:
                yield self._once("part", {"heading": name})
            before = name
            if alike:
                yield self._alike(tuple((item, place >= whole) for place, item in group))
            else:
                for place, item in group:
                    yield self._paper(item, reasons[item.id], links, brief=place >= whole)

    def _render_alike(self, papers: tuple[tuple[Item, bool], ...]) -> Block:
        return Block.joined(self._paper(item, None, None, brief=brief) for item, brief in papers)

    def _paper(self, item: Item, why: Why | None, links: Addresses | None, *, brief: bool) -> Block:
        """Rendered once; what is its reader's own is put in."""
        form = (bool(why), bool(why and links), brief)
        key = (item, form)
        if key not in self._known:
            self._known[key] = self._render_paper(item, *form)
        if why is None:
            return self._known[key]
        rate = f"{links.rate}?paper={quote(item.id, safe='')}&value=" if links else ""
        return self._known[key].filled({"rate": rate, "why": _because(why)})

    def _render_paper(self, item: Item, has_why: bool, has_rate: bool, brief: bool) -> Block:
        shown: dict[str, Any] = {"paper": item, "url": f"{self._links.site}/papers/{item.id}", "brief": brief}
        places = placed("rate", "why")
        shown |= {"why": places["why"] if has_why else "", "rate": places["rate"] if has_rate else ""}
        return self._templates.paper.render(shown)

    def _rest(self, number: int, links: Addresses) -> Block:
        return self._templates.rest.render({"number": number, "url": links.digest})

    def _end(self, links: Addresses | None) -> Block:
        key = ("end", links is None)
        if key not in self._known:
            shown = self._same | {"links": None if links is None else LINKS}
            self._known[key] = self._templates.end.render(shown)
        return self._known[key] if links is None else self._known[key].filled(links._asdict())

    def _once(self, kind: Literal["opening", "part"], shown: dict[str, str]) -> Block:
        key = (kind, *shown.values())
        if key not in self._known:
            self._known[key] = getattr(self._templates, kind).render(self._same | shown)
        return self._known[key]


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
