"""Which papers go into a digest: what is trending of its period, then the reader's topics. None that this
subscription has certainly had; all that it should have had and wasn't certainly sent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Integer, any_, func, literal, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased
from sqlalchemy.types import Text

from paperround.database import ReadSession
from paperround.digests.tables import Cadence, Delivery, DeliveryState, WhenEmpty
from paperround.digests.topic_matches import MatchDay, TopicMatch, load_topic_matches, match_changed_topics
from paperround.papers.catalogue import SAMPLE_FEED
from paperround.papers.editions import EditionQuery
from paperround.papers.tables import Listing, Paper

MAX_TRENDING_CANDIDATES: Final = 150  # papers of a period that are considered, hottest first
MAX_OWED_AGE: Final = timedelta(days=21)  # how long what wasn't sent is owed
UNSENT_STATES: Final = (DeliveryState.failed, DeliveryState.uncertain)


MatchReason = dict[
    str, Any
]  # {"topic": its id, "name": its name, "why": [phrases …], "own": it is there for this alone}


class PendingDelivery(NamedTuple):
    """A delivery that is to be sent, and what its subscription says of it. `papers` None: not chosen yet."""

    id: int
    subscription_id: int
    period: date
    since: date
    attempts: int
    papers: list[str] | None
    reasons: dict[str, MatchReason] | None
    email: str
    reader_id: int | None
    cadence: Cadence
    trending: bool
    topics: bool
    max_papers: int
    when_empty: WhenEmpty


@dataclass(frozen=True)
class Selection:
    """Papers in order; `reasons` has those that match a topic."""

    papers: list[str]
    reasons: dict[str, MatchReason]


@dataclass(frozen=True)
class DeliveryHistory:
    """`owed`: papers of digests that were not certainly sent, with their reasons. `lacks_since`: the first
    day of those that came after the last that was."""

    owed: Mapping[str, MatchReason | None] = field(default_factory=dict)
    unsent_since: date | None = None


NO_HISTORY: Final = DeliveryHistory()


@dataclass
class TrendingPapers:
    """The hottest papers of some days, looked up once a sender's run; and how a day's topics are matched."""

    match: MatchDay
    _known: dict[tuple[date, date], Sequence[str]] = field(default_factory=dict)

    async def hottest(self, session: ReadSession, first: date, last: date) -> Sequence[str]:
        if (first, last) not in self._known:
            listed = select(Listing.paper_id).where(*EditionQuery(first=first, last=last).listing_conditions)
            query = select(Paper.id).where(Paper.id.in_(listed.where(Listing.feed != SAMPLE_FEED)))
            order = func.coalesce(Paper.heat, Paper.heat).desc()  # see editions.papers
            found = await session.scalars(query.order_by(order, Paper.id).limit(MAX_TRENDING_CANDIDATES))
            self._known[first, last] = found.all()
        return self._known[first, last]


async def select_papers(
    session: ReadSession, orders: Sequence[PendingDelivery], periods: TrendingPapers
) -> Mapping[int, Selection]:
    """By delivery."""
    pasts = await _pasts(session, orders)
    first = {one.id: min(one.since, _past(pasts, one).unsent_since or one.since) for one in orders}
    listed = {one.id: await periods.hottest(session, first[one.id], one.period) for one in orders}
    topics = await _topics(session, orders, first, periods)
    candidates = {paper for papers in listed.values() for paper in papers}
    candidates |= {match.paper_id for matches in topics.values() for match in matches}
    candidates |= {paper for past in pasts.values() for paper in past.owed}
    seen = await _seen(session, orders, candidates)
    return {
        one.id: build_selection(
            one,
            listed[one.id],
            topics.get(one.id, ()),
            seen=seen.get(one.subscription_id, frozenset()),
            owed=_past(pasts, one).owed,
        )
        for one in orders
    }


def build_selection(
    order: PendingDelivery,
    listed: Sequence[str],
    matches: Sequence[TopicMatch],
    *,
    seen: Collection[str],
    owed: Mapping[str, MatchReason | None],
) -> Selection:
    """At most `most` trending papers, hottest first, and as many of topics, best first.

    What is owed takes its place before all else. A paper that is trending and matches a topic stands among
    the trending ones, with the reason.
    """
    most = order.max_papers
    trending: list[str] = []
    if order.trending:
        wanted = [*(paper for paper, why in owed.items() if not (why and why["own"])), *listed]
        place = {paper: number for number, paper in enumerate(listed)}
        trending = sorted(_unseen(wanted, seen)[:most], key=lambda paper: place.get(paper, -1))
    own: list[str] = []
    reasons = {paper: why for paper, why in owed.items() if why}
    if order.topics:
        wanted = [
            *(paper for paper, why in owed.items() if why and why["own"]),
            *(m.paper_id for m in matches),
        ]
        own = _unseen(wanted, {*seen, *trending})[:most]
        reasons |= {match.paper_id: _why(match) for match in reversed(matches)}
    papers = [*trending, *own]
    return Selection(papers, {p: {**reasons[p], "own": p in own} for p in papers if p in reasons})


def _unseen(papers: Iterable[str], seen: Collection[str]) -> list[str]:
    return [paper for paper in dict.fromkeys(papers) if paper not in seen]


def _why(match: TopicMatch) -> MatchReason:
    return {"topic": match.topic_id, "name": match.name, "why": list(match.why)}


def _past(pasts: Mapping[int, DeliveryHistory], order: PendingDelivery) -> DeliveryHistory:
    return pasts.get(order.subscription_id, NO_HISTORY)


async def _topics(
    session: ReadSession,
    orders: Sequence[PendingDelivery],
    first: Mapping[int, date],
    periods: TrendingPapers,
) -> Mapping[int, Sequence[TopicMatch]]:
    """By delivery: the matches of its reader's topics on its days."""
    readers: dict[tuple[date, date], dict[int, int]] = {}
    for one in orders:
        if one.topics and one.reader_id:
            readers.setdefault((first[one.id], one.period), {})[one.id] = one.reader_id
    found: dict[int, Sequence[TopicMatch]] = {}
    for (start, end), theirs in readers.items():
        await match_changed_topics(session, periods.match, set(theirs.values()), start, end)
        matches = await load_topic_matches(session, set(theirs.values()), start, end)
        found |= {delivery: matches.get(reader, ()) for delivery, reader in theirs.items()}
    return found


