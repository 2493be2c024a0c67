"""Reads CSL JSON, Zotero's CSV, and plain lists of ids, DOIs and addresses."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from paperround.papers import arxiv_id, doi

MAX_VALUES: Final = 1000  # of one variable, such as authors
MAX_CELL: Final = 1_000_000  # characters of one cell
TITLE_COLUMNS: Final = ("title", "article title", "document title")


def read_csl(text: str) -> Iterator[Mapping[str, list[str]]]:
    """Read the items of CSL JSON, which are a list or stand under `items`. Nothing if it is not JSON."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return
    items = content.get("items") if isinstance(content, dict) else content
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict):
            yield {str(key).lower(): _to_texts(value) for key, value in item.items()}


def _to_texts(value: Any) -> list[str]:
    """Write a value as texts: one for each of several, whether texts, names or dates."""
    values = value[:MAX_VALUES] if isinstance(value, list) else [value]
    return [text for one in values if (text := _to_text(one))]


def _to_text(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value) if isinstance(value, str | int) else ""
    dates = value.get("date-parts")
    if isinstance(dates, list) and dates and isinstance(dates[0], list):
        return "-".join(str(part) for part in dates[0][:3])
    parts = {str(name): part for name, part in value.items() if isinstance(part, str)}
    particle = f"{parts.get('dropping-particle', '')} {parts.get('non-dropping-particle', '')}"
    family = f"{particle} {parts.get('family', '')}".strip()
    person = ", ".join(filter(None, (family, parts.get("given"), parts.get("suffix"))))
    return parts.get("literal") or person or parts.get("raw", "")


def read_csv(text: str) -> Iterator[Mapping[str, str]]:
    """Read the rows of a table whose first row names its columns, one of which is the title."""
    header, _, _ = text.partition("\n")
    delimiter = max(",;\t", key=header.count)
    csv.field_size_limit(MAX_CELL)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        names = {name: name.strip().lower() for name in rows.fieldnames or () if name}
        if not set(TITLE_COLUMNS) & set(names.values()):
            return
        for row in rows:
            yield {
                names[name]: value for name, value in row.items() if name in names and isinstance(value, str)
            }
    except csv.Error:
        return


def read_list(text: str) -> Iterator[Mapping[str, str]]:
    """Read lines, each an arXiv id, a DOI or an address. Nothing if most lines are something else."""
    lines = [line.strip().rstrip(",;") for line in text.split("\n") if line.strip()]
    named = [line for line in lines if _find_name(line)]
    if 2 * len(named) >= len(lines):
        yield from ({"url": line} for line in lines)


def _find_name(line: str) -> str | None:
    return arxiv_id.parse_id_or_url(line.removeprefix("arXiv:").strip()) or doi.find_doi(line)
