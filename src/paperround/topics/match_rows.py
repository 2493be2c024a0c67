"""Rows of `topic_days` as bytes, in the format of PostgreSQL's binary COPY.

Most topics have no match, so that all but ids and times of their rows is the same. Written value by value,
a row would cost as much as matching its topic.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from struct import Struct, pack
from typing import Final

from paperround.topics.model.match import Match
from paperround.topics.queries import encode_matches
from paperround.topics.tables import TopicDay

COLUMNS: Final = (
    TopicDay.topic_id,
    TopicDay.day,
    TopicDay.measured_id,
    TopicDay.changed_at,
    TopicDay.papers_hash,
    TopicDay.fits_hash,
    TopicDay.matches,
    TopicDay.fits,
)
COPY: Final = f"COPY topic_days ({', '.join(column.key for column in COLUMNS)}) FROM STDIN (FORMAT BINARY)"
HEAD: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
END: Final = b"\xff\xff"
# The number of columns, then each value behind its size: numbers of four bytes, and a time of eight.
NUMBERS: Final = Struct("!h ii ii ii iq")
EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)  # PostgreSQL counts days and microseconds from here
MICROSECOND: Final = timedelta(microseconds=1)
JSONB_VERSION: Final = b"\x01"
REAL_TYPE: Final = 700


class RowEncoder:
    """What makes rows of a day's matches under one version of the statistics."""

    def __init__(self, day: date, measured_id: int) -> None:
        self._day = (day - EPOCH.date()).days
        self._measured_id = measured_id
        self._no_matches = _encode_matches(())

    def encode(
        self, topic_id: int, changed_at: datetime, papers_hash: str, matches: Sequence[Match]
    ) -> bytes:
        """Encode a row. `papers_hash` is that of the matches and of their fits alike."""
        changed = (changed_at - EPOCH) // MICROSECOND
        numbers = NUMBERS.pack(len(COLUMNS), 4, topic_id, 4, self._day, 4, self._measured_id, 8, changed)
        hashes = 2 * _with_size(papers_hash.encode())
        return numbers + hashes + (_encode_matches(matches) if matches else self._no_matches)


def _encode_matches(matches: Sequence[Match]) -> bytes:
    stored, fits = encode_matches(matches)
    # Dimensions, no NULLs, the type; then, unless it is empty, its length and its first place.
    shape = pack("!iiiii", 1, 0, REAL_TYPE, len(fits), 1) if fits else pack("!iii", 0, 0, REAL_TYPE)
    array = shape + b"".join([pack("!if", 4, fit) for fit in fits])
    return _with_size(JSONB_VERSION + json.dumps(stored).encode()) + _with_size(array)


def _with_size(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value
