"""What an edition shows of its reader's topics: its order, "For you", and what is new to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from paperround.accounts.tables import Reader
from paperround.database import ReadSession
from paperround.follows.followed_papers import list_followed_papers
from paperround.follows.reader_follows import ask_follows
from paperround.follows.tables import Follow
from paperround.papers import editions
from paperround.papers.edition_facts import ask_count_since
from paperround.papers.edition_query import EditionQuery
from paperround.papers.editions import ListPosition, PaperPage, Sort
from paperround.papers.period import EditionPeriod
from paperround.reads import Asked, RoundTrip
from paperround.topics import reader_topics
from paperround.topics.reader_matches import ReaderMatches, ask_reader_matches
from paperround.web.views.for_you import (
    MAX_FOR_YOU,
    FollowedRecommendation,
    Recommendation,
    recommend,
    recommend_followed,
)
from paperround.web.views.reasons import find_papers_in_reasons
from paperround.web.views.viewer_state import ViewerState

MAX_FITTING_FIRST: Final = 20  # papers that stand before all others where a list is sorted by fit


@dataclass(frozen=True)
class ReaderEdition:
    """What stands above an edition for its reader.

    `followed` are papers of what the reader follows that `for_you` hasn't. `has_matches` tells whether any
    paper fits a topic, and `is_matched` whether topics have been matched with it. `new` counts the papers
    that came since the reader's last visit, and is None where this is the first.
    """

    for_you: Sequence[Recommendation]
    followed: Sequence[FollowedRecommendation]
    has_matches: bool
    is_matched: bool
    new: int | None


@dataclass(frozen=True)
class ReaderFacts:
    """What is known of a reader before the papers of an edition are.

    `new` counts the papers of it that came since the last visit, and is None where this is the first.
    """

    matches: ReaderMatches = field(default_factory=ReaderMatches)
    follows: Sequence[Follow] = ()
    new: int | None = None


def ask_reader_facts(
    trip: RoundTrip, reader: Reader | None, period: EditionPeriod, query: EditionQuery
) -> Asked[ReaderFacts]:
    """Ask for the matches of all days of an edition, and the rest. Without a reader there is nothing."""
    if reader is None:
        return trip.know(ReaderFacts())
    days = (period.last - period.first).days + 1
    matches = ask_reader_matches(
        trip, reader.id, [period.first + timedelta(days=number) for number in range(days)]
    )
    follows = ask_follows(trip, reader.id) if days == 1 else trip.know([])
    new = ask_count_since(trip, query, reader.visited_at) if reader.was_here else trip.know(None)
    return Asked(lambda: ReaderFacts(matches.result, follows.result, new.result))


async def list_by_fit(
    session: ReadSession,
    matches: ReaderMatches,
    query: EditionQuery,
    *,
    limit: int,
    after: ListPosition | None,
) -> PaperPage:
    """List the papers that fit a topic, the surest first, and behind them the others by votes."""
    best = [found.match.paper_id for found in matches.list_best()[:MAX_FITTING_FIRST]]
    fitting = await editions.list_papers(
        session, query.among(best), sort=Sort.upvotes, limit=MAX_FITTING_FIRST
    )
    order = {paper_id: place for place, paper_id in enumerate(best)}
    first = [] if after else sorted(fitting.papers, key=lambda paper: order[paper.id])
    rest = await editions.list_papers(
        session,
        query.without(best),
        sort=Sort.upvotes,
        limit=limit - len(first),
        after=after,
    )
    return PaperPage([*first, *rest.papers], rest.next_position)


async def describe(
    session: ReadSession, query: EditionQuery, facts: ReaderFacts, marks: ViewerState
) -> ReaderEdition:
    """Describe an edition to its reader."""
    day = query.first if query.first == query.last else None
    for_you = await _choose_for_you(session, facts.matches, marks) if day else ()
    return ReaderEdition(
        for_you=for_you,
        followed=await _choose_followed(session, facts.follows, day, for_you) if day else (),
        has_matches=bool(facts.matches.matches),
        is_matched=facts.matches.is_known,
        new=facts.new,
    )


async def _choose_followed(
    session: ReadSession, follows: Sequence[Follow], day: date, for_you: Sequence[Recommendation]
) -> Sequence[FollowedRecommendation]:
    """Choose papers of what the reader follows, which are not recommended already."""
    limit = MAX_FOR_YOU + len(for_you)
    papers = await list_followed_papers(session, follows, day, day, limit=limit)
    told = {one.paper_id for one in for_you}
    chosen = [paper for paper in papers if paper.paper_id not in told][:MAX_FOR_YOU]
    titles = await reader_topics.load_titles(session, [paper.paper_id for paper in chosen]) if chosen else {}
    return [recommend_followed(paper, titles) for paper in chosen if paper.paper_id in titles]


async def _choose_for_you(
    session: ReadSession, matches: ReaderMatches, marks: ViewerState
) -> Sequence[Recommendation]:
    """Choose the papers that fit a reader's topics best, but for those rated less in these."""
    rated_less = marks.rated_less
    best = ReaderMatches(
        [found for found in matches.matches if (found.topic_id, found.match.paper_id) not in rated_less]
    ).list_best()
    chosen = [found.match for found in best[:MAX_FOR_YOU]]
    named = {*find_papers_in_reasons(chosen), *(match.paper_id for match in chosen)}
    titles = await reader_topics.load_titles(session, named) if chosen else {}
    return [
        recommend(found, titles, marks.explanations)
        for found in best[:MAX_FOR_YOU]
        if found.match.paper_id in titles
    ]
