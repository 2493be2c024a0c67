"""Why papers match readers' topics, in a line: which matches lack it, what is read, where it is kept.

Only a topic whose reader asked for it is told to the server, by its words alone, and only with papers that it
shows: the matches of the latest week, which are stored within the topic's bands and limits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    Subquery,
    Text,
    and_,
    any_,
    case,
    delete,
    func,
    literal,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert

from paperround.accounts.tables import Reader
from paperround.database import ReadSession, WriteSession
from paperround.papers.tables import ABSTRACT_TEXT, IS_INVENTED, TEXT_HASH, TITLE_TEXT, Paper
from paperround.settings import Settings
from paperround.summaries.checks import MAX_EXPLANATION_LENGTH, find_refusal
from paperround.summaries.prompt import EXPLANATION_VERSION, build_explanation_prompt
from paperround.summaries.tables import MatchExplanation
from paperround.summaries.tasks import EXPLANATION_KIND, Inquiry, Outcome
from paperround.topics.edition_matches import MATCH_RETENTION
from paperround.topics.tables import MATCHES_ARE_CURRENT, Topic, TopicDay

SHOWN_DAYS: Final = timedelta(days=7)  # up to the latest one, as topics' pages show them
TOPIC_HASH: Final = func.md5(Topic.words)
# Whether an explanation is of its topic as the reader wants it now.
IS_OF_TOPIC: Final = and_(
    Topic.id == MatchExplanation.topic_id, Topic.explain, MatchExplanation.topic_hash == TOPIC_HASH
)


@dataclass(frozen=True)
class WantedExplanations:
    """What the shown matches of topics should have, by this model, each in its reader's language.

    `languages` are those that readers can choose; others get the site's. Days are bounds, if given.
    """

    model: str
    site_language: str
    languages: tuple[str, ...] = ()
    first_day: date | None = None
    last_day: date | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> WantedExplanations:
        site, *others = settings.summary_languages
        return cls(settings.summary_model, site, tuple(others))

    @property
    def language(self) -> ColumnElement[str]:
        """The language of a topic's reader, in SQL."""
        chosen = Reader.language == any_(literal(list(self.languages), ARRAY(Text)))
        return case((chosen, Reader.language), else_=self.site_language)

    def is_lacking(self) -> ColumnElement[bool]:
        """Say in SQL that a topic asks for it and a paper lacks it, as both are now."""
        made = select(MatchExplanation.topic_id).where(
            MatchExplanation.topic_id == Topic.id,
            MatchExplanation.paper_id == Paper.id,
            MatchExplanation.topic_hash == TOPIC_HASH,
            MatchExplanation.language == self.language,
            MatchExplanation.source_hash == TEXT_HASH,
            MatchExplanation.model == self.model,
            MatchExplanation.prompt_version == EXPLANATION_VERSION,
        )
        return Topic.explain & ~Topic.paused & (Topic.words != "") & ~IS_INVENTED & ~made.exists()


def select_lacking(wanted: WantedExplanations) -> Subquery:
    """Select the shown matches that lack an explanation, each once.

    The columns are `topic_id`, `reader_id`, `paper_id`, `characters` (of what is read), `day` (the latest)
    and `place` (among the day's matches of the topic).
    """
    found = func.jsonb_array_elements(TopicDay.matches).table_valued("value", with_ordinality="place")
    stored = found.render_derived(name="found")
    newest = select(func.max(TopicDay.day)).scalar_subquery()
    characters = func.length(Topic.words) + func.length(TITLE_TEXT) + func.length(ABSTRACT_TEXT)
    query = (
        select(
            Topic.id.label("topic_id"),
            Topic.reader_id,
            Paper.id.label("paper_id"),
            func.max(characters).label("characters"),
            func.max(TopicDay.day).label("day"),
            func.min(stored.c.place).label("place"),
        )
        .select_from(Topic)
        .join(Reader, Reader.id == Topic.reader_id)
        .join(TopicDay, MATCHES_ARE_CURRENT)
        .join(stored, true())
        .join(Paper, Paper.id == stored.c.value.op("->>")(literal_column("0")))
        .where(wanted.is_lacking(), TopicDay.day > newest - SHOWN_DAYS)
        .group_by(Topic.id, Topic.reader_id, Paper.id)
    )
    if wanted.first_day:
        query = query.where(TopicDay.day >= wanted.first_day)
    if wanted.last_day:
        query = query.where(TopicDay.day <= wanted.last_day)
    return query.subquery()


async def count_lacking(session: ReadSession, wanted: WantedExplanations) -> int:
    """Count the shown matches that lack an explanation."""
    return (await session.scalar(select(func.count()).select_from(select_lacking(wanted)))) or 0


