"""Fits the cards of papers into the bytes that a page has. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from itertools import accumulate
from typing import Final

from cachetools import LRUCache
from markupsafe import escape

from paperround.web.views.page_size import (
    measure,
    measure_paragraphs,
    share_room,
    shorten_html,
    shorten_paragraphs,
)
from paperround.web.views.paper_card import PaperCard
from paperround.web.views.presenters import MAX_REMEMBERED

# Bytes.
CARD_MARKUP: Final = 1_240  # of one card, with the buttons of a signed-in reader
MARKS_ROOM: Final = 600  # of one card, for the topics that it names to a reader
PICTURE_MARKUP: Final = 190
MIN_LEAD: Final = 100
MIN_ABSTRACT: Final = 200
MAX_CUTS: Final = 4  # forms of a card that are kept: for one's own page and others', in two lists


@dataclass(frozen=True, slots=True)
class SizedCard:
    """A card, and the bytes that its parts take on a page. It keeps what few pages have made of it.

    `rest` is all but the parts beside it.
    """

    card: PaperCard
    rest: int
    coins: int
    lead: int
    paragraphs: int
    _cuts: LRUCache[tuple[int, int, bool, bool], PaperCard] = field(
        default_factory=partial(LRUCache, MAX_CUTS), compare=False
    )

    def __len__(self) -> int:
        """Return about how many bytes it takes, with what is made of it."""
        return 1_000 + 2 * (self.rest + self.coins + self.lead + self.paragraphs)

    @classmethod
    def of(cls, card: PaperCard) -> SizedCard:
        return cls(
            card,
            _measure_all_but_texts(card),
            measure_escaped(card.coins),
            measure(card.lead),
            measure_paragraphs(card.paragraphs),
        )

    def cut(self, lead: int, paragraphs: int, *, with_coins: bool, with_picture: bool) -> PaperCard:
        """Cut the lead and the abstract to these sizes, and leave out what there is no room for."""
        wanted = (min(lead, self.lead), min(paragraphs, self.paragraphs), with_coins, with_picture)
        if wanted == (self.lead, self.paragraphs, True, True):
            return self.card
        found = self._cuts.get(wanted)
        if found is None:
            found = self._cuts[wanted] = shorten_abstract(
                replace(
                    self.card,
                    lead=shorten_html(self.card.lead, lead),
                    coins=self.card.coins if with_coins else "",
                    thumbnail=self.card.thumbnail if with_picture else None,
                ),
                paragraphs,
            )
        return found


def fit_cards(sized: Sequence[SizedCard], room: int) -> list[PaperCard]:
    """Cut the longest texts, so that the cards take `room` bytes together. What fits stays as it is."""
    room -= sum(one.rest for one in sized)
    words_room = (MIN_LEAD + MIN_ABSTRACT) * len(sized)
    with_pictures = room >= words_room  # words come first
    if not with_pictures:
        room += sum(PICTURE_MARKUP for one in sized if one.card.thumbnail)
    with_coins = _find_kept_coins(sized, room - words_room)
    room -= sum(one.coins for one, kept in zip(sized, with_coins, strict=True) if kept)
    lead = max(share_room([one.lead for one in sized], room // 2), MIN_LEAD)
    room -= sum(min(one.lead, lead) for one in sized)
    paragraphs = max(share_room([one.paragraphs for one in sized], room), MIN_ABSTRACT)
    return [
        one.cut(lead, paragraphs, with_coins=kept, with_picture=with_pictures)
        for one, kept in zip(sized, with_coins, strict=True)
    ]


def _find_kept_coins(sized: Sequence[SizedCard], room: int) -> list[bool]:
    """Tell which cards keep what reference managers read.

    The last ones do without where titles and names fill a page.
    """
    return [taken <= room for taken in accumulate(one.coins for one in sized)]


def shorten_abstract(card: PaperCard, max_bytes: int) -> PaperCard:
    """Cut the abstract of a card to a size. The card then says so."""
    if measure_paragraphs(card.paragraphs) <= max_bytes:
        return card
    return replace(card, paragraphs=shorten_paragraphs(card.paragraphs, max_bytes), is_shortened=True)


def _measure_all_but_texts(card: PaperCard) -> int:
    texts = (card.who, card.who_url, card.others, card.people, card.code_url, card.project_url)
    markup = CARD_MARKUP + (PICTURE_MARKUP if card.thumbnail else 0)
    return markup + measure(card.title) + len(card.line or "") + measure_escaped(*texts, *card.keywords)


@lru_cache(maxsize=MAX_REMEMBERED)
def measure_escaped(*texts: str | None) -> int:
    return sum(measure(escape(text)) for text in texts if text)
