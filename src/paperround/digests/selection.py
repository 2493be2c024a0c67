"""Selecting the papers of a digest: what its reader follows and what fits their topics, then the best of its
period's lists.

No paper that this subscription has certainly had is in it again, and every paper of a digest that was not
certainly sent comes again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Integer, any_, func, literal, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import aliased
from sqlalchemy.types import Text

from paperround.database import ReadSession
from paperround.digests.editions import DigestEdition, DigestEditions
from paperround.digests.followed_matches import join_matches, load_followed_matches
from paperround.digests.overview import Overview, build_overview
from paperround.digests.tables import Cadence, Delivery, DeliveryState, WhenEmpty
from paperround.digests.topic_matches import TopicMatch, load_topic_matches
from paperround.digests.topic_places import (
    MatchReason,
    build_reason,
    leave_out,
    order_by_topic,
    place_matches,
    take_turns,
)
from paperround.papers.tables import Paper
from paperround.topics.model.bands import Band, rank_band

# For so long papers that were not sent are owed: until some digests later.
MAX_OWED_AGES: Final[Mapping[Cadence, timedelta]] = {
    Cadence.daily: timedelta(days=21),
    Cadence.weekdays: timedelta(days=21),
    Cadence.weekly: timedelta(days=21),
    Cadence.monthly: timedelta(days=63),
}
UNSENT_STATES: Final = (DeliveryState.failed, DeliveryState.uncertain)


class PendingDelivery(NamedTuple):
    """A delivery that is to be sent, with its subscription's preferences.

    `papers` is None while they are not selected.
    """

    id: int
    subscription_id: int
    period: date
    since: date
    attempts: int
    papers: list[str] | None
    reasons: dict[str, MatchReason] | None
    overview: dict[str, Any] | None
    nonce: str
    address_nonce: str
    email: str
    reader_id: int | None
    cadence: Cadence
    trending: bool
    topics: bool
    max_papers: int
    when_empty: WhenEmpty
    min_band: Band | None
    channel_secrets: bytes | None = None  # of a channel, encrypted; None: it goes by mail
    language: str | None = None  # of papers' texts, as the reader chose; None: as they are
    interface_language: str | None = None  # of all else, as the reader or the subscription has it


@dataclass(frozen=True)
class Selection:
    """The papers of a digest, in order. `reasons` has those of them that match a topic."""

    papers: list[str]
    reasons: dict[str, MatchReason]
    overview: Overview | None = None

    @classmethod
    def restore(
        cls,
        papers: list[str],
        reasons: dict[str, MatchReason] | None,
        overview: Mapping[str, Any] | None,
    ) -> Selection:
        """Build a selection from what its delivery keeps."""
        return cls(papers, reasons or {}, Overview.restore(overview) if overview else None)

    @property
    def shown_papers(self) -> list[str]:
        """All papers whose titles the digest says."""
        return [*self.papers, *(self.overview.named_papers if self.overview else ())]


@dataclass(frozen=True)
class DeliveryHistory:
    """What a subscription should have had.

    `owed` are the papers of digests that were not certainly sent, with their reasons. `unsent_since` is the
    first day of those that came after the last digest that was sent.
    """

    owed: Mapping[str, MatchReason | None] = field(default_factory=dict)
    unsent_since: date | None = None


NO_HISTORY: Final = DeliveryHistory()


# Days (both included), and the readers whose topics are looked up on them, by delivery.
TopicDays = Mapping[tuple[date, date], Mapping[int, int]]


def find_topic_days(
    pending: Sequence[PendingDelivery], histories: Mapping[int, DeliveryHistory]
) -> TopicDays:
    """Find on which days the topics of these deliveries' readers are looked up."""
    return _group_by_days(pending, _find_first_days(pending, histories))


async def select_papers(
    session: ReadSession,
    pending: Sequence[PendingDelivery],
    histories: Mapping[int, DeliveryHistory],
    editions: DigestEditions,
) -> Mapping[int, Selection]:
    """Select the papers of deliveries, by their ids.

    Topics have been matched before: stored matches are read.
    """
    first_days = _find_first_days(pending, histories)
    edition_of = {
        delivery.id: await editions.load(session, delivery.cadence, first_days[delivery.id], delivery.period)
        for delivery in pending
    }
    topic_matches = await _load_matches(session, _group_by_days(pending, first_days))
    candidates = {paper for edition in edition_of.values() for paper in edition.best}
    candidates |= {match.paper_id for matches in topic_matches.values() for match in matches}
    candidates |= {paper for history in histories.values() for paper in history.owed}
    seen = await _load_seen(session, pending, candidates)
    withdrawn = await _load_withdrawn(session, candidates)
    return {
        delivery.id: build_selection(
            delivery,
            edition_of[delivery.id],
            topic_matches.get(delivery.id, ()),
            seen=seen.get(delivery.subscription_id, frozenset()) | withdrawn,
            owed=histories.get(delivery.subscription_id, NO_HISTORY).owed,
        )
        for delivery in pending
    }


