"""The privacy page names every table that has something of a person, with how long it is kept."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import Table

from paperround import schema

PAGE = (Path(__file__).parents[1] / "docs/privacy.md").read_text(encoding="utf-8")
NETWORKS = {
    "attempts"
}  # counts of networks and of hashes of addresses: a person's, though no row of a reader


def tables_of_people() -> set[str]:
    """Tables with an address, and those whose rows belong to a row of one of these."""
    tables = schema.load_metadata().sorted_tables  # a table comes after those that its foreign keys point to
    found: set[Table] = set()
    for table in tables:
        owners = {key.column.table for key in table.foreign_keys}
        if "email" in table.columns or owners & found:
            found.add(table)
    return {table.name for table in found} | NETWORKS


def rows() -> list[list[str]]:
    table = PAGE.split("<!-- tables -->")[1].split("\n\n")[1]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_every_table_of_people_stands_on_the_page() -> None:
    named = {name for row in rows() for name in re.findall(r"`(\w+)`", row[0])}
    assert named == tables_of_people()


def test_every_row_says_what_why_and_how_long() -> None:
    for names, what, why, how_long in rows():
        assert what, names
        assert re.search(r"\(1 [abf]\)", why), names
        assert how_long, names
