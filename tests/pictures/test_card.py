"""A card says title, authors and site in letters that its fonts have, or says less."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image

from paperround.pictures.card import BOLD, CardText, draw_card, make_drawable

TITLES = {
    "Patient Gradients": "Patient Gradients",
    "Gödel’s “proof” — Łukasz, Ångström": "Gödel’s “proof” — Łukasz, Ångström",
    "Обучение с подкреплением": "Обучение с подкреплением",
    "Ελληνικά 2.0": "Ελληνικά 2.0",
    "O(n²) vs 𝒪(n log n): ∑ᵢ xᵢ ∈ ℝ, √2 → ∞": "O(n²) vs O(n log n): ∑ᵢ xᵢ ∈ ℝ, √2 → ∞",
    "Look 👁️‍🗨️ Twice 🤗🏽": "Look Twice",
    "Bell\x07 and\u202e soft\u00adhyphen": "Bell and softhyphen",
    "نموذج لغوي كبير": "نموذج لغوي كبير",
    "שיטה סבלנית": "שיטה סבלנית",
    "大规模语言模型": None,
    "Large モデル": None,
    "हिन्दी भाषा": None,
    "👀👀": None,
    "": None,
}
NAMES = ("Ada Lindqvist", "王小明", "Benedikt Åström", "Cyn " * 40)


def card(title: str, **changes: object) -> bytes:
    fields: dict[str, object] = {
        "authors": NAMES,
        "number": "arXiv:2603.00001",
        "day": "1 Mar 2026",
        "site": "Rivers",
    }
    return draw_card(CardText(title=title, **{**fields, **changes}))  # type: ignore[arg-type]


@pytest.mark.parametrize("title", TITLES)
def test_a_letter_that_the_font_lacks_is_no_box(title: str) -> None:
    """A title that can't be drawn leaves a card with the paper's number in its place."""
    assert make_drawable(title, BOLD) == TITLES[title]
    assert (card(title) == card("")) == (TITLES[title] is None)


def test_any_text_makes_a_small_picture_of_one_size() -> None:
    texts = ["x" * 5_000, "long words " * 500, "W" * 400, "a", "\n", "نموذج " * 90, "a‍b" * 200]
    drawn = [card(text, site=text[:60], authors=(text,) * 300) for text in texts]
    drawn.append(card("Alone", authors=()))
    for content in drawn:
        with Image.open(BytesIO(content)) as picture:
            assert (picture.format, picture.size) == ("PNG", (1200, 630))
        assert len(content) < 60_000


def test_everything_that_it_says_shows() -> None:
    changes: list[dict[str, object]] = [
        {}, {"authors": ("Ada Lindqvist",)}, {"authors": ()}, {"number": "arXiv:2603.00002"},
        {"day": "2 Mar 2026"}, {"site": "Lakes"},
    ]  # fmt: skip
    assert len({card("Patient Gradients", **change) for change in changes}) == len(changes)
