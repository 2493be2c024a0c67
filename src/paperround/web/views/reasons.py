"""Writes the sentence that says why a paper matches a topic. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from markupsafe import Markup

from paperround.i18n.messages import pgettext
from paperround.i18n.templates import enumerate_html
from paperround.i18n.templates import gettext_html as _
from paperround.summaries.shown_explanations import Explanation
from paperround.text.markup import render_html
from paperround.text.titles import shorten_title
from paperround.topics.band_names import name_band
from paperround.topics.model.match import Match, ReasonKind

PHRASES: Final = 3


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
        _("by %(authors)s, whom you follow", authors=authors) if authors else "",
        _("mentions %(phrases)s", phrases=phrases) if phrases else "",
        *(_write_liked_paper(key, titles[key]) for key in named),
    ]
    joint = pgettext("between two reasons", "; ")
    told = Markup("{}").format(joint).join([part for part in parts if part] or [_("close in meaning")])
    capital = Markup("{}{}").format(str(told[:1]).upper(), told[1:])
    return _("%(reasons)s.", reasons=capital)


def write_note(match: Match, titles: Mapping[str, str], explanation: Explanation | None = None) -> str:
    """Write `Strong match. Mentions rivers and tides. By MODEL: Looks at tides.` in plain text."""
    reasons = write_reasons(match, titles).striptags()
    band = f"{name_band(match.band)}." if match.band else ""
    return " ".join(filter(None, (band, reasons, explanation.labelled if explanation else "")))


def _write_liked_paper(paper_id: str, title: str) -> Markup:
    paper = Markup('<a href="/papers/{}">{}</a>').format(paper_id, render_html(shorten_title(title)))
    return _("similar to %(paper)s, which you liked", paper=paper)


def join_parts(parts: Sequence[str]) -> Markup:
    """Join parts to a list in a sentence: by commas, and the last one by “and”."""
    return enumerate_html(parts) if parts else Markup("")


def find_papers_in_reasons(matches: Sequence[Match]) -> set[str]:
    """Return the ids of the papers that reasons name."""
    return {reason.text for match in matches for reason in match.reasons if reason.kind is ReasonKind.paper}
