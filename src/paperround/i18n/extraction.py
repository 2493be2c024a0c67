"""Brings the catalogues up to date with the messages in sources and templates: `make catalogues`.

A message that is new has an empty translation; one that is gone is left out. `python -m
paperround.i18n.extraction fr` begins a catalogue. A test compares the catalogues with the sources.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from babel.core import Locale
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from paperround.i18n.languages import CATALOGUES

ROOT: Final = Path(__file__).parents[3]
METHODS: Final = [
    ("src/paperround/**.py", "python"),
    ("templates/**.html", "jinja2"),
    ("templates/**.txt", "jinja2"),
]
# As the environments of templates have it.
JINJA: Final = {
    "trimmed": "true",
    "trim_blocks": "true",
    "lstrip_blocks": "true",
    "newstyle_gettext": "true",
    "extensions": "paperround.web.kept_blocks.KeepBlocks",
    "silent": "false",  # a template that isn't understood is an error
}
KEYWORDS: Final = {
    "_": None,
    "gettext": None,
    "mark_message": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}
WIDTH: Final = 110


def extract_messages(root: Path = ROOT) -> Catalog:
    """Extract the messages of all sources and templates of a checkout."""
    catalogue = Catalog(charset="utf-8")
    extracted = extract_from_dir(
        root,
        METHODS,
        {pattern: JINJA for pattern, method in METHODS if method == "jinja2"},
        keywords=KEYWORDS,
        comment_tags=("Translators:",),
        directory_filter=lambda folder: not Path(folder).name.startswith((".", "_")),
    )
    for file, _line, message, comments, context in extracted:
        catalogue.add(message, locations=[(file, 0)], auto_comments=comments, context=context)
    return catalogue


def read_catalogue(file: Path) -> Catalog:
    with file.open("rb") as source:
        return read_po(source, locale=file.stem.replace("-", "_"))


def _begin_catalogue(locale: str) -> Catalog:
    return Catalog(
        locale,
        header_comment=f"# Paperround's messages in {Locale.parse(locale).get_display_name('en')}.",
        project="Paperround",
        version="",
        msgid_bugs_address="Paperround",
        last_translator="Paperround",
        language_team="Paperround",
        charset="utf-8",
        fuzzy=False,
    )


def update_catalogue(file: Path, messages: Catalog) -> None:
    """Bring a catalogue up to date. What it says of messages that stay is kept."""
    catalogue = read_catalogue(file) if file.exists() else _begin_catalogue(file.stem.replace("-", "_"))
    catalogue.update(messages, no_fuzzy_matching=True, update_creation_date=False)
    with file.open("wb") as target:
        write_po(target, catalogue, width=WIDTH, sort_output=True, ignore_obsolete=True, include_lineno=False)


def main(new: list[str]) -> None:
    messages = extract_messages()
    files = {*CATALOGUES.glob("*.po"), *(CATALOGUES / f"{tag}.po" for tag in new)}
    for file in sorted(files):
        update_catalogue(file, messages)


if __name__ == "__main__":
    main(sys.argv[1:])
