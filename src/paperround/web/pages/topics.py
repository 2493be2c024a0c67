"""`/topics` and `/topics/{id}`: matches, the reasons for them, and what a topic has learned from."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Annotated, Final

from fastapi import Query, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from paperround.accounts.tables import Reader
from paperround.database import ReadSession
from paperround.follows.followed_papers import FollowedPaper, list_followed_papers
from paperround.follows.reader_follows import list_follows
from paperround.i18n.formats import format_date
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message
from paperround.papers import editions
from paperround.papers.edition_query import EditionQuery
from paperround.papers.editions import Sort
from paperround.papers.rows import PaperRow
from paperround.search.query_vectors import QueryVector
from paperround.summaries.shown_explanations import NO_EXPLANATIONS, Explanation, Explanations
from paperround.topics import corpus, drafts, overview, queries, reader_topics, splits
from paperround.topics.history import count_weeks
from paperround.topics.library_entries import list_entries
from paperround.topics.model.bands import Band
from paperround.topics.model.match import Match
from paperround.topics.reader_matches import ReaderMatches
from paperround.topics.tables import Topic
from paperround.web.dependencies import Now, SignedIn, database_of, render_page, settings_of
from paperround.web.params import TopicId
from paperround.web.router import Router
from paperround.web.topic_matches import encode_text, encode_texts, match_days
from paperround.web.viewer import load_viewer_state
from paperround.web.views import paper_cards, presenters
from paperround.web.views.charts import build_week_chart
from paperround.web.views.follow_state import write_follow_reasons
from paperround.web.views.paper_card import PaperCard
from paperround.web.views.reasons import find_papers_in_reasons, write_reasons
from paperround.web.views.viewer_state import ViewerState

WEEKS: Final = 8  # of a topic's chart, as long as matches are kept
SPANS: Final = {1: mark_message("The latest day"), 7: mark_message("The last 7 days")}
MAX_OUTSIDE_CANDIDATES: Final = 50  # the day's most voted papers, of which some lie outside the topics
MAX_FOLLOWED_SHOWN: Final = 20

router = Router(include_in_schema=False, default_response_class=HTMLResponse)


@dataclass(frozen=True)
class MatchCard:
    """A match as a page shows it. `is_new` means that the paper came since the reader's last visit."""

    card: PaperCard
    why: Markup
    band: Band | None
    is_new: bool
    other_topics: Sequence[str] = ()
    explanation: Explanation | None = None


@router.get("/topics")
async def show_topics(request: Request, reader: SignedIn, now: Now) -> HTMLResponse:
    """Show the latest day's matches of all topics, each paper once, and some papers from outside."""
    async with database_of(request).read_session() as session:
        topics = await reader_topics.list_topics(session, reader.id)
    vectors = await encode_texts(request, {topic.id: topic.words for topic in topics if not topic.paused})
    async with database_of(request).read_session() as session:
        return await _show_topics(request, session, reader, topics, vectors, now)


async def _show_topics(
    request: Request,
    session: ReadSession,
    reader: Reader,
    topics: Sequence[Topic],
    vectors: Mapping[int, QueryVector],
    now: datetime,
) -> HTMLResponse:
    day = await editions.find_newest_day(session)
    groups = await overview.group_matches(session, topics, day, vectors) if day else []
    matches = [placed.match for group in groups for placed in group.shown_matches]
    followed = await _list_followed(session, reader, day, matches) if day else []
    matched = {placed.match.paper_id for group in groups for placed in group.matches}
    outside = []
    if day and topics:
        seen = matched | {paper.paper_id for paper in followed}
        outside = await _choose_outside_papers(session, reader, topics, matched, seen, day)
    ids = [*(match.paper_id for match in matches), *outside, *(paper.paper_id for paper in followed)]
    papers = await editions.load_papers(session, ids)
    marks = await load_viewer_state(request, session, papers.values(), ReaderMatches())
    cards = await MatchCards.load(
        session, papers.values(), matches, reader=reader, now=now, explanations=marks.explanations
    )
    card_groups = [
        (
            group,
            [
                cards.build_match_card(placed.match, group.topic.id, also=placed.other_topics)
                for placed in group.shown_matches
            ],
        )
        for group in groups
    ]
    silent = [group.topic.id for group in groups if not group.matches]
    return await render_page(
        request,
        session,
        "topics/all.html",
        last_days=await _describe_last_days(session, silent),
        judging=settings_of(request).judging,
        words_alone=await corpus.explain_words_alone(session) if day and topics else "",
        topics=topics,
        groups=card_groups,
        followed=[cards.build_followed_card(paper) for paper in followed if paper.paper_id in papers],
        outside=[cards.build_unmatched_card(paper_id) for paper_id in outside],
        marks=marks,
        day=day,
        day_label=presenters.format_days_ago(day, today=now.date()) if day else "",
        total=len(matched),
        fresh=sum(one.is_new for _, group in card_groups for one in group),
        now=now,
    )


async def _list_followed(
    session: ReadSession, reader: Reader, day: date, matches: Sequence[Match]
) -> Sequence[FollowedPaper]:
    """List the day's papers of what the reader follows, without those that a topic shows."""
    follows = await list_follows(session, reader.id)
    papers = await list_followed_papers(session, follows, day, day, limit=MAX_FOLLOWED_SHOWN)
    shown = {match.paper_id for match in matches}
    return [paper for paper in papers if paper.paper_id not in shown]


async def _describe_last_days(session: ReadSession, topic_ids: Sequence[int]) -> Mapping[int, str]:
    """Describe by topic the latest day that had a match for it."""
    days = await queries.find_latest_match_days(session, topic_ids)
    return {topic_id: format_date(day, "EEEE, d MMMM") for topic_id, day in days.items()}


