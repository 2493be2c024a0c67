"""A digest as channels show it: plain text in parts, which each service's format escapes and cuts. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, TypeVar

from paperround.i18n.messages import ngettext

Payload = dict[str, Any]
Rendered = TypeVar("Rendered")


@dataclass(frozen=True)
class ChannelPaper:
    """A paper in a few lines. `why` says why it is there, or is empty."""

    id: str
    title: str
    url: str
    authors: str
    organization: str
    published: str
    summary: str
    summary_label: str  # who wrote the summary, where it wasn't the authors
    votes: int
    code_url: str | None
    why: str = ""

    @property
    def byline(self) -> str:
        votes = ngettext("%(num)s vote", "%(num)s votes", self.votes)
        return " · ".join(part for part in (self.authors, self.organization, self.published, votes) if part)

    @property
    def labelled_summary(self) -> str:
        return (
            f"{self.summary_label}: {self.summary}" if self.summary and self.summary_label else self.summary
        )


@dataclass(frozen=True)
class ChannelSection:
    heading: str
    papers: tuple[ChannelPaper, ...]


@dataclass(frozen=True)
class ChannelDigest:
    """What one message says. `left_out`: how many papers of the digest this form of it has no room for."""

    id: str  # the same at every attempt, and of no other message
    site_name: str
    site_url: str
    title: str
    opening: str
    day: date
    cadence: str
    url: str  # where all of it stands
    sections: tuple[ChannelSection, ...]
    left_out: int = 0

    @property
    def total(self) -> int:
        return sum(len(section.papers) for section in self.sections)

    @property
    def rest(self) -> str:
        """The line that says how many papers stand only at `url`; empty if there are none."""
        return f"{self.left_out} more {'paper' if self.left_out == 1 else 'papers'}" if self.left_out else ""


@dataclass(frozen=True)
class ChannelNotice:
    """A message in words: the one with the code that confirms a channel, or one that only tries it."""

    id: str
    site_name: str
    site_url: str
    title: str
    text: str
    url: str  # the page that it is about
    code: str = ""


def fit(
    digest: ChannelDigest, render: Callable[[ChannelDigest], Rendered], fits: Callable[[Rendered], bool]
) -> Rendered:
    """Render as much of a digest as fits: the last papers lose their summaries, then the last papers go."""
    number = digest.total

    def attempt(cut: int) -> Rendered:
        return render(_shorten(digest, whole=max(number - cut, 0), shown=number - max(cut - number, 0)))

    cuts: Sequence[int] = range(2 * number + 1)
    found = bisect_left(cuts, True, hi=len(cuts) - 1, key=lambda cut: fits(attempt(cut)))
    return attempt(cuts[found])


def _shorten(digest: ChannelDigest, *, whole: int, shown: int) -> ChannelDigest:
    """Keep `shown` papers, and the summaries of the first `whole`."""
    sections, place = [], 0
    for section in digest.sections:
        kept = []
        for paper in section.papers:
            if place < shown:
                kept.append(paper if place < whole else replace(paper, summary=""))
            place += 1
        if kept:
            sections.append(replace(section, papers=tuple(kept)))
    return replace(digest, sections=tuple(sections), left_out=digest.total - shown)
