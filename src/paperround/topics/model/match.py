"""Topics and their matches, without tables: the preview of a topic has no rows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from paperround.topics.model.sparse import Floats


@dataclass(frozen=True)
class TopicQuery:
    """A topic as a query: what its reader wants to follow.

    Papers are given by their ids. `must` and `must_not` are words or phrases of title or abstract, compared
    as whole words in any case.
    """

    words: str = ""  # the reader's own words
    examples: tuple[str, ...] = ()
    liked: tuple[str, ...] = ()  # rated +1
    disliked: tuple[str, ...] = ()  # rated −1; they never match
    must: tuple[str, ...] = ()
    must_not: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()  # whatever they write matches, even without the words of `must`


class ReasonKind(StrEnum):
    phrase = "phrase"
    paper = "paper"
    author = "author"


class Reason(NamedTuple):
    """One reason for a match.

    `text` is the phrase, the liked paper's id, or the author's name as the reader follows it. `weight` is
    what it adds to the score: phrases share the words' part of it, liked papers the vectors' part. An author
    adds nothing.
    """

    kind: ReasonKind
    text: str
    weight: float


class Match(NamedTuple):
    """A paper for a topic.

    `score` is in standard deviations over the catalogue, the sum of both views. `strength`, from 0 to 100,
    says how few papers of the catalogue score as high: 33 is one in ten, 67 one in a hundred, and 100 one in
    a thousand or fewer.
    """

    paper_id: str
    score: float
    strength: int
    reasons: tuple[Reason, ...]  # heaviest first


class TextVector(Protocol):
    """The vector of a reader's words, under the model of this name."""

    @property
    def model(self) -> str: ...

    @property
    def numbers(self) -> Floats: ...
