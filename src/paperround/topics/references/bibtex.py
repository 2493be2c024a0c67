"""Reads BibTeX and BibLaTeX as reference managers write it, and as people do.

bibtexparser refuses entries in parentheses, without a key, or with the same field twice, and takes an `@`
that begins a line of an abstract for an entry. This reader takes what can be read of each entry, in one pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

MAX_FIELDS: Final = 200  # of one entry
MAX_STRINGS: Final = 2000
MAX_VALUE_LENGTH: Final = 200_000  # characters
NO_ENTRIES: Final = ("comment", "preamble")

ENTRY: Final = re.compile(r"@\s*([A-Za-z]+)\s*([{(])")
KEY: Final = re.compile(r"[^=,{}()\"]{0,300},")
FIELD: Final = re.compile(r"\s*,?\s*([^\s=,{}()\"#%]+)\s*=\s*")
BARE_VALUE: Final = re.compile(r"[^\s,{}()\"#]+")
STOP: Final = re.compile(r'[{}"\\]')
NEXT_ENTRY: Final = re.compile(r"\n[ \t]*@[A-Za-z]+[ \t]*[{(]")
CLOSING: Final = {"{": "}", "(": ")"}
ENTRY_END: Final = {sign: re.compile(rf"[\s,]*{re.escape(sign)}") for sign in CLOSING.values()}
JOINT: Final = re.compile(r"\s*#")


class _Value(NamedTuple):
    text: str
    end: int


def read_bibtex(text: str) -> Iterator[Mapping[str, str]]:
    """Read the entries of a file: fields by names in lower case. One that is cut off has what it has."""
    strings: dict[str, str] = {}
    place = 0
    while entry := ENTRY.search(text, place):
        kind, opening = entry[1].lower(), entry[2]
        if kind in NO_ENTRIES:
            place = entry.end()
            continue
        if kind == "string":
            fields, place = _read_fields(text, entry.end(), CLOSING[opening], strings)
            if len(strings) < MAX_STRINGS:
                strings |= fields
            continue
        start = _skip_key(text, entry.end())
        fields, place = _read_fields(text, start, CLOSING[opening], strings)
        if fields:
            yield fields


def _skip_key(text: str, place: int) -> int:
    """Skip an entry's key. There is none where the first thing is a field."""
    key = KEY.match(text, place)
    return key.end() - 1 if key else place


def _read_fields(
    text: str, place: int, closing: str, strings: Mapping[str, str]
) -> tuple[dict[str, str], int]:
    """Read fields up to the end of the entry. Of a field that comes twice the first counts."""
    fields: dict[str, str] = {}
    while len(fields) < MAX_FIELDS and (name := FIELD.match(text, place)):
        value = _read_value(text, name.end(), strings)
        fields.setdefault(name[1].lower(), value.text)
        place = max(value.end, name.end())
    end = ENTRY_END[closing].match(text, place)
    return fields, end.end() if end else place


def _read_value(text: str, place: int, strings: Mapping[str, str]) -> _Value:
    """Read a value: texts in braces or quotes, numbers and names of strings, joined by `#`."""
    parts: list[str] = []
    while place < len(text):
        while place < len(text) and text[place].isspace():
            place += 1
        part = _read_part(text, place, strings)
        parts.append(part.text)
        place = part.end
        joined = JOINT.match(text, place)
        if joined is None:
            break
        place = joined.end()
    return _Value("".join(parts), place)


def _read_part(text: str, place: int, strings: Mapping[str, str]) -> _Value:
    sign = text[place : place + 1]
    if sign in ("{", '"'):
        end = _find_end(text, place)
        return _Value(text[place + 1 : end], end + 1)
    bare = BARE_VALUE.match(text, place)
    if bare is None:
        return _Value("", place)
    return _Value(strings.get(bare[0].lower(), bare[0]), bare.end())


def _find_end(text: str, place: int) -> int:
    """Find where a text in braces or quotes ends. Braces nest; a quote in braces ends nothing.

    One that is never closed ends before the next entry, so that it costs no other.
    """
    quoted = text[place] == '"'
    depth = 0 if quoted else 1
    position = place + 1
    limit = place + MAX_VALUE_LENGTH
    while stop := STOP.search(text, position, limit):
        sign, position = stop[0], stop.end()
        if sign == "\\":
            position += text[position : position + 1] in ("{", "}")
        elif sign == "{":
            depth += 1
        elif sign == "}":
            depth -= 1
            if depth == 0 and not quoted:
                return stop.start()
        elif quoted and depth <= 0:
            return stop.start()
    following = NEXT_ENTRY.search(text, place, limit)
    return following.start() if following else min(limit, len(text))
