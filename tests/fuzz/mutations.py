"""Inputs for fuzzing: samples that are changed, pieces that are put together, and bytes at random."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

MAX_SIZE: Final = 60_000  # bytes
MAX_CHANGES: Final = 6
PLACES: Final = 10_000  # places within an input are fractions of it

# What breaks programs that read text: no characters, half characters, marks, other digits, other spaces.
ODD_TEXTS: Final = (
    *(
        "\0",
        "\x0b",
        "\r",
        "\n",
        "\r\n",
        "\t",
        " ",
        "\u00a0",
        "\u2028",
        "\ufeff",
        "\u202e",
        "\u200d",
        "\ufffe",
    ),
    *("\U0001f9ea", "e\u0301", "\u0130", "\u00df", "\u0660", "\u00b2", "\u4e00", "9" * 400, "A" * 70),
    *(Path(__file__).parent / "dictionaries" / "anything.txt").read_text().split("\n"),
)
ODD_BYTES: Final = (*(text.encode() for text in ODD_TEXTS), b"\xff", b"\xed\xa0\x80", b"\xc3", b"\xfe\xff")
ODD_VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 2**31, 2**63, 10**400, 0.5, -0.0, 1e308, float("inf"), float("nan")),
    *("", "\ud800", "x" * 30_000, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-27"),
    *([], {}, [[]], {"": None}, [None] * 300, {"id": {"id": []}}),
    *ODD_TEXTS,
)
odd_value: Final[SearchStrategy[Any]] = st.sampled_from(ODD_VALUES)
odd_json: Final[SearchStrategy[Any]] = st.one_of(
    odd_value,
    st.lists(odd_value, max_size=3),
    st.dictionaries(st.sampled_from(ODD_TEXTS), odd_value, max_size=3),
)


class Change(NamedTuple):
    """One change of an input at `place`, a fraction of its length in `PLACES`."""

    kind: str
    place: int
    length: int  # bytes
    times: int
    piece: bytes

    def apply(self, data: bytes) -> bytes:
        start = len(data) * self.place // PLACES
        end = start + self.length
        head, middle, tail = data[:start], data[start:end], data[end:]
        return {
            "cut out": lambda: head + tail,
            "cut off": lambda: head,
            "repeat": lambda: head + middle * self.times + tail,
            "insert": lambda: head + self.piece * self.times + middle + tail,
            "replace": lambda: head + self.piece + tail,
            "move": lambda: tail + middle + head,
            "flip": lambda: head + bytes(byte ^ 32 for byte in middle) + tail,
        }[self.kind]()[:MAX_SIZE]


KINDS: Final = ("cut out", "cut off", "repeat", "insert", "replace", "move", "flip")


def list_changes(pieces: Sequence[bytes]) -> SearchStrategy[list[Change]]:
    change = st.builds(
        Change,
        kind=st.sampled_from(KINDS),
        place=st.integers(0, PLACES),
        length=st.one_of(st.integers(0, 12), st.integers(0, 400)),
        times=st.one_of(st.integers(1, 3), st.sampled_from([50, 1000, 20_000])),
        piece=st.sampled_from(pieces),
    )
    return st.lists(change, max_size=MAX_CHANGES)


def _apply(data: bytes, changes: Sequence[Change]) -> bytes:
    for change in changes:
        data = change.apply(data)
    return data


def bytes_like(seeds: Sequence[bytes], pieces: Sequence[bytes]) -> SearchStrategy[bytes]:
    """Inputs near the seeds, inputs that are made of pieces, and others."""
    pieces = [*pieces, *ODD_BYTES]
    changed = st.builds(_apply, st.sampled_from(seeds), list_changes(pieces))
    soup = st.builds(b"".join, st.lists(st.sampled_from(pieces), max_size=30))
    soups = st.builds(
        lambda piece, times: (piece * times)[:MAX_SIZE], soup, st.sampled_from([1, 1, 40, 4000])
    )
    return st.one_of(changed, changed, soups, st.binary(max_size=200))


def json_like(documents: Sequence[Any]) -> SearchStrategy[bytes]:
    """Documents of JSON in which some values are replaced by odd ones."""
    spots = st.lists(st.tuples(st.integers(0, 10**6), odd_json), min_size=1, max_size=3)
    return st.builds(
        _replace_values, st.sampled_from([json.dumps(one) for one in documents]), spots, st.booleans()
    )


def _replace_values(document: str, spots: Sequence[tuple[int, Any]], escape: bool) -> bytes:
    holder = [json.loads(document)]
    for number, value in spots:
        setters = _list_setters(holder)
        setters[number % len(setters)](value)
    text = json.dumps(holder[0], ensure_ascii=escape)
    return text.encode("utf-8", "surrogatepass")[:MAX_SIZE]


def _list_setters(holder: Any) -> list[Callable[[Any], None]]:
    """How to replace each value within a document."""
    setters: list[Callable[[Any], None]] = []
    entries = holder.items() if isinstance(holder, dict) else enumerate(holder)
    for key, value in list(entries):
        setters.append(lambda new, key=key: holder.__setitem__(key, new))  # type: ignore[misc]
        if isinstance(value, dict | list):
            setters += _list_setters(value)
    return setters
