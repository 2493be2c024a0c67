"""Which revision the database's schema has, and whether this program may run on it. Changes nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from paperround.errors import PaperroundError

COMPATIBLE_CODE: Final = "compatible_code"
REVISION: Final = re.compile(r'^revision\b[^=\n]*= "(\w+)"', re.M)
DOWN_REVISION: Final = re.compile(r'^down_revision\b[^=\n]*= "(\w+)"', re.M)


class SchemaError(PaperroundError):
    """The database has another schema than this program was written for."""

    title = "Wrong schema"


@dataclass(frozen=True)
class SchemaState:
    """The database's revision (None: no schema), the one expected, and whether this program may run on it."""

    revision: str | None
    expected: str
    is_usable: bool

    @property
    def is_newest(self) -> bool:
        """Whether it is the very schema that this program was written for."""
        return self.revision == self.expected

    def build_error(self) -> SchemaError:
        """Build the error for a schema on which this program may not run."""
        name = f"schema {self.revision}" if self.revision else "no Paperround schema"
        text = f"The database has {name}; this program expects {self.expected}."
        if self.revision and not is_known(self.revision):
            return SchemaError(text, advice="A newer release made it: install that one, or restore a backup.")
        return SchemaError(text, advice="Run `paperround db upgrade`.")


def project_file(name: str) -> Path:
    """Find a top-level file or folder of the project: in the wheel if installed, else in the checkout."""
    packaged = Path(__file__).parent / "_project" / name
    return packaged if packaged.exists() else Path(__file__).parents[2] / name


@cache
def _read_revisions() -> dict[str, str | None]:
    """Read each revision of the migrations with the one before it. Alembic would run the files for that."""
    texts = [file.read_text(encoding="utf-8") for file in project_file("migrations").glob("versions/*.py")]
    return {
        found[1]: before[1] if (before := DOWN_REVISION.search(text)) else None
        for text in texts
        if (found := REVISION.search(text))
    }


@cache
def expected_revision() -> str:
    """Return the newest revision, which no other one is based on."""
    revisions = _read_revisions()
    heads = revisions.keys() - revisions.values()
    if len(heads) != 1:
        raise SchemaError("This installation has no migrations; install Paperround again.")
    return heads.pop()


def is_known(revision: str) -> bool:
    """Tell whether `revision` is one of this program's. One of a newer release is not."""
    return revision in _read_revisions()


def find_state(ask: Callable[[str], object]) -> SchemaState:
    """Find the state of a database. `ask` runs a statement and returns the one value of its answer.

    A newer revision is usable if its migration named ours as one that still works.
    """
    expected = expected_revision()
    if not ask("SELECT to_regclass('public.alembic_version') IS NOT NULL"):
        return SchemaState(None, expected, is_usable=False)
    found = ask("SELECT version_num FROM public.alembic_version")
    revision = str(found) if found is not None else None
    if revision == expected:
        return SchemaState(revision, expected, is_usable=True)
    if not ask(f"SELECT to_regclass('public.{COMPATIBLE_CODE}') IS NOT NULL"):
        return SchemaState(revision, expected, is_usable=False)  # the very first upgrade broke off
    query = f"SELECT count(*) FROM public.{COMPATIBLE_CODE} WHERE revision = '{expected}'"  # noqa: S608 (ours)
    return SchemaState(revision, expected, is_usable=bool(ask(query)))
