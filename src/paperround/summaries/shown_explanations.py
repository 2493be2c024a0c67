"""Why papers match readers' topics, as far as it is written of what both say now."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Final, NamedTuple

from sqlalchemy import Integer, Text, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from paperround.database import ReadSession
from paperround.i18n.messages import gettext
from paperround.papers.tables import TEXT_HASH, Paper
from paperround.reads import Asked, Read, RoundTrip, answer
from paperround.summaries.explanations import IS_OF_TOPIC
from paperround.summaries.tables import MatchExplanation
from paperround.topics.tables import Topic


class Explanation(NamedTuple):
    """Why a paper matches a topic, in a plain line, with the model that wrote it and the line's language."""

    text: str
    model: str
    language: str

    @property
    def labelled(self) -> str:
        """The line with who wrote it, in plain text."""
        return f"{gettext('By %(model)s:', model=self.model)} {self.text}"


Explanations = Mapping[tuple[int, str], Explanation]  # by topics' ids and papers'
NO_EXPLANATIONS: Final[Explanations] = {}

SHOWN: Final = Read(
    select(
        MatchExplanation.topic_id,
        MatchExplanation.paper_id,
        MatchExplanation.content,
        MatchExplanation.model,
        MatchExplanation.language,
    )
    .join(Topic, IS_OF_TOPIC)
    .join(Paper, (Paper.id == MatchExplanation.paper_id) & (MatchExplanation.source_hash == TEXT_HASH))
    .where(
        Topic.reader_id == any_(bindparam("readers", type_=ARRAY(Integer))),
        MatchExplanation.paper_id == any_(bindparam("papers", type_=ARRAY(Text))),
        MatchExplanation.content.is_not(None),
    ),
    lambda topic_id, paper_id, *text: ((topic_id, paper_id), Explanation(*text)),
)


def ask_explanations(
    trip: RoundTrip, readers: Collection[int], paper_ids: Collection[str]
) -> Asked[Explanations]:
    """Ask why these papers match topics of these readers, as far as it is written."""
    if not readers or not paper_ids:
        return trip.know(NO_EXPLANATIONS)
    return trip.ask(SHOWN, {"readers": list(readers), "papers": list(paper_ids)}, dict)


async def load_explanations(
    session: ReadSession, readers: Collection[int], paper_ids: Collection[str]
) -> Explanations:
    """Load why these papers match topics of these readers, as `ask_explanations` does."""
    return await answer(session, partial(ask_explanations, readers=readers, paper_ids=paper_ids))


async def load_explanations_of(
    session: ReadSession, topic: Topic, paper_ids: Collection[str]
) -> Mapping[str, Explanation]:
    """Load why these papers match one topic, by the papers' ids. Nothing is asked where it asks for none."""
    if not topic.explain:
        return {}
    found = await load_explanations(session, [topic.reader_id], paper_ids)
    return {paper_id: told for (topic_id, paper_id), told in found.items() if topic_id == topic.id}
