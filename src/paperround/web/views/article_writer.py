"""Writes what a list says of a paper, and keeps it for the next page that says the same.

Most of a page of papers is the same for every reader and after most changes. What differs, such as votes and
the buttons of who is signed in, stands around it in `macros/paper.html`.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Final

from cachetools import LRUCache
from jinja2 import Environment
from markupsafe import Markup

from paperround.web.views.presenters import PaperCard

MAX_KEPT: Final = 8_000_000  # characters
# What the macro reads, besides the two lists.
FIELDS: Final = attrgetter(
    "url", "title", "lead", "is_lead_by_model", "who", "who_url", "others", "people", "published",
    "published_label", "comments", "code_url", "stars", "project_url", "thumbnail", "withdrawn",
    "is_shortened", "coins",
)  # fmt: skip


def article_writer(environment: Environment) -> Callable[[PaperCard, str], Markup]:
    """Make the filter `article`. It writes a card, and `note` if there is one, by the macro of that name."""
    kept: LRUCache[tuple[object, ...], Markup] = LRUCache(MAX_KEPT, getsizeof=len)

    def write_article(card: PaperCard, note: str) -> Markup:
        key = (*FIELDS(card), *card.paragraphs, None, *card.keywords, None, note)
        written: Markup | None = kept.get(key)
        if written is None:
            macros = environment.get_template("macros/paper.html").module
            written = macros.article(card, note)  # type: ignore[attr-defined]
            if len(written) <= MAX_KEPT:
                kept[key] = written
        return written

    return write_article
