"""Writes what a list says of a paper, and keeps it for the next page that says the same.

Most of a page of papers is the same for every reader and after most changes. What differs, such as votes and
the buttons of who is signed in, stands around it in `macros/paper.html`: an article is kept for all readers,
and an entry, which is an article with its marks, for all who did the same with the paper.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from jinja2 import Environment
from markupsafe import Markup

from paperround.i18n.languages import get_language
from paperround.kept_parts import KeptParts
from paperround.web.views.paper_card import PaperCard
from paperround.web.views.viewer_state import ViewerState

MAX_KEPT: Final = 6_000_000  # characters, of each kind
BOX_PLACE: Final = 3  # entries of a list before the box to subscribe


def article_writer(environment: Environment) -> Callable[[PaperCard, str], Markup]:
    """Make the filter `article`. It writes a card, and `note` if there is one, by the macro of that name."""
    kept: KeptParts[Markup] = KeptParts(MAX_KEPT)

    def write_article(card: PaperCard, note: str) -> Markup:
        key = (get_language(), note, *card.article_key)
        return kept.find_or_make(key, lambda: _macros(environment).article(card, note))

    return write_article


def entry_writer(environment: Environment) -> Callable[..., Markup]:
    """Make the filter `entry`. It writes an article with the viewer's marks by the macro `whole_entry`.

    What was rated just now is one line, and what has `more` to show besides isn't kept.
    """
    kept: KeptParts[Markup] = KeptParts(MAX_KEPT)

    def write_entry(
        card: PaperCard,
        note: str = "",
        why: str = "",
        marks: ViewerState | None = None,
        topic: tuple[int, str] | None = None,
        more: str = "",
    ) -> Markup:
        mark = marks.of(card.id) if marks else None
        if mark and mark.folded and not (topic and mark.folded.topic_id != topic[0]):
            return cast(Markup, _macros(environment).folded(card.id, card.title, mark.folded, mark.moved))
        if more:
            return cast(Markup, _macros(environment).whole_entry(card, note, why, mark, topic, more))
        shown = mark.key(card.seen) if mark else None
        key = (get_language(), note, why, shown, topic, *card.entry_key)
        return kept.find_or_make(key, lambda: _macros(environment).whole_entry(card, note, why, mark, topic))

    return write_entry


def entries_writer(write_entry: Callable[..., Markup]) -> Callable[..., Markup]:
    """Make the filter `entries`. It writes the entries of a list, and `between` them the box to subscribe."""

    def write_entries(
        cards: Sequence[PaperCard],
        marks: ViewerState,
        write_note: Callable[[PaperCard], str] | None = None,
        between: Markup | str = "",
    ) -> Markup:
        texts = [write_entry(card, write_note(card) if write_note else "", marks=marks) for card in cards]
        place = min(BOX_PLACE, len(texts))
        return Markup("\n").join([*texts[:place], between, *texts[place:]])

    return write_entries


def _macros(environment: Environment) -> Any:
    return environment.get_template("macros/paper.html").module
