"""The constants of a search's relevance: what judged pairs taught, for a model's vectors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple, Self


class RelevanceConstants(NamedTuple):
    """The weights of the logit."""

    bias: float
    cosine: float
    shared: float
    whole: float


class SearchConstants(NamedTuple):
    """The constants under one model. `with_vectors` is None while nobody has calibrated the model: its
    vectors then order results and decide nothing.
    """

    with_vectors: RelevanceConstants | None
    words_alone: RelevanceConstants

    def to_json(self) -> dict[str, Any]:
        """Describe the constants as JSON, which `from_json` reads."""
        return {name: stage and stage._asdict() for name, stage in self._asdict().items()}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave."""
        with_vectors = told["with_vectors"]
        return cls(
            with_vectors and RelevanceConstants(**with_vectors), RelevanceConstants(**told["words_alone"])
        )


# From judged pairs and from questions about which there is nothing.
UNCALIBRATED: Final = SearchConstants(None, RelevanceConstants(-2.2, 0.0, 2.95, 0.59))
SHIPPED_CONSTANTS: Final[Mapping[str, SearchConstants]] = {
    "all-MiniLM-L6-v2": UNCALIBRATED._replace(with_vectors=RelevanceConstants(-6.14, 12.6, 2.26, 1.87))
}


def choose_constants(model: str, stored: Mapping[str, Any] | None) -> SearchConstants:
    """Choose the constants under a model: those stored with it, else those that we ship for it, if any."""
    return SearchConstants.from_json(stored) if stored else SHIPPED_CONSTANTS.get(model, UNCALIBRATED)
