"""Lists of which one record is broken: it is taken out as the text that it came as, and the rest is read.

A document that is cut off, or broken between its records, is refused as a whole.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Final, NoReturn
from xml.parsers import expat

from paperround.errors import PaperroundError

# A string, or one of the signs between which the items of a list stand.
JSON_TOKEN: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},"]', re.DOTALL)
XML_RECORD: Final = re.compile(rb"(?=<(?:item|entry)[\s>])")
XML_RECORD_END: Final = re.compile(rb"</(?:item|entry)\s*>")
# After `"id":` in JSON, `oai:arXiv.org:` or `arxiv.org/abs/` in XML.
PAPER_ID: Final = re.compile(r'(?:"id"\s*:\s*"|arXiv\.org:|arxiv\.org/abs/)([\w./-]{5,40})', re.ASCII | re.I)
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class DocumentBroken(PaperroundError):
    """The document is broken elsewhere than in its records, or cut off."""

    title = "Not a complete list"
    status = 502


class BrokenRecord(str):
    """The text of a record that can't be parsed. It is the record's content in quarantine."""

    reason: str

    @classmethod
    def from_text(cls, text: str, reason: str) -> BrokenRecord:
        record = cls(text)
        record.reason = reason
        return record

    def guess_paper_id(self, strip: Callable[[str], str]) -> str | None:
        """Return the first id that stands in the text, as `strip` reads it, or None."""
        for found in PAPER_ID.finditer(self):
            try:
                return strip(found[1])
            except ValueError:
                continue
        return None


def load_json(body: bytes) -> object:
    """Parse JSON. Items of a list that are no JSON, or hold a number that can't be kept, are broken records.

    Raises `DocumentBroken`.
    """
    try:
        return _load_strictly(body)
    except (ValueError, RecursionError) as error:
        try:
            text = body.decode(json.detect_encoding(body), "surrogateescape").lstrip("\ufeff")
        except (LookupError, UnicodeDecodeError):  # the latter of UTF-16 and UTF-32 that are cut off
            raise DocumentBroken(str(error)) from error
        return [_load_item(item) for item in _split_list(text)]


def _load_item(text: str) -> object:
    try:
        return _load_strictly(text.encode())
    except (ValueError, RecursionError) as error:  # also UnicodeEncodeError, of bytes that were no text
        reason = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        return BrokenRecord.from_text(text, f"it is not JSON: {reason[:200]}")


def _load_strictly(body: bytes) -> object:
    """Parse JSON without NaN, infinities, and integers so long that Python doesn't convert them."""
    return json.loads(body, parse_constant=_reject_constant, parse_float=_parse_number)


def _parse_number(digits: str) -> float | str:
    """Parse a number. One that is too large for a float stays text, since JSON cannot store infinity."""
    number = float(digits)
    return number if math.isfinite(number) else digits


def _reject_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _split_list(text: str) -> Iterator[str]:
    """Yield the items of a list as text. Raises `DocumentBroken` unless its brackets match to its end."""
    text = text.strip()
    depth = start = end = 0
    for token in JSON_TOKEN.finditer(text):
        sign = token[0]
        if end or (depth == 0 and (sign != "[" or token.start() != 0)) or sign == '"':
            raise DocumentBroken("The document is not one list.")
        if sign in ("[", "{"):
            depth += 1
            start = start or token.end()
        elif sign in ("]", "}"):
            depth -= 1
            end = token.end() if depth == 0 else 0
        if (sign == "," and depth == 1) or end:
            item = text[start : token.start()].strip()
            if item or sign == ",":
                yield item
            start = token.end()
    if end != len(text) or not text:
        raise DocumentBroken("The document is cut off.")


def split_xml(body: bytes) -> tuple[bytes, list[BrokenRecord]]:
    """Take the records that are not well-formed out of a feed. Returns the rest, and them.

    Raises `DocumentBroken`.
    """
    head, *pieces = XML_RECORD.split(strip_front(body))
    if not pieces or (last := _find_last_end(pieces[-1])) is None:
        raise DocumentBroken("The document is cut off, or has no records.")
    pieces[-1], tail = pieces[-1][:last], pieces[-1][last:]
    if (fault := find_xml_fault(head + tail)) is not None:
        raise DocumentBroken(f"The document is cut off, or broken between its records: {fault}.")
    good: list[bytes] = []
    broken: list[BrokenRecord] = []
    for piece in pieces:
        fault = find_xml_fault(head + piece + tail)
        if fault is None:
            good.append(piece)
        else:
            text = piece.decode("utf-8", "backslashreplace")
            broken.append(BrokenRecord.from_text(text, f"it is not XML: {fault}"))
    return b"".join([head, *good, tail]), broken


def strip_front(body: bytes) -> bytes:
    """Drop blank lines in front of a document, which XML doesn't allow."""
    return body.lstrip().removeprefix(BYTE_ORDER_MARK).lstrip()


def _find_last_end(piece: bytes) -> int | None:
    ends = list(XML_RECORD_END.finditer(piece))
    return ends[-1].end() if ends else None


def _reject_doctype(*_: object) -> NoReturn:
    raise ValueError("it has a doctype")  # feeds have none, unlike web pages and entity bombs


def find_xml_fault(document: bytes) -> str | None:
    """Return what is not well-formed in a document. Nothing of it is kept, and no entity is expanded."""
    parser = expat.ParserCreate(namespace_separator=" ")  # so that undeclared prefixes are faults
    parser.StartDoctypeDeclHandler = _reject_doctype
    try:
        parser.Parse(document, True)
    except (expat.ExpatError, ValueError, LookupError) as error:  # the last two of an unknown encoding
        return expat.ErrorString(error.code) if isinstance(error, expat.ExpatError) else str(error)[:100]
    return None
