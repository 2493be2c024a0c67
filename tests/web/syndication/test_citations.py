"""A paper as BibTeX and RIS: the files, and what its page shows to copy."""

from __future__ import annotations

import re

import httpx
import pytest

from paperround.database import Database

from support.citation_records import complete_feed_record
from support.factories import feed_record, store_listing

BIBTEX = "application/x-bibtex; charset=utf-8"
RIS = "application/x-research-info-systems; charset=utf-8"


@pytest.mark.parametrize(
    ("suffix", "media_type", "start"), [("bib", BIBTEX, "@misc{"), ("ris", RIS, "TY  - ")]
)
@pytest.mark.parametrize(
    ("paper_id", "name"),
    [("2603.00001", "2603.00001"), ("2603.00001v2", "2603.00001"), ("astro-ph/0601001", "astro-ph-0601001")],
)
async def test_a_paper_is_a_file_with_a_name(
    web: httpx.Client, database: Database, suffix: str, media_type: str, start: str, paper_id: str, name: str
) -> None:
    await store_listing(
        database, "2026-03-02", complete_feed_record("2603.00001"), complete_feed_record("astro-ph/0601001")
    )
    answer = web.get(f"/papers/{paper_id}.{suffix}")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == media_type
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}.{suffix}"'
    assert answer.text.startswith(start)
    assert "https://arxiv.org/abs/" in answer.text
    assert "Ada Lindqvist" in answer.text
    assert "Verborgen" not in answer.text


@pytest.mark.parametrize("suffix", ["bib", "ris"])
async def test_a_sample_is_cited_by_its_page_here(web: httpx.Client, database: Database, suffix: str) -> None:
    await store_listing(database, "2026-03-02", feed_record("0000.00001"), feed="sample")
    answer = web.get(f"/papers/0000.00001.{suffix}")

    assert "http://127.0.0.1:8000/papers/0000.00001" in answer.text
    assert "arxiv.org" not in answer.text


@pytest.mark.parametrize("address", ["/papers/2603.77777.bib", "/papers/nonsense.ris", "/papers/.bib"])
def test_an_unknown_paper_is_not_found(web: httpx.Client, address: str) -> None:
    assert web.get(address).status_code == 404


async def test_the_page_has_the_same_to_copy(web: httpx.Client, database: Database) -> None:
    await store_listing(database, "2026-03-02", feed_record(paper__title='A < B & "C"', title='A < B & "C"'))
    page = web.get("/papers/2603.00001").text
    shown = re.search("<pre[^>]*><code>(.*?)</code></pre>", page, re.S)

    assert shown
    assert r"title = {{A &lt; B \&amp; &#34;C&#34;}}" in shown[1]
    assert '<a href="/papers/2603.00001.bib" download>' in page
    assert '<a href="/papers/2603.00001.ris" download>' in page
