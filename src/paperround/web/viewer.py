"""Loads what the viewer has done with a page's papers, and finds the way back to a paper."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from functools import partial
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import RedirectResponse

from paperround.database import ReadSession
from paperround.follows.reader_follows import list_follows
from paperround.library import reading_list
from paperround.papers import votes
from paperround.papers.rows import PaperRow
from paperround.reads import Asked, RoundTrip, answer
from paperround.topics import ratings, reader_topics
from paperround.topics.reader_matches import ReaderMatches, ask_reader_matches
from paperround.web.dependencies import csrf_of, viewer_of
from paperround.web.security.safe_redirect import keep_local
from paperround.web.views.follow_state import FollowState
from paperround.web.views.for_you import shorten_topic
from paperround.web.views.viewer_state import GivenRating, PaperState, TopicFit, ViewerState


def ask_viewer_state(
    trip: RoundTrip, request: Request, papers: Iterable[PaperRow], matches: ReaderMatches | None = None
) -> Asked[ViewerState]:
    """Ask what the viewer has done with these papers. Without a session, buttons lead to signing in.

    `matches` are those of the reader's topics with these papers, which are asked for unless given.
    """
    papers = list(papers)
    viewer, paper_ids = viewer_of(request), [paper.id for paper in papers]
    if viewer is None:
        state = PaperState(sign_in_return=_own_address(request))
        return trip.know(ViewerState(dict.fromkeys(paper_ids, state)))
    days = {paper.listed_on for paper in papers}
    asked = (
        trip.know(matches)
        if matches is not None
        else ask_reader_matches(trip, viewer.id, days, paper_ids=paper_ids)
    )
    known = [found.match.paper_id for found in matches.matches] if matches else []
    upvoted = votes.ask_upvoted_ids(trip, viewer.id, paper_ids)
    saved = reading_list.ask_saved_ids(trip, viewer.id, paper_ids)
    topics = reader_topics.ask_topic_names(trip, viewer.id)
    rated = ratings.ask_ratings(trip, viewer.id, [*paper_ids, *known])
    last_rated = ratings.ask_last_rated_topic(trip, viewer.id)
    token, visited_at = csrf_of(request), int(viewer.visited_at.timestamp()) if viewer.was_here else 0

    def build() -> ViewerState:
        given: dict[str, list[GivenRating]] = {}
        for rating in rated.result:
            name = topics.result[rating.topic_id]
            given.setdefault(rating.paper_id, []).append(GivenRating(rating.topic_id, name, rating.value > 0))
        rated_less = [(rating.topic_id, rating.paper_id) for rating in rated.result if rating.value < 0]
        fits = _collect_fits(asked.result, rated_less)
        by_paper = {
            paper_id: PaperState(
                token=token,
                upvoted=paper_id in upvoted.result,
                saved=paper_id in saved.result,
                ratings=tuple(given.get(paper_id, ())),
                rateable=bool(topics.result),
                fits=tuple(fits.get(paper_id, ())),
                visited_at=visited_at,
            )
            for paper_id in paper_ids
        }
        chosen = last_rated.result if len(topics.result) > 1 else None
        return ViewerState(by_paper, list(topics.result.items()), chosen, token, rated_less)

    return Asked(build)


async def load_viewer_state(
    request: Request, session: ReadSession, papers: Iterable[PaperRow], matches: ReaderMatches | None = None
) -> ViewerState:
    """Load what the viewer has done with these papers, as `ask_viewer_state` does."""
    return await answer(session, partial(ask_viewer_state, request=request, papers=papers, matches=matches))


def _collect_fits(
    matches: ReaderMatches, rated_less: Collection[tuple[int, str]]
) -> dict[str, list[TopicFit]]:
    """Collect the topics that each paper fits, the best one first, without those it was rated less in."""
    fits: dict[str, list[TopicFit]] = {}
    for topic_id, name, match in matches.matches:
        if (topic_id, match.paper_id) not in rated_less:
            fit = TopicFit(topic_id, shorten_topic(name), match.band)
            fits.setdefault(match.paper_id, []).append(fit)
    return fits


def redirect_to_page(request: Request) -> RedirectResponse:
    """Redirect to the page that held the form, or else to the latest edition."""
    return RedirectResponse(find_page_of_form(request) or "/papers", 303)


async def load_follow_state(request: Request, session: ReadSession) -> FollowState:
    """Load what the viewer follows. Without a session, buttons lead to signing in."""
    viewer = viewer_of(request)
    if viewer is None:
        return FollowState(sign_in_return=_own_address(request))
    follows = await list_follows(session, viewer.id)
    return FollowState(frozenset((one.kind, one.key) for one in follows), csrf_of(request))


def _own_address(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def find_page_of_form(request: Request) -> str:
    """Find the page of ours that held a form, or ''. The browser names it in the Referer header."""
    parts = urlsplit(request.headers.get("referer", ""))
    is_ours = parts.netloc == request.headers.get("host")
    return keep_local(parts.path + (f"?{parts.query}" if parts.query else "")) if is_ours else ""


def redirect_to_paper(request: Request, paper_id: str) -> RedirectResponse:
    """Redirect to the paper on the page that held the form, or else to the paper's own page."""
    page = find_page_of_form(request)
    return RedirectResponse(f"{page or f'/papers/{paper_id}'}#paper-{paper_id}", 303)
