"""The sentences of a digest that depend on what is in it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

from paperround.digests.digest import Digest
from paperround.digests.editions import LONG_CADENCES
from paperround.digests.followed_matches import FOLLOWING
from paperround.digests.items import shorten
from paperround.digests.overview import Overview
from paperround.digests.tables import Cadence
from paperround.papers.period import EditionPeriod, Period
from paperround.summaries.shown_explanations import Explanation

MAX_OVERVIEW_TITLE_LENGTH: Final = 100  # characters
WHOLE_LIST: Final[Mapping[Period, str]] = {
    Period.day: "See the whole list",
    Period.week: "See the whole week",
    Period.month: "See the whole month",
}
NO_OVERVIEW: Final = {"overview": "", "most_voted": "", "most_voted_url": "", "most_voted_votes": ""}


@lru_cache(maxsize=100)
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
    topics = [why["topic"] for key, why in digest.selection.reasons.items() if key in digest.items]
    if followed := topics.count(FOLLOWING):
        told.append(f"{followed} from what you follow")
    if on_topics := len(topics) - followed:
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
    period = _find_period(digest)
    return {
        "left_out": f"{overview.left_out:,} of {_count(overview.listed, 'paper')} left out",
        "url": f"{site}/papers/{'date' if period.period is Period.day else period.period}/{period.key}",
        "link": WHOLE_LIST[period.period],
    }


def format_reason(why: Mapping[str, Any]) -> str:
    """Why a paper is in the digest. Under its topic's heading the topic isn't named again."""
    told = ", ".join(why["why"])
    if why["topic"] == FOLLOWING:
        return f"You follow {told}."
    band = why.get("band")
    if why["own"]:
        lead = f"{band.capitalize()} match" if band else "Match"
    else:
        lead = f"For your topic “{why['name']}”" + (f", a {band} match" if band else "")
    return f"{lead}: {told}." if told else f"{lead}."


def find_explanation(why: Mapping[str, Any]) -> Explanation | None:
    """What a model wrote on why the paper fits, where the reader's topic asks for that."""
    explanation = why.get("explanation")
    return Explanation(**explanation) if explanation else None


def format_list_heading(digest: Digest) -> str:
    """The heading of the papers that are there for no topic."""
    if digest.cadence in LONG_CADENCES:
        return f"Most voted {_name_period(_find_period(digest))}"
    return "Trending now"


def format_topic_note(digest: Digest, why: Mapping[str, Any]) -> str:
    """How many papers of a week or month match the topic of these; empty in a daily digest."""
    overview = digest.selection.overview
    total = overview.find_total(why["topic"]) if overview else None
    if total is None:
        return ""
    if total.topic_id == FOLLOWING:
        return f"{_count(total.matched, 'paper')} {_name_period(_find_period(digest))}"
    strong = f", {total.strong} strong" if total.strong else ""
    return f"{_count(total.matched, 'match', 'matches')} {_name_period(_find_period(digest))}{strong}"


class Mention(NamedTuple):
    """A line on a paper that stood out: its title, the number, and where both lead to."""

    title: str
    number: str
    url: str
    code_url: str


def list_mentions(digest: Digest, site: str) -> Iterator[tuple[str, Sequence[Mention]]]:
    """Yield what was discussed most and what code was released: headings with their lines."""
    overview = digest.selection.overview
    if overview is None:
        return
    days = _name_period(_find_period(digest))
    for heading, highlights, noun in (
        (f"Most discussed {days}", overview.discussed, "comment"),
        (f"Code released {days}", overview.code, "star"),
    ):
        lines = [
            Mention(
                shorten(item.title, MAX_OVERVIEW_TITLE_LENGTH),
                _count(highlight.number, noun),
                f"{site}/papers/{item.id}",
                (item.code_url or "") if noun == "star" else "",
            )
            for highlight in highlights
            if (item := digest.items.get(highlight.paper_id))
        ]
        if lines:
            yield heading, lines


def _name_days(digest: Digest, overview: Overview) -> str:
    if overview.day is None:
        return _name_period(_find_period(digest))
    day = date.fromisoformat(overview.day)
    return "today" if day == digest.period else f"on {day:%A}"


def _name_period(period: EditionPeriod) -> str:
    return f"in {period.first:%B}" if period.period is Period.month else "this week"


def _find_period(digest: Digest) -> EditionPeriod:
    """The edition that has the papers of a digest's lists, and those that were left out.

    A week's or month's digest goes out when these are over.
    """
    overview = digest.selection.overview
    if overview is not None and overview.day is not None:
        return EditionPeriod.containing(Period.day, date.fromisoformat(overview.day))
    period = Period.month if digest.cadence is Cadence.monthly else Period.week
    return EditionPeriod.containing(period, digest.period - timedelta(days=1))


def _count(number: int, noun: str, nouns: str = "") -> str:
    return f"{number:,} {noun if number == 1 else nouns or f'{noun}s'}"
