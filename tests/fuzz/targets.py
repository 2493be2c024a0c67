"""What is fuzzed: each target reads bytes as the program would, and raises where something is wrong.

Errors that are documented are no findings; anything else is, and so is what an answer must never be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from paperround.digests import bounces
from paperround.digests.returned_mail import ReportUnreadable
from paperround.feeds.arxiv import record as arxiv_record
from paperround.feeds.arxiv import xml as arxiv_xml
from paperround.feeds.broken_record import DocumentBroken, load_json
from paperround.feeds.http import FeedUnreadable
from paperround.feeds.huggingface import record as hub_record
from paperround.feeds.quarantine import hash_content
from paperround.papers import arxiv_id, doi
from paperround.papers.editions import Sort
from paperround.papers.record import FeedPaper, RecordUnreadable
from paperround.search import query_syntax
from paperround.settings import Settings
from paperround.text import email_address, http_date, links, mailbox, markup, mathml, reading, words
from paperround.text.links import normalise_http_url
from paperround.text.plain import to_plain_text
from paperround.tokens import BadToken, Signer
from paperround.topics import bibliography
from paperround.web import cursor
from paperround.web.dependencies import BadRequest
from paperround.web.security import client_ip, hosts

from fuzz.mutations import bytes_like, json_like
from fuzz.smtp import converse
from support.sender_child import LINKS

CORPUS: Final = Path(__file__).parent / "corpus"
DICTIONARIES: Final = Path(__file__).parent / "dictionaries"
REFERENCE_FILES: Final = Path(__file__).parents[1] / "topics" / "reference_files"
MAX_SECONDS: Final = 2.0  # of processor time for one input

Run = Callable[[bytes], None]


@dataclass(frozen=True)
class Target:
    """`open` gives what reads one input. Seeds are the files of a folder, or with `by_line` their lines."""

    name: str
    open: Callable[[], AbstractContextManager[Run]]
    folder: Path | None = None
    dictionary: str = ""
    by_line: bool = False
    documents: bool = False  # whether the corpus is JSON

    @cached_property
    def seeds(self) -> list[bytes]:
        folders = [*({CORPUS / self.name, self.folder} - {None})]
        files = sorted(path for folder in folders if folder.is_dir() for path in folder.iterdir())
        found = [path.read_bytes() for path in files if path.name.startswith("found-")]
        whole = [path.read_bytes() for path in files if not path.name.startswith("found-")]
        return found + ([line for text in whole for line in text.splitlines()] if self.by_line else whole)

    @cached_property
    def pieces(self) -> list[bytes]:
        """The words of the target's language. A dictionary writes the ends of lines as signs."""
        text = (DICTIONARIES / f"{self.dictionary or self.name}.txt").read_text()
        return [line.replace("␍", "\r").replace("␤", "\n").encode() for line in text.split("\n") if line]

    @cached_property
    def strategy(self) -> SearchStrategy[bytes]:
        near = bytes_like(self.seeds, self.pieces)
        if not self.documents:
            return near
        return st.one_of(near, json_like([json.loads(seed) for seed in self.seeds if _is_json(seed)]))


def _is_json(text: bytes) -> bool:
    with suppress(ValueError):
        json.loads(text)
        return True
    return False


def _pure(run: Run) -> Callable[[], AbstractContextManager[Run]]:
    return lambda: nullcontext(run)


def _decode(data: bytes) -> str:
    """Bytes that are no UTF-8 become half characters, which texts from JSON may have too."""
    return data.decode(errors="surrogateescape")


def require(condition: object, what: str) -> None:
    if not condition:
        raise AssertionError(what)


def require_storable(text: str | None, what: str) -> None:
    """PostgreSQL takes neither NUL nor half characters."""
    require(text is None or "\0" not in text, f"{what} has a NUL")
    (text or "").encode()


def _require_storable_paper(paper: FeedPaper) -> None:
    require(paper.title and len(paper.id) <= 40, "a paper has an id and a title")
    _require_storable_values(paper.model_dump())


def _require_storable_values(value: Any) -> None:
    if isinstance(value, str):
        require_storable(value, "a paper")
    elif isinstance(value, Mapping):
        _require_storable_values([*value, *value.values()])
    elif isinstance(value, list | tuple):
        for one in value:
            _require_storable_values(one)
    elif isinstance(value, float):
        json.dumps(value, allow_nan=False)


def read_hub(data: bytes) -> None:
    with suppress(DocumentBroken):
        records = load_json(data)
        for record in records if isinstance(records, list) else [records]:
            hash_content(record)
            hub_record.guess_paper_id(record)
            with suppress(RecordUnreadable):
                _require_storable_paper(hub_record.parse_record(record))


def read_arxiv(data: bytes) -> None:
    for parse in (arxiv_xml.parse_announcements, arxiv_xml.parse_query_page):
        with suppress(FeedUnreadable):
            for entry in parse(data, "application/xml").entries:
                hash_content(entry)
                arxiv_record.guess_paper_id(entry)
                arxiv_record.announcement_rank(entry)
                with suppress(RecordUnreadable):
                    _require_storable_paper(arxiv_record.parse_record(entry, ["cs.CL", "cs.LG"]))