def build_selection(
    pending: PendingDelivery,
    edition: DigestEdition,
    matches: Sequence[TopicMatch],
    *,
    seen: Collection[str],
    owed: Mapping[str, MatchReason | None],
) -> Selection:
    """Select at most `max_papers` of topics, which take turns with their best, and as many of the lists.

    Owed papers take their places first. Those of a topic stand together, the best first. A paper of the lists
    that matches a topic whose places are taken stands among those of the lists, with the reason.
    """
    own: list[str] = []
    matches = [match for match in matches if _is_sure_enough(match.band, pending.min_band)]
    reasons = {paper: reason for paper, reason in owed.items() if reason}
    if pending.topics:
        placed = place_matches(matches)
        reasons |= {paper: build_reason(match) for paper, match in placed.items()}
        owed_by_topics = [paper for paper in owed if paper in reasons]
        chosen = leave_out([*owed_by_topics, *take_turns(placed, seen)], seen)
        own = order_by_topic(chosen[: pending.max_papers], reasons, matches)
    trending: list[str] = []
    if pending.trending:
        ranks = {paper: rank for rank, paper in enumerate(edition.best)}
        owed_by_lists = [paper for paper, reason in owed.items() if not (reason and reason["own"])]
        wanted = leave_out([*owed_by_lists, *edition.best], {*seen, *own})[: pending.max_papers]
        trending = sorted(wanted, key=lambda paper: ranks.get(paper, -1))
    papers = [*own, *trending]
    return Selection(
        papers,
        {paper: {**reasons[paper], "own": paper in own} for paper in papers if paper in reasons},
        build_overview(edition, papers, seen, matches, trending=pending.trending),
    )


def _is_sure_enough(band: str | None, min_band: Band | None) -> bool:
    """Tell whether a match's band is at least the one asked for. What has none counts only if none is."""
    return min_band is None or (band is not None and rank_band(Band(band)) <= rank_band(min_band))


def _find_first_days(
    pending: Sequence[PendingDelivery], histories: Mapping[int, DeliveryHistory]
) -> dict[int, date]:
    """Find the first day whose papers belong to each delivery. It is earlier after unsent digests."""
    return {
        delivery.id: min(
            delivery.since,
            histories.get(delivery.subscription_id, NO_HISTORY).unsent_since or delivery.since,
        )
        for delivery in pending
    }


def _group_by_days(pending: Sequence[PendingDelivery], first_days: Mapping[int, date]) -> TopicDays:
    days: dict[tuple[date, date], dict[int, int]] = {}
    for delivery in pending:
        if delivery.topics and delivery.reader_id:
            span = (first_days[delivery.id], delivery.period)
            days.setdefault(span, {})[delivery.id] = delivery.reader_id
    return days


async def _load_matches(session: ReadSession, topic_days: TopicDays) -> dict[int, Sequence[TopicMatch]]:
    """Load what readers' follows and the stored matches of their topics speak for, by delivery."""
    matches_of_deliveries: dict[int, Sequence[TopicMatch]] = {}
    for (first, last), readers in topic_days.items():
        matches = await load_topic_matches(session, set(readers.values()), first, last)
        followed = await load_followed_matches(session, set(readers.values()), first, last)
        matches_of_deliveries |= {
            delivery: join_matches(followed.get(reader, ()), matches.get(reader, ()))
            for delivery, reader in readers.items()
        }
    return matches_of_deliveries


async def load_histories(
    session: ReadSession, pending: Sequence[PendingDelivery]
) -> Mapping[int, DeliveryHistory]:
    """Load the histories of the subscriptions that are owed something, by subscription."""
    oldest = {
        delivery.subscription_id: delivery.period - MAX_OWED_AGES[delivery.cadence] for delivery in pending
    }
    sent = aliased(Delivery)
    last_sent = select(func.max(sent.period)).where(
        sent.subscription_id == Delivery.subscription_id, sent.state == DeliveryState.sent
    )
    query = select(
        Delivery.subscription_id,
        Delivery.period,
        Delivery.since,
        Delivery.papers,
        Delivery.reasons,
        last_sent.scalar_subquery().label("last_sent"),
    ).where(
        _of_subscriptions(pending), Delivery.state.in_(UNSENT_STATES), Delivery.period >= min(oldest.values())
    )
    histories: dict[int, DeliveryHistory] = {}
    for unsent in await session.execute(query.order_by(Delivery.period.desc())):
        if unsent.period < oldest[unsent.subscription_id]:
            continue
        history = histories.get(unsent.subscription_id, NO_HISTORY)
        owed = {paper: (unsent.reasons or {}).get(paper) for paper in unsent.papers or ()}
        is_after_last_sent = unsent.last_sent is None or unsent.period > unsent.last_sent
        since = unsent.since if is_after_last_sent else history.unsent_since
        histories[unsent.subscription_id] = DeliveryHistory({**owed, **history.owed}, since)
    return histories


async def _load_withdrawn(session: ReadSession, candidates: Collection[str]) -> frozenset[str]:
    """Load which of the candidates are withdrawn. No digest has them."""
    wanted = literal(sorted(candidates), ARRAY(Text))
    return frozenset(await session.scalars(select(Paper.id).where(Paper.id == any_(wanted), Paper.withdrawn)))


async def _load_seen(
    session: ReadSession, pending: Sequence[PendingDelivery], candidates: Collection[str]
) -> Mapping[int, frozenset[str]]:
    """Load which of the candidates each subscription was certainly sent."""
    wanted = literal(sorted(candidates), ARRAY(Text))
    each = func.unnest(Delivery.papers).table_valued("paper", name="each").render_derived()
    query = (
        select(Delivery.subscription_id, func.array_agg(each.c.paper.distinct()).label("papers"))
        .select_from(Delivery)
        .join(each, true())
        .where(
            _of_subscriptions(pending), Delivery.state == DeliveryState.sent, Delivery.papers.overlap(wanted)
        )
        .where(each.c.paper == any_(wanted))
        .group_by(Delivery.subscription_id)
    )
    return {row.subscription_id: frozenset(row.papers) for row in await session.execute(query)}


def _of_subscriptions(pending: Sequence[PendingDelivery]) -> ColumnElement[bool]:
    """One value for all ids: writing hundreds into a statement takes longer than finding them."""
    ids = [delivery.subscription_id for delivery in pending]
    return Delivery.subscription_id == any_(literal(ids, ARRAY(Integer)))
