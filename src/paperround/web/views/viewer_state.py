"""What the one who looks has done with papers: voted, saved, rated. And the forms that do it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import RedirectResponse

from paperround.database import ReadSession
from paperround.library import reading_list
from paperround.papers import votes
from paperround.papers.tables import Paper
from paperround.topics import ratings, reader_topics
from paperround.web.dependencies import csrf_of, viewer_of
from paperround.web.security.safe_redirect import local


class Rated(NamedTuple):
    topic_id: int
    topic: str
    more: bool


@dataclass(frozen=True)
class PaperState:
    """Of one paper. `token`: of the reader's forms. `here`: where to come back to after signing in, for who
    isn't signed in."""

    token: str = ""
    upvoted: bool = False
    saved: bool = False
    ratings: Sequence[Rated] = ()
    rateable: bool = False
    here: str = ""


@dataclass(frozen=True)
class ViewerState:
    """Of a page's papers. `topics`: number and name of those in which the reader can rate; the last one rated
    in is `chosen`, if any, so that who rates without scripts needn't choose again for every paper."""

    by_paper: Mapping[str, PaperState]
    topics: Sequence[tuple[int, str]] = ()
    chosen: int | None = None
    token: str = ""

    def of(self, paper_id: str) -> PaperState:
        return self.by_paper[paper_id]


async def load_viewer_state(request: Request, session: ReadSession, papers: Iterable[Paper]) -> ViewerState:
    """For who isn't signed in, votes lead to where they can."""
    viewer, paper_ids = viewer_of(request), [paper.id for paper in papers]
    if viewer is None:
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return ViewerState(dict.fromkeys(paper_ids, PaperState(here=here)))
    upvoted = await votes.find_upvoted_ids(session, viewer.id, paper_ids)
    saved = await reading_list.find_saved_ids(session, viewer.id, paper_ids)
    topics = await reader_topics.load_topic_names(session, viewer.id)
    rated = await ratings.list_ratings(session, viewer.id, paper_ids) if topics else []
    token = csrf_of(request)
    ratings_by_paper: dict[str, list[Rated]] = {}
    for rating in rated:
        one = Rated(rating.topic_id, topics[rating.topic_id], rating.value > 0)
        ratings_by_paper.setdefault(rating.paper_id, []).append(one)
    return ViewerState(
        {
            key: PaperState(
                token, key in upvoted, key in saved, ratings_by_paper.get(key, ()), rateable=bool(topics)
            )
            for key in paper_ids
        },
        list(topics.items()),
        await ratings.find_last_rated_topic(session, viewer.id) if len(topics) > 1 else None,
        token,
    )


def back(request: Request, paper_id: str) -> RedirectResponse:
    """To the paper on the page that the form stood on, as the browser tells; else to the paper's own."""
    parts = urlsplit(request.headers.get("referer", ""))
    ours = parts.netloc == request.headers.get("host")
    page = local(parts.path + (f"?{parts.query}" if parts.query else "")) if ours else ""
    return RedirectResponse(f"{page or f'/papers/{paper_id}'}#paper-{paper_id}", 303)