async def _choose_outside_papers(
    session: ReadSession,
    reader: Reader,
    topics: Sequence[Topic],
    matched: Collection[str],
    seen: Collection[str],
    day: date,
) -> list[str]:
    """Choose papers that are not in `seen`, as many as go with what `matched`."""
    popular = await editions.list_papers(
        session, EditionQuery(first=day, last=day), sort=Sort.upvotes, limit=MAX_OUTSIDE_CANDIDATES
    )
    rated = {rating.paper_id for topic in topics for rating in topic.ratings}
    return overview.choose_outside_papers(
        [paper.id for paper in popular.papers],
        {*rated, *seen},
        matched=len(matched),
        reader_id=reader.id,
        day=day,
    )


@router.get("/topics/{topic_id}")
async def show_topic(
    request: Request,
    reader: SignedIn,
    now: Now,
    topic_id: TopicId,
    days: Annotated[int, Query(ge=1, le=7)] = 1,
) -> HTMLResponse:
    async with database_of(request).read_session() as session:
        topic = await reader_topics.get_topic(session, reader.id, topic_id)
    vector = await encode_text(request, topic.words)
    async with database_of(request).read_session() as session:
        return await render_topic(request, session, reader, topic, vector, now, days=days)


async def render_topic(
    request: Request,
    session: ReadSession,
    reader: Reader,
    topic: Topic,
    vector: QueryVector | None,
    now: datetime,
    *,
    days: int = 1,
    feed: str = "",
) -> HTMLResponse:
    """Render the page of a topic. `feed` is the address of its feed, just after its key was made."""
    day = await editions.find_newest_day(session)
    matches = await match_days(session, topic, day, vector, days=days) if day else []
    papers = await editions.load_papers(session, [match.paper_id for match in matches])
    state = await load_viewer_state(request, session, papers.values(), ReaderMatches())
    cards = await MatchCards.load(
        session, papers.values(), matches, reader=reader, now=now, explanations=state.explanations
    )
    ratings = sorted(topic.ratings, key=lambda rating: rating.rated_at, reverse=True)
    examples = [example.paper_id for example in topic.examples]
    titles = await reader_topics.load_titles(session, [*examples, *(rating.paper_id for rating in ratings)])
    return await render_page(
        request,
        session,
        "topics/one.html",
        topic=topic,
        interests=await splits.find_interests(session, topic.words),
        weeks=build_week_chart(await count_weeks(session, topic.id, day, weeks=WEEKS)) if day else None,
        library=await list_entries(session, topic.id) if topic.library_report else (),
        max_examples=drafts.MAX_EXAMPLES,
        matches=[cards.build_match_card(match, topic.id) for match in matches],
        marks=keep_ratings_of_topic(state, topic.id),
        examples=[(key, titles[key]) for key in examples if key in titles],
        ratings=[(rating, titles[rating.paper_id]) for rating in ratings if rating.paper_id in titles],
        day=day,
        day_label=presenters.format_days_ago(day, today=now.date()) if day else "",
        days=days,
        last_day=(await _describe_last_days(session, [] if matches else [topic.id])).get(topic.id, ""),
        words_alone=await corpus.explain_words_alone(session) if day else "",
        spans={days: _(words) for days, words in SPANS.items()},
        feed=feed,
        now=now,
    )


def keep_ratings_of_topic(state: ViewerState, topic_id: int) -> ViewerState:
    """Keep the ratings of one topic: its own page shows no others."""
    own = {
        key: replace(mark, ratings=[rated for rated in mark.ratings if rated.topic_id == topic_id])
        for key, mark in state.by_paper.items()
    }
    return replace(state, by_paper=own)


@dataclass(frozen=True)
class MatchCards:
    """Gives the cards of matches. `new_ids` are papers that came since the reader's last visit."""

    cards: Mapping[str, PaperCard]
    titles: Mapping[str, str]
    new_ids: Collection[str]
    explanations: Explanations

    @classmethod
    async def load(
        cls,
        session: ReadSession,
        papers: Iterable[PaperRow],
        matches: Sequence[Match],
        *,
        reader: Reader,
        now: datetime,
        explanations: Explanations = NO_EXPLANATIONS,
    ) -> MatchCards:
        cards = {card.id: card for card in paper_cards.build_paper_cards(papers, today=now.date())}
        listings = await editions.load_listings(session, list(cards))
        new = {
            paper_id
            for paper_id, rows in listings.items()
            if rows and min(row.first_seen_at for row in rows) > reader.visited_at
        }
        titles = await reader_topics.load_titles(session, find_papers_in_reasons(matches))
        return cls(cards, titles, new, explanations)

    def build_match_card(
        self, match: Match, topic_id: int | None = None, also: Sequence[str] = ()
    ) -> MatchCard:
        """Build the card of a match with a topic. A draft of a topic has no id."""
        return MatchCard(
            self.cards[match.paper_id],
            write_reasons(match, self.titles),
            match.band,
            match.paper_id in self.new_ids,
            also,
            self.explanations.get((topic_id or 0, match.paper_id)),
        )

    def build_followed_card(self, paper: FollowedPaper) -> MatchCard:
        """Build the card of a paper that what the reader follows speaks for."""
        why = write_follow_reasons(paper.follows)
        return MatchCard(self.cards[paper.paper_id], why, None, paper.paper_id in self.new_ids)

    def build_unmatched_card(self, paper_id: str) -> MatchCard:
        """Build the card of a paper that no topic matched."""
        return MatchCard(self.cards[paper_id], Markup(""), None, paper_id in self.new_ids)
