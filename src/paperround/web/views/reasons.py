"""Writes the sentence that says why a paper matches a topic. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from markupsafe import Markup

from paperround.summaries.shown_explanations import Explanation
from paperround.text.markup import render_html
from paperround.text.titles import shorten_title
from paperround.topics.model.match import Match, ReasonKind

PHRASES: Final = 3
AND: Final = Markup(" and ")


def write_reasons(match: Match, titles: Mapping[str, str]) -> Markup:
    """Write `Mentions <b>rivers</b> and <b>tides</b>; similar to <a>Slow Water</a>, which you liked.`

    `titles` are those of the papers that reasons name.
    """
    by_kind: dict[ReasonKind, list[str]] = {kind: [] for kind in ReasonKind}
    for reason in match.reasons:
        by_kind[reason.kind].append(reason.text)
    phrases = join_parts([Markup("<b>{}</b>").format(text) for text in by_kind[ReasonKind.phrase][:PHRASES]])
    named = [key for key in by_kind[ReasonKind.paper] if key in titles][:1]
    authors = join_parts([Markup("<bdi>{}</bdi>").format(name) for name in by_kind[ReasonKind.author]])
    parts = [
        Markup("by {}, whom you follow").format(authors) if authors else "",
        Markup("mentions {}").format(phrases) if phrases else "",
        *(_write_liked_paper(key, titles[key]) for key in named),
    ]
    told = Markup("; ").join([part for part in parts if part] or ["close in meaning"])
    return Markup("{}{}.").format(str(told[:1]).upper(), told[1:])


def write_note(match: Match, titles: Mapping[str, str], explanation: Explanation | None = None) -> str:
    """Write `Strong match. Mentions rivers and tides. By MODEL: Looks at tides.` in plain text."""
    reasons = write_reasons(match, titles).striptags()
    band = f"{match.band.capitalize()} match." if match.band else ""
    return " ".join(filter(None, (band, reasons, explanation.labelled if explanation else "")))


def _write_liked_paper(paper_id: str, title: str) -> Markup:
    link = Markup('similar to <a href="/papers/{}">{}</a>, which you liked')
    return link.format(paper_id, render_html(shorten_title(title)))


def join_parts(parts: Sequence[str]) -> Markup:
    """Join parts by commas, and the last one by “and”."""
    *before, end = parts or [""]
    return AND.join([Markup(", ").join(before), end]) if before else Markup("{}").format(end)


def find_papers_in_reasons(matches: Sequence[Match]) -> set[str]:
    """Return the ids of the papers that reasons name."""
    return {reason.text for match in matches for reason in match.reasons if reason.kind is ReasonKind.paper}
