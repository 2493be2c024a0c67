"""Addresses in abstracts become links, whole and no further, and only to public hosts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.text.addresses_in_text import split_addresses
from paperround.text.links import normalise_http_url
from paperround.text.markup import write_html_paragraphs
from paperround.text.reading import read_latex

PIECES = st.sampled_from(
    [
        "https://", "http://", "www.", "github.com/", "a.example", "10.0.0.1", "localhost", "/", "?q=", "(",
        ")", ".", ",", " ", "\n", "é", "“", "\\", "@", "javascript:", "<b>", '"', "'", "&", "%", "[", "]",
        "$x$", "x" * 50,
    ]
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("Code: https://github.com/a/b.", ["https://github.com/a/b"]),
        ("(see https://a.example/x_(y), and http://b.example)", ["https://a.example/x_(y)", "http://b.example"]),
        ("at github.com/a/b, www.c.example/d or arXiv.org/abs/1", None),
        ("“https://a.example/?q=1&b=2”; https://a.example/~b/", ["https://a.example/?q=1&b=2", "https://a.example/~b/"]),
        ("https://a.example's page…", ["https://a.example"]),
        (r"\url{https://a.example/b} and $x$ https://c.example.", ["https://a.example/b", "https://c.example"]),
        ("ada@www.a.example, javascript:alert(1), http://10.0.0.1/, http://localhost/x", []),
        ("https://u:p@a.example", []),
        ("https://a.example/" + "x" * 3_000, []),
    ],
)  # fmt: skip
def test_what_is_an_address_and_where_it_ends(text: str, links: list[str] | None) -> None:
    if links is None:
        links = ["https://github.com/a/b", "https://www.c.example/d", "https://arXiv.org/abs/1"]
    (html,) = write_html_paragraphs(read_latex(text))
    found = [part.partition('"')[0].replace("&amp;", "&") for part in str(html).split('<a href="')[1:]]
    assert found == links
    assert html.count('rel="nofollow noopener"') == len(links)


@given(st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=200))
def test_the_text_stays_and_links_lead_to_public_hosts(text: str) -> None:
    pieces = list(split_addresses(text))
    assert "".join(piece for piece, _ in pieces) == text
    for _, link in pieces:
        assert link is None or normalise_http_url(link) is not None
