"""A paper as an item of a Zotero library. These are pure functions."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from paperround.papers.citations.work import arxiv_url, build_note, list_authors, published_on
from paperround.papers.readings import read_abstract, read_title
from paperround.papers.rows import PaperRow
from paperround.text.person_name import PersonName
from paperround.text.plain import to_plain_paragraphs, to_plain_text

KEY_SIGNS: Final = "23456789ABCDEFGHIJKLMNPQRSTUVWXYZ"  # of which Zotero makes the keys of objects
KEY_LENGTH: Final = 8
MAX_CREATORS: Final = 500


def build_item_key(library: str, paper_id: str) -> str:
    """Build the key that a paper has in a library: always the same, so that it can't be put there twice."""
    number = int.from_bytes(hashlib.sha256(f"paperround {library} {paper_id}".encode()).digest())
    signs = []
    for _ in range(KEY_LENGTH):
        number, place = divmod(number, len(KEY_SIGNS))
        signs.append(KEY_SIGNS[place])
    return "".join(signs)


def build_item(paper: PaperRow, key: str) -> dict[str, Any]:
    """Build a new preprint. Version 0 has Zotero refuse it where there is an object of this key."""
    return {
        "key": key,
        "version": 0,
        "itemType": "preprint",
        "title": to_plain_text(read_title(paper).text),
        "creators": [_write_creator(name) for name in list_authors(paper)[:MAX_CREATORS]],
        "abstractNote": to_plain_paragraphs(read_abstract(paper).text),
        "repository": "arXiv",
        "archiveID": f"arXiv:{paper.id}",
        "date": f"{published_on(paper):%Y-%m-%d}",
        "DOI": paper.doi or "",
        "url": arxiv_url(paper),
        "libraryCatalog": "arXiv.org",
        "extra": build_note(paper),
        "tags": [],
        "collections": [],
        "relations": {},
    }


def _write_creator(name: PersonName) -> dict[str, str]:
    if name.literal:
        return {"creatorType": "author", "name": name.literal}
    given = ", ".join(filter(None, (name.given, name.suffix)))
    return {"creatorType": "author", "firstName": given, "lastName": name.full_family}
