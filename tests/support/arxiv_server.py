"""A server like arXiv's on loopback: announcements in Atom or RSS, and the query API, of invented papers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from re import fullmatch, search
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from support.feed_server import Answer, running_http_server

EASTERN = ZoneInfo("America/New_York")
ATOM = {"Content-Type": "application/atom+xml; charset=utf-8"}
NAMESPACES = (
    'xmlns="http://www.w3.org/2005/Atom" xmlns:arxiv="http://arxiv.org/schemas/atom" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"'
)


@dataclass(frozen=True)
class ArxivPaper:
    """A paper as arXiv describes it. `submitted` and `revised` are in UTC."""

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
    def escaped_title(self) -> str:
        return escape(self.title or f"Patient Gradients, Part {self.id}")

    @property
    def submitted_at(self) -> datetime:
        return datetime.fromisoformat(self.submitted).replace(tzinfo=UTC)

    def doi_element(self, name: str) -> str:
        return f"<arxiv:{name}>{escape(self.doi)}</arxiv:{name}>" if self.doi else ""


def midnight(day: str) -> datetime:
    """The beginning of a day at arXiv."""
    return datetime.combine(date.fromisoformat(day), datetime.min.time(), tzinfo=EASTERN)


def announcement(paper: ArxivPaper, kind: str, day: str) -> str:
    """An entry of the daily announcements. `kind` is arXiv's announce type."""
    terms = "".join(f'<category term="{escape(term)}"/>' for term in paper.categories)
    return f"""<entry><id>oai:arXiv.org:{paper.id}v{paper.version}</id><title>{paper.escaped_title}</title>
<updated>{midnight(day).astimezone(UTC).isoformat()}</updated>
<link href="https://arxiv.org/abs/{paper.id}" rel="alternate" type="text/html"/>
<summary>arXiv:{paper.id}v{paper.version} Announce Type: {kind} \nAbstract: {escape(paper.abstract)}</summary>
{terms}<published>{midnight(day).isoformat()}</published><arxiv:announce_type>{kind}</arxiv:announce_type>
{paper.doi_element("DOI")}<dc:creator>{escape(", ".join(paper.authors))}</dc:creator></entry>"""


def atom_announcements(day: str, *entries: str) -> bytes:
    """The announcements of a day in Atom."""
    updated = midnight(day).astimezone(UTC).isoformat()
    head = f"<feed {NAMESPACES}><id>feed</id><title>updates on arXiv.org</title><updated>{updated}</updated>"
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{head}{''.join(entries)}</feed>".encode()


def rss_announcements(day: str, *papers: tuple[ArxivPaper, str]) -> bytes:
    """The announcements of a day in RSS, from papers with their announce types."""
    publication_date = f"{midnight(day):%a, %d %b %Y %H:%M:%S %z}"
    items = "".join(
        f"""<item><title>{paper.escaped_title}</title><link>https://arxiv.org/abs/{paper.id}</link>
<description>arXiv:{paper.id}v{paper.version} Announce Type: {kind}
Abstract: {escape(paper.abstract)}</description>
<guid isPermaLink="false">oai:arXiv.org:{paper.id}v{paper.version}</guid>
{"".join(f"<category>{term}</category>" for term in paper.categories)}<pubDate>{publication_date}</pubDate>
<arxiv:announce_type>{kind}</arxiv:announce_type>
{paper.doi_element("DOI")}<dc:creator>{escape(", ".join(paper.authors))}</dc:creator></item>"""
        for paper, kind in papers
    )
    spaces = NAMESPACES.replace('xmlns="http://www.w3.org/2005/Atom" ', "")
    head = f'<rss {spaces} version="2.0"><channel><title>updates</title><pubDate>{publication_date}</pubDate>'
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{head}{items}</channel></rss>".encode()


