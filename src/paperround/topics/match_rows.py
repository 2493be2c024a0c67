"""Rows of `topic_days` as bytes, in the format of PostgreSQL's binary COPY.

Most topics have no match, so that all but ids and times of their rows is the same. Written value by value,
a row would cost as much as matching its topic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from struct import pack
from typing import Any, Final, NamedTuple

from pydantic_core import to_json

from paperround.arrays import np
from paperround.topics.model.match import Match
from paperround.topics.model.sparse import Places
from paperround.topics.queries import encode_matches
from paperround.topics.sent_arrays import EPOCH
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
# The number of columns, then each value behind its size.
NUMBERS: Final = [
    ("columns", ">i2"),
    *((name, ">i4") for name in ("4", "topic_id", "4 ", "day", "4  ", "measured_id", "8")),
    ("changed_at", ">i8"),
]
JSONB_VERSION: Final = b"\x01"
REAL_TYPE: Final = 700


class MatchedDay(NamedTuple):
    """What matches of a day belong to: a topic is due where those that it has belong to anything else.

    `is_past` tells that topics are matched with it once, and not again when they change.
    """

    day: date
    measured_id: int
    papers_hash: str
    is_past: bool


def encode_rows(
    matched: MatchedDay,
    topic_ids: Places,
    changed_at: Places,
    incomplete: set[int],
    matches: Mapping[int, Sequence[Match]],
) -> bytes:
    """Encode the rows of topics, with the matches of those at some places. The others have none.

    Times are microseconds, as PostgreSQL counts them. `incomplete` are the places of topics that stay due.
    """
    heads = _encode_numbers(matched, topic_ids, changed_at)
    size, sent = heads.shape[1], heads.tobytes()
    special = matches.keys() | incomplete
    usual = np.ones(len(topic_ids), np.bool_)
    usual[list(special)] = False
    hashes = 2 * _with_size(matched.papers_hash.encode())
    tail = np.frombuffer(hashes + _encode_matches(()), np.uint8)
    usual_rows = np.empty((int(usual.sum()), size + len(tail)), np.uint8)
    usual_rows[:, :size], usual_rows[:, size:] = heads[usual], tail
    rows = [
        sent[place * size : (place + 1) * size]
        + (2 * _with_size(b"") if place in incomplete else hashes)
        + _encode_matches(matches.get(place, ()))
        for place in sorted(special)
    ]
    return b"".join([HEAD, usual_rows.tobytes(), *rows, END])


def _encode_numbers(
    matched: MatchedDay, topic_ids: Places, changed_at: Places
) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Encode what comes before the hashes: the same number of bytes for each topic."""
    rows: np.ndarray[Any, Any] = np.empty(len(topic_ids), NUMBERS)
    rows["columns"] = len(COLUMNS)
    for size in ("4", "4 ", "4  ", "8"):
        rows[size] = int(size)
    rows["topic_id"], rows["changed_at"] = topic_ids, changed_at
    rows["day"], rows["measured_id"] = (matched.day - EPOCH.date()).days, matched.measured_id
    return rows.view(np.uint8).reshape(len(rows), rows.itemsize)


def _encode_matches(matches: Sequence[Match]) -> bytes:
    stored, fits = encode_matches(matches)
    # Dimensions, no NULLs, the type; then, unless it is empty, its length and its first place.
    shape = pack("!iiiii", 1, 0, REAL_TYPE, len(fits), 1) if fits else pack("!iii", 0, 0, REAL_TYPE)
    array = shape + b"".join([pack("!if", 4, fit) for fit in fits])
    return _with_size(JSONB_VERSION + to_json(stored)) + _with_size(array)


def _with_size(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value
