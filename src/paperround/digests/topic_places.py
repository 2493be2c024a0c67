"""Which topic a paper stands under in a digest, and how topics share its places. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from paperround.digests.topic_matches import TopicMatch
from paperround.topics.model.bands import Band

# Why a paper is in a digest: {"topic": its id, "name": its name, "band": what its fit is called, "why":
# [phrases, …], "own": whether it stands under this topic, and perhaps "explanation": {"text", "model",
# "language"}}
MatchReason = dict[str, Any]


def place_matches(matches: Sequence[TopicMatch]) -> Mapping[str, TopicMatch]:
    """Place each paper under the topic that it fits best, which is the first of several that it fits alike.

    Matches come, and are returned, topic by topic and the best first.
    """
    placed: dict[str, TopicMatch] = {}
    for match in matches:
        known = placed.get(match.paper_id)
        if known is None or _rank_band(match.band) < _rank_band(known.band):
            placed[match.paper_id] = match
    return {match.paper_id: match for match in matches if placed[match.paper_id] is match}


def _rank_band(band: str | None) -> int:
    return list(Band).index(Band(band)) if band else len(Band)


def take_turns(placed: Mapping[str, TopicMatch], seen: Collection[str]) -> list[str]:
    """Order new papers so that each topic's best one comes before any topic's second best."""
    of_topics: dict[int, list[str]] = {}
    for paper, match in placed.items():
        of_topics.setdefault(match.topic_id, []).append(paper)
    rounds = zip_longest(*(leave_out(papers, seen) for papers in of_topics.values()))
    return [paper for one_each in rounds for paper in one_each if paper]


def order_by_topic(
    papers: Iterable[str], reasons: Mapping[str, MatchReason], matches: Sequence[TopicMatch]
) -> list[str]:
    """Order papers so that those of a topic stand together, the topics in their reader's order."""
    positions = {topic: position for position, topic in enumerate(dict.fromkeys(m.topic_id for m in matches))}
    return sorted(papers, key=lambda paper: positions.get(reasons[paper]["topic"], len(positions)))


def leave_out(papers: Iterable[str], seen: Collection[str]) -> list[str]:
    return [paper for paper in dict.fromkeys(papers) if paper not in seen]


def build_reason(match: TopicMatch) -> MatchReason:
    reason = {"topic": match.topic_id, "name": match.name, "band": match.band, "why": list(match.why)}
    return reason | ({"explanation": match.explanation._asdict()} if match.explanation else {})
