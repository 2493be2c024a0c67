"""A topic's rules, which come before any score: required and forbidden words, authors, disliked papers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

from paperround.text.words import normalise_words
from paperround.topics.model.match import TopicQuery


@dataclass(frozen=True)
class PaperPhrases:
    """The words of a paper, as rules compare them."""

    id: str
    title: str
    text: str  # title and abstract
    authors: tuple[str, ...]

    @cached_property
    def words(self) -> str:
        return f" {normalise_words(self.text)} "

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(map(normalise_words, self.authors))


@dataclass(frozen=True)
class TopicRules:
    """The rules of a topic, prepared once for many papers.

    `authors` maps a folded name to the name as the reader follows it.
    """

    must: tuple[str, ...]
    must_not: tuple[str, ...]
    authors: dict[str, str]
    disliked: frozenset[str]

    @classmethod
    def from_query(cls, query: TopicQuery) -> Self:
        names = {normalise_words(name): name for name in query.authors}
        names.pop("", None)
        return cls(_pad_phrases(query.must), _pad_phrases(query.must_not), names, frozenset(query.disliked))

    def refuses(self, paper: PaperPhrases) -> bool:
        """Tell whether the paper never matches, whatever speaks for it."""
        return paper.id in self.disliked or any(phrase in paper.words for phrase in self.must_not)

    def admits(self, paper: PaperPhrases) -> bool:
        """Tell whether the paper may match by its score. Papers of followed authors need no words."""
        return not self.refuses(paper) and all(phrase in paper.words for phrase in self.must)

    def find_followed_authors(self, paper: PaperPhrases) -> tuple[str, ...]:
        """Find the paper's authors whom the reader follows, by the names as they are followed."""
        if not self.authors:
            return ()
        return tuple(name for folded_name, name in self.authors.items() if folded_name in paper.names)


def _pad_phrases(phrases: tuple[str, ...]) -> tuple[str, ...]:
    """Put spaces around each phrase, so that it is compared as whole words."""
    return tuple(f" {words} " for phrase in phrases if (words := normalise_words(phrase)))