def read_mail(data: bytes) -> None:
    with suppress(ReportUnreadable):
        report = bounces.parse_report(data, LINKS)
        require_storable(report.explanation, "an explanation")
        require(len(report.explanation) <= bounces.MAX_EXPLANATION_LENGTH, "an explanation is short")


def read_library(data: bytes) -> None:
    with suppress(bibliography.BibliographyInvalid):
        for reference in bibliography.parse_bibliography(data):
            authors = [part for name in reference.authors for part in name]
            for value in (*reference.names, reference.year, reference.abstract, reference.label, *authors):
                require_storable(value, "a reference")
            require(len(reference.title) <= bibliography.MAX_TITLE_LENGTH, "a title is short")
            require(len(reference.arxiv_id) <= 40 and len(reference.doi) <= 200, "ids are short")


def read_latex(data: bytes) -> None:
    text = _decode(data)
    require_storable(to_plain_text(text), "a line")
    require_storable(markup.escape_markdown(markup.render_unicode(text)), "a text in Markdown")
    read = reading.read_latex(text)
    require_storable(read.text, "a reading")
    for html in (markup.render_html(text), *markup.write_html_paragraphs(read)):
        tree = ElementTree.fromstring(f"<p>{html}</p>")  # well-formed, so that no text becomes markup
        tags = {element.tag for element in tree.iter()} - {"p", "a"}
        require(tags <= mathml.ELEMENTS, f"only MathML and links: {tags}")
        for link in tree.iter("a"):
            require(set(link.attrib) == {"href", "rel"}, f"a link's attributes: {link.attrib}")
            require(normalise_http_url(link.attrib["href"]) is not None, f"an address: {link.attrib['href']}")


def read_formula(data: bytes) -> None:
    for block in (False, True):
        formula = mathml.render_formula(_decode(data), block)
        if formula is not None:
            tags = {element.tag for element in ElementTree.fromstring(formula.mathml).iter()}
            require(tags <= mathml.ELEMENTS, f"only MathML: {tags}")
            require_storable(formula.line, "a formula")


def read_search(data: bytes) -> None:
    query = query_syntax.parse_query(_decode(data))
    require(len(query.parts) <= query_syntax.MAX_WORDS, "few words")
    for text in (
        query.text,
        query.words,
        query.phrases,
        query.exclusions,
        *query.variants,
        *(query.name or ()),
    ):
        require_storable(text, "a query")
    words.list_spelling_variants(_decode(data))
    query_syntax.text_to_encode(query)
    query_syntax.is_foreign_script(query)


def read_tokens(data: bytes) -> None:
    text, signer = _decode(data), Signer(["a key", "an older key"])
    readers: tuple[Callable[[], object], ...] = (
        lambda: signer.read("session", text),
        lambda: signer.unseal("mail", text),
        lambda: LINKS.read_token("confirm", text),
        lambda: LINKS.read_token("message", text),
    )
    for reader in readers:
        with suppress(BadToken):
            raise AssertionError(f"a token that nobody signed was taken: {reader()!r}")
    for sort in Sort:
        with suppress(BadRequest):
            place = cursor.decode(sort, text)
            require(
                place is None or cursor.decode(sort, cursor.encode(sort, place)) == place, "the same place"
            )


TRUSTED: Final = Settings(_env_file=None, trusted_proxies="127.0.0.0/8,10.0.0.0/8,::1")


def read_forwarded(data: bytes) -> None:
    peer, _, forwarded = _decode(data).partition("|")
    address = client_ip.find_client_address(peer, forwarded, TRUSTED.trusted_proxies)
    client_ip.is_trusted_proxy(peer, TRUSTED)
    networks = client_ip.list_networks(address)
    require(1 <= len(networks) <= 3 and all(len(network) <= 43 for network in networks), "a few networks")
    hosts.is_allowed_host(forwarded, TRUSTED)


def read_links(data: bytes) -> None:
    text = _decode(data)
    for url in (links.normalise_http_url(text, base="https://example.org"), links.normalise_github_url(text)):
        require(url is None or re.fullmatch(r"https?://[^\s\\]+", url), f"an absolute address: {url!r}")
        require_storable(url, "an address")
        require(url is None or links.percent_encode_url(url).isascii(), "an encoded address is ASCII")
    links.percent_encode_url(text.encode(errors="replace").decode())
    arxiv_id.parse_id_or_url(text)
    arxiv_id.parse_version(text)
    doi.find_doi(text)
    http_date.parse_http_date(text)
    with suppress(email_address.EmailAddressInvalid):
        mailbox.identify_mailbox(email_address.normalise_email_address(text))


PURE_TARGETS: Final = (
    Target("hub", _pure(read_hub), documents=True),
    Target("arxiv", _pure(read_arxiv)),
    Target("mail", _pure(read_mail)),
    Target("library", _pure(read_library), folder=REFERENCE_FILES),
    Target("latex", _pure(read_latex), by_line=True),
    Target("formula", _pure(read_formula), folder=CORPUS / "latex", dictionary="latex", by_line=True),
    Target("search", _pure(read_search), by_line=True),
    Target("tokens", _pure(read_tokens), by_line=True),
    Target("forwarded", _pure(read_forwarded), by_line=True),
    Target("links", _pure(read_links), by_line=True),
    Target("smtp", _pure(converse)),
)
