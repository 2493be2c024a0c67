"""What a reader's topics say of the papers of a list: one statement for all of its marks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from sqlalchemy import ARRAY, Date, Text, any_, func, literal, select, true

from paperround.database import ReadSession
from paperround.topics.model.match import Match
from paperround.topics.queries import decode_match
from paperround.topics.tables import Topic, TopicDay

MAX_READER_MATCHES: Final = 1_000  # of all topics and days of a list, the surest


class TopicMatch(NamedTuple):
    """A match of one of a reader's topics."""

    topic_id: int
    topic: str  # its name
    match: Match


@dataclass(frozen=True)
class ReaderMatches:
    """The matches of a reader's topics on some days, the surest first.

    `is_known` is False where no topic has been matched with these days: the reader has none, or they wait.
    """

    matches: Sequence[TopicMatch] = ()
    is_known: bool = False

    def list_best(self) -> list[TopicMatch]:
        """List each paper once, by the topic that it fits best."""
        best: dict[str, TopicMatch] = {}
        for found in self.matches:
            best.setdefault(found.match.paper_id, found)
        return list(best.values())

    def of_paper(self, paper_id: str) -> list[TopicMatch]:
        return [found for found in self.matches if found.match.paper_id == paper_id]


async def load_reader_matches(
    session: ReadSession,
    reader_id: int,
    days: Iterable[date],
    paper_ids: Collection[str] | None = None,
) -> ReaderMatches:
    """Load the stored matches of a reader's active topics on these days, or those of some papers.

    A topic that was rated in since is shown as it was before, until it has been matched again: whoever rates
    a paper would else see all marks go. Topics that are changed in any other way have no older matches.
    """
    found = func.jsonb_array_elements(TopicDay.matches).table_valued("value", with_ordinality="place")
    stored = found.render_derived(name="found")
    fit = TopicDay.fits[stored.c.place]
    wanted = (
        true()
        if paper_ids is None
        else stored.c.value.op("->>")(0) == any_(literal(sorted(paper_ids), ARRAY(Text)))
    )
    query = (
        select(Topic.id, Topic.name, stored.c.value, fit.label("fit"))
        .join(TopicDay, TopicDay.topic_id == Topic.id)
        .outerjoin(stored, wanted)
        .where(
            Topic.reader_id == reader_id,
            ~Topic.paused,
            TopicDay.day == any_(literal(sorted(set(days)), ARRAY(Date))),
            TopicDay.fits_hash == TopicDay.papers_hash,
        )
        .order_by(fit.desc().nulls_last(), Topic.position, Topic.id)
        .limit(MAX_READER_MATCHES)
    )
    rows = (await session.execute(query)).all()
    return ReaderMatches(
        [
            TopicMatch(topic_id, name, decode_match(value, known_fit))
            for topic_id, name, value, known_fit in rows
            if value is not None
        ],
        is_known=bool(rows),
    )
