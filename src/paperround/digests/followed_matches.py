"""What a digest takes from what its reader follows: a part of its own, ahead of the topics."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Final

from paperround.database import ReadSession
from paperround.digests.items import shorten
from paperround.digests.topic_matches import TopicMatch
from paperround.follows.followed_papers import list_followed_papers
from paperround.follows.reader_follows import list_follows_of_readers
from paperround.follows.tables import Follow, FollowKind

FOLLOWING: Final = 0  # stands for a topic's id, which begin at 1
YOU_FOLLOW: Final = "you follow "  # begins the phrase that names what its reader follows
HEADING: Final = "Following"
MAX_FOLLOWED_PAPERS: Final = 60  # of a reader and a digest's days, the most voted
MAX_NAMES: Final = 3  # that are told of a paper
MAX_NAME_LENGTH: Final = 60  # characters


async def load_followed_matches(
    session: ReadSession, readers: Collection[int], first: date, last: date
) -> Mapping[int, Sequence[TopicMatch]]:
    """Load the papers of these days that readers' follows speak for, by reader, as matches of one topic."""
    return {
        reader: [
            TopicMatch(paper.paper_id, FOLLOWING, HEADING, None, tuple(_list_names(paper.follows)))
            for paper in await list_followed_papers(session, follows, first, last, limit=MAX_FOLLOWED_PAPERS)
        ]
        for reader, follows in (await list_follows_of_readers(session, readers)).items()
    }


def join_matches(followed: Sequence[TopicMatch], matches: Sequence[TopicMatch]) -> Sequence[TopicMatch]:
    """Join both, what is followed first. A paper of both stands under its topic, which tells both reasons."""
    names = {match.paper_id: match.why for match in followed}
    told = [
        match._replace(why=(*match.why, YOU_FOLLOW + ", ".join(names[match.paper_id])))
        if match.paper_id in names
        else match
        for match in matches
    ]
    of_topics = {match.paper_id for match in matches}
    return [*(match for match in followed if match.paper_id not in of_topics), *told]


def _list_names(follows: Sequence[Follow]) -> list[str]:
    names = [shorten(follow.name, MAX_NAME_LENGTH) for follow in follows[:MAX_NAMES]]
    return [
        f"“{name}”" if follow.kind is FollowKind.keyword else name
        for name, follow in zip(names, follows, strict=False)
    ]
