"""The shapes of topics and matches in /api/v1."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from paperround.papers.rows import PaperRow
from paperround.summaries.shown_explanations import Explanation
from paperround.topics.drafts import (
    MAX_DAILY,
    MAX_EXAMPLES,
    MAX_NAME_LENGTH,
    MAX_RULE_LENGTH,
    MAX_RULES,
    MAX_WORDS_LENGTH,
    TopicDraft,
)
from paperround.topics.model.bands import DEFAULT_MIN_BAND, Band
from paperround.topics.model.match import Match, ReasonKind
from paperround.topics.reader_topics import draft_of
from paperround.topics.tables import Rating, Topic
from paperround.web.api.schemas import IsoDay, PaperOut, RequestBody

Id = Annotated[str, StringConstraints(max_length=60)]
Rule = Annotated[str, StringConstraints(max_length=MAX_RULE_LENGTH)]
Examples = Annotated[
    list[Id], Field(max_length=MAX_EXAMPLES, description="Papers' ids.", examples=[["2510.12345"]])
]
Rules = Annotated[list[Rule], Field(max_length=MAX_RULES)]
Daily = Annotated[int, Field(ge=1, le=MAX_DAILY, description="At most this many papers a day.")]
MinBand = Annotated[Band, Field(strict=False, description="The lowest band that is shown.")]
EXPLAIN: Final = (
    "Whether the site's text server, if it has one, may read the topic's words, to say in a line why papers "
    "match. Off: it gets none of them."
)
Words = Annotated[
    str,
    StringConstraints(max_length=MAX_WORDS_LENGTH),
    Field(description="In plain words.", examples=["efficient scaling of language model training"]),
]


class TopicFields(RequestBody):
    """The fields of a topic, except its words."""

    model_config = ConfigDict(extra="forbid")

    examples: Examples = Field([])
    must: Rules = Field([], description="Words or phrases that must all appear in title or abstract.")
    must_not: Rules = Field([], description="Words or phrases that must not appear.")
    authors: Rules = Field([], description="Authors to follow, by name.")


class TopicIn(TopicFields):
    words: Words = ""
    name: Annotated[str, StringConstraints(max_length=MAX_NAME_LENGTH)] = Field(
        "", description="If empty, its words serve as its name."
    )
    daily: Daily = 5
    min_band: MinBand = DEFAULT_MIN_BAND
    explain: bool = Field(False, description=EXPLAIN)

    def wish(self) -> TopicDraft:
        return TopicDraft(
            name=self.name,
            words=self.words,
            examples=tuple(self.examples),
            must=tuple(self.must),
            must_not=tuple(self.must_not),
            authors=tuple(self.authors),
            daily=self.daily,
            min_band=self.min_band,
            explain=self.explain,
        )


class TopicChange(RequestBody):
    """A change of a topic. Fields that are left out or null stay as they are."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"daily": 10, "must_not": ["survey"]}]},
    )

    name: Annotated[str, StringConstraints(max_length=MAX_NAME_LENGTH)] | None = None
    words: Words | None = None
    examples: Examples | None = None
    must: Rules | None = None
    must_not: Rules | None = None
    authors: Rules | None = None
    daily: Daily | None = None
    min_band: MinBand | None = None
    explain: bool | None = Field(None, description=EXPLAIN)
    paused: bool | None = None
    place: int | None = Field(None, ge=0, le=1000, description="Among the reader's topics, from 0.")

    def said(self, topic: Topic) -> TopicDraft | None:
        """The topic's wish with these changes; None where it says nothing new of what it matches."""
        given = self.model_dump(exclude_none=True, exclude={"paused", "place"})
        known = TopicIn.model_validate(
            {
                name: _plain(value)
                for name, value in vars(draft_of(topic)).items()
                if name in TopicIn.model_fields
            }
        )
        return known.model_copy(update=given).wish() if given else None


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


class TopicOut(BaseModel):
    id: int
    name: str
    words: str
    examples: list[str]
    must: list[str]
    must_not: list[str]
    authors: list[str]
    daily: int
    min_band: Band
    explain: bool = Field(description=EXPLAIN)
    paused: bool
    created_at: datetime
    changed_at: datetime = Field(description="When what it matches last changed, by ratings too.")
    url: str = Field(description="Its page.")

    @classmethod
    def of(cls, topic: Topic, base: str) -> Self:
        said = {name: _plain(value) for name, value in vars(draft_of(topic)).items()}
        own = {name: getattr(topic, name) for name in ("id", "paused", "created_at", "changed_at")}
        return cls(**said, **own, url=f"{base}/topics/{topic.id}")


