"""The sentences of a digest that depend on what is in it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

from paperround.digests.digest import Digest
from paperround.digests.items import shorten
from paperround.digests.selection import Overview
from paperround.papers.period import EditionPeriod, Period

MAX_OVERVIEW_TITLE_LENGTH: Final = 100  # characters
NO_OVERVIEW: Final = {"overview": "", "most_voted": "", "most_voted_url": "", "most_voted_votes": ""}


def format_day(day: date) -> str:
    return f"{day:%A}, {day.day} {day:%B}"


def format_heading(digest: Digest) -> str:
    number = len(digest.papers)
    return f"{_count(number, 'paper')} for you" if number else "Nothing new"


def build_opening(digest: Digest, site: str) -> dict[str, str]:
    """The line that introduces the day: `18 papers today; 3 on your topics; most voted: …`."""
    overview = digest.selection.overview
    if overview is None or not digest.papers:
        return NO_OVERVIEW
    told = [f"{_count(overview.listed, 'paper')} {_name_days(digest, overview)}"]
    if on_topics := len(digest.selection.reasons.keys() & digest.items.keys()):
        told.append(f"{on_topics} on your topics")
    paper = digest.items.get(overview.most_voted or "")
    if paper is None:
        return NO_OVERVIEW | {"overview": "; ".join(told) + "."}
    return {
        "overview": "; ".join([*told, "most voted: "]),
        "most_voted": shorten(paper.title, MAX_OVERVIEW_TITLE_LENGTH),
        "most_voted_url": f"{site}/papers/{paper.id}",
        "most_voted_votes": paper.votes,
    }


def build_list_note(digest: Digest, site: str) -> dict[str, str]:
    """How many papers of the lists are not in the digest, and where they stand. Empty: none is left out."""
    overview = digest.selection.overview
    if overview is None or not overview.left_out:
        return {}
    period = _find_period(digest, overview)
    return {
        "left_out": f"{overview.left_out:,} of {_count(overview.listed, 'paper')} left out",
        "url": f"{site}/papers/{'date' if period.period is Period.day else period.period}/{period.key}",
        "link": {Period.day: "See the whole list", Period.week: "See the whole week"}[period.period],
    }


def format_reason(why: Mapping[str, Any]) -> str:
    """Why a paper is in the digest. Under its topic's heading the topic isn't named again."""
    told = ", ".join(why["why"])
    band = why.get("band")
    if why["own"]:
        lead = f"{band.capitalize()} match" if band else "Match"
    else:
        lead = f"For your topic “{why['name']}”" + (f", a {band} match" if band else "")
    return f"{lead}: {told}." if told else f"{lead}."


def _name_days(digest: Digest, overview: Overview) -> str:
    if overview.day is None:
        return "this week"
    day = date.fromisoformat(overview.day)
    return "today" if day == digest.period else f"on {day:%A}"


def _find_period(digest: Digest, overview: Overview) -> EditionPeriod:
    """The edition that has the papers that were left out. A week's digest goes out when the week is over."""
    if overview.day is not None:
        return EditionPeriod.containing(Period.day, date.fromisoformat(overview.day))
    return EditionPeriod.containing(Period.week, digest.period - timedelta(days=1))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
