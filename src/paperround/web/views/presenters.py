"""Formats dates and addresses for pages, in the language in use; templates hold no logic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, quote_plus

from paperround.i18n.formats import Unit, format_date, format_days, format_duration, format_span
from paperround.i18n.messages import gettext as _
from paperround.papers.period import EditionPeriod, Period
from paperround.papers.rows import OrganizationRow, PaperRow

MAX_REMEMBERED: Final = 2_000  # results of a function for the same argument
UNITS: Final[tuple[tuple[Unit, int], ...]] = (("day", 86_400), ("hour", 3_600), ("minute", 60))  # seconds
MAX_SEARCH_LENGTH: Final = 480  # characters, within what a search reads


def format_short_day(day: date, *, today: date) -> str:
    """Format a day as `22 Nov`, with the year unless it is this year."""
    return format_date(day, "d MMM" if day.year == today.year else "d MMM y")


def format_days_ago(day: date, *, today: date) -> str:
    """Format a day as `today`, `yesterday` or `3 days ago`, or as a date when it is a week old."""
    days = (today - day).days
    if not 0 <= days < 7:
        return _("on %(day)s", day=format_short_day(day, today=today))
    return (_("today"), _("yesterday"))[days] if days < 2 else format_span(days, "day")


def format_hours(number: float) -> str:
    """Format a duration as `24 hours`, `36.5 hours` or `7 days`."""
    whole_days = number > 24 and number % 24 == 0
    return format_duration(number // 24, "day") if whole_days else format_duration(number, "hour")


def format_age(moment: datetime | None, *, now: datetime) -> str:
    """Format a moment as `6 minutes ago` or `in 3 hours`. None becomes `never`."""
    if moment is None:
        return _("never")
    span = now - moment
    seconds = abs(span.total_seconds())
    if seconds < 60:
        return _("just now") if span >= timedelta(0) else _("in less than a minute")
    unit, size = next((unit, size) for unit, size in UNITS if seconds >= size)
    number = int(seconds // size)
    return format_span(number if span > timedelta(0) else -number, unit)


def write_heading(span: EditionPeriod, *, today: date) -> str:
    """Write a heading: `Monday, 23 November`, `Week 47` or `November`, with the year of another year."""
    match span.period:
        case Period.day:
            is_this_year = span.first.year == today.year
            return format_date(span.first, "EEEE, d MMMM" if is_this_year else "EEEE, d MMMM y")
        case Period.week:
            year, week, _day = span.first.isocalendar()
            if year == today.isocalendar().year:
                return _("Week %(week)d", week=week)
            return _("Week %(week)d of %(year)d", week=week, year=year)
        case Period.month:
            return format_date(span.first, "MMMM" if span.first.year == today.year else "MMMM y")


def write_neighbour_label(span: EditionPeriod, *, today: date) -> str:
    """Write the label of a link to another edition: `Fri 20 Nov`, `Week 46` or `October`."""
    if span.period is Period.day:
        return format_date(span.first, "EEE d MMM" if span.first.year == today.year else "EEE d MMM y")
    return write_heading(span, today=today)


def write_extent(span: EditionPeriod) -> str:
    """Write the days of a week: `16–22 November`. Other periods get '', as their heading says it."""
    return format_days(span.first, span.last) if span.period is Period.week else ""


def name_feed(feed: str) -> str:
    """Name a feed in a sentence."""
    match feed:
        case "huggingface":
            return "Hugging Face"
        case "arxiv":
            return "arXiv"
        case "sample":
            return _("the samples")
        case "readers":
            return _("this site")
        case _other:
            return feed


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
