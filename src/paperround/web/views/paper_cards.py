"""Builds the cards of papers in lists, within the bytes that a page has, and keeps them for other pages.

What they say depends on what they are given alone: a card that is kept changes nothing but the time it takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date
from functools import lru_cache
from typing import Final

from markupsafe import Markup

from paperround.i18n.languages import get_language
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import ngettext
from paperround.kept_parts import KeptParts
from paperround.papers.citations.embedded import build_coins
from paperround.papers.rows import OrganizationRow, PaperRow
from paperround.papers.vote_history import VoteHistory
from paperround.text.links import normalise_http_url
from paperround.text.reading import FormulaBudget, page_budget
from paperround.web.views.card_fitting import MARKS_ROOM, SizedCard, fit_cards
from paperround.web.views.card_texts import write_card_texts
from paperround.web.views.charts import build_sparkline
from paperround.web.views.page_size import shorten_html, shorten_text
from paperround.web.views.paper_card import PaperCard
from paperround.web.views.presenters import (
    MAX_REMEMBERED,
    format_days_ago,
    format_short_day,
    organization_address,
)

FIRST_AUTHORS: Final = 20  # shown at once; the rest opens in place
KEYWORDS: Final = 5  # of an entry
# Bytes for all cards of a page: one of 30 papers stays below 100,000 whatever their texts hold.
CARDS_ROOM: Final = 86_500
MAX_TITLE: Final = 780
MAX_NAME: Final = 200
MAX_LINK: Final = 500
MAX_KEYWORD: Final = 100  # characters
MAX_KEYWORDS: Final = 20
MAX_KEPT: Final = 4_000_000  # bytes of cards that are kept for other pages
MAX_LEAD: Final = 600  # of a list's entry; one in a hundred summaries is longer
MAX_ABSTRACT: Final = 28_000  # of a paper's own page
BRIEF_LENGTH: Final = 140  # characters


def is_brief(paragraphs: Sequence[Markup]) -> bool:
    """Tell whether an abstract is a line or two, which need not open."""
    return len(paragraphs) == 1 and len(paragraphs[0].striptags()) < BRIEF_LENGTH


def fold_authors(authors: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Split authors into those shown at once and those that open in place. A handful more are not folded."""
    if len(authors) <= FIRST_AUTHORS + 4:
        return authors, []
    return authors[:FIRST_AUTHORS], authors[FIRST_AUTHORS:]


def build_paper_card(
    paper: PaperRow,
    *,
    today: date,
    by_people: bool = False,
    movement: VoteHistory | None = None,
    budget: FormulaBudget | None = None,
    mark_words: Callable[[Markup], Markup] | None = None,
) -> PaperCard:
    """Build a card. `by_people` names the authors even where an organization would stand for them.

    Formulas are rendered as far as the page's `budget` goes. `mark_words` marks words in title and abstract.
    """
    authors, texts = paper.author_names, write_card_texts(paper, budget)
    group = None if by_people else paper.organization
    who, others = _write_byline(group, authors)
    published = paper.published_at.astimezone(UTC).date()
    votes_today, line, seen = _describe_movement(movement)
    return PaperCard(
        id=paper.id,
        url=f"/papers/{paper.id}",
        title=shorten_html(mark_words(texts.title) if mark_words else texts.title, MAX_TITLE),
        lead=shorten_html(mark_words(texts.lead) if mark_words else texts.lead, MAX_LEAD),
        is_lead_by_model=texts.is_lead_by_model,
        paragraphs=[*map(mark_words, texts.paragraphs)] if mark_words else [*texts.paragraphs],
        who=shorten_text(who, MAX_NAME),
        who_url=organization_address(group.name) if group else None,
        others=others,
        people=shorten_text(" ".join(_write_byline(None, authors)).strip(), MAX_NAME) if group else "",
        published=published,
        published_label=format_short_day(published, today=today),
        listed=paper.listed_on,
        listed_label=format_days_ago(paper.listed_on, today=today),
        votes=paper.votes,
        comments=_count_comments(paper.comments) if paper.comments else None,
        code_url=_keep_short(paper.github_url),
        stars=(paper.github_stars or None) if _is_link(paper.github_url) else None,
        project_url=_keep_short(paper.project_url),
        keywords=list_keywords(paper)[:KEYWORDS],
        today=votes_today,
        line=line,
        seen=seen,
        thumbnail=paper.thumbnail,
        withdrawn=paper.withdrawn,
        coins=build_coins(paper),
    )


