"""What a topic asks for, and what answers it. Apart from tables: a preview has none."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from paperround.topics.model.sparse import Floats


@dataclass(frozen=True)
class Wanted:
    """Papers are ids. `must`, `must_not`: words or phrases of title or abstract, in any case, whole words."""

    text: str = ""  # the reader's own words
    examples: tuple[str, ...] = ()
    more: tuple[str, ...] = ()  # rated +1
    less: tuple[str, ...] = ()  # rated −1; none of them ever matches
    must: tuple[str, ...] = ()
    must_not: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()  # whatever they write matches, `must` or not


class Kind(StrEnum):
    phrase = "phrase"
    paper = "paper"
    author = "author"


class Reason(NamedTuple):
    """`text`: the phrase, the liked paper's id, or the author's name as followed.

    `weight`: what a phrase adds to the score; phrases divide the words' part of it, papers the vectors'.
    An author adds nothing.
    """

    kind: Kind
    text: str
    weight: float


class Match(NamedTuple):
    """`score`: in standard deviations over the catalogue, both views' added.

    `strength`, 0 to 100: how few papers of the catalogue score as high. 0: any of them does, 33: one in
    ten, 67: one in a hundred, 100: one in a thousand or fewer.
    """

    paper_id: str
    score: float
    strength: int
    reasons: tuple[Reason, ...]  # heaviest first


class TextVector(Protocol):
    """The vector of a reader's words under the model of that name."""

    @property
    def model(self) -> str: ...

    @property
    def numbers(self) -> Floats: ...
