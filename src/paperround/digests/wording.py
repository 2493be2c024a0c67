"""The sentences of a digest that depend on what is in it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from paperround.digests.digest import Digest
from paperround.digests.editions import LONG_CADENCES
from paperround.digests.followed_matches import FOLLOWING, YOU_FOLLOW
from paperround.digests.items import shorten
from paperround.digests.overview import Overview
from paperround.digests.tables import Cadence
from paperround.digests.topic_matches import BY_AUTHOR, CLOSE, SIMILAR
from paperround.i18n.formats import format_date, format_number
from paperround.i18n.messages import find_message, mark_message, ngettext, pgettext
from paperround.i18n.messages import gettext as _
from paperround.papers.period import EditionPeriod, Period
from paperround.summaries.shown_explanations import Explanation
from paperround.topics.band_names import BAND_NAMES

MAX_SUBJECT_TITLE_LENGTH: Final = 100  # characters, and so is the next
MAX_OVERVIEW_TITLE_LENGTH: Final = 100
WHOLE_LIST: Final[Mapping[Period, str]] = {
    Period.day: mark_message("See the whole list"),
    Period.week: mark_message("See the whole week"),
    Period.month: mark_message("See the whole month"),
}
MATCH: Final = mark_message("Match")
TOPIC_MATCHES: Final = {
    "strong": mark_message("For your topic “%(topic)s”, a strong match"),
    "good": mark_message("For your topic “%(topic)s”, a good match"),
    "possible": mark_message("For your topic “%(topic)s”, a possible match"),
}
NO_OVERVIEW: Final = {"overview": "", "most_voted": "", "most_voted_url": "", "most_voted_votes": ""}


def format_day(day: date) -> str:
    return format_date(day, "EEEE, d MMMM")


def format_subject(digest: Digest) -> str:
    """The best paper, and how many more."""
    papers = digest.papers
    if not papers:
        return _("Nothing new on %(day)s", day=format_day(digest.period))
    best, more = shorten(papers[0].title, MAX_SUBJECT_TITLE_LENGTH), len(papers) - 1
    if not more:
        return best
    return ngettext("%(title)s and %(num)s more", "%(title)s and %(num)s more", more, title=best)


def format_heading(digest: Digest) -> str:
    number = len(digest.papers)
    return ngettext("%(num)s paper for you", "%(num)s papers for you", number) if number else _("Nothing new")


def build_opening(digest: Digest, site: str) -> dict[str, str]:
    """The line that introduces the day: `18 papers today; 3 on your topics; most voted: …`."""
    overview = digest.selection.overview
    if overview is None or not digest.papers:
        return NO_OVERVIEW
    told = [_count_listed(digest, overview)]
    topics = [why["topic"] for key, why in digest.selection.reasons.items() if key in digest.items]
    if followed := topics.count(FOLLOWING):
        told.append(ngettext("%(num)s from what you follow", "%(num)s from what you follow", followed))
    if on_topics := len(topics) - followed:
        told.append(ngettext("%(num)s on your topics", "%(num)s on your topics", on_topics))
    paper = digest.items.get(overview.most_voted or "")
    if paper is None:
        return NO_OVERVIEW | {"overview": _("%(facts)s.", facts=_join(told))}
    return {
        "overview": _join([*told, _("most voted:")]) + " ",
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
        "left_out": ngettext(
            "%(number)s of %(num)s paper left out",
            "%(number)s of %(num)s papers left out",
            overview.listed,
            number=format_number(overview.left_out),
        ),
        "url": f"{site}/papers/{'date' if period.period is Period.day else period.period}/{period.key}",
        "link": find_message(WHOLE_LIST[period.period]),
    }


def format_reason(why: Mapping[str, Any]) -> str:
    """Why a paper is in the digest. Under its topic's heading the topic isn't named again."""
    told = ", ".join(map(_word_phrase, why["why"]))
    if why["topic"] == FOLLOWING:
        return _("You follow %(names)s.", names=told)
    lead = _name_match(why)
    return _("%(match)s: %(words)s.", match=lead, words=told) if told else _("%(match)s.", match=lead)


def _word_phrase(phrase: str) -> str:
    """Deliveries keep phrases as they are in English; most are words of papers or topics."""
    if phrase == CLOSE:
        return _("close in meaning")
    if phrase.startswith(YOU_FOLLOW):
        return _("you follow %(names)s", names=phrase.removeprefix(YOU_FOLLOW))
    if phrase.startswith(BY_AUTHOR):
        return _("by %(author)s", author=phrase.removeprefix(BY_AUTHOR))
    if phrase.startswith(SIMILAR):
        return _("similar to “%(title)s”", title=phrase.removeprefix(SIMILAR).removesuffix("”"))
    return phrase


def _name_match(why: Mapping[str, Any]) -> str:
    band, topic = why.get("band"), why["name"]
    if why["own"]:
        return find_message(BAND_NAMES.get(band or "", MATCH))
    if band in TOPIC_MATCHES:
        return find_message(TOPIC_MATCHES[band]) % {"topic": topic}
    return _("For your topic “%(topic)s”", topic=topic)


def find_explanation(why: Mapping[str, Any]) -> Explanation | None:
    """What a model wrote on why the paper fits, where the reader's topic asks for that."""
    explanation = why.get("explanation")
    return Explanation(**explanation) if explanation else None


