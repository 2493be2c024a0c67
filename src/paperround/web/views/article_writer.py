"""Writes what a list says of a paper, and keeps it for the next page that says the same.

Most of a page of papers is the same for every reader and after most changes. What differs, such as votes and
the buttons of who is signed in, stands around it in `macros/paper.html`: an article is kept for all readers,
and an entry, which is an article with its marks, for all who did the same with the paper.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final

from cachetools import LRUCache
from jinja2 import Environment
from markupsafe import Markup

from paperround.i18n.languages import get_language
from paperround.web.views.paper_cards import PaperCard
from paperround.web.views.viewer_state import PaperState

MAX_KEPT: Final = 6_000_000  # characters, of each kind
# What the macro reads, besides the two lists.
FIELDS: Final = attrgetter(
    "url", "title", "lead", "is_lead_by_model", "who", "who_url", "others", "people", "published",
    "published_label", "comments", "code_url", "stars", "project_url", "thumbnail", "withdrawn",
    "is_shortened", "coins", "language",
)  # fmt: skip


# What the macro of an entry reads besides.
AROUND: Final = attrgetter("id", "votes", "line", "seen")


def article_writer(environment: Environment) -> Callable[[PaperCard, str], Markup]:
    """Make the filter `article`. It writes a card, and `note` if there is one, by the macro of that name."""
    kept: LRUCache[tuple[object, ...], Markup] = LRUCache(MAX_KEPT, getsizeof=len)

    def write_article(card: PaperCard, note: str) -> Markup:
        key = (*_article_key(card), note)
        return _find_or_write(kept, key, lambda: _macros(environment).article(card, note))

    return write_article


def entry_writer(environment: Environment) -> Callable[..., Markup]:
    """Make the filter `entry`. It writes an article with the viewer's marks by the macro `whole_entry`."""
    kept: LRUCache[tuple[object, ...], Markup] = LRUCache(MAX_KEPT, getsizeof=len)

    def write_entry(
        card: PaperCard, note: str, why: str, mark: PaperState | None, topic: tuple[int, str] | None
    ) -> Markup:
        shown = mark.key(card.seen) if mark else None
        key = (*_article_key(card), *AROUND(card), note, why, shown, topic)
        return _find_or_write(
            kept, key, lambda: _macros(environment).whole_entry(card, note, why, mark, topic)
        )

    return write_entry


def _article_key(card: PaperCard) -> tuple[object, ...]:
    return (get_language(), *FIELDS(card), *card.paragraphs, None, *card.keywords, None)


def _macros(environment: Environment) -> Any:
    return environment.get_template("macros/paper.html").module


def _find_or_write(
    kept: LRUCache[tuple[object, ...], Markup], key: tuple[object, ...], write: Callable[[], Markup]
) -> Markup:
    written = kept.get(key)
    if written is None:
        written = write()
        if len(written) <= MAX_KEPT:
            kept[key] = written
    return written
