"""What the viewer of a page has done with its papers: voted, saved, rated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class GivenRating(NamedTuple):
    """A rating of a paper within a topic."""

    topic_id: int
    topic: str
    is_more: bool


@dataclass(frozen=True)
class PaperState:
    """What the viewer has done with one paper.

    `token` is that of the reader's forms. Visitors who are not signed in have `sign_in_return`: the page to
    come back to after signing in.
    """

    token: str = ""
    upvoted: bool = False
    saved: bool = False
    ratings: Sequence[GivenRating] = ()
    rateable: bool = False
    sign_in_return: str = ""


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

    def of(self, paper_id: str) -> PaperState:
        return self.by_paper[paper_id]
