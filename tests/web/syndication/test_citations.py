"""Papers as files for reference managers, and what a page shows to copy."""

from __future__ import annotations

import re

import httpx
import pytest

from paperround.database import Database

from support.citation_records import complete_feed_record
from support.factories import feed_record, store_listing

BIBTEX = "application/x-bibtex; charset=utf-8"
RIS = "application/x-research-info-systems; charset=utf-8"
CSL = "application/vnd.citationstyles.csl+json; charset=utf-8"
FORMS = [("bib", BIBTEX, "@misc{"), ("ris", RIS, "TY  - "), ("json", CSL, "[")]


@pytest.mark.parametrize(("suffix", "media_type", "start"), FORMS)
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
    assert "Lindqvist" in answer.text
    assert "Verborgen" not in answer.text


@pytest.mark.parametrize("suffix", ["bib", "ris", "json"])
async def test_a_sample_is_cited_by_its_page_here(web: httpx.Client, database: Database, suffix: str) -> None:
    await store_listing(database, "2026-03-02", feed_record("0000.00001"), feed="sample")
    answer = web.get(f"/papers/0000.00001.{suffix}")

    assert "http://127.0.0.1:8000/papers/0000.00001" in answer.text
    assert "arxiv.org" not in answer.text


@pytest.mark.parametrize(
    "address",
    [
        *("/papers/2603.77777.bib", "/papers/nonsense.ris", "/papers/.bib", "/papers/2603.77777.json"),
        *("/papers/2603.00001.xml", "/saved.xml", "/organizations/nobody.bib"),
    ],
)
def test_an_unknown_paper_is_not_found(web: httpx.Client, address: str) -> None:
    assert web.get(address).status_code == 404


async def test_the_page_has_the_same_to_copy(web: httpx.Client, database: Database) -> None:
    await store_listing(database, "2026-03-02", feed_record(paper__title='A < B & "C"', title='A < B & "C"'))
    page = web.get("/papers/2603.00001").text
    shown = re.search("<pre[^>]*><code>(.*?)</code></pre>", page, re.S)

    assert shown
    assert r"title = {A &lt; {B} \&amp; &#34;{C}&#34;}" in shown[1]
    for suffix, media_type, _ in FORMS:
        assert f'<a href="/papers/2603.00001.{suffix}" download>' in page
        assert f'type="{media_type.partition(";")[0]}" href="/papers/2603.00001.{suffix}">' in page


async def test_every_list_is_a_file_that_its_page_links_to(
    subtests: pytest.Subtests,
    web: httpx.Client,
    database: Database,
) -> None:
    cases: list[tuple[str | None, str, set[str]]] = [
        ("/papers", "/papers/date/2026-03-02.{}", {"2603.00001", "2603.00002"}),
        ("/papers/date/2026-03-02", "/papers/date/2026-03-02.{}", {"2603.00001", "2603.00002"}),
        ("/papers/week/2026-W10", "/papers/week/2026-W10.{}", {"2603.00001", "2603.00002"}),
        ("/papers/month/2026-02", "/papers/month/2026-02.{}", {"2602.00003"}),
        ("/papers/trending", "/papers/trending.{}", {"2603.00001", "2603.00002", "2602.00003"}),
        ("/papers?q=rivers", "/papers.{}?q=rivers", {"2603.00002"}),
        ("/organizations/open-rivers-lab", "/organizations/open-rivers-lab.{}", {"2603.00001"}),
        (None, "/papers.{}", {"2603.00001", "2603.00002"}),
        (None, "/papers.{}?q=2602.00003", {"2602.00003"}),
    ]
    for page, file, ids in cases:
        with subtests.test(page=page, file=file, ids=ids):
            await store_listing(database, "2026-02-27", feed_record("2602.00003"))
            rivers = feed_record("2603.00002", paper__title="Rivers of Meaning", title="Rivers of Meaning")
            await store_listing(database, "2026-03-02", complete_feed_record("2603.00001"), rivers)
            shown = web.get(page).text if page else ""
            for suffix, media_type, start in FORMS:
                address = file.format(suffix)
                answer = web.get(address)
                assert (answer.status_code, answer.headers["Content-Type"]) == (200, media_type)
                assert answer.text.startswith(start)
                assert set(re.findall(r"arxiv\.org/abs/([\w./-]*\w)", answer.text)) == ids
                assert f'href="{address}" download' in shown or not page


def test_a_search_for_nothing_is_refused_in_words(web: httpx.Client) -> None:
    assert web.get("/papers.bib?q=").status_code == 400
    assert web.get("/papers.ris").json()["detail"] == "There are no papers yet."