def query_entry(paper: ArxivPaper) -> str:
    """An entry of the query API's response."""
    terms = "".join(f'<category term="{escape(term)}"/>' for term in paper.categories)
    comment = f"<arxiv:comment>{escape(paper.comment)}</arxiv:comment>" if paper.comment else ""
    names = "".join(f"<author><name>{escape(name)}</name></author>" for name in paper.authors)
    return f"""<entry><id>http://arxiv.org/abs/{paper.id}v{paper.version}</id><title>{paper.escaped_title}</title>
<updated>{paper.revised or paper.submitted}Z</updated><summary>  {escape(paper.abstract)}</summary>{terms}
<published>{paper.submitted}Z</published>{comment}{paper.doi_element("doi")}
<arxiv:primary_category term="{paper.categories[0]}"/>{names}</entry>"""


def query_response(total: int, start: int, *entries: str) -> bytes:
    """A page of the query API's response, which begins at entry `start` of `total`."""
    head = (
        f"<feed {NAMESPACES}><id>query</id><title>arXiv Query</title><updated>2026-03-09T00:00:00Z</updated>"
    )
    numbers = (
        f"<opensearch:totalResults>{total}</opensearch:totalResults>"
        f"<opensearch:startIndex>{start}</opensearch:startIndex>"
    )
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{head}{numbers}{''.join(entries)}</feed>".encode()


def query_error(text: str) -> bytes:
    """An error, which the query API reports as an entry."""
    entry = (
        f"<entry><id>https://arxiv.org/api/errors#x</id><title>Error</title><summary>{text}</summary></entry>"
    )
    return query_response(1, 0, entry)


@dataclass
class ArxivServer:
    """A server with announcements and papers.

    `today` is the day of its announcements, `announced` lists them by category, and `papers` are what queries
    find. The next answers come from `faults` as long as there are any, then from `default_fault` if set.
    """

    today: str = "2026-03-03"
    announced: dict[str, list[tuple[ArxivPaper, str]]] = field(default_factory=dict)
    papers: list[ArxivPaper] = field(default_factory=list)
    max_page_size: int = 200
    faults: list[Callable[[], Answer | None]] = field(default_factory=list)
    default_fault: Callable[[], Answer | None] | None = None
    requests: list[str] = field(default_factory=list)
    url: str = ""

    def announce(self, paper: ArxivPaper, **kinds: str) -> None:
        """Announce a paper today: `cs_CL="new"` is how the category cs.CL does it."""
        for category, kind in kinds.items():
            self.announced.setdefault(category.replace("_", "."), []).append((paper, kind))

    def answer(self, path: str) -> Answer | None:
        """Answer a request. None means that the connection is cut."""
        self.requests.append(path)
        fault = self.faults.pop(0) if self.faults else self.default_fault
        if fault:
            return fault()
        parts = urlsplit(path)
        if category := fullmatch(r"/atom/([\w.-]+)", parts.path):
            entries = [announcement(p, kind, self.today) for p, kind in self.announced.get(category[1], [])]
            return 200, ATOM, atom_announcements(self.today, *entries)
        if parts.path == "/api/query":
            return 200, ATOM, self._query({k: v[0] for k, v in parse_qs(parts.query).items()})
        return 404, {}, b""

    def _query(self, query: dict[str, str]) -> bytes:
        if ids := query.get("id_list"):
            matches = [paper for paper in self.papers if paper.id in ids.split(",")]
            return query_response(len(matches), 0, *map(query_entry, matches))
        pattern = r"cat:(\S+) AND submittedDate:\[(\d{12}) TO (\d{12})\]"
        terms = search(pattern, query["search_query"])
        assert terms, query
        matches = sorted(
            (
                paper
                for paper in self.papers
                if terms[1] in paper.categories and terms[2] <= f"{paper.submitted_at:%Y%m%d%H%M}" < terms[3]
            ),
            key=lambda paper: (paper.submitted, paper.id),
        )
        start, page_size = int(query["start"]), min(int(query["max_results"]), self.max_page_size)
        return query_response(len(matches), start, *map(query_entry, matches[start : start + page_size]))


def constant_answer(body: bytes, status: int = 200, **headers: str) -> Callable[[], Answer | None]:
    """A fault that always answers the same."""
    http_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: (status, ATOM | http_headers, body)


@contextmanager
def running_arxiv_server(arxiv: ArxivServer) -> Iterator[ArxivServer]:
    """Run the server, and set its `url`."""
    with running_http_server(lambda path, _: arxiv.answer(path)) as arxiv.url:
        yield arxiv
