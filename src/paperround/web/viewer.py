"""Loads what the viewer has done with a page's papers, and finds the way back to a paper."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import RedirectResponse
from starlette.datastructures import QueryParams

from paperround.database import ReadSession
from paperround.follows.reader_follows import list_follows
from paperround.library import reading_list
from paperround.papers import votes
from paperround.papers.rows import PaperRow
from paperround.reads import Asked, RoundTrip, answer
from paperround.summaries.shown_explanations import Explanations, ask_explanations
from paperround.summaries.translations import ask_translations
from paperround.text.markup import render_html
from paperround.topics import ratings, reader_topics
from paperround.topics.ratings import RatingRow
from paperround.topics.reader_matches import ReaderMatches, ask_reader_matches
from paperround.web.dependencies import csrf_of, viewer_of
from paperround.web.security.safe_redirect import keep_local
from paperround.web.views.follow_state import FollowState
from paperround.web.views.for_you import MAX_TITLE, shorten_topic
from paperround.web.views.page_size import shorten_html
from paperround.web.views.viewer_state import GivenRating, GonePaper, PaperState, TopicFit, ViewerState

RATED_TOPIC: Final = re.compile(r"[1-9][0-9]{0,8}")
MOVED: Final = re.compile(r"[0-9]{1,2}")
MAX_PAPER_ID_LENGTH: Final = 60


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
    just_rated = JustRated.read(request.query_params)
    others = {just_rated.paper_id} - {""} | {
        found.match.paper_id for found in (matches or ReaderMatches()).matches
    }
    upvoted = votes.ask_upvoted_ids(trip, viewer.id, paper_ids)
    saved = reading_list.ask_saved_ids(trip, viewer.id, paper_ids)
    topics = reader_topics.ask_topic_names(trip, viewer.id)
    rated = ratings.ask_ratings(trip, viewer.id, [*paper_ids, *sorted(others - {*paper_ids})])
    explained = ask_explanations(trip, [viewer.id], [*paper_ids, *sorted(others - {*paper_ids})])
    title = _ask_title(trip, just_rated, paper_ids)
    translated = ask_translations(trip, viewer.language, paper_ids)
    token, visited_at = csrf_of(request), int(viewer.visited_at.timestamp()) if viewer.was_here else 0

    def build() -> ViewerState:
        given = _collect_ratings(rated.result, topics.result)
        rated_less = [(rating.topic_id, rating.paper_id) for rating in rated.result if rating.value < 0]
        fits = _collect_fits(asked.result, rated_less, explained.result)
        first_topics = [TopicFit(key, shorten_topic(name), None) for key, name in topics.result.items()][:2]
        only_topic = first_topics if len(first_topics) == 1 else []
        untouched = PaperState(
            token=token,
            rateable=bool(topics.result),
            suggested=next(iter(only_topic), None),
            moved=just_rated.moved,
            visited_at=visited_at,
        )
        touched = upvoted.result | saved.result | given.keys() | fits.keys() | translated.result.keys()
        by_paper = dict.fromkeys(paper_ids, untouched)
        by_paper |= {
            paper_id: replace(
                untouched,
                upvoted=paper_id in upvoted.result,
                saved=paper_id in saved.result,
                ratings=tuple(given.get(paper_id, ())),
                fits=tuple(fits.get(paper_id, ())),
                suggested=next(iter(fits.get(paper_id, only_topic)), None),
                folded=just_rated.find(paper_id, given),
                translation=translated.result.get(paper_id),
            )
            for paper_id in paper_ids
            if paper_id in touched
        }
        gone = _find_gone_paper(just_rated, given, title.result)
        return ViewerState(by_paper, token, rated_less, gone, explained.result)

    return Asked(build)


async def load_viewer_state(
    request: Request, session: ReadSession, papers: Iterable[PaperRow], matches: ReaderMatches | None = None
) -> ViewerState:
    """Load what the viewer has done with these papers, as `ask_viewer_state` does."""
    return await answer(session, partial(ask_viewer_state, request=request, papers=papers, matches=matches))


class JustRated(NamedTuple):
    """What the address says of a rating that led to the page: where rows fold, and what it changed."""

    topic_id: int
    paper_id: str
    moved: int

    @classmethod
    def read(cls, query: QueryParams) -> JustRated:
        """Read `rated=12:2510.12345&moved=3`. What isn't that stands for no rating."""
        topic, _, paper_id = query.get("rated", "").partition(":")
        moved = query.get("moved", "")
        return cls(
            int(topic) if RATED_TOPIC.fullmatch(topic) else 0,
            paper_id[:MAX_PAPER_ID_LENGTH] if "\0" not in paper_id else "",
            int(moved) if MOVED.fullmatch(moved) else 0,
        )

    def find(self, paper_id: str, given: Mapping[str, Sequence[GivenRating]]) -> GivenRating | None:
        """Find the rating itself, if it is of this paper and stands."""
        if paper_id != self.paper_id:
            return None
        return next((rating for rating in given.get(paper_id, ()) if rating.topic_id == self.topic_id), None)


