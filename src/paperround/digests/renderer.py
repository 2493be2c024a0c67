"""A digest in words: subject, text and HTML from one pair of templates, and the message with its headers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterator, Sequence
from datetime import date, datetime
from email.utils import format_datetime, formataddr, parseaddr
from functools import lru_cache
from itertools import groupby
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import quote, urlsplit

from paperround.digests import wording
from paperround.digests.digest import Digest
from paperround.digests.followed_matches import FOLLOWING
from paperround.digests.items import DigestItem
from paperround.digests.links import DeliveryLinks, DigestLinks
from paperround.digests.overview import Overview
from paperround.digests.selection import Selection
from paperround.digests.tables import Cadence, LinkTarget
from paperround.digests.templates import DigestTemplates, FilledBlock, RenderedBlock, placeholders
from paperround.digests.topic_places import MatchReason
from paperround.i18n.languages import find_direction, get_language, using_language
from paperround.i18n.messages import find_message, mark_message
from paperround.mail.message import parse_address
from paperround.mail.mime import assemble_message, encode_header

MAX_MESSAGE_SIZE: Final = 100_000  # bytes of a message: mail programs clip what is longer
SHARED_BLOCK_CACHE_SIZE: Final = 100  # lists of papers that are kept ready; 30 kB each
LINK_PLACEHOLDERS: Final = DeliveryLinks(**placeholders(*DeliveryLinks._fields))
NOBODY: Final = LinkTarget(0, "", "")
EMPTY_NOTE: Final = mark_message(
    "There are no new papers since your last digest. The next one comes as scheduled."
)


class RenderedDigest(NamedTuple):
    subject: str
    text: str
    html: str


class RenderedMessage(NamedTuple):
    """A message as it goes over the wire, and where its bounces go."""

    body: bytes
    return_path: str


class SharedDigest(NamedTuple):
    """What all readers of the same papers get, with places for the links of each."""

    subject: str
    lines: RenderedBlock


class DigestRenderer:
    """Templates with their styles put in line, once. What many readers get alike is rendered once, too."""

    def __init__(self, links: DigestLinks, site_name: str) -> None:
        self._links = links
        self._templates = DigestTemplates.load()
        self._site_values: dict[str, Any] = {"site": links.site, "site_name": site_name}
        self._blocks_by_language: dict[str, dict[Hashable, RenderedBlock]] = {}
        self._shared_papers = lru_cache(maxsize=SHARED_BLOCK_CACHE_SIZE)(self._render_shared_papers)
        self._shared_digests = lru_cache(maxsize=SHARED_BLOCK_CACHE_SIZE)(self._render_shared_digest)
        host = urlsplit(links.site).hostname or "localhost"
        self._headers = [
            ("From", _format_sender(links.sender)),
            ("List-Id", f"<digest.{host}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            ("Auto-Submitted", "auto-generated"),
            ("Feedback-ID", f"digest:{links.domain}"),
        ]

    @property
    def _blocks(self) -> dict[Hashable, RenderedBlock]:
        """What is kept ready in the language in use."""
        return self._blocks_by_language.setdefault(get_language(), {})

    def render_message(self, digest: Digest, *, now: datetime) -> RenderedMessage:
        """The message to its reader, in their language."""
        with using_language(digest.language):
            return self._render_message(digest, now=now)

    def _render_message(self, digest: Digest, *, now: datetime) -> RenderedMessage:
        links = self._links.for_delivery(digest.delivery_id or 0, digest.subscription)
        shared = self._find_shared(digest)
        subject = shared.subject if shared else wording.format_subject(digest)
        headers = [
            *self._headers,
            ("To", digest.email),
            ("Subject", encode_header("Subject", subject)),
            ("Date", format_datetime(now)),
            ("Message-ID", f"<{links.message_id}>"),
            # On one line, however long: signatures break where others fold it again.
            ("List-Unsubscribe", f"<{links.unsubscribe}>, <{links.unsubscribe_by_mail}>"),
        ]
        whole = (
            [shared.lines.fill(links._asdict())] if shared else self._render_blocks(digest, subject, links)
        )
        body = _assemble(headers, whole)
        if len(body) > MAX_MESSAGE_SIZE:
            body = self._render_within_limit(digest, headers, subject, links)
        return RenderedMessage(body, links.return_path)

    def return_path(self, digest: Digest) -> str:
        """The return path of the message to come."""
        return self._links.return_path(digest.delivery_id or 0, digest.subscription)

    def _render_within_limit(
        self, digest: Digest, headers: Sequence[tuple[str, str]], subject: str, links: DeliveryLinks
    ) -> bytes:
        """The last papers without their summaries; where that is still too long, without the last papers,
        and with a link to where they stand."""

        def body(cut: int) -> bytes:
            return _assemble(headers, self._render_blocks(digest, subject, links, cut=cut))

        cuts = range(1, 2 * len(digest.papers) + 1)
        return body(
            cuts[
                bisect_left(cuts, True, hi=len(cuts) - 1, key=lambda cut: len(body(cut)) <= MAX_MESSAGE_SIZE)
            ]
        )

    def _find_shared(self, digest: Digest) -> SharedDigest | None:
        """What others get too, rendered once; None where something in the digest is its reader's own."""
        selection = digest.selection
        if selection.reasons:
            return None
        items = tuple([(key, digest.items.get(key)) for key in selection.shown_papers])
        papers = tuple(selection.papers)
        return self._shared_digests(
            papers, selection.overview, items, digest.cadence, digest.period, digest.language
        )

    def _render_shared_digest(
        self,
        papers: tuple[str, ...],
        overview: Overview | None,
        items: tuple[tuple[str, DigestItem | None], ...],
        cadence: Cadence,
        period: date,
        language: str,
    ) -> SharedDigest:
        known = {key: item for key, item in items if item is not None}
        selection = Selection([*papers], {}, overview)
        digest = Digest(NOBODY, "", cadence, period, selection, known, language=language)
        subject = wording.format_subject(digest)
        blocks = self._render_blocks(digest, subject, LINK_PLACEHOLDERS)
        return SharedDigest(
            subject, RenderedBlock.join(block.keep(LINK_PLACEHOLDERS._fields) for block in blocks)
        )

    def render_page(self, digest: Digest) -> RenderedDigest:
        """All of it, without the links that belong to its reader alone: a page is passed on."""
        with using_language(digest.language):
            subject = wording.format_subject(digest)
            blocks = self._render_blocks(digest, subject, None)
        return RenderedDigest(
            subject, "".join(block.text for block in blocks), "".join(block.html for block in blocks)
        )

    def _render_blocks(
        self, digest: Digest, subject: str, links: DeliveryLinks | None, *, cut: int = 0
    ) -> list[FilledBlock]:
        """`cut`: how many papers, from the last, are without a summary; what is beyond their number, how many
        are left out."""
        papers = digest.papers
        left_out = max(cut - len(papers), 0)
        shown = papers[: len(papers) - left_out]
        heading = wording.format_heading(digest)
        opening = {"subject": subject, "day": wording.format_day(digest.period), "heading": heading}
        opening["nothing"] = "" if papers else find_message(EMPTY_NOTE)
        language = get_language()
        opening |= {"language": language, "direction": find_direction(language)}
        opening["role"] = "article" if links else "main"
        opening |= wording.build_opening(digest, self._links.site)
        list_note = wording.build_list_note(digest, self._links.site)
        return [
            self._render_cached("opening", opening).fill(),
            *self._render_parts(digest, shown, links, whole=len(papers) - cut),
            *([self._render_omitted_note(left_out, links)] if left_out and links else ()),
            *([self._render_cached("list_note", list_note).fill()] if list_note else ()),
            *(block.fill() for block in self._render_mentions(digest)),
            self._render_end(links),
        ]

    def _render_parts(
        self, digest: Digest, papers: Sequence[DigestItem], links: DeliveryLinks | None, *, whole: int
    ) -> Iterator[FilledBlock]:
        """A part a heading. Papers that come without a reason are the same for many readers."""
        reasons, trending = digest.selection.reasons, wording.format_list_heading(digest)

        def heading(placed: tuple[int, DigestItem]) -> tuple[str, str, bool]:
            why = reasons.get(placed[1].id)
            if why and why["own"]:
                return why["name"], wording.format_topic_note(digest, why), False
            return trending, "", why is None

        before = None
        for (name, note, alike), group in groupby(enumerate(papers), key=heading):
            if name != before:
                yield self._render_heading(name, note)
            before = name
            if alike:
                shared = self._shared_papers(
                    tuple((item, place >= whole) for place, item in group),
                    links is not None,
                    get_language(),
                )
                yield shared.fill({"save": links.save} if links else None)
            else:
                for place, item in group:
                    yield self._render_paper(item, reasons[item.id], links, brief=place >= whole)

    def _render_heading(self, name: str, note: str) -> FilledBlock:
        """The heading of a part, whose name may be a reader's own. As text it stands in capitals."""
        places = placeholders("heading", "note")
        block = self._render_cached("part", places if note else places | {"note": ""})
        return block.fill({"heading": name, "HEADING": name.upper(), "note": note})

    def _render_shared_papers(
        self, papers: tuple[tuple[DigestItem, bool], ...], has_links: bool, language: str
    ) -> RenderedBlock:
        with using_language(language):
            return RenderedBlock.join(
                self._get_paper(item, has_why=False, has_links=has_links, brief=brief)
                for item, brief in papers
            )

    def _render_paper(
        self, item: DigestItem, why: MatchReason, links: DeliveryLinks | None, *, brief: bool
    ) -> FilledBlock:
        """A paper with what is its reader's own."""
        explanation = wording.find_explanation(why)
        block = self._get_paper(
            item,
            has_why=True,
            explained_in=explanation.language if explanation else "",
            has_links=links is not None,
            brief=brief,
            is_rateable=why["topic"] != FOLLOWING,
        )
        rate = f"{links.rate}?paper={quote(item.id, safe='')}&value=" if links else ""
        values = {"rate": rate, "save": links.save if links else ""}
        values["why"] = wording.format_reason(why)
        if explanation:
            values |= {"model": explanation.model, "explanation": explanation.text}
        return block.fill(values)

    def _get_paper(
        self,
        item: DigestItem,
        *,
        has_why: bool,
        has_links: bool,
        brief: bool,
        is_rateable: bool = True,
        explained_in: str = "",
    ) -> RenderedBlock:
        """A paper, rendered once, with placeholders for what is its reader's own. Ratings need a topic.

        `explained_in` is the language of what a model wrote on why it fits; empty: nothing is.
        """
        key = (item, has_why, has_links, brief, is_rateable, explained_in)
        if key not in self._blocks:
            places = placeholders("rate", "save", "why", "model", "explanation")
            shown = {"paper": item, "url": f"{self._links.site}/papers/{item.id}", "brief": brief}
            shown["why"] = places["why"] if has_why else ""
            shown |= {name: places[name] if explained_in else "" for name in ("model", "explanation")}
            shown["explained_in"] = explained_in
            shown["rate"] = places["rate"] if has_why and has_links and is_rateable else ""
            save = f"{places['save']}?paper={quote(item.id, safe='')}"
            shown["save"] = save if has_links and not brief else ""
            self._blocks[key] = self._templates.paper.render(shown)
        return self._blocks[key]

    def _render_mentions(self, digest: Digest) -> Iterator[RenderedBlock]:
        """What stood out in a week or month besides votes: the same for many readers."""
        for heading, lines in wording.list_mentions(digest, self._links.site):
            key = ("mentions", heading, *lines)
            if key not in self._blocks:
                self._blocks[key] = self._templates.mentions.render({"heading": heading, "lines": lines})
            yield self._blocks[key]

    def _render_omitted_note(self, number: int, links: DeliveryLinks) -> FilledBlock:
        return self._templates.rest.render({"number": number, "url": links.digest}).fill()

    def _render_end(self, links: DeliveryLinks | None) -> FilledBlock:
        key = ("end", links is None)
        if key not in self._blocks:
            shown = self._site_values | {"links": links and LINK_PLACEHOLDERS._asdict()}
            self._blocks[key] = self._templates.end.render(shown)
        return self._blocks[key].fill(None if links is None else links._asdict())

    def _render_cached(
        self, kind: Literal["opening", "part", "list_note"], shown: dict[str, str]
    ) -> RenderedBlock:
        key = (kind, *shown.values())
        if key not in self._blocks:
            self._blocks[key] = getattr(self._templates, kind).render(self._site_values | shown)
        return self._blocks[key]


def _assemble(headers: Sequence[tuple[str, str]], blocks: Sequence[FilledBlock]) -> bytes:
    return assemble_message(
        headers, [block.quoted_text for block in blocks], [block.quoted_html for block in blocks]
    )


def _format_sender(mail_from: str) -> str:
    return formataddr((encode_header("From", parseaddr(mail_from)[0]), parse_address(mail_from)))
