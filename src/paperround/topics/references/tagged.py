"""Reads formats whose lines begin with a tag: RIS, PubMed's `.nbib`, and EndNote's `.enw`.

Blanks and tabs around the tag, lower case, indentation, a missing end and an odd order are taken as meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

TAGGED_LINE: Final = re.compile(r"[ \t]*([A-Za-z][A-Za-z0-9]{1,3})[ \t]*-(?:[ \t]+(.*)|[ \t]*)$")
ENDNOTE_LINE: Final = re.compile(r"[ \t]*%([0-9A-Za-z@+\[\]!^~$&*()<>=?:;])(?:[ \t]+(.*))?$")
FIRST_TAGS: Final = ("TY", "PMID")
END_TAG: Final = "ER"  # of RIS; EndNote has tags of one character
MAX_LINES: Final = 4000  # of one entry
Fields = dict[str, list[str]]


def read_ris(text: str) -> Iterator[Mapping[str, list[str]]]:
    """Read the entries of RIS and PubMed files: the values of each tag, in upper case, in their order."""
    return _read_entries(text, _read_ris_line, _follows_ris_entry)


def read_endnote(text: str) -> Iterator[Mapping[str, list[str]]]:
    """Read the entries of a file with `%T` for titles: the values of each tag, in their order."""
    return _read_entries(text, _read_endnote_line, _follows_endnote_entry)


def _read_entries(
    text: str,
    read_line: Callable[[str], tuple[str, str] | None],
    follows_entry: Callable[[str, Fields], bool],
) -> Iterator[Fields]:
    """Read entries. A line without a tag goes on with the value before.

    `follows_entry` tells of a tag whether the entry so far ended before it.
    """
    fields: Fields = {}
    last: list[str] | None = None
    for line in text.split("\n"):
        tagged = read_line(line)
        if tagged is None:
            if last is not None and line.strip():
                last[-1] = f"{last[-1]} {line.strip()}"
            continue
        tag, value = tagged
        if follows_entry(tag, fields) or _is_full(fields):
            if fields:
                yield fields
            fields, last = {}, None
        if tag != END_TAG:
            last = fields.setdefault(tag, [])
            last.append(value)
    if fields:
        yield fields


def _read_ris_line(line: str) -> tuple[str, str] | None:
    tagged = TAGGED_LINE.match(line)
    return (tagged[1].upper(), (tagged[2] or "").strip()) if tagged else None


def _read_endnote_line(line: str) -> tuple[str, str] | None:
    tagged = ENDNOTE_LINE.match(line)
    return (tagged[1], (tagged[2] or "").strip()) if tagged else None


def _follows_ris_entry(tag: str, fields: Fields) -> bool:
    return tag == END_TAG or (tag in FIRST_TAGS and tag in fields)


def _follows_endnote_entry(tag: str, fields: Fields) -> bool:
    return tag == "0" or (tag == "T" and "T" in fields)


def _is_full(fields: Fields) -> bool:
    return sum(map(len, fields.values())) >= MAX_LINES
