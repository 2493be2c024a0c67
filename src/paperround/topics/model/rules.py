"""What comes before any score: words that must or must not stand in a paper, authors, papers rated less."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

from paperround.papers.search_column import searchable
from paperround.topics.model.match import Wanted


@dataclass(frozen=True)
class Reading:
    """A paper as rules read it."""

    id: str
    text: str  # title and abstract
    authors: tuple[str, ...]

    @cached_property
    def words(self) -> str:
        return f" {searchable(self.text)} "

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(map(searchable, self.authors))


@dataclass(frozen=True)
class Rules:
    """A topic's rules, read once for many papers. `authors`: folded name → name as followed."""

    must: tuple[str, ...]
    must_not: tuple[str, ...]
    authors: dict[str, str]
    less: frozenset[str]

    @classmethod
    def of(cls, wanted: Wanted) -> Self:
        names = {searchable(name): name for name in wanted.authors}
        names.pop("", None)
        return cls(_phrases(wanted.must), _phrases(wanted.must_not), names, frozenset(wanted.less))

    def refuse(self, paper: Reading) -> bool:
        """Whatever speaks for it."""
        return paper.id in self.less or any(phrase in paper.words for phrase in self.must_not)

    def admit(self, paper: Reading) -> bool:
        """To be scored, that is: an author who is followed needs no words."""
        return not self.refuse(paper) and all(phrase in paper.words for phrase in self.must)

    def followed(self, paper: Reading) -> tuple[str, ...]:
        """The authors of it who are followed."""
        if not self.authors:
            return ()
        return tuple(name for key, name in self.authors.items() if key in paper.names)


def _phrases(given: tuple[str, ...]) -> tuple[str, ...]:
    """With spaces around, so that they are found as whole words."""
    return tuple(f" {words} " for phrase in given if (words := searchable(phrase)))
