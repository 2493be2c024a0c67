"""Which phrases a reader would believe as a reason, of a topic's own and of those that expand it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from paperround.arrays import np
from paperround.topics.model.sparse import Floats, Row, empty_row, weighted_sum
from paperround.topics.model.statistics import Statistics

MAX_REASON_CANDIDATES: Final = 48  # of a topic
MAX_OWN_SHARE: Final = 0.15  # of all papers that may have a phrase of the reader's own
MAX_OWN_WORD_SHARE: Final = 0.05  # the same for one word that isn't the rarest of them
MAX_SHARE: Final = 0.05  # of all papers that may have any other phrase
MAX_WORD_SHARE: Final = 0.025  # the same for a single word: "frame" or "flow" says little by itself
# Where the catalogue is small, phrases of so many papers may be told all the same.
MIN_OWN_PAPERS: Final = 30
MIN_PAPERS: Final = 10
MAX_ABBREVIATION: Final = 4  # letters
MIN_HOLDERS: Final = 3  # papers that must have a phrase which isn't the reader's own
TYPICAL_WEIGHT: Final = 0.1  # of a phrase in a paper's row
# Words that papers on anything share.
FILLER_LIST: Final = """
    https http www github io com project page code available release released publicly open source
    repository paper papers work works study studies propose proposed proposes introduce introduces
    present presents novel new approach approaches method methods framework frameworks existing state
    art results result experiments experimental extensive demonstrate demonstrates show shows improve
    improves improved improving improvement significant significantly performance achieve achieves
    achieving outperforms comprehensive theoretical theoretically empirical empirically entity entities
    structure structures structured various different diverse several multiple challenge challenges
    challenging problem problems task tasks based using used use uses high low quality large scale small
    first second finally recent recently important key effective effectively efficiently robust general
    simple potential future insights analysis analyze evaluate evaluation explore address ability
    capabilities capability enable enables enabling leverage leveraging leverages model models data
    dataset datasets
"""
Flags: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.bool_]]"
FILLER: Final = frozenset(FILLER_LIST.split())


def list_reason_phrases(
    statistics: Statistics, own: Row, said: float, expansion: Row, holders: Sequence[Row]
) -> Row:
    """List the phrases that may be told as reasons, each with its part of the logit times how rare it is.

    `said` is what all of the reader's own words, whose row is `own`, add together. `holders` are the papers
    that the expansion comes from.
    """
    words = weighted_sum(
        [(1.0, _weigh_own(statistics, own, said)), (1.0, _weigh_others(statistics, own, expansion, holders))]
    )
    if len(words.columns) > MAX_REASON_CANDIDATES:
        heaviest = np.sort(np.argsort(-words.weights, kind="stable")[:MAX_REASON_CANDIDATES])
        words = Row(words.columns[heaviest], words.weights[heaviest])
    return words


def _is_rare(statistics: Statistics, row: Row, share: float, floor: int) -> Flags:
    vocabulary = statistics.vocabulary
    rare: Flags = vocabulary.document_frequencies[row.columns] <= max(share * vocabulary.papers, floor)
    return rare


def _rarity(statistics: Statistics, row: Row) -> Floats:
    rarity: Floats = statistics.vocabulary.idf[row.columns] - 1
    return rarity


def _keep(row: Row, weights: Floats, kept: Flags) -> Row:
    return Row(row.columns[kept], weights[kept].astype(np.float32))


def _weigh_own(statistics: Statistics, own: Row, said: float) -> Row:
    """Weigh the reader's own words: phrases, the rarest word, and other rare ones."""
    if not len(own.columns):
        return empty_row()
    rarity = _rarity(statistics, own)
    single = np.array([" " not in statistics.vocabulary.phrases[column] for column in own.columns])
    rarest = rarity >= rarity[single].max() if single.any() else ~single
    believed = _is_rare(statistics, own, MAX_OWN_SHARE, MIN_OWN_PAPERS) & (
        ~single | rarest | _is_rare(statistics, own, MAX_OWN_WORD_SHARE, MIN_PAPERS)
    )
    parts = said * rarity / max(float(rarity[single].sum()), 1e-6)
    return _keep(own, parts / TYPICAL_WEIGHT * rarity, believed)


def _weigh_others(statistics: Statistics, own: Row, expansion: Row, holders: Sequence[Row]) -> Row:
    """Weigh phrases that several of the surest papers have, and few of all."""
    phrases = statistics.vocabulary.phrases
    single = np.array([" " not in phrases[column] for column in expansion.columns], bool)
    rare = _is_rare(statistics, expansion, MAX_SHARE, MIN_PAPERS) & ~np.isin(expansion.columns, own.columns)
    rare &= ~single | _is_rare(statistics, expansion, MAX_WORD_SHARE, MIN_PAPERS)
    columns = np.sort(np.concatenate([row.columns for row in holders] or [own.columns[:0]]))
    counts = columns.searchsorted(expansion.columns, "right") - columns.searchsorted(expansion.columns)
    expansion = _keep(expansion, expansion.weights, rare & (counts >= MIN_HOLDERS) & (expansion.weights > 0))
    telling = np.array([is_telling(phrases[column]) for column in expansion.columns], bool)
    return _keep(expansion, expansion.weights * _rarity(statistics, expansion), telling)


def is_telling(phrase: str) -> bool:
    """Tell whether a phrase has no filler and is no end of a definition, such as `language action vla`."""
    *words, last = phrase.split()
    initials = "".join(word[0] for word in words)
    is_definition = 0 < len(words) < len(last) <= MAX_ABBREVIATION and last.endswith(initials)
    return FILLER.isdisjoint([*words, last]) and not is_definition