async def find_next(
    session: ReadSession, wanted: WantedExplanations, *, limit: int
) -> Sequence[ExplanationTask]:
    """Find up to `limit` matches that lack an explanation. Readers take turns with their newest and best."""
    lacking = select_lacking(wanted)
    best = (lacking.c.day.desc(), lacking.c.place, lacking.c.topic_id)
    turn = func.row_number().over(partition_by=lacking.c.reader_id, order_by=best)
    query = select(lacking.c.topic_id, lacking.c.paper_id).order_by(turn, lacking.c.reader_id).limit(limit)
    return [ExplanationTask(wanted, topic, paper) for topic, paper in await session.execute(query)]


@dataclass(frozen=True)
class ExplanationTask:
    """Why one paper matches one topic."""

    wanted: WantedExplanations
    topic_id: int
    paper_id: str

    @property
    def kind(self) -> str:
        return EXPLANATION_KIND

    async def prepare(self, session: WriteSession) -> Inquiry | None:
        """Load what is asked. None: it isn't lacking, or a topic with the same words has it already."""
        row = (await session.execute(self._select_source())).one_or_none()
        if row is None or await self._share(session, self._describe_source(row)):
            return None
        find = partial(
            find_refusal,
            title=row.title,
            abstract=row.abstract,
            language=row.language,
            max_length=MAX_EXPLANATION_LENGTH,
        )
        prompt = build_explanation_prompt(row.words, row.title, row.abstract, row.language)
        return Inquiry(prompt, find, self._describe_source(row))

    def _select_source(self) -> Select[str, str, str, str, str, str]:
        return (
            select(
                Topic.words,
                TOPIC_HASH.label("topic_hash"),
                TITLE_TEXT.label("title"),
                ABSTRACT_TEXT.label("abstract"),
                TEXT_HASH.label("source_hash"),
                self.wanted.language.label("language"),
            )
            .select_from(Topic)
            .join(Reader, Reader.id == Topic.reader_id)
            .join(Paper, Paper.id == self.paper_id)
            .where(Topic.id == self.topic_id, self.wanted.is_lacking())
        )

    def _describe_source(self, row: Row[str, str, str, str, str, str]) -> dict[str, Any]:
        return {
            "topic_hash": row.topic_hash,
            "language": row.language,
            "source_hash": row.source_hash,
            "model": self.wanted.model,
            "prompt_version": EXPLANATION_VERSION,
        }

    async def _share(self, session: WriteSession, read: Mapping[str, Any]) -> bool:
        """Take over what was written for a topic with the same words. It costs nothing again."""
        same = [MatchExplanation.__table__.c[name] == value for name, value in read.items()]
        made = select(MatchExplanation).where(MatchExplanation.paper_id == self.paper_id, *same).limit(1)
        known = (await session.scalars(made)).one_or_none()
        if known is None:
            return False
        outcome = {"content": known.content, "refusal": known.refusal, "made_at": known.made_at}
        nothing = {"attempts": 0, "tokens_read": 0, "tokens_written": 0}
        await self._write_row(session, {**read, **outcome, **nothing})
        return True

    async def store(
        self, session: WriteSession, inquiry: Inquiry, outcome: Outcome, *, now: datetime
    ) -> None:
        """Store what came of it, unless the topic was deleted meanwhile."""
        await self._write_row(session, outcome.to_row(inquiry, now=now))

    async def _write_row(self, session: WriteSession, row: Mapping[str, Any]) -> None:
        topic = select(Topic.id).where(Topic.id == self.topic_id).with_for_update(read=True, key_share=True)
        if await session.scalar(topic) is None:
            return
        key = {"topic_id": self.topic_id, "paper_id": self.paper_id}
        new = insert(MatchExplanation).values(**key, **row)
        await session.execute(new.on_conflict_do_update(index_elements=list(key), set_=dict(row)))


async def count_explanations(session: ReadSession, wanted: WantedExplanations) -> dict[str | None, int]:
    """Count the explanations of what topics and papers say now by their refusals. None: not refused."""
    present = (
        select(MatchExplanation.refusal, func.count())
        .join(Topic, IS_OF_TOPIC)
        .join(Paper, (Paper.id == MatchExplanation.paper_id) & (MatchExplanation.source_hash == TEXT_HASH))
        .where(
            MatchExplanation.model == wanted.model,
            MatchExplanation.prompt_version == EXPLANATION_VERSION,
        )
        .group_by(MatchExplanation.refusal)
    )
    return dict(list(await session.execute(present)))


async def delete_outdated(session: WriteSession, *, now: datetime) -> None:
    """Delete explanations whose topic has other words now or asks for none, and those of old matches."""
    is_wanted = select(Topic.id).where(IS_OF_TOPIC).exists()
    is_old = MatchExplanation.made_at < now - MATCH_RETENTION
    await session.execute(delete(MatchExplanation).where(~is_wanted | is_old))
