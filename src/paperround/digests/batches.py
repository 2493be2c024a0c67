"""Batches of deliveries: deliveries are claimed, and papers selected for them.

Those whose readers' topics changed are left, and the topics matched before the next batch: a batch without
such a change looks once, and no row is locked while topics are matched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Final

from paperround.database import Database, ReadSession, WriteSession
from paperround.digests import claims
from paperround.digests.digest import Digest
from paperround.digests.editions import DigestEditions
from paperround.digests.items import DigestItem, DigestItemCache
from paperround.digests.selection import (
    PendingDelivery,
    Selection,
    TopicDays,
    find_topic_days,
    load_histories,
    select_papers,
)
from paperround.digests.tables import LinkTarget, WhenEmpty
from paperround.digests.topic_matches import find_unmatched_readers, match_changed_topics
from paperround.i18n.languages import choose_stored
from paperround.topics.edition_matches import match_edition
from paperround.topics.profiles import TextEncoder

MAX_MATCHING_ROUNDS: Final = 3  # for which a delivery is left because its reader's topics are not matched


class DeliveryBatches:
    """The batches of one sender's run. `encoder` encodes the words of topics that have just changed."""

    def __init__(
        self,
        database: Database,
        batch_size: int,
        clock: Callable[[], datetime],
        encoder: TextEncoder | None,
        *,
        by_channel: bool = False,
    ) -> None:
        self._database = database
        self._by_channel = by_channel
        self._batch_size = batch_size
        self._clock = clock
        self._encoder = encoder
        self._items = DigestItemCache()
        self._editions = DigestEditions()
        self._rounds_left: Counter[int] = Counter()  # rounds for which each delivery was left
        self._unmatched: dict[
            tuple[date, date], Mapping[int, int]
        ] = {}  # the readers whose topics are matched before the next batch

    async def claim_next(self, sender: int) -> Sequence[tuple[PendingDelivery, Digest]] | None:
        """Claim some deliveries with what goes into them.

        The topics of readers whose deliveries were left in the batch before are matched first. None means
        that nothing is due.
        """
        await self._match_topics()
        async with self._database.write_session() as session:
            locked = await claims.lock_due(
                session, sender, by_channel=self._by_channel, limit=self._batch_size, now=self._clock()
            )
            if locked is None:
                return None
            selections = await self._select(session, locked)
            await claims.claim(session, sender, selections)
            papers = {paper for selection in selections.values() for paper in selection.shown_papers}
            languages = {delivery.language for delivery in locked}
            items = {language: await self._items.get(session, papers, language) for language in languages}
        return [
            (delivery, build_digest(delivery, selections[delivery.id], items[delivery.language]))
            for delivery in locked
            if delivery.id in selections
        ]

    async def _match_topics(self) -> None:
        """Match the topics of the readers whose deliveries were left. No row is locked meanwhile."""
        unmatched, self._unmatched = self._unmatched, {}
        for (first, last), readers in unmatched.items():
            is_complete = await match_changed_topics(
                self._database,
                lambda day: match_edition(self._database, day, self._encoder),
                set(readers.values()),
                first,
                last,
            )
            if not is_complete:
                self._rounds_left.update(dict.fromkeys(readers, MAX_MATCHING_ROUNDS))

    async def _select(self, session: WriteSession, locked: Sequence[PendingDelivery]) -> dict[int, Selection]:
        """Select papers, the same ones as before for deliveries that were tried. Empty digests are dropped.

        A delivery is left for the next round where a topic of its reader is not matched as it is now.
        Topics that could not be matched in some rounds are done without.
        """
        unselected = [delivery for delivery in locked if delivery.papers is None]
        histories = await load_histories(session, unselected) if unselected else {}
        unmatched = await self._find_unmatched(session, find_topic_days(unselected, histories))
        new = [delivery for delivery in unselected if delivery.id not in unmatched]
        selected = await select_papers(session, new, histories, self._editions) if new else {}
        empty = {
            delivery.id
            for delivery in new
            if not selected[delivery.id].papers and delivery.when_empty is not WhenEmpty.note
        }
        await claims.drop_unwanted(session, list(empty))
        tried = {
            delivery.id: Selection.restore(delivery.papers, delivery.reasons, delivery.overview)
            for delivery in locked
            if delivery.papers is not None
        }
        return tried | {key: selection for key, selection in selected.items() if key not in empty}

    async def _find_unmatched(self, session: ReadSession, topic_days: TopicDays) -> frozenset[int]:
        """Find the deliveries whose readers' topics are to be matched first, and keep these readers."""
        for days, readers in topic_days.items():
            waiting = {
                delivery: reader
                for delivery, reader in readers.items()
                if self._rounds_left[delivery] < MAX_MATCHING_ROUNDS
            }
            changed = await find_unmatched_readers(session, set(waiting.values()), *days) if waiting else ()
            left = {delivery: reader for delivery, reader in waiting.items() if reader in changed}
            if left:
                self._unmatched[days] = left
        unmatched = frozenset(delivery for readers in self._unmatched.values() for delivery in readers)
        self._rounds_left.update(unmatched)
        return unmatched


def build_digest(pending: PendingDelivery, selection: Selection, items: Mapping[str, DigestItem]) -> Digest:
    """Build the digest of a delivery from the papers that were selected for it."""
    return Digest(
        subscription=LinkTarget(pending.subscription_id, pending.nonce, pending.address_nonce),
        email=pending.email,
        cadence=pending.cadence,
        period=pending.period,
        selection=selection,
        items=items,
        delivery_id=pending.id,
        language=choose_stored(pending.interface_language),
    )
