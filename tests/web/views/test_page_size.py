"""HTML is cut where nothing of it breaks, and a page's room is shared so that short texts stay whole."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from paperround.text.markup import render_html
from paperround.web.views.page_size import (
    measure,
    measure_paragraphs,
    share_room,
    shorten_html,
    shorten_paragraphs,
    shorten_text,
)


class OpenTags(HTMLParser):
    """Which tags are open at the end, and what text was seen."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.feed(str(html))  # Markup would escape what it is compared with
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


PIECES = st.sampled_from(
    ["word ", "é", "日本", "<b>", "&", '"', "$x_{i}$ ", r"$\frac{a}{b}$ ", " ", "x" * 40, "\n\n"]
)


@given(text=st.lists(PIECES, max_size=30).map("".join), size=st.integers(3, 2_000), marked=st.booleans())
def test_what_is_cut_is_whole_html_within_its_size(text: str, size: int, marked: bool) -> None:
    html = render_html(text)
    html = Markup(str(html).replace("word", "<mark>word</mark>")) if marked else html
    cut = shorten_html(html, size)

    assert measure(cut) <= size
    assert OpenTags(cut).open == []
    assert cut == html if measure(html) <= size else cut.endswith("…")
    assert OpenTags(html).text.startswith(OpenTags(cut).text.removesuffix("…"))


@pytest.mark.parametrize("size", range(3, 12))
def test_a_first_word_leaves_room_for_the_sign_that_it_is_cut(size: int) -> None:
    for html in ("word ", "word word", "word é", "&lt;b&gt;$x$"):
        assert measure(shorten_html(Markup(html), size)) <= size


def test_a_word_that_fills_the_whole_room_is_cut_within() -> None:
    assert shorten_html(Markup("x" * 50), 10) == "x" * 7 + "…"
    assert shorten_text("é" * 50, 10) == "ééé…"


@pytest.mark.parametrize("size", [50, 80, 1_000])
def test_paragraphs_are_cut_together(size: int) -> None:
    paragraphs = [escape("one two"), escape("three four five"), escape("six")]
    kept = shorten_paragraphs(paragraphs, size)

    assert measure_paragraphs(kept) <= size
    assert (kept == paragraphs) == (size == 1_000)


@pytest.mark.parametrize(
    ("sizes", "room", "longest"),
    [
        ([], 10, 0),
        ([5, 5], 10, 5),
        ([1, 100, 100], 21, 10),
        ([1, 2, 3, 1_000], 100, 94),
        ([10, 10], -5, 0),
    ],
)
def test_short_texts_stay_whole_and_long_ones_share_the_rest(
    sizes: list[int], room: int, longest: int
) -> None:
    assert share_room(sizes, room) == longest
