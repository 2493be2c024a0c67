"""Formats dates, counts and addresses for pages. Pure functions; templates hold no logic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote, quote_plus

from paperround.papers.period import EditionPeriod, Period
from paperround.papers.rows import OrganizationRow, PaperRow

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


def find_account_name(account: Mapping[str, Any] | None) -> str | None:
    """Return the full name of a hub account, or else its user name."""
    return (account.get("fullname") or account.get("name")) if account else None
