"""Bands: what a fit is called. They mean the same for every topic. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Band(StrEnum):
    """The bands, the surest first."""

    strong = "strong"
    good = "good"
    possible = "possible"


BAND_FLOORS: Final[Mapping[Band, float]] = {Band.strong: 0.75, Band.good: 0.6, Band.possible: 0.3}
DEFAULT_MIN_BAND: Final = Band.good  # what a topic shows unless its reader chose otherwise


def find_band(fit: float) -> Band | None:
    """Find the band of a fit. None means that it is too low for any."""
    return next((band for band, floor in BAND_FLOORS.items() if fit >= floor), None)


def rank_band(band: Band | None) -> int:
    """Number the bands from 0, the surest. None comes last."""
    return len(BAND_FLOORS) if band is None else list(BAND_FLOORS).index(band)
