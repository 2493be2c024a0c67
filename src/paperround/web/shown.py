"""What pages show: dates, counts and papers in the words of a page. Pure; templates hold no logic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from markupsafe import Markup

from paperround.papers.span import Period, Span
from paperround.papers.tables import Author, Paper
from paperround.text import markup, markup_paragraphs


def short_day(day: date, *, today: date) -> str:
    """`22 Nov`; with the year when it isn't this year's."""
    return f"{day.day} {day:%b}" if day.year == today.year else f"{day.day} {day:%b} {day.year}"


def count(number: int) -> str:
    """`312`, `1.2k`, `24k`: as exact as a glance needs."""
    if number < 1000:
        return str(number)
    if number < 10_000:
        return f"{number / 1000:.1f}".removesuffix(".0") + "k"
    return f"{number // 1000}k"


def plural(number: int, one: str, many: str | None = None) -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def ago(moment: datetime | None, *, now: datetime) -> str:
    """`6 minutes ago`, `in 3 hours`; `never` for no moment."""
    if moment is None:
        return "never"
    span = now - moment
    seconds = abs(span.total_seconds())
    if seconds < 60:
        return "just now" if span >= timedelta(0) else "in less than a minute"
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            amount = plural(int(seconds // size), unit)
            return f"{amount} ago" if span > timedelta(0) else f"in {amount}"
    raise AssertionError("unreachable")


def heading(span: Span, *, today: date) -> str:
    """`Monday, 23 November`, `Week 47`, `November`; with the year when it isn't this year's."""
    match span.period:
        case Period.day:
            named = f"{span.first:%A}, {span.first.day} {span.first:%B}"
            return named if span.first.year == today.year else f"{named} {span.first.year}"
        case Period.week:
            number = f"Week {int(f'{span.first:%V}')}"
            return number if f"{span.first:%G}" == f"{today:%G}" else f"{number} of {span.first:%G}"
        case Period.month:
            return f"{span.first:%B}" if span.first.year == today.year else f"{span.first:%B %Y}"


def turning(span: Span, *, today: date) -> str:
    """A link to another edition: `Fri 20 Nov`, `Week 46`, `October`."""
    if span.period is Period.day:
        return f"{span.first:%a} {short_day(span.first, today=today)}"
    return heading(span, today=today)


def address(span: Span) -> str:
    kinds = {Period.day: "date", Period.week: "week", Period.month: "month"}
    return f"/papers/{kinds[span.period]}/{span.key}"


@dataclass(frozen=True)
class Entry:
    """A paper in a list. Texts are HTML made safe; links are http(s)."""

    id: str
    url: str
    title: Markup
    paragraphs: Sequence[Markup]
    who: str
    others: str
    published: date
    published_label: str
    votes: int
    comments: str | None
    code_url: str | None
    code_label: str
    project_url: str | None


def visible_authors(paper: Paper) -> list[Author]:
    return [author for author in paper.authors if not author.hidden]


def entry(paper: Paper, *, today: date) -> Entry:
    authors = visible_authors(paper)
    who, others = _byline(paper, authors)
    published = paper.published_at.astimezone(UTC).date()
    stars = f" ★ {count(paper.github_stars)}" if paper.github_stars else ""
    return Entry(
        id=paper.id,
        url=f"/papers/{paper.id}",
        title=markup(paper.title),
        paragraphs=markup_paragraphs(paper.abstract),
        who=who,
        others=others,
        published=published,
        published_label=short_day(published, today=today),
        votes=paper.upvotes,
        comments=plural(paper.comments, "comment") if paper.comments else None,
        code_url=paper.github_url,
        code_label=f"Code{stars}",
        project_url=paper.project_url,
    )


def _byline(paper: Paper, authors: Sequence[Author]) -> tuple[str, str]:
    """The organization and how many wrote it; without one, the first author and how many others."""
    if paper.organization:
        return paper.organization.full_name, plural(len(authors), "author") if authors else ""
    if not authors:
        return "", ""
    rest = len(authors) - 1
    return authors[0].name, f"and {plural(rest, 'other')}" if rest else ""


def entries(papers: Iterable[Paper], *, today: date) -> list[Entry]:
    return [entry(paper, today=today) for paper in papers]


def account_name(account: Mapping[str, Any] | None) -> str | None:
    """A hub account in words: its full name, else its name."""
    return (account.get("fullname") or account.get("name")) if account else None
