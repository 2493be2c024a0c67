"""A paper as a digest shows it: plain text, formulas as Unicode, short. The same for every reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import Final

from paperround.database import ReadSession
from paperround.i18n.formats import format_date
from paperround.i18n.messages import ngettext
from paperround.papers import editions
from paperround.papers.lead import AI_SUMMARY_LABEL, read_lead
from paperround.papers.readings import read_abstract, read_title
from paperround.papers.rows import PaperRow
from paperround.reads import answer
from paperround.summaries.translations import ask_translations
from paperround.text.links import normalise_http_url

MAX_AUTHORS: Final = 3
MAX_SUMMARY_LENGTH: Final = 240  # characters: about two lines
MAX_TITLE_LENGTH: Final = 300
MAX_ORGANIZATION_LENGTH: Final = 80


@dataclass(frozen=True, eq=False)
class DigestItem:
    """Its dates, numbers and names are written in the language in use."""

    id: str
    title: str
    author_names: tuple[str, ...]
    organization: str
    published_on: date
    summary: str
    summary_label: str  # who wrote the summary, where it wasn't the authors
    code_url: str | None
    vote_count: int = 0
    language: str = ""  # of the summary, where its reader chose another one

    @property
    def authors(self) -> str:
        return format_byline(self.author_names)

    @property
    def published(self) -> str:
        return format_date(self.published_on, "d MMM y")

    @property
    def votes(self) -> str:
        return ngettext("%(num)s vote", "%(num)s votes", self.vote_count)


class DigestItemCache:
    """Papers looked up once and kept, for as long as one sender's run."""

    def __init__(self) -> None:
        self._known: dict[str, DigestItem | None] = {}
        self._translated: dict[tuple[str, str], DigestItem] = {}

    async def get(
        self, session: ReadSession, paper_ids: Iterable[str], language: str | None = None
    ) -> Mapping[str, DigestItem]:
        """Those of the papers that are still in the catalogue, with summaries in the language if any."""
        items = await self._get(session, paper_ids)
        if language is None:
            return items
        new = [paper_id for paper_id in items if (language, paper_id) not in self._translated]
        ask = partial(ask_translations, language=language, paper_ids=new)
        translations = await answer(session, ask)
        for paper_id in new:
            translation, item = translations.get(paper_id), items[paper_id]
            if translation and translation.summary:
                summary = shorten(translation.summary, MAX_SUMMARY_LENGTH)
                item = replace(item, summary=summary, summary_label=AI_SUMMARY_LABEL, language=language)
            self._translated[language, paper_id] = item
        return {paper_id: self._translated[language, paper_id] for paper_id in items}

    async def _get(self, session: ReadSession, paper_ids: Iterable[str]) -> Mapping[str, DigestItem]:
        wanted = list(dict.fromkeys(paper_ids))
        new = [paper_id for paper_id in wanted if paper_id not in self._known]
        if new:
            self._known |= dict.fromkeys(new)
            papers = await editions.load_papers(session, new)
            self._known |= {key: build_item(paper) for key, paper in papers.items()}
        return {paper_id: item for paper_id in wanted if (item := self._known[paper_id])}


def build_item(paper: PaperRow) -> DigestItem:
    day, organization = paper.published_at, paper.organization
    abstract = read_abstract(paper)
    lead = read_lead(paper, abstract)
    return DigestItem(
        id=paper.id,
        title=shorten(read_title(paper).text, MAX_TITLE_LENGTH),
        author_names=tuple(paper.author_names),
        organization=shorten(organization.full_name, MAX_ORGANIZATION_LENGTH) if organization else "",
        published_on=day.date() if isinstance(day, datetime) else day,
        summary=shorten((lead.reading if lead else abstract).text, MAX_SUMMARY_LENGTH),
        summary_label=AI_SUMMARY_LABEL if lead and lead.is_by_model else "",
        code_url=normalise_http_url(paper.github_url),
        vote_count=paper.votes,
    )


def format_byline(authors: Sequence[str]) -> str:
    """`Ada, Ben, Cyn and 4 more`."""
    rest = len(authors) - MAX_AUTHORS
    names = ", ".join(authors[:MAX_AUTHORS])
    return (
        ngettext("%(names)s and %(num)s more", "%(names)s and %(num)s more", rest, names=names)
        if rest > 0
        else names
    )


def shorten(text: str, length: int) -> str:
    """One line of at most `length` characters, cut between words."""
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    cut = line[: length - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(" ,;:.") + "…"
