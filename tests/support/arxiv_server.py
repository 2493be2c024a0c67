"""An arXiv on loopback: announcements in Atom or RSS, and its query API, with invented papers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from re import fullmatch, search
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from support.feed_server import Answer, answering

EASTERN = ZoneInfo("America/New_York")
ATOM = {"Content-Type": "application/atom+xml; charset=utf-8"}
NAMESPACES = (
    'xmlns="http://www.w3.org/2005/Atom" xmlns:arxiv="http://arxiv.org/schemas/atom" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"'
)


@dataclass(frozen=True)
class Submission:
    """A paper as arXiv has it. `submitted` and `revised` in UTC."""

    id: str = "2603.00001"
    version: int = 1
    title: str = ""
    abstract: str = "We wait for gradients and they come."
    authors: tuple[str, ...] = ("Ada Lindqvist", "Benedikt Åström")
    categories: tuple[str, ...] = ("cs.CL", "cs.AI")
    submitted: str = "2026-03-02T10:00:00"
    revised: str = ""
    comment: str = ""
    doi: str = ""

    @property
    def shown_title(self) -> str:
        return escape(self.title or f"Patient Gradients, Part {self.id}")

    @property
    def at(self) -> datetime:
        return datetime.fromisoformat(self.submitted).replace(tzinfo=UTC)

    def told_doi(self, name: str) -> str:
        return f"<arxiv:{name}>{escape(self.doi)}</arxiv:{name}>" if self.doi else ""


def midnight(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), tzinfo=EASTERN)


def announcement(paper: Submission, kind: str, day: str) -> str:
    terms = "".join(f'<category term="{escape(term)}"/>' for term in paper.categories)
    return f"""<entry><id>oai:arXiv.org:{paper.id}v{paper.version}</id><title>{paper.shown_title}</title>
<updated>{midnight(day).astimezone(UTC).isoformat()}</updated>
<link href="https://arxiv.org/abs/{paper.id}" rel="alternate" type="text/html"/>
<summary>arXiv:{paper.id}v{paper.version} Announce Type: {kind} \nAbstract: {escape(paper.abstract)}</summary>
{terms}<published>{midnight(day).isoformat()}</published><arxiv:announce_type>{kind}</arxiv:announce_type>
{paper.told_doi("DOI")}<dc:creator>{escape(", ".join(paper.authors))}</dc:creator></entry>"""


def atom(day: str, *entries: str) -> bytes:
    updated = midnight(day).astimezone(UTC).isoformat()
    head = f"<feed {NAMESPACES}><id>feed</id><title>updates on arXiv.org</title><updated>{updated}</updated>"
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{head}{''.join(entries)}</feed>".encode()


def rss(day: str, *papers: tuple[Submission, str]) -> bytes:
    dated = f"{midnight(day):%a, %d %b %Y %H:%M:%S %z}"
    items = "".join(
        f"""<item><title>{paper.shown_title}</title><link>https://arxiv.org/abs/{paper.id}</link>
<description>arXiv:{paper.id}v{paper.version} Announce Type: {kind}
Abstract: {escape(paper.abstract)}</description>
<guid isPermaLink="false">oai:arXiv.org:{paper.id}v{paper.version}</guid>
{"".join(f"<category>{term}</category>" for term in paper.categories)}<pubDate>{dated}</pubDate>
<arxiv:announce_type>{kind}</arxiv:announce_type>
{paper.told_doi("DOI")}<dc:creator>{escape(", ".join(paper.authors))}</dc:creator></item>"""
        for paper, kind in papers
    )
    spaces = NAMESPACES.replace('xmlns="http://www.w3.org/2005/Atom" ', "")
    head = f'<rss {spaces} version="2.0"><channel><title>updates</title><pubDate>{dated}</pubDate>'
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{head}{items}</channel></rss>".encode()


def found(paper: Submission) -> str:
    terms = "".join(f'<category term="{escape(term)}"/>' for term in paper.categories)
    comment = f"<arxiv:comment>{escape(paper.comment)}</arxiv:comment>" if paper.comment else ""
    names = "".join(f"<author><name>{escape(name)}</name></author>" for name in paper.authors)
    return f"""<entry><id>http://arxiv.org/abs/{paper.id}v{paper.version}</id><title>{paper.shown_title}</title>
