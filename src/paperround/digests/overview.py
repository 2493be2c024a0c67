"""What a digest says of the lists of its days and of its reader's topics, as these were when it was composed.

It is kept with the delivery, so that each attempt and the digest's page say the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple, Self

from paperround.digests.editions import DigestEdition
from paperround.digests.topic_matches import TopicMatch
from paperround.papers.highlights import Highlight
from paperround.topics.model.bands import Band


class TopicTotal(NamedTuple):
    """How many papers of a digest's days match a topic, and how many of these strongly."""

    topic_id: int
    matched: int
    strong: int


class Overview(NamedTuple):
    """What a digest says of the lists of its days.

    `listed` is how many papers the lists had, `left_out` how many of these the reader got in no digest. `day`
    is the day that this is about, in ISO form; None: all days of the digest. A weekly or monthly digest names
    the papers that were discussed most and those whose code was released, and counts each topic's matches.
    """

    listed: int
    left_out: int
    most_voted: str | None
    day: str | None
    discussed: tuple[Highlight, ...] = ()
    code: tuple[Highlight, ...] = ()
    topics: tuple[TopicTotal, ...] = ()

    @classmethod
    def restore(cls, stored: Mapping[str, Any]) -> Self:
        """Build an overview from the JSON that its delivery keeps."""
        return cls(**stored)._replace(
            discussed=tuple(Highlight(*pair) for pair in stored.get("discussed", ())),
            code=tuple(Highlight(*pair) for pair in stored.get("code", ())),
            topics=tuple(TopicTotal(*total) for total in stored.get("topics", ())),
        )

    @property
    def named_papers(self) -> Iterator[str]:
        """Yield the papers whose titles it says."""
        if self.most_voted:
            yield self.most_voted
        yield from (paper.paper_id for paper in (*self.discussed, *self.code))

    def find_total(self, topic_id: int) -> TopicTotal | None:
        return next((total for total in self.topics if total.topic_id == topic_id), None)


def build_overview(
    edition: DigestEdition,
    papers: Collection[str],
    seen: Collection[str],
    matches: Sequence[TopicMatch],
    *,
    trending: bool,
) -> Overview | None:
    """Build what a digest with these papers says. `trending`: its reader wants to know of the lists."""
    if not edition.listed:
        return None
    return Overview(
        listed=len(edition.listed),
        left_out=len(edition.listed.difference(papers, seen)),
        most_voted=edition.most_voted,
        day=edition.day.isoformat() if edition.day else None,
        discussed=tuple(edition.discussed) if trending else (),
        code=tuple(edition.code) if trending else (),
        topics=() if edition.day else tuple(_count_matches(matches)),
    )


def _count_matches(matches: Sequence[TopicMatch]) -> Iterator[TopicTotal]:
    for topic_id, of_topic in groupby(matches, key=lambda match: match.topic_id):
        bands = {match.paper_id: match.band for match in of_topic}
        yield TopicTotal(topic_id, len(bands), sum(band == Band.strong for band in bands.values()))
