"""Reads formats whose lines begin with a tag: RIS, PubMed's `.nbib`, and EndNote's `.enw`.

Blanks and tabs around the tag, lower case, indentation, a missing end and an odd order are taken as meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

TAGGED_LINE: Final = re.compile(r"[ \t]*([A-Za-z][A-Za-z0-9]{1,3})[ \t]*-(?:[ \t]+(.*)|[ \t]*)$")
ENDNOTE_LINE: Final = re.compile(r"[ \t]*%([0-9A-Za-z@+\[\]!^~$&*()<>=?:;])(?:[ \t]+(.*))?$")
FIRST_TAGS: Final = ("TY", "PMID")
MAX_LINES: Final = 4000  # of one entry
Fields = dict[str, list[str]]


def read_ris(text: str) -> Iterator[Mapping[str, list[str]]]:
    """Read the entries of RIS and PubMed files: the values of each tag, in upper case, in their order."""
    fields: Fields = {}
    last: list[str] | None = None
    for line in text.split("\n"):
        tagged = TAGGED_LINE.match(line)
        if tagged is None:
            if last is not None and line.strip():
                last[-1] = f"{last[-1]} {line.strip()}"
            continue
        tag, value = tagged[1].upper(), (tagged[2] or "").strip()
        if tag == "ER" or (tag in FIRST_TAGS and tag in fields) or _is_full(fields):
            if fields:
                yield fields
            fields, last = {}, None
            if tag == "ER":
                continue
        last = fields.setdefault(tag, [])
        last.append(value)
    if fields:
        yield fields


def read_endnote(text: str) -> Iterator[Mapping[str, list[str]]]:
    """Read the entries of a file with `%T` for titles: the values of each tag, in their order."""
    fields: Fields = {}
    last: list[str] | None = None
    for line in text.split("\n"):
        tagged = ENDNOTE_LINE.match(line)
        if tagged is None:
            if last is not None and line.strip():
                last[-1] = f"{last[-1]} {line.strip()}"
            continue
        if (tagged[1] == "0" and fields) or (tagged[1] == "T" and "T" in fields) or _is_full(fields):
            yield fields
            fields = {}
        last = fields.setdefault(tagged[1], [])
        last.append((tagged[2] or "").strip())
    if fields:
        yield fields


def _is_full(fields: Fields) -> bool:
    return sum(map(len, fields.values())) >= MAX_LINES