<updated>{paper.revised or paper.submitted}Z</updated><summary>  {escape(paper.abstract)}</summary>{terms}
<published>{paper.submitted}Z</published>{comment}{paper.told_doi("doi")}
<arxiv:primary_category term="{paper.categories[0]}"/>{names}</entry>"""


def results(total: int, start: int, *entries: str) -> bytes:
    head = (
        f"<feed {NAMESPACES}><id>query</id><title>arXiv Query</title><updated>2026-03-09T00:00:00Z</updated>"
    )
    numbers = (
        f"<opensearch:totalResults>{total}</opensearch:totalResults>"
        f"<opensearch:startIndex>{start}</opensearch:startIndex>"
    )
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{head}{numbers}{''.join(entries)}</feed>".encode()


def error(text: str) -> bytes:
    entry = (
        f"<entry><id>https://arxiv.org/api/errors#x</id><title>Error</title><summary>{text}</summary></entry>"
    )
    return results(1, 0, entry)


@dataclass
class ArXivServer:
    """`today` is the day of its announcements, `announced` what a category has, `papers` what queries find.

    The next answers come from `faults`, as long as there are any, then from `always` if it is set.
    """

    today: str = "2026-03-03"
    announced: dict[str, list[tuple[Submission, str]]] = field(default_factory=dict)
    papers: list[Submission] = field(default_factory=list)
    cap: int = 200
    faults: list[Callable[[], Answer | None]] = field(default_factory=list)
    always: Callable[[], Answer | None] | None = None
    requests: list[str] = field(default_factory=list)
    url: str = ""

    def announce(self, paper: Submission, **kinds: str) -> None:
        """`cs_CL="new"`: how each category announces it today."""
        for category, kind in kinds.items():
            self.announced.setdefault(category.replace("_", "."), []).append((paper, kind))

    def answer(self, path: str) -> Answer | None:
        self.requests.append(path)
        fault = self.faults.pop(0) if self.faults else self.always
        if fault:
            return fault()
        parts = urlsplit(path)
        if category := fullmatch(r"/atom/([\w.-]+)", parts.path):
            entries = [announcement(p, kind, self.today) for p, kind in self.announced.get(category[1], [])]
            return 200, ATOM, atom(self.today, *entries)
        if parts.path == "/api/query":
            return 200, ATOM, self._query({k: v[0] for k, v in parse_qs(parts.query).items()})
        return 404, {}, b""

    def _query(self, query: dict[str, str]) -> bytes:
        if asked_for := query.get("id_list"):
            named = [paper for paper in self.papers if paper.id == asked_for]
            return results(len(named), 0, *map(found, named))
        asked = search(r"cat:(\S+) AND submittedDate:\[(\d{12}) TO (\d{12})\]", query["search_query"])
        assert asked, query
        fits = sorted(
            (
                p
                for p in self.papers
                if asked[1] in p.categories and asked[2] <= f"{p.at:%Y%m%d%H%M}" < asked[3]
            ),
            key=lambda p: (p.submitted, p.id),
        )
        start, most = int(query["start"]), min(int(query["max_results"]), self.cap)
        return results(len(fits), start, *map(found, fits[start : start + most]))


def given(body: bytes, status: int = 200, **headers: str) -> Callable[[], Answer | None]:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return lambda: (status, ATOM | named, body)


@contextmanager
def serving_arxiv(arxiv: ArXivServer) -> Iterator[ArXivServer]:
    with answering(lambda path, _: arxiv.answer(path)) as arxiv.url:
        yield arxiv
