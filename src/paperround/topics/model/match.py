"""Topics and their matches, without tables: the preview of a topic has no rows."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from paperround.topics.model.bands import Band, find_band, rank_band
from paperround.topics.model.sparse import Floats


class ExampleText(NamedTuple):
    """A work outside of the catalogue that a reader gave as what they mean.

    `key` is no paper's id. `vector` is under the model of that id, at half precision, and empty if unknown.
    """

    key: str
    title: str
    abstract: str
    model_id: int | None = None
    vector: bytes = b""


@dataclass(frozen=True)
class TopicQuery:
    """A topic as a query: what its reader wants to follow.

    Papers are given by their ids. `must` and `must_not` are words or phrases of title or abstract, compared
    as whole words in any case.
    """

    words: str = ""  # the reader's own words
    examples: tuple[str, ...] = ()
    texts: tuple[ExampleText, ...] = ()  # of a library that was given just now; as good as examples
    library_of: int = 0  # else the topic whose library counts
    liked: tuple[str, ...] = ()  # rated +1
    disliked: tuple[str, ...] = ()  # rated −1; they never match
    must: tuple[str, ...] = ()
    must_not: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()  # whatever they write matches, even without the words of `must`


class ReasonKind(StrEnum):
    phrase = "phrase"
    paper = "paper"
    author = "author"
    meaning = "meaning"  # where no other reason can be told


class Reason(NamedTuple):
    """One reason for a match.

    `text` is the phrase, the liked paper's id, or the author's name as the reader follows it. `weight` is
    what it adds to the fit, in logits, the rarer the phrase the more; of a liked paper what its vector adds
    to the score. An author adds nothing, and nothing is known of what closeness in meaning alone adds.
    """

    kind: ReasonKind
    text: str
    weight: float


CLOSE_IN_MEANING: Final = Reason(ReasonKind.meaning, "", 0.0)


class Match(NamedTuple):
    """A paper for a topic.

    `score` orders the matches of one topic: in standard deviations over the catalogue, the sum of both views,
    or what `fit.rank_papers` makes of it. `strength`, from 0 to 100,
    says how few papers of the catalogue score as high: 33 is one in ten, 67 one in a hundred, and 100 one in
    a thousand or fewer. `fit`, from 0 to 1, says how probable it is that the paper belongs to the topic, the
    same for every topic. A paper of a followed author matches with any fit.
    """

    paper_id: str
    score: float
    strength: int
    reasons: tuple[Reason, ...]  # heaviest first
    fit: float

    @property
    def band(self) -> Band | None:
        """What the fit is called. None: it is too low, and only a followed author speaks for the paper."""
        return find_band(self.fit)

    @property
    def order(self) -> tuple[int, float, str]:
        """What matches of a topic are sorted by: bands, then scores, then ids."""
        return rank_band(self.band), -self.score, self.paper_id


class TextVector(Protocol):
    """The vector of a reader's words, under the model of this name."""

    @property
    def model(self) -> str: ...

    @property
    def numbers(self) -> Floats: ...
