"""Builds the cards of papers in lists, within the bytes that a page has. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date
from functools import lru_cache
from typing import Final

from markupsafe import Markup, escape

from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import ngettext
from paperround.papers.citations.embedded import build_coins
from paperround.papers.rows import OrganizationRow, PaperRow
from paperround.papers.vote_history import VoteHistory
from paperround.summaries.translations import Translation
from paperround.text.links import normalise_http_url
from paperround.text.reading import FormulaBudget, page_budget
from paperround.web.views.card_texts import write_card_texts
from paperround.web.views.charts import build_sparkline
from paperround.web.views.page_size import (
    measure,
    measure_paragraphs,
    share_room,
    shorten_html,
    shorten_paragraphs,
    shorten_text,
)
from paperround.web.views.presenters import (
    MAX_REMEMBERED,
    format_days_ago,
    format_short_day,
    organization_address,
)

FIRST_AUTHORS: Final = 20  # shown at once; the rest opens in place
KEYWORDS: Final = 5  # of an entry
# Bytes, of which a page of 30 papers stays below 100,000 whatever their texts hold.
CARDS_ROOM: Final = 86_500  # for all cards of a page
CARD_MARKUP: Final = 1_240  # of one card, with the buttons of a signed-in reader
MARKS_ROOM: Final = 600  # of one card, for the topics that it names to a reader
PICTURE_MARKUP: Final = 190
MAX_TITLE: Final = 780
MAX_NAME: Final = 200
MAX_LINK: Final = 500
MAX_KEYWORD: Final = 100  # characters
MAX_KEYWORDS: Final = 20
MAX_LEAD: Final = 600  # of a list's entry; one in a hundred summaries is longer
MIN_LEAD: Final = 100
MIN_ABSTRACT: Final = 200
MAX_ABSTRACT: Final = 28_000  # of a paper's own page
BRIEF_LENGTH: Final = 140  # characters


@dataclass(frozen=True)
class PaperCard:
    """A paper in a list. Its texts are safe HTML, and its links are http(s).

    `lead` says what was done, in a model's words if `is_lead_by_model`. It is empty where the abstract begins
    with that, or doesn't say it. `people` are the authors where `who` names an organization. `line` is the
    path of a small chart of recent votes. `thumbnail` is the name of our own small picture. `seen` is when
    the paper was first seen, in seconds since 1970, or 0 if unknown. `is_shortened` tells that the abstract
    goes on where `url` leads. `coins` is for reference managers.
    """

    id: str
    url: str
    title: Markup
    lead: Markup
    is_lead_by_model: bool
    paragraphs: Sequence[Markup]
    who: str
    who_url: str | None
    others: str
    people: str
    published: date
    published_label: str
    listed: date
    listed_label: str
    votes: int
    comments: str | None
    code_url: str | None
    stars: int | None
    project_url: str | None
    keywords: Sequence[str]
    today: int
    line: str | None
    seen: int
    thumbnail: str | None = None
    withdrawn: bool = False
    is_shortened: bool = False
    coins: str = ""
    language: str = ""  # of the lead, where a reader chose another one

    def translated(self, translation: Translation | None) -> PaperCard:
        """Return the card with the summary in the reader's language, if there is one."""
        if translation is None or translation.summary is None:
            return self
        lead = escape(translation.summary)
        return replace(self, lead=lead, is_lead_by_model=True, language=translation.language)


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
        today=movement.today if movement else 0,
        line=build_sparkline(movement.steps) if movement else None,
        seen=int(movement.first_seen_at.timestamp()) if movement else 0,
        thumbnail=paper.thumbnail,
        withdrawn=paper.withdrawn,
        coins=build_coins(paper),
    )


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
    cards = [
        build_paper_card(
            paper,
            today=today,
            by_people=by_people,
            movement=(moved or {}).get(paper.id),
            budget=budget,
            mark_words=mark_words,
        )
        for paper in papers
    ]
    room -= sum(map(_measure_all_but_texts, cards)) + (MARKS_ROOM * len(cards) if for_reader else 0)
    if room < len(cards) * (MIN_LEAD + MIN_ABSTRACT):  # words come first
        room += sum(PICTURE_MARKUP for card in cards if card.thumbnail)
        cards = [replace(card, thumbnail=None) for card in cards]
    cards = _keep_coins_within(cards, room - (MIN_LEAD + MIN_ABSTRACT) * len(cards))
    room -= sum(_measure_escaped(card.coins) for card in cards)
    longest_lead = max(share_room([measure(card.lead) for card in cards], room // 2), MIN_LEAD)
    cards = [replace(card, lead=shorten_html(card.lead, longest_lead)) for card in cards]
    room -= sum(measure(card.lead) for card in cards)
    longest = max(share_room([measure_paragraphs(card.paragraphs) for card in cards], room), MIN_ABSTRACT)
    return [shorten_abstract(card, longest) for card in cards]


def _keep_coins_within(cards: Sequence[PaperCard], room: int) -> list[PaperCard]:
    """Leave out what reference managers read of the last cards, where titles and names fill a page."""
    kept = []
    for card in cards:
        room -= _measure_escaped(card.coins)
        kept.append(card if room >= 0 else replace(card, coins=""))
    return kept


def list_keywords(paper: PaperRow) -> list[str]:
    """List the keywords to show: the first ones. One as long as a sentence is none."""
    return [word for word in paper.ai_keywords or [] if len(word) <= MAX_KEYWORD][:MAX_KEYWORDS]


def shorten_abstract(card: PaperCard, max_bytes: int) -> PaperCard:
    """Cut the abstract of a card to a size. The card then says so."""
    if measure_paragraphs(card.paragraphs) <= max_bytes:
        return card
    return replace(card, paragraphs=shorten_paragraphs(card.paragraphs, max_bytes), is_shortened=True)


def _measure_all_but_texts(card: PaperCard) -> int:
    texts = (card.who, card.who_url, card.others, card.people, card.code_url, card.project_url)
    markup = CARD_MARKUP + (PICTURE_MARKUP if card.thumbnail else 0)
    return markup + measure(card.title) + len(card.line or "") + _measure_escaped(*texts, *card.keywords)


@lru_cache(maxsize=MAX_REMEMBERED)
def _measure_escaped(*texts: str | None) -> int:
    return sum(measure(escape(text)) for text in texts if text)


@lru_cache(maxsize=MAX_REMEMBERED)
def _keep_short(url: str | None) -> str | None:
    """Keep a link to a public host for a card. A longer one stands on the paper's own page."""
    url = normalise_http_url(url)
    return url if url and len(url) <= MAX_LINK else None


@lru_cache(maxsize=MAX_REMEMBERED)
def _is_link(url: str | None) -> bool:
    return normalise_http_url(url) is not None


def explain_trending(entry: PaperCard) -> str:
    """Explain why a paper trends: `12 votes today · listed 2 days ago`."""
    listed = _("listed %(when)s", when=entry.listed_label)
    votes = ngettext("%(num)s vote today", "%(num)s votes today", entry.today)
    return f"{votes} · {listed}" if entry.today else listed
