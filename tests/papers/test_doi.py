"""DOIs as arXiv and libraries write them are brought into one form."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.papers import doi


@pytest.mark.parametrize(("written", "read"), [
    ("10.1000/XYZ.5", "10.1000/xyz.5"),
    (" https://doi.org/10.1000/xyz.5/ ", "10.1000/xyz.5"),
    ("doi:10.1000.10/a_b", "10.1000.10/a_b"),
    (r"10.1007/978-3{\_}1", "10.1007/978-3_1"),
    ("10.1000/first 10.1000/second", "10.1000/first"),
    ("10.1000/first, 10.1000/second;10.1000/third", "10.1000/first"),
    ("10.1000/first;10.1000/second", "10.1000/first"),
    ("10.1002/(SICI)1096(96)9:1<1::AID-A1>3.0.CO;2-1", "10.1002/(sici)1096(96)9:1<1::aid-a1>3.0.co;2-1"),
    ("", None),
    ("to appear", None),
    ("10.1000/", None),
    ("10.1000/.,;", None),
    ("10.10/short", None),
    ("10.1000/" + "x" * 193, None),
    ("10.1000/\u202eevil", None),
])  # fmt: skip
def test_a_doi_is_found_in_a_text(written: str, read: str | None) -> None:
    assert doi.find_doi(written) == read


@given(
    st.lists(st.one_of(st.text(max_size=9), st.sampled_from(["10.1000", "/", ".", ",10.", "\\"]))).map(
        "".join
    )
)
def test_a_doi_found_in_any_text_is_in_normal_form(text: str) -> None:
    identifier = doi.find_doi(text)
    if identifier is not None:
        assert doi.find_doi(identifier) == identifier
        assert len(identifier) <= doi.MAX_DOI_LENGTH
        assert re.fullmatch(r"10\.[\d.]+/[!-~]+", identifier)
        assert not set(identifier) & set("\\{}ABCXYZ")


def test_the_url_of_a_doi_is_quoted() -> None:
    assert (
        doi.doi_url("10.1000/a(b);2?c#d\"<e>%'&")
        == "https://doi.org/10.1000/a(b);2%3Fc%23d%22%3Ce%3E%25%27%26"
    )
