"""Describes a paper in the vocabulary of schema.org, for search engines and reference managers."""

from __future__ import annotations

from datetime import UTC
from typing import Any, Final

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from paperround.papers import doi
from paperround.papers.citations.work import arxiv_url
from paperround.papers.readings import read_abstract, read_title
from paperround.papers.rows import PaperRow
from paperround.text.links import normalise_http_url
from paperround.web.views.page_size import shorten_text
from paperround.web.views.paper_cards import list_keywords

MAX_ABSTRACT: Final = 3_000  # bytes


def build_scholarly_article(paper: PaperRow, *, url: str, on_arxiv: bool) -> dict[str, Any]:
    """Build a ScholarlyArticle. `url` is the paper's page here. Unknown properties are left out."""
    told: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "ScholarlyArticle",
        "@id": url,
        "url": url,
        "headline": read_title(paper).text,
        "abstract": shorten_text(read_abstract(paper).text, MAX_ABSTRACT),
        "author": [{"@type": "Person", "name": name} for name in paper.author_names],
        "datePublished": paper.published_at.astimezone(UTC).date().isoformat(),
        "keywords": list_keywords(paper),
        "codeRepository": normalise_http_url(paper.github_url),
        "sourceOrganization": paper.organization
        and {"@type": "Organization", "name": paper.organization.full_name},
    }
    if on_arxiv:
        told["sameAs"] = [arxiv_url(paper), doi.doi_url(paper.doi)] if paper.doi else arxiv_url(paper)
        told["identifier"] = {"@type": "PropertyValue", "propertyID": "arXiv", "value": paper.id}
    return {name: value for name, value in told.items() if value}


def write_linked_data(told: dict[str, Any]) -> Markup:
    """Write the data as JSON that may stand in a `script` of a page."""
    return htmlsafe_json_dumps(told, sort_keys=True)