_kept: Final[KeptParts[SizedCard]] = KeptParts(MAX_KEPT)


def _find_or_build_card(
    paper: PaperRow,
    *,
    today: date,
    by_people: bool,
    movement: VoteHistory | None,
    budget: FormulaBudget,
    mark_words: Callable[[Markup], Markup] | None,
) -> SizedCard:
    """Return the card of a paper. It is kept, unless words are marked or the paper isn't read yet."""
    key = None
    if paper.is_read and mark_words is None:
        key = (get_language(), today, by_people, *_list_shown(paper), *_describe_movement(movement))

    def build() -> SizedCard:
        card = build_paper_card(
            paper, today=today, by_people=by_people, movement=movement, budget=budget, mark_words=mark_words
        )
        return SizedCard.of(card)

    return _kept.find_or_make(key, build)


def _list_shown(paper: PaperRow) -> tuple[object, ...]:
    """List all that a card shows of a paper that is read. Its texts are named by their hash."""
    return (
        paper.id, paper.read_hash, paper.reader_version, paper.summary, paper.organization_name,
        paper.organization_full_name, paper.published_at, paper.listed_on, paper.votes, paper.comments,
        paper.github_url, paper.github_stars, paper.project_url, paper.thumbnail, paper.withdrawn, paper.doi,
        tuple(paper.author_names), tuple(paper.ai_keywords or ()),
    )  # fmt: skip


def _describe_movement(movement: VoteHistory | None) -> tuple[int, str | None, int]:
    """Describe what a card shows of how votes moved: how many today, their chart, when it was first seen."""
    if movement is None:
        return 0, None, 0
    return movement.today, build_sparkline(movement.steps), int(movement.first_seen_at.timestamp())


def _write_byline(organization: OrganizationRow | None, authors: Sequence[str]) -> tuple[str, str]:
    """Write the organization and the number of authors, or else the first author and the number of others."""
    if organization:
        number = len(authors)
        return organization.full_name, ngettext("%(num)s author", "%(num)s authors", number) if number else ""
    if not authors:
        return "", ""
    rest = len(authors) - 1
    return authors[0], ngettext("and %(num)s other", "and %(num)s others", rest) if rest else ""


def _count_comments(number: int) -> str:
    return ngettext("%(num)s comment", "%(num)s comments", number)


def build_paper_cards(
    papers: Iterable[PaperRow],
    *,
    today: date,
    moved: Mapping[str, VoteHistory] | None = None,
    by_people: bool = False,
    mark_words: Callable[[Markup], Markup] | None = None,
    room: int = CARDS_ROOM,
    for_reader: bool = False,
) -> list[PaperCard]:
    """Build the cards of a page. Together they take `room` bytes, for which the longest texts are cut.

    `for_reader`: they name topics of who is signed in.
    """
    budget = page_budget()
    sized = [
        _find_or_build_card(
            paper,
            today=today,
            by_people=by_people,
            movement=(moved or {}).get(paper.id),
            budget=budget,
            mark_words=mark_words,
        )
        for paper in papers
    ]
    return fit_cards(sized, room - (MARKS_ROOM * len(sized) if for_reader else 0))


def list_keywords(paper: PaperRow) -> list[str]:
    """List the keywords to show: the first ones. One as long as a sentence is none."""
    return [word for word in paper.ai_keywords or [] if len(word) <= MAX_KEYWORD][:MAX_KEYWORDS]


@lru_cache(maxsize=MAX_REMEMBERED)
def _keep_short(url: str | None) -> str | None:
    """Keep a link to a public host for a card. A longer one stands on the paper's own page."""
    url = normalise_http_url(url)
    return url if url and len(url) <= MAX_LINK else None


@lru_cache(maxsize=MAX_REMEMBERED)
def _is_link(url: str | None) -> bool:
    return normalise_http_url(url) is not None


def say_listed(entry: PaperCard) -> str:
    """Say when a paper was listed: `Listed 2 days ago`."""
    return _("Listed %(when)s", when=entry.listed_label)


def explain_trending(entry: PaperCard) -> str:
    """Explain why a paper trends: `12 votes today · listed 2 days ago`."""
    return _explain_trending(get_language(), entry.listed_label, entry.today)


@lru_cache(maxsize=MAX_REMEMBERED)
def _explain_trending(_language: str, listed_label: str, today: int) -> str:
    listed = _("listed %(when)s", when=listed_label)
    votes = ngettext("%(num)s vote today", "%(num)s votes today", today)
    return f"{votes} · {listed}" if today else listed