def format_list_heading(digest: Digest) -> str:
    """The heading of the papers that are there for no topic."""
    if digest.cadence in LONG_CADENCES:
        period = _find_period(digest)
        if period.period is Period.month:
            return _("Most voted in %(month)s", month=_name_month(period))
        return _("Most voted this week")
    return _("Trending now")


def format_topic_note(digest: Digest, why: Mapping[str, Any]) -> str:
    """How many papers of a week or month match the topic of these; empty in a daily digest."""
    overview = digest.selection.overview
    total = overview.find_total(why["topic"]) if overview else None
    if total is None:
        return ""
    period = _find_period(digest)
    if total.topic_id == FOLLOWING:
        return _count_papers(total.matched, period)
    matches = _count_matches(total.matched, period)
    if not total.strong:
        return matches
    strong = ngettext("%(num)s strong", "%(num)s strong", total.strong)
    return _("%(matches)s, %(strong)s", matches=matches, strong=strong)


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
    period = _find_period(digest)
    month = _name_month(period)
    if period.period is Period.month:
        discussed, code = (
            _("Most discussed in %(month)s", month=month),
            _("Code released in %(month)s", month=month),
        )
    else:
        discussed, code = _("Most discussed this week"), _("Code released this week")
    for heading, highlights, is_code in ((discussed, overview.discussed, False), (code, overview.code, True)):
        lines = [
            Mention(
                shorten(item.title, MAX_OVERVIEW_TITLE_LENGTH),
                _count_stars(highlight.number) if is_code else _count_comments(highlight.number),
                f"{site}/papers/{item.id}",
                (item.code_url or "") if is_code else "",
            )
            for highlight in highlights
            if (item := digest.items.get(highlight.paper_id))
        ]
        if lines:
            yield heading, lines


def _join(facts: Sequence[str]) -> str:
    return pgettext("between facts", "; ").join(facts)


def _count_listed(digest: Digest, overview: Overview) -> str:
    if overview.day is None:
        return _count_papers(overview.listed, _find_period(digest))
    day = date.fromisoformat(overview.day)
    if day == digest.period:
        return ngettext("%(num)s paper today", "%(num)s papers today", overview.listed)
    name = format_date(day, "EEEE")
    return ngettext("%(num)s paper on %(day)s", "%(num)s papers on %(day)s", overview.listed, day=name)


def _count_papers(number: int, period: EditionPeriod) -> str:
    if period.period is Period.month:
        month = _name_month(period)
        return ngettext("%(num)s paper in %(month)s", "%(num)s papers in %(month)s", number, month=month)
    return ngettext("%(num)s paper this week", "%(num)s papers this week", number)


def _count_matches(number: int, period: EditionPeriod) -> str:
    if period.period is Period.month:
        month = _name_month(period)
        return ngettext("%(num)s match in %(month)s", "%(num)s matches in %(month)s", number, month=month)
    return ngettext("%(num)s match this week", "%(num)s matches this week", number)


def _count_comments(number: int) -> str:
    return ngettext("%(num)s comment", "%(num)s comments", number)


def _count_stars(number: int) -> str:
    return ngettext("%(num)s star", "%(num)s stars", number)


def _name_month(period: EditionPeriod) -> str:
    return format_date(period.first, "MMMM")


def _find_period(digest: Digest) -> EditionPeriod:
    """The edition that has the papers of a digest's lists, and those that were left out.

    A week's or month's digest goes out when these are over.
    """
    overview = digest.selection.overview
    if overview is not None and overview.day is not None:
        return EditionPeriod.containing(Period.day, date.fromisoformat(overview.day))
    period = Period.month if digest.cadence is Cadence.monthly else Period.week
    return EditionPeriod.containing(period, digest.period - timedelta(days=1))
