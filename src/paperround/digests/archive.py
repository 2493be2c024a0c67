"""Digests looked at again: a subscription's last ones, one as a page, why a paper was in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from paperround.database import ReadSession
from paperround.digests.digest import Digest
from paperround.digests.items import DigestItem, DigestItemCache
from paperround.digests.links import SealedId
from paperround.digests.selection import Selection
from paperround.digests.tables import Delivery, Subscription, select_mail_language
from paperround.i18n.languages import choose_stored
from paperround.topics.tables import Topic

MAX_SHOWN: Final = 10


async def list_latest(session: ReadSession, subscription_id: int) -> Sequence[Delivery]:
    query = select(Delivery).where(Delivery.subscription_id == subscription_id)
    return (await session.scalars(query.order_by(Delivery.period.desc()).limit(MAX_SHOWN))).all()


async def load_digest(session: ReadSession, link: SealedId) -> Digest | None:
    """As it was composed; None when it is gone or never was."""
    found = await _find_delivery(session, link)
    if found is None or found.papers is None:
        return None
    one = found.subscription
    contents = Selection.restore(found.papers, found.reasons, found.overview)
    items = await DigestItemCache().get(session, contents.shown_papers)
    language = choose_stored(await session.scalar(select_mail_language(one.id)))
    return Digest(one.link_target, one.email, one.cadence, found.period, contents, items, found.id, language)


class SentPaper(NamedTuple):
    """A paper that was in a digest, and whose digest it was."""

    paper: DigestItem
    subscription: Subscription


async def find_sent_paper(session: ReadSession, link: SealedId, paper_id: str) -> SentPaper | None:
    """Find a paper by its digest. None: it wasn't in it, or the paper or the digest is gone."""
    found = await _find_delivery(session, link)
    if found is None or paper_id not in (found.papers or ()):
        return None
    item = (await DigestItemCache().get(session, [paper_id])).get(paper_id)
    return SentPaper(item, found.subscription) if item else None


class MatchedPaper(NamedTuple):
    """A paper that was in a digest for a topic."""

    paper: DigestItem
    topic: Topic


async def find_matched_paper(session: ReadSession, link: SealedId, paper_id: str) -> MatchedPaper | None:
    """None when the paper wasn't in it for a topic, or one of the three is gone."""
    found = await _find_delivery(session, link)
    why = (found.reasons or {}).get(paper_id) if found else None
    topic = await session.get(Topic, why["topic"]) if why else None
    item = (await DigestItemCache().get(session, [paper_id])).get(paper_id)
    return MatchedPaper(item, topic) if topic and item else None


async def _find_delivery(session: ReadSession, link: SealedId) -> Delivery | None:
    query = select(Delivery).where(Delivery.id == link.id)
    found = await session.scalar(query.options(joinedload(Delivery.subscription)))
    return found if found is not None and link.is_of(found.subscription.link_target) else None
