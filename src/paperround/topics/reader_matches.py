"""What a reader's topics say of the papers of a list: one statement for all of its marks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from typing import Any, Final, NamedTuple

from sqlalchemy import ARRAY, Date, Integer, Text, any_, bindparam, func, literal_column, select, true

from paperround.database import ReadSession
from paperround.reads import Asked, Read, RoundTrip, answer
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


@cache
def _stored_matches(*, of_papers: bool) -> Read[tuple[int, str, Any, Any]]:
    found = func.jsonb_array_elements(TopicDay.matches).table_valued("value", with_ordinality="place")
    stored = found.render_derived(name="found")
    fit = TopicDay.fits[stored.c.place]
    paper_ids = bindparam("paper_ids", type_=ARRAY(Text))
    wanted = stored.c.value.op("->>")(literal_column("0")) == any_(paper_ids) if of_papers else true()
    query = (
        select(Topic.id, Topic.name, stored.c.value, fit.label("fit"))
        .join(TopicDay, TopicDay.topic_id == Topic.id)
        .outerjoin(stored, wanted)
        .where(
            Topic.reader_id == bindparam("reader_id", type_=Integer),
            ~Topic.paused,
            TopicDay.day == any_(bindparam("days", type_=ARRAY(Date))),
            TopicDay.fits_hash == TopicDay.papers_hash,
        )
        .order_by(fit.desc().nulls_last(), Topic.position, Topic.id)
        .limit(MAX_READER_MATCHES)
    )
    return Read(query, lambda *row: row)


def ask_reader_matches(
    trip: RoundTrip, reader_id: int, days: Iterable[date], *, paper_ids: Collection[str] | None = None
) -> Asked[ReaderMatches]:
    """Ask for the stored matches of a reader's active topics on these days, or for those of some papers.

    A topic that was rated in since is shown as it was before, until it has been matched again: whoever rates
    a paper would else see all marks go. Topics that are changed in any other way have no older matches.
    """
    parameters = {"reader_id": reader_id, "days": sorted(set(days)), "paper_ids": sorted(paper_ids or ())}

    def build(rows: Sequence[tuple[int, str, Any, Any]]) -> ReaderMatches:
        matches = [
            TopicMatch(topic_id, name, decode_match(value, known_fit))
            for topic_id, name, value, known_fit in rows
            if value is not None
        ]
        return ReaderMatches(matches, is_known=bool(rows))

    return trip.ask(_stored_matches(of_papers=paper_ids is not None), parameters, build)


async def load_reader_matches(
    session: ReadSession, reader_id: int, days: Iterable[date], paper_ids: Collection[str] | None = None
) -> ReaderMatches:
    """Load the stored matches as `ask_reader_matches` does."""
    return await answer(
        session, partial(ask_reader_matches, reader_id=reader_id, days=days, paper_ids=paper_ids)
    )
