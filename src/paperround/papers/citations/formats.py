"""The formats of citations, and lists of papers in each of them."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable
from typing import Final

from paperround.papers.citations.bibtex import render_bibtex
from paperround.papers.citations.csl import build_csl_item
from paperround.papers.citations.ris import render_ris
from paperround.papers.citations.work import build_distinct_key, cited_url
from paperround.papers.rows import PaperRow


class CitationFormat(enum.StrEnum):
    """A format, by the ending of its address."""

    bib = "bib"
    ris = "ris"
    json = "json"


MEDIA_TYPES: Final = {
    CitationFormat.bib: "application/x-bibtex",
    CitationFormat.ris: "application/x-research-info-systems",
    CitationFormat.json: "application/vnd.citationstyles.csl+json",
}


def render_citations(papers: Iterable[PaperRow], form: CitationFormat, *, site: str) -> str:
    """Render a file of papers, each with a key of its own. `site` is the address of this site."""
    used_keys: set[str] = set()
    works = ((paper, cited_url(paper, site=site), build_distinct_key(paper, used_keys)) for paper in papers)
    if form is CitationFormat.json:
        items = [build_csl_item(paper, url=url, key=key) for paper, url, key in works]
        return json.dumps(items, ensure_ascii=False, indent=1) + "\n"
    if form is CitationFormat.ris:
        return "\r\n".join(render_ris(paper, url=url, key=key) for paper, url, key in works)
    return "\n".join(render_bibtex(paper, url=url, key=key) for paper, url, key in works)
