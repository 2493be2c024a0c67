"""What the viewer of a page has done with its papers, voted, saved, rated, and which topics these fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import Final, NamedTuple

from markupsafe import Markup

from paperround.summaries.shown_explanations import Explanation, Explanations
from paperround.summaries.translations import Translation
from paperround.topics.model.bands import Band

MAX_MARKS: Final = 2  # topics that a list names beside a paper
# What an entry shows of a paper's state, besides its lists and what readers have of their own.
SHOWN_FIELDS: Final = attrgetter(
    "upvoted", "saved", "rateable", "sign_in_return", "suggested", "folded", "moved", "translation"
)


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
    explanation: Explanation | None = None


@dataclass(frozen=True)
class PaperState:
    """What the viewer has done with one paper, and the topics that it fits, the best one first.

    `token` is that of the reader's forms. Visitors who are not signed in have `sign_in_return`: the page to
    come back to after signing in. `suggested` is the topic that a rating is offered for. A paper that was
    rated just now is `folded` into one line, which tells how many papers `moved` up. `translation` has the
    paper's texts in the language that the reader chose.
    """

    token: str = ""
    upvoted: bool = False
    saved: bool = False
    ratings: Sequence[GivenRating] = ()
    rateable: bool = False
    sign_in_return: str = ""
    fits: Sequence[TopicFit] = ()
    suggested: TopicFit | None = None
    folded: GivenRating | None = None
    moved: int = 0
    visited_at: int = 0  # what came before was seen, in seconds since 1970; 0: nothing was
    translation: Translation | None = None

    def key(self, seen: int) -> tuple[object, ...]:
        """Return all that an entry shows of this for a paper that was first seen then.

        Readers who did the same have the same, whatever their token and the time of their last visit.
        """
        return bool(seen and seen <= self.visited_at), self._shown

    @cached_property
    def _shown(self) -> tuple[object, ...]:
        lists = (tuple(self.ratings), tuple(self.fits))
        return (bool(self.token), *lists, *SHOWN_FIELDS(self))

    @property
    def marks(self) -> Sequence[TopicFit]:
        return self.fits[:MAX_MARKS]


@dataclass(frozen=True)
class GonePaper:
    """A paper that was rated just now, and how many papers moved up for it."""

    id: str
    title: Markup
    rating: GivenRating
    moved: int


@dataclass(frozen=True)
class ViewerState:
    """What the viewer has done with a page's papers.

    `rated_less` are topics with the papers that are rated less in them. `gone` is a paper that was rated just
    now and for that is no longer on the page. `explanations` are also of matches beyond its papers.
    """

    by_paper: Mapping[str, PaperState]
    token: str = ""
    rated_less: Sequence[tuple[int, str]] = ()
    gone: GonePaper | None = None
    explanations: Explanations = field(default_factory=dict)

    def of(self, paper_id: str) -> PaperState:
        return self.by_paper[paper_id]
