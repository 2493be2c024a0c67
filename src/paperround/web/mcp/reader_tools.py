"""Tools that act in a reader's name, with a key: topics, their matches, ratings and the reading list."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Final

from mcp.server.mcpserver import Context
from pydantic import Field, StringConstraints

from paperround.accounts.tables import Scope
from paperround.database import ReadSession
from paperround.library import reading_list
from paperround.library.reading_list import MAX_NOTE_LENGTH, SAVED_ORDER
from paperround.papers import editions
from paperround.search.query_vectors import QueryVector
from paperround.summaries.shown_explanations import load_explanations_of
from paperround.topics import corpus, queries, ratings, reader_topics
from paperround.topics.drafts import (
    MAX_EXAMPLES,
    MAX_NAME_LENGTH,
    MAX_RULE_LENGTH,
    MAX_RULES,
    MAX_WORDS_LENGTH,
    TopicDraft,
    TopicInvalid,
)
from paperround.topics.matcher import match_papers
from paperround.topics.model.bands import DEFAULT_MIN_BAND, Band
from paperround.topics.reader_topics import TopicNotFound
from paperround.topics.tables import Topic
from paperround.web import cursor as cursors
from paperround.web.api.topic_schemas import Daily, ExplanationOut, ReasonOut, TopicOut
from paperround.web.mcp.callers import Caller
from paperround.web.mcp.calls import find_caller
from paperround.web.mcp.paper_tools import Cursor, MaxResults, PaperId
from paperround.web.mcp.schemas import (
    MatchedPaper,
    MatchesFound,
    PaperItem,
    RatingStored,
    SavedFound,
    SavedItem,
    SavedStored,
    TopicsFound,
    UntrustedMatchText,
)
from paperround.web.params import get_paper_or_404

MAX_MATCHED_TOPICS: Final = 20  # in one call
MAX_RATINGS_TOLD: Final = 50  # of each kind
MAX_TOPICS_TOLD: Final = 5  # names in an error

TopicName = Annotated[
    int | str,
    Field(description="A topic's id or its name, as `my_topics` gives them.", examples=["Honey bees"]),
]
Rule = Annotated[str, StringConstraints(min_length=1, max_length=MAX_RULE_LENGTH)]
Rules = Annotated[list[Rule], Field(max_length=MAX_RULES)]


class RatingWord(enum.StrEnum):
    """What a rating says: more like this, less like this, or nothing any more."""

    more = "more"
    less = "less"
    none = "none"


RATING_VALUES: Final = {RatingWord.more: 1, RatingWord.less: -1}


async def my_topics(ctx: Context) -> TopicsFound:
    """List the topics that the reader follows."""
    caller = find_caller(ctx)
    reader = await caller.require_reader()
    async with caller.database.read_session() as session:
        topics = await reader_topics.list_topics(session, reader.id)
        return TopicsFound(topics=[TopicOut.of(topic, caller.settings.address) for topic in topics])


async def my_matches(
    ctx: Context,
    topic: Annotated[TopicName | None, Field(description="One topic; without it, all of them.")] = None,
    date: Annotated[date | None, Field(description="A day; without one, the latest with papers.")] = None,
) -> MatchesFound:
    """Find which papers of a day match the reader's topics, with how strongly and why.

    Topics are matched as they are now, so a rating counts at once.
    """
    caller = find_caller(ctx)
    reader = await caller.require_reader()
    async with caller.take_turn():
        async with caller.database.read_session() as session:
            topics = await _choose_topics(session, reader.id, topic)
            spelled = await corpus.spell_out(session, [one.words for one in topics])
        vectors = [await caller.query_encoder.encode(words) for words in spelled]
        async with caller.database.read_session() as session:
            day = date or await editions.find_newest_day(session)
            found = [
                match
                for one, vector in zip(topics, vectors, strict=True)
                for match in await _match_topic(caller, session, one, vector, day)
            ]
            return MatchesFound(
                matches=found,
                day=day,
                topics=[one.name for one in topics],
                calibrated=not await corpus.explain_words_alone(session),
            )


async def _choose_topics(session: ReadSession, reader_id: int, topic: int | str | None) -> Sequence[Topic]:
    topics = await reader_topics.list_topics(session, reader_id)
    if topic is not None:
        return [_find_topic(topics, topic)]
    if not topics:
        raise TopicInvalid("There is no topic yet. `create_topic` makes one.")
    return [one for one in topics if not one.paused][:MAX_MATCHED_TOPICS]


def _find_topic(topics: Sequence[Topic], wanted: int | str) -> Topic:
    """Find a topic by its id or its name. Raises `TopicNotFound`."""
    name = str(wanted).strip().casefold()
    for topic in topics:
        if str(topic.id) == name or topic.name.casefold() == name:
            return topic
    known = ", ".join(f"{topic.id} “{topic.name}”" for topic in topics[:MAX_TOPICS_TOLD])
    raise TopicNotFound(
        f"You have no topic “{str(wanted)[:60]}”.",
        advice=f"`my_topics` lists yours: {known}." if known else "`create_topic` makes your first.",
    )


async def _match_topic(
    caller: Caller, session: ReadSession, topic: Topic, vector: QueryVector | None, day: date | None
) -> list[MatchedPaper]:
    if day is None:
        return []
    matches = await match_papers(
        session,
        (await queries.load_topic_queries(session, [topic.id]))[topic.id],
        text_vector=vector,
        first=day,
        last=day,
        limit=topic.daily,
        daily=topic.daily,
        min_band=Band(topic.min_band),
    )
    ids = [match.paper_id for match in matches]
    papers = await editions.load_papers(session, ids)
    explained = await load_explanations_of(session, topic, ids)
    return [
        MatchedPaper(
            paper=PaperItem.of(papers[match.paper_id], caller.settings.address),
            topic_id=topic.id,
            topic=topic.name,
            band=match.band,
            fit=round(match.fit, 3),
            strength=match.strength,
            reasons=[ReasonOut(kind=r.kind, text=r.text, weight=r.weight) for r in match.reasons],
            untrusted=UntrustedMatchText(explanation=ExplanationOut.of(explained.get(match.paper_id))),
        )
        for match in matches
        if match.paper_id in papers
    ]


async def create_topic(
    ctx: Context,
    words: Annotated[
        str, Field(max_length=MAX_WORDS_LENGTH, description="What to follow, in plain words.")
    ] = "",
    name: Annotated[str, Field(max_length=MAX_NAME_LENGTH, description="If empty, its words.")] = "",
    examples: Annotated[
        list[PaperId], Field(max_length=MAX_EXAMPLES, description="Ids of papers that belong to it.")
    ] = [],  # noqa: B006 (the library copies it)
    authors: Annotated[Rules, Field(description="Authors to follow, by name.")] = [],  # noqa: B006 (as above)
    must: Annotated[Rules, Field(description="Words that must all appear in title or abstract.")] = [],  # noqa: B006 (as above)
    must_not: Annotated[Rules, Field(description="Words that must not appear.")] = [],  # noqa: B006 (as above)
    daily: Daily = 5,
    min_band: Annotated[Band, Field(description="The lowest band that is shown.")] = DEFAULT_MIN_BAND,
) -> TopicOut:
    """Follow a new topic. It needs words, examples or authors: one of them is enough."""
    caller = find_caller(ctx)
    reader = await caller.require_reader(Scope.write)
    draft = TopicDraft(
        name=name,
        words=words,
        examples=tuple(examples),
        authors=tuple(authors),
        must=tuple(must),
        must_not=tuple(must_not),
        daily=daily,
        min_band=min_band,
    )
    async with caller.database.write_session() as session:
        made = await reader_topics.create_topic(session, reader.id, draft, now=caller.clock())
        return TopicOut.of(made, caller.settings.address)


async def rate_paper(ctx: Context, topic: TopicName, id: PaperId, rating: RatingWord) -> RatingStored:  # noqa: A002 (the argument's name is public)
    """Rate a paper within a topic: `more` or `less` like it, or `none` to take a rating back.

    The rating counts from the next call of `my_matches` on; a paper rated `less` never comes back there.
    """
    caller = find_caller(ctx)
    reader = await caller.require_reader(Scope.write)
    async with caller.database.write_session() as session:
        chosen = _find_topic(await reader_topics.list_topics(session, reader.id), topic)
        paper = await get_paper_or_404(session, id)
        value = RATING_VALUES.get(rating)
        if value is None:
            await ratings.remove_rating(session, chosen, paper.id, now=caller.clock())
        else:
            await ratings.rate_paper(session, chosen, paper.id, value, now=caller.clock())
        topic_id, paper_id = chosen.id, paper.id
        session.expire_all()
        rated = await reader_topics.get_topic(session, reader.id, topic_id)
        return RatingStored(
            topic_id=topic_id,
            paper_id=paper_id,
            rating=rating,
            more=_list_rated(rated, 1),
            less=_list_rated(rated, -1),
        )


def _list_rated(topic: Topic, value: int) -> list[str]:
    of_value = [rating for rating in topic.ratings if rating.value == value]
    latest = sorted(of_value, key=lambda rating: (rating.rated_at, rating.paper_id), reverse=True)
    return [rating.paper_id for rating in latest[:MAX_RATINGS_TOLD]]


async def save_paper(
    ctx: Context,
    id: PaperId,  # noqa: A002 (the argument's name is public)
    note: Annotated[
        str | None, Field(max_length=MAX_NOTE_LENGTH, description="A note; without one, it stays as it is.")
    ] = None,
    remove: Annotated[bool, Field(description="Take the paper off the list, with its note.")] = False,
) -> SavedStored:
    """Save a paper to the reader's reading list, or take it off."""
    caller = find_caller(ctx)
    reader = await caller.require_reader(Scope.write)
    async with caller.database.write_session() as session:
        paper = await get_paper_or_404(session, id)
        if remove:
            await reading_list.unsave_paper(session, reader.id, paper.id)
        else:
            await reading_list.save_paper(session, reader.id, paper.id, now=caller.clock())
            if note is not None:
                await reading_list.set_note(session, reader.id, paper.id, note)
        saved = await reading_list.load_saved_papers(session, reader.id, [paper.id])
        kept = saved.get(paper.id)
        return SavedStored(paper_id=paper.id, saved=kept is not None, note=kept.row.note if kept else "")


async def my_saved(
    ctx: Context,
    unread: Annotated[bool, Field(description="Only papers that are not marked as read.")] = False,
    max_results: MaxResults = 20,
    cursor: Cursor = None,
) -> SavedFound:
    """List the papers on the reader's reading list, the latest saved first."""
    caller = find_caller(ctx)
    reader = await caller.require_reader()
    async with caller.database.read_session() as session:
        after = cursors.decode(SAVED_ORDER, cursor)
        page = await reading_list.list_saved_papers(
            session, reader.id, unread=unread, limit=max_results, after=after
        )
        totals = await reading_list.count_saved_papers(session, reader.id)
    return SavedFound(
        papers=[
            SavedItem(
                paper=PaperItem.of(paper, caller.settings.address),
                saved_at=row.saved_at,
                read_at=row.read_at,
                note=row.note,
            )
            for row, paper in page.entries
        ],
        total=totals.papers,
        unread=totals.unread,
        next_cursor=cursors.encode(SAVED_ORDER, page.next_position),
    )