class TopicList(BaseModel):
    topics: list[TopicOut] = Field(description="In the reader's order.")


class RatingIn(RequestBody):
    model_config = ConfigDict(extra="forbid")

    paper: Id = Field(description="An arXiv id; a version is ignored.", examples=["2510.12345"])
    value: int = Field(
        ge=-1, le=1, description="1: more like this, -1: less, 0: take the rating back.", examples=[1]
    )


class RatingOut(BaseModel):
    paper: str
    value: Literal[1, -1]
    rated_at: datetime

    @classmethod
    def of(cls, rating: Rating) -> Self:
        return cls(paper=rating.paper_id, value=1 if rating.value > 0 else -1, rated_at=rating.rated_at)


class RatingList(BaseModel):
    ratings: list[RatingOut] = Field(description="The latest first.")


class ReasonOut(BaseModel):
    kind: ReasonKind
    text: str = Field(
        description="The phrase, the liked paper's id, or the author's name; empty for closeness in meaning."
    )
    weight: float = Field(description="How much it speaks for the paper, among reasons of its kind.")


class ExplanationOut(BaseModel):
    """Why a paper matches a topic, as a model wrote it of the abstract and the topic's words."""

    text: str
    model: str = Field(description="Which model wrote it.")
    language: str

    @classmethod
    def of(cls, explanation: Explanation | None) -> Self | None:
        return cls(**explanation._asdict()) if explanation else None


class MatchOut(BaseModel):
    paper: PaperOut
    fit: float = Field(
        ge=0,
        le=1,
        description="How probable it is that the paper belongs to the topic, for any topic alike.",
    )
    band: Band | None = Field(
        description="What the fit is called: strong from 0.75, good from 0.6, possible from 0.3. Null: it is "
        "lower, and only a followed author speaks for the paper."
    )
    score: float = Field(description="Orders the matches of one topic that are in one band.")
    strength: int = Field(
        description="0 to 100: how few papers score as high. 33: one in ten, 67: one in a hundred, "
        "100: one in a thousand or fewer."
    )
    reasons: list[ReasonOut] = Field(description="Authors, phrases and a liked paper; there is always one.")
    explanation: ExplanationOut | None = Field(
        None, description="Why it matches, by a model, where the topic asks for that (`explain`)."
    )

    @classmethod
    def of(cls, match: Match, paper: PaperRow, base: str, explanation: Explanation | None = None) -> Self:
        return cls(
            paper=PaperOut.of(paper, base),
            fit=round(match.fit, 3),
            band=match.band,
            score=match.score,
            strength=match.strength,
            reasons=[ReasonOut(kind=r.kind, text=r.text, weight=r.weight) for r in match.reasons],
            explanation=ExplanationOut.of(explanation),
        )


class MatchList(BaseModel):
    papers: list[MatchOut] = Field(description="The best band first; none below the band that was asked for.")
    calibrated: bool = Field(
        True, description="False: fits and bands come from words alone, for want of a calibrated model."
    )
    first: date | None = Field(description="The first day that was looked at; null without any papers.")
    last: date | None
    next: None = None


class DayMatches(BaseModel):
    day: date
    papers: list[MatchOut] = Field(description="The best first; empty where the day had nothing for it.")


class TopicHistory(BaseModel):
    days: list[DayMatches] = Field(
        description="The latest first. A day stands here once the topic, as it is now, was matched with it; "
        "`…/papers` matches any day at once."
    )
    first: date | None = Field(description="The first day that was asked for; null without any papers.")
    last: date | None


class MatchIn(TopicFields):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "efficient scaling of language models", "limit": 10}]}
    )

    text: Words = ""
    less: Examples = Field([], description="Papers to keep away from.")
    first: IsoDay | None = Field(None, alias="from", description="Default: six days before `to`.")
    last: IsoDay | None = Field(None, alias="to", description="Default: the latest day with papers.")
    daily: Daily = MAX_DAILY
    min_band: MinBand = DEFAULT_MIN_BAND
    limit: Annotated[int, Field(ge=1, le=100, description="At most this many papers.")] = 20