def _ask_title(trip: RoundTrip, just_rated: JustRated, paper_ids: Collection[str]) -> Asked[str | None]:
    """Ask for the title of a paper that was rated just now and isn't on the page."""
    if not just_rated.paper_id or just_rated.paper_id in paper_ids:
        return trip.know(None)
    return reader_topics.ask_title(trip, just_rated.paper_id)


def _find_gone_paper(
    just_rated: JustRated, given: Mapping[str, Sequence[GivenRating]], title: str | None
) -> GonePaper | None:
    rating = just_rated.find(just_rated.paper_id, given)
    if rating is None or title is None:
        return None
    shown_title = shorten_html(render_html(title), MAX_TITLE)
    return GonePaper(just_rated.paper_id, shown_title, rating, just_rated.moved)


def _collect_ratings(rated: Iterable[RatingRow], topics: Mapping[int, str]) -> dict[str, list[GivenRating]]:
    given: dict[str, list[GivenRating]] = {}
    for rating in rated:
        name = shorten_topic(topics[rating.topic_id])
        given.setdefault(rating.paper_id, []).append(GivenRating(rating.topic_id, name, rating.value > 0))
    return given


def _collect_fits(
    matches: ReaderMatches, rated_less: Collection[tuple[int, str]], explanations: Explanations
) -> dict[str, list[TopicFit]]:
    """Collect the topics that each paper fits, the best one first, without those it was rated less in."""
    fits: dict[str, list[TopicFit]] = {}
    for topic_id, name, match in matches.matches:
        if (topic_id, match.paper_id) not in rated_less:
            explanation = explanations.get((topic_id, match.paper_id))
            fit = TopicFit(topic_id, shorten_topic(name), match.band, explanation)
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
    """Find the page of ours that held a form, or ''. The browser names it in the Referer header.

    What that page was told of a rating is left out.
    """
    parts = urlsplit(request.headers.get("referer", ""))
    if parts.netloc != request.headers.get("host"):
        return ""
    query = "&".join(part for part in parts.query.split("&") if not part.startswith(("rated=", "moved=")))
    return keep_local(parts.path + (f"?{query}" if query else ""))


def redirect_to_paper(
    request: Request, paper_id: str, *, page: str = "", rated: str = ""
) -> RedirectResponse:
    """Redirect to the paper on the page that held the form, or else to the paper's own page.

    `page` is another one of ours to lead to, and `rated` is what that page is told of a rating.
    """
    address = keep_local(page.partition("#")[0]) or find_page_of_form(request) or f"/papers/{paper_id}"
    if rated:
        address += f"{'&' if '?' in address else '?'}{rated}"
    return RedirectResponse(f"{address}#paper-{paper_id}", 303)
