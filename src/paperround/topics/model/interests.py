"""Several interests in one topic's words, such as "privacy and unlearning": told by the catalogue. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from paperround.arrays import np
from paperround.topics.model.plurals import fold_phrase
from paperround.topics.model.sparse import Floats, Row
from paperround.topics.model.statistics import Statistics

MAX_INTERESTS: Final = 4
SEPARATOR: Final = re.compile(
    r"\s*[;,]\s*(?:and|or)\s+|\s*[;,]\s*|\s+(?:and|or|plus|as well as|&|\+)\s+", re.I
)
# A clause behind such a word belongs to all that stands before it: "agents that write and repair code".
CLAUSE: Final = re.compile(
    r"\b(?:that|which|who|whose|where|when|how|why|what|to|between|both|either)\b", re.I
)
# What stands behind such a word, or before it, may belong to both: "safety and jailbreaks of models".
PREPOSITION: Final = re.compile(
    r"\b(?:of|for|in|on|by|with|from|using|via|through|under|across)\b", re.IGNORECASE
)
MAX_SHARE_OF_A_WORD: Final = 0.1  # of the papers that may have a word which is an interest by itself
MIN_JOINED_PAPERS: Final = 2  # that have two parts as one phrase: they are one concept
MAX_OVERLAP: Final = 0.2  # of the rarer part's papers that may have the other part
MAX_COSINE: Final = 0.65  # of the mean vectors of both parts' papers
# Where a preposition leaves open what belongs together, parts must lie far apart.
MAX_OVERLAP_OF_PHRASES: Final = 0.05
MAX_COSINE_OF_PHRASES: Final = 0.15

Flags: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.bool_]]"


def is_list(text: str) -> bool:
    """Tell whether a text may have several interests at all."""
    return SEPARATOR.search(text) is not None


class _Part(NamedTuple):
    text: str
    words: list[str]  # folded
    holders: Flags  # shape (sample,): the papers that have it


def find_interests(statistics: Statistics, text: str) -> Sequence[str]:
    """Find the parts of a text that are interests of their own. Empty where it reads like one.

    Each part must be something that papers of the sample are about, and what joins two of them must be the
    reader alone: neither do papers have both as one phrase ("retrieval and reranking"), nor do they share a
    word that is written once ("image and video generation"), nor do the same papers have both.
    """
    texts = [part.strip() for part in SEPARATOR.split(" ".join(text.split())) if part.strip()]
    if not 1 < len(texts) <= MAX_INTERESTS or CLAUSE.search(text):
        return ()
    parts = [_find_holders(statistics, part) for part in texts]
    if not all(_is_telling(part) for part in parts):
        return ()
    has_preposition = PREPOSITION.search(text) is not None
    apart = (
        _are_apart(statistics, one, other, has_preposition=has_preposition)
        for one, other in itertools.combinations(parts, 2)
    )
    return texts if all(apart) else ()


def _find_holders(statistics: Statistics, text: str) -> _Part:
    """Find the papers that have a part as one phrase or, where none has, all of its words."""
    phrase = fold_phrase(text)
    columns = statistics.vocabulary.find_columns(phrase)
    if columns:
        ones = np.ones(len(columns), np.float32)
        holders = statistics.sample_words.times(Row(np.array(columns, np.int32), ones)) > 0
    else:
        said = statistics.terms.share_of(text)
        holders = statistics.sample_terms.times(said.terms) + said.granted > 0.99
    return _Part(text, phrase.split(), holders)


def _is_telling(part: _Part) -> bool:
    share = float(part.holders.mean()) if len(part.holders) else 0.0
    return share > 0 and (len(part.words) > 1 or share <= MAX_SHARE_OF_A_WORD)


def _are_apart(statistics: Statistics, one: _Part, other: _Part, *, has_preposition: bool) -> bool:
    if _is_one_concept(statistics, one.words, other.words):
        return False
    both = int((one.holders & other.holders).sum())
    overlap = both / min(int(one.holders.sum()), int(other.holders.sum()))
    if overlap > (MAX_OVERLAP_OF_PHRASES if has_preposition else MAX_OVERLAP):
        return False
    if not len(statistics.sample_vectors):
        return True
    cosine = float(_mean_direction(statistics, one.holders) @ _mean_direction(statistics, other.holders))
    return cosine <= (MAX_COSINE_OF_PHRASES if has_preposition else MAX_COSINE)


def _is_one_concept(statistics: Statistics, one: Sequence[str], other: Sequence[str]) -> bool:
    """Tell whether papers have both as one phrase, or one with the word that begins or ends the other."""
    phrases = ([*one, *other], [*other, *one], [*one, other[-1]], [one[0], *other], [one[0], other[-1]])
    return any(
        sum(
            int(statistics.vocabulary.document_frequencies[column])
            for column in statistics.vocabulary.find_columns(" ".join(phrase))
        )
        >= MIN_JOINED_PAPERS
        for phrase in phrases
    )


def _mean_direction(statistics: Statistics, papers: Flags) -> Floats:
    mean: Floats = statistics.sample_vectors[papers].mean(axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-6)
