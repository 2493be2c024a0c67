"""What a feed's client brings of a day."""

from __future__ import annotations

from typing import NamedTuple


class FetchedList(NamedTuple):
    """The records of a day's list. `late` tells which part of it the feed doesn't show yet, or is None."""

    records: list[object]
    late: str | None = None