async def _pasts(session: ReadSession, orders: Sequence[PendingDelivery]) -> Mapping[int, DeliveryHistory]:
    """Of the subscriptions that are owed something."""
    oldest = min(one.period for one in orders) - MAX_OWED_AGE
    sent = aliased(Delivery)
    last_sent = select(func.max(sent.period)).where(
        sent.subscription_id == Delivery.subscription_id, sent.state == DeliveryState.sent
    )
    lost_ones = Delivery.subscription_id, Delivery.period, Delivery.since, Delivery.papers, Delivery.reasons
    query = select(*lost_ones, last_sent.scalar_subquery().label("last_sent")).where(
        _theirs(orders), Delivery.state.in_(UNSENT_STATES), Delivery.period >= oldest
    )
    found: dict[int, DeliveryHistory] = {}
    for lost in await session.execute(query.order_by(Delivery.period.desc())):
        past = found.get(lost.subscription_id, NO_HISTORY)
        owed = {paper: (lost.reasons or {}).get(paper) for paper in lost.papers or ()}
        after_all = lost.last_sent is None or lost.period > lost.last_sent
        since = lost.since if after_all else past.unsent_since
        found[lost.subscription_id] = DeliveryHistory({**owed, **past.owed}, since)
    return found


async def _seen(
    session: ReadSession, orders: Sequence[PendingDelivery], candidates: Collection[str]
) -> Mapping[int, frozenset[str]]:
    """Of the candidates, those that each subscription was certainly sent."""
    wanted = literal(sorted(candidates), ARRAY(Text))
    each = func.unnest(Delivery.papers).table_valued("paper", name="each").render_derived()
    query = (
        select(Delivery.subscription_id, func.array_agg(each.c.paper.distinct()))
        .select_from(Delivery)
        .join(each, true())
        .where(_theirs(orders), Delivery.state == DeliveryState.sent, Delivery.papers.overlap(wanted))
        .where(each.c.paper == any_(wanted))
        .group_by(Delivery.subscription_id)
    )
    return {row[0]: frozenset(row[1]) for row in await session.execute(query)}


def _theirs(orders: Sequence[PendingDelivery]) -> ColumnElement[bool]:
    """As one value: hundreds take longer to write than to find."""
    return Delivery.subscription_id == any_(literal([one.subscription_id for one in orders], ARRAY(Integer)))
