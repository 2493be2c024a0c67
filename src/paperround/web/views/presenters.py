"""Formats dates, counts and papers for pages. Pure functions; templates hold no logic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote, quote_plus

from markupsafe import Markup, escape

from paperround.papers.citations.embedded import build_coins
from paperround.papers.period import EditionPeriod, Period
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

FIRST_AUTHORS: Final = 20  # shown at once; the rest opens in place
KEYWORDS: Final = 5  # of an entry
# Bytes, of which a page of 30 papers stays below 100,000 whatever their texts hold.
CARDS_ROOM: Final = 88_000  # for all cards of a page
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
MAX_REMEMBERED: Final = 2_000  # results of a function for the same argument
MAX_SEARCH_LENGTH: Final = 480  # characters, within what a search reads


@lru_cache(maxsize=MAX_REMEMBERED)
def format_short_day(day: date, *, today: date) -> str:
    """Format a day as `22 Nov`, with the year unless it is this year."""
    return f"{day.day} {day:%b}" if day.year == today.year else f"{day.day} {day:%b} {day.year}"


def format_days_ago(day: date, *, today: date) -> str:
    """Format a day as `today`, `yesterday` or `3 days ago`, or as a date when it is a week old."""
    days = (today - day).days
    if not 0 <= days < 7:
        return f"on {format_short_day(day, today=today)}"
    return ("today", "yesterday")[days] if days < 2 else f"{days} days ago"


def format_hours(number: float) -> str:
    """Format a duration as `24 hours`, `36.5 hours` or `7 days`."""
    if number > 24 and number % 24 == 0:
        return format_plural(int(number // 24), "day")
    return format_plural(int(number), "hour") if number == int(number) else f"{number:g} hours"


def format_count(number: int) -> str:
    """Format a count as `312`, `1.2k` or `24k`."""
    if number < 1000:
        return str(number)
    if number < 10_000:
        return f"{number / 1000:.1f}".removesuffix(".0") + "k"
    return f"{number // 1000}k"


def format_plural(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def format_age(moment: datetime | None, *, now: datetime) -> str:
    """Format a moment as `6 minutes ago` or `in 3 hours`. None becomes `never`."""
    if moment is None:
        return "never"
    span = now - moment
    seconds = abs(span.total_seconds())
    if seconds < 60:
        return "just now" if span >= timedelta(0) else "in less than a minute"
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            amount = format_plural(int(seconds // size), unit)
            return f"{amount} ago" if span > timedelta(0) else f"in {amount}"
    raise AssertionError("unreachable")


def write_heading(span: EditionPeriod, *, today: date) -> str:
    """Write a heading: `Monday, 23 November`, `Week 47` or `November`, with the year of another year."""
    match span.period:
        case Period.day:
            named = f"{span.first:%A}, {span.first.day} {span.first:%B}"
            return named if span.first.year == today.year else f"{named} {span.first.year}"
        case Period.week:
            number = f"Week {int(f'{span.first:%V}')}"
            return number if f"{span.first:%G}" == f"{today:%G}" else f"{number} of {span.first:%G}"
        case Period.month:
            return f"{span.first:%B}" if span.first.year == today.year else f"{span.first:%B %Y}"


def write_neighbour_label(span: EditionPeriod, *, today: date) -> str:
    """Write the label of a link to another edition: `Fri 20 Nov`, `Week 46` or `October`."""
    if span.period is Period.day:
        return f"{span.first:%a} {format_short_day(span.first, today=today)}"
    return write_heading(span, today=today)


def write_extent(span: EditionPeriod) -> str:
    """Write the days of a week: `16 to 22 November`. Other periods get '', as their heading says it."""
    if span.period is not Period.week:
        return ""
    month = f" {span.first:%B}" if span.first.month != span.last.month else ""
    return f"{span.first.day}{month} to {span.last.day} {span.last:%B}"


def choose_anchor_day(span: EditionPeriod, papers: Iterable[PaperRow], *, today: date) -> date:
    """Choose the day at which links to other periods point: the edition's newest day with papers."""
    listed = (paper.listed_on for paper in papers if span.first <= paper.listed_on <= span.last)
    return max(listed, default=max(span.first, min(span.last, today)))


def edition_address(span: EditionPeriod, category: str | None = None) -> str:
    kinds = {Period.day: "date", Period.week: "week", Period.month: "month"}
    chosen = f"?category={quote_plus(category)}" if category else ""
    return f"/papers/{kinds[span.period]}/{span.key}{chosen}"


def trending_address(span: EditionPeriod) -> str:
    """Build the address of what trended in a week or a month."""
    return f"/papers/trending/{span.period.value}/{span.key}"


def search_address(text: str, *, phrase: bool = False) -> str:
    """Build the address of a search for `text`.

    It is quoted if `phrase` is set, or if its characters would be read as operators.
    """
    words = text.replace('"', " ").split()
    sought = " ".join(words)[:MAX_SEARCH_LENGTH]
    operators = any(word.startswith("-") or word.lower() == "or" for word in words)
    return "/papers?q=" + quote_plus(f'"{sought}"' if phrase or operators else sought)


def organization_address(name: str) -> str:
    return f"/organizations/{quote(name, safe='')}"


def author_address(name: str) -> str:
    return f"/authors/{quote(name, safe='')}"


def venue_address(name: str) -> str:
    return f"/venues/{quote(name, safe='')}"


def day_address(day: date) -> str:
    return edition_address(EditionPeriod.containing(Period.day, day))


def hub_organization_url(organization: OrganizationRow) -> str | None:
    """Build the address of the organization's page on the hub. None unless it came from there."""
    return f"https://huggingface.co/{quote(organization.name, safe='')}" if organization.hub_id else None


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
        comments=format_plural(paper.comments, "comment") if paper.comments else None,
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
        return organization.full_name, format_plural(len(authors), "author") if authors else ""
    if not authors:
        return "", ""
    rest = len(authors) - 1
    return authors[0], f"and {format_plural(rest, 'other')}" if rest else ""


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
    listed = f"listed {entry.listed_label}"
    return f"{format_plural(entry.today, 'vote')} today · {listed}" if entry.today else listed


def find_account_name(account: Mapping[str, Any] | None) -> str | None:
    """Return the full name of a hub account, or else its user name."""
    return (account.get("fullname") or account.get("name")) if account else None
