"""What comes from feeds and readers is text on every page."""

from __future__ import annotations

import re

import httpx
import pytest

from paperround.database import Database

from support.factories import feed_record, store_listing
from support.pages import HOSTILE, SCRIPT, SCRIPTS, Page, runs


@pytest.mark.parametrize(
    "address", ["/papers", "/papers/month/2026-03", "/papers/trending", "/papers/2603.00001"]
)
async def test_hostile_texts_and_links_stay_text(
    pages: httpx.AsyncClient, database: Database, address: str
) -> None:
    await store_listing(database, "2026-03-02", feed_record("2603.00001", **HOSTILE))
    page = Page(await pages.get(address))

    assert "<script>alert(1)</script>" in page.text
    assert [attrs.get("src") for tag, attrs in page.elements if runs(tag, attrs)] == SCRIPTS
    for tag, attrs in page.elements:
        assert tag not in {"img", "b" if attrs else "", "i", "iframe", "base", "object"}, (tag, attrs)
        for name, value in attrs.items():
            assert not name.startswith("on"), (tag, attrs)
            if name in {"href", "src", "action", "xlink:href"}:
                assert value is not None
                assert value.startswith(("/", "#", "https://", "http://127.0.0.1")), (tag, attrs)
    assert "49" not in page.text, "a template ran"


MATHML = re.compile(
    "math|mrow|mi|mn|mo|mtext|mspace|ms|msup|msub|msubsup|munder|mover|munderover|mfrac|msqrt|mroot|mstyle|mpadded"
    "|mphantom|menclose|mtable|mtr|mtd|semantics"
)


FORMULAS = [
    r"$\text{<img src=x onerror=alert(1)>}$",
    r"$\href{javascript:alert(2)}{x}$",
    r"$\mathrm{</math><script>alert(3)</script>}$",
    r"$\style{background:url(//evil.example)}{x}$",
    r"$\class{evil}{x} \cssId{evil}{y} \require{html} \data{a=b}{z}$",
    r"$$\begin{array}{c\" onload=\"alert(4)} x \end{array}$$",
    "$" + "{" * 400 + "x" + "}" * 400 + "$",
    "$" + r"\frac{1}{" * 60 + "x" + "}" * 60 + "$",
    r"\(\unicode{x3c}script\unicode{x3e}\)",
    r"$x <!-- y --> z ]]> &lt;script&gt;$",
]


@pytest.mark.parametrize("place", ["title", "paper__summary", "paper__ai_summary", "paper__ai_keywords"])
async def test_formulas_bring_nothing_but_mathml(
    pages: httpx.AsyncClient, database: Database, place: str
) -> None:
    plain, hostile = feed_record("2603.00001"), " and ".join(FORMULAS)
    told = {place: [text for text in FORMULAS if len(text) < 300] if place.endswith("keywords") else hostile}
    told |= {"paper__title": hostile} if place == "title" else {}
    await store_listing(database, "2026-03-02", plain | {"title": "Calm"})
    usual = {tag for tag, _ in Page(await pages.get("/papers/2603.00001")).elements}
    await store_listing(database, "2026-03-03", feed_record("2603.00002", **told))
    page = Page(await pages.get("/papers/2603.00002"))

    assert page.status == 200
    allowed = {"math": {"xmlns", "display"}, "a": {"href", "download", "rel", "aria-label"}}
    start = next(at for at, (tag, _) in enumerate(page.elements) if tag == "main")
    for tag, attrs in page.elements[start:]:
        assert MATHML.fullmatch(tag) or tag in usual | {"h2", "section", "ul", "li", "p"}, (tag, attrs)
        assert not attrs.keys() & {"style", "onload", "onerror", "src", "xlink:href", "data-a"}, (tag, attrs)
        assert attrs.get("class") != "evil"
        assert attrs.get("id") != "evil"
        assert attrs.keys() <= allowed.get(tag, attrs.keys()), (tag, attrs)
        assert (attrs.get("href") or "/").startswith(("/", "https://", "#"))
    assert "alert(3)" in page.text.replace(" ", ""), "it is shown as text"


async def test_what_was_asked_for_is_text_in_the_error(library: httpx.AsyncClient) -> None:
    for address in [f"/papers/{SCRIPT}", f"/papers/date/{SCRIPT}", f"/papers?after={SCRIPT}", f"/{SCRIPT}"]:
        answer = await library.get(address)
        assert answer.status_code in (400, 404)
        assert [tag for tag, _ in Page(answer).elements].count("script") == len(SCRIPTS)
