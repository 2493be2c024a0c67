"""The constants of the fit: what judged pairs of topic and paper taught, for a model's vectors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any, Final, NamedTuple, Self
from zlib import crc32


@dataclass(frozen=True)
class LogitConstants:
    """The weights of a logit. `said` is of the words' product where papers stand for a topic's words."""

    bias: float
    cosine: float
    said: float
    titled: float = 0.0
    like: float = 0.0


class Stages(NamedTuple):
    """The first logit chooses the papers that expand a topic, the second is the fit."""

    first: LogitConstants
    second: LogitConstants


@dataclass(frozen=True)
class FitConstants:
    """The constants under one model: for topics in words, for topics of papers alone, and for both where
    there is no vector, so that words alone count."""

    words: Stages
    papers: Stages
    words_alone: Stages
    papers_alone: Stages

    def of_words(self, *, has_vector: bool) -> Stages:
        return self.words if has_vector else self.words_alone

    def of_papers(self, *, has_vector: bool) -> Stages:
        return self.papers if has_vector else self.papers_alone

    @classmethod
    def of_stages(cls, stages: Stages) -> Self:
        """Use the same constants everywhere."""
        return cls(stages, stages, stages, stages)

    def to_json(self) -> dict[str, Any]:
        """Describe the constants as JSON, which `from_json` reads."""
        return {
            field.name: {name: asdict(stage) for name, stage in getattr(self, field.name)._asdict().items()}
            for field in fields(self)
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Read what `to_json` gave."""
        return cls(
            **{
                name: Stages(LogitConstants(**stages["first"]), LogitConstants(**stages["second"]))
                for name, stages in told.items()
            }
        )

    @cached_property
    def digest(self) -> int:
        """A number of 32 bits that tells sets of constants apart."""
        return crc32(json.dumps(self.to_json(), sort_keys=True).encode())


# Of all-MiniLM-L6-v2, from 18 judged topics; docs/relevance.md tells how.
SHIPPED_CONSTANTS: Final[Mapping[str, FitConstants]] = {
    "all-MiniLM-L6-v2": FitConstants(
        words=Stages(LogitConstants(-6.3, 11.28, 4.03), LogitConstants(-5.79, 7.66, 1.94, 2.8, 72.6)),
        papers=Stages(LogitConstants(-3.9, 7.54, 34.2), LogitConstants(-3.97, 5.68, -21.9, 0.0, 113.4)),
        words_alone=Stages(LogitConstants(-4.57, 0.0, 4.71), LogitConstants(-4.73, 0.0, 2.65, 3.24, 90.0)),
        papers_alone=Stages(LogitConstants(-4.52, 0.0, 57.0), LogitConstants(-4.41, 0.0, -8.56, 0.0, 106.6)),
    )
}
_KNOWN: Final = SHIPPED_CONSTANTS["all-MiniLM-L6-v2"]
# For a model that nobody calibrated: its vectors are left out.
WORDS_ALONE: Final = FitConstants(
    _KNOWN.words_alone, _KNOWN.papers_alone, _KNOWN.words_alone, _KNOWN.papers_alone
)
