"""What bands are called for readers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from paperround.i18n.messages import find_message, mark_message
from paperround.topics.model.bands import Band

BAND_NAMES: Final[Mapping[str, str]] = {
    Band.strong: mark_message("Strong match"),
    Band.good: mark_message("Good match"),
    Band.possible: mark_message("Possible match"),
}


def name_band(band: Band) -> str:
    """Say how well a paper fits: `Strong match`."""
    return find_message(BAND_NAMES[band])
