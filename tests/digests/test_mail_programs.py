"""What Gmail, Outlook and Apple Mail are known to drop or to break is in no message."""

from __future__ import annotations

import re

import pytest

from paperround.digests.overview import Overview, TopicTotal
from paperround.digests.tables import Cadence
from paperround.papers.highlights import Highlight

from .test_renderer import WHY, bodies, digest, paper, read

# What must not stand in a message's HTML, and whose rule it is.
FORBIDDEN = {
    "Gmail drops what runs or is embedded": r"<(script|form|input|button|iframe|object|embed|svg|base)\b",
    "no picture is loaded, so that nobody is watched": r"<img|<picture|url\(|background-image|\ssrc=",
    "Gmail drops linked styles, and no program needs another host": r"<link\b|@import|@font-face",
    "Outlook lays out by Word, without these": r"(?i)[;\"\s](position:|float:|display:\s*(flex|grid))",
    "Outlook and old Gmail don't know computed values": r"var\(|calc\(|\b\d+(\.\d+)?(rem|vw|vh)\b",
    "links stay what they are written as": r"(?i)href=\"(?!https?://|mailto:)",
    "handlers of events are dropped": r"(?i)\son\w+=",
}


@pytest.fixture(scope="module")
def html() -> str:
    """A digest with everything in it."""
    overview = Overview(
        18, 16, "2603.00002", None,
        discussed=(Highlight("2603.00001", 9),), code=(Highlight("2603.00002", 3),),
        topics=(TopicTotal(5, 3, 1),),
    )  # fmt: skip
    papers = (paper(1, summary_label="AI summary", organization="Patience & Sons"), paper(2))
    return bodies(
        read(digest(*papers, reasons={"2603.00001": WHY}, overview=overview, cadence=Cadence.weekly))
    )[1]


@pytest.mark.parametrize("rule", FORBIDDEN)
def test_nothing_is_used_that_a_mail_program_drops_or_breaks(html: str, rule: str) -> None:
    assert re.findall(FORBIDDEN[rule], html) == []


def test_what_mail_programs_need_is_there(html: str) -> None:
    styles = re.findall(r"<style[^>]*>(.*?)</style>", html, re.DOTALL)
    assert html.lower().startswith("<!doctype html>")
    assert '<html lang="en" dir="ltr">' in html
    assert sum(map(len, styles)) < 8192, "Gmail drops all styles when they are longer"
    assert "<body>" not in html, "Outlook and Gmail take the page's colours from its own style"
    assert 'name="color-scheme" content="light dark"' in html
    assert 'name="supported-color-schemes" content="light dark"' in html, "Apple Mail's older name"
    for tag, text in re.findall(r"<(p|h1|h2|h3|a)\b([^>]*)>", html):
        assert "style=" in text, f"{tag} has no style of its own, and Gmail's app may drop the sheet"


def test_every_colour_has_a_dark_side(html: str) -> None:
    """A colour that is set in line keeps in the dark unless the sheet sets that class or element anew."""
    dark = "".join(re.findall(r"prefers-color-scheme:\s*dark\)\s*\{(.*?\})\s*\}", html, re.DOTALL))
    for tag, text in re.findall(r"<(\w+)\b([^>]*style=\"[^\"]*color:[^>]*)>", html):
        names = [tag, *(f".{name}" for name in re.findall(r'class="([^"]*)"', text))]
        assert any(re.search(rf"{re.escape(name)}\b", dark) for name in names), (tag, text)
