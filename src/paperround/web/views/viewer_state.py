"""What the viewer of a page has done with its papers, voted, saved, rated, and which topics these fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from paperround.topics.model.bands import Band

MAX_MARKS: Final = 2  # topics that a list names beside a paper


class GivenRating(NamedTuple):
    """A rating of a paper within a topic."""

    topic_id: int
    topic: str
    is_more: bool


class TopicFit(NamedTuple):
    """A topic that a paper fits. `band` is None where an author alone speaks for the paper."""

    topic_id: int
    topic: str
    band: Band | None


@dataclass(frozen=True)
class PaperState:
    """What the viewer has done with one paper, and the topics that it fits, the best one first.

    `token` is that of the reader's forms. Visitors who are not signed in have `sign_in_return`: the page to
    come back to after signing in.
    """

    token: str = ""
    upvoted: bool = False
    saved: bool = False
    ratings: Sequence[GivenRating] = ()
    rateable: bool = False
    sign_in_return: str = ""
    fits: Sequence[TopicFit] = ()
    visited_at: int = 0  # what came before was seen, in seconds since 1970; 0: nothing was

    @property
    def marks(self) -> Sequence[TopicFit]:
        return self.fits[:MAX_MARKS]


@dataclass(frozen=True)
class ViewerState:
    """What the viewer has done with a page's papers.

    `topics` are the ids and names of those in which the reader can rate. The one in which they rated last is
    `chosen`, so that readers without scripts need not choose again for each paper.
    """

    by_paper: Mapping[str, PaperState]
    topics: Sequence[tuple[int, str]] = ()
    chosen: int | None = None
    token: str = ""
    rated_less: Sequence[tuple[int, str]] = field(default=())  # topics, with papers rated less in them

    def of(self, paper_id: str) -> PaperState:
        return self.by_paper[paper_id]
