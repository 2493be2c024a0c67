"""Loads what the viewer has done with a page's papers, and finds the way back to a paper."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import RedirectResponse

from paperround.database import ReadSession
from paperround.library import reading_list
from paperround.papers import votes
from paperround.papers.tables import Paper
from paperround.topics import ratings, reader_topics
from paperround.web.dependencies import csrf_of, viewer_of
from paperround.web.security.safe_redirect import keep_local
from paperround.web.views.viewer_state import GivenRating, PaperState, ViewerState


async def load_viewer_state(request: Request, session: ReadSession, papers: Iterable[Paper]) -> ViewerState:
    """Load what the viewer has done with these papers. Without a session, buttons lead to signing in."""
    viewer, paper_ids = viewer_of(request), [paper.id for paper in papers]
    if viewer is None:
        page_address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return ViewerState(dict.fromkeys(paper_ids, PaperState(sign_in_return=page_address)))
    upvoted = await votes.find_upvoted_ids(session, viewer.id, paper_ids)
    saved = await reading_list.find_saved_ids(session, viewer.id, paper_ids)
    topics = await reader_topics.load_topic_names(session, viewer.id)
    rated = await ratings.list_ratings(session, viewer.id, paper_ids) if topics else []
    token = csrf_of(request)
    ratings_by_paper: dict[str, list[GivenRating]] = {}
    for rating in rated:
        given = GivenRating(rating.topic_id, topics[rating.topic_id], rating.value > 0)
        ratings_by_paper.setdefault(rating.paper_id, []).append(given)
    return ViewerState(
        {
            paper_id: PaperState(
                token=token,
                upvoted=paper_id in upvoted,
                saved=paper_id in saved,
                ratings=ratings_by_paper.get(paper_id, ()),
                rateable=bool(topics),
            )
            for paper_id in paper_ids
        },
        list(topics.items()),
        await ratings.find_last_rated_topic(session, viewer.id) if len(topics) > 1 else None,
        token,
    )


def redirect_to_paper(request: Request, paper_id: str) -> RedirectResponse:
    """Redirect to the paper on the page that held the form, or else to the paper's own page.

    The browser names that page in the Referer header.
    """
    parts = urlsplit(request.headers.get("referer", ""))
    is_ours = parts.netloc == request.headers.get("host")
    page = keep_local(parts.path + (f"?{parts.query}" if parts.query else "")) if is_ours else ""
    return RedirectResponse(f"{page or f'/papers/{paper_id}'}#paper-{paper_id}", 303)
