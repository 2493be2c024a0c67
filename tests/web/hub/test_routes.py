"""The hub's own client and command on a running Paperround: what design.md says of it, point by point."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

from paperround.database import Database
from paperround.settings import Settings

from support.citation_records import complete_feed_record, hub_account
from support.databases import new_database, run_sql
from support.factories import feed_record, store_listing
from support.sites import free_port, running_site

HF = str(Path(sys.executable).with_name("hf"))
TOKEN = "hf_" + "x1Y2z3" * 6


async def fill(url: str) -> None:
    """Two days of March, one of February, and what must stay unseen: a sample and another feed's paper."""
    async with Database(url) as database:
        await store_listing(
            database, "2026-02-27", feed_record("2602.00001", paper__upvotes=90, title="Slow Rivers")
        )
        await store_listing(
            database,
            "2026-03-02",
            complete_feed_record("2603.00001", paper__upvotes=5),
            feed_record("2603.00002", paper__upvotes=0, paper__publishedAt="2026-03-01T09:00:00.000Z"),
            feed_record("2603.00003", paper__upvotes=12, paper__publishedAt="2026-02-20T09:00:00.000Z"),
            feed_record("astro-ph/0601001", paper__upvotes=1, paper__publishedAt="2006-01-02T09:00:00.000Z"),
        )
        many = [feed_record(f"2603.{n:05}", paper__upvotes=500 - n) for n in range(100, 230)]
        await store_listing(database, "2026-03-03", *many)
        await store_listing(
            database, "2026-03-03", feed_record("0000.00001", paper__upvotes=999), feed="sample"
        )
        await store_listing(
            database, "2026-03-03", feed_record("2603.09999", paper__upvotes=999), feed="arxiv"
        )


async def brought(url: str) -> None:
    """A reader's paper, and one that the hub listed the same day too."""
    async with Database(url) as database:
        submitted = {"submittedBy": hub_account("ada"), "paper__upvotes": ...}
        await store_listing(
            database,
            "2026-01-05",
            feed_record("2601.00001", **submitted),
            feed_record("2601.00002"),
            feed="readers",
        )
        await store_listing(database, "2026-01-05", feed_record("2601.00002", paper__upvotes=3))


@pytest.fixture(scope="module")
def hub(server: str) -> Iterator[str]:
    with new_database(server) as url:
        asyncio.run(fill(url))
        with running_site(Settings(_env_file=None), url) as address:
            yield address


@pytest.fixture
def api(hub: str) -> HfApi:
    return HfApi(endpoint=hub, token=TOKEN)


@pytest.fixture
def hf(hub: str, tmp_path: Path) -> Any:
    """Run the hub's real command on the site."""
    environment = {
        "PATH": os.environ["PATH"],
        "HF_ENDPOINT": hub,
        "HF_TOKEN": TOKEN,
        "HF_HOME": str(tmp_path),
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        "NO_COLOR": "1",
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [HF, "papers", *arguments], env=environment, capture_output=True, text=True, timeout=120
        )

    return run


def ids(papers: Any) -> list[str]:
    return [paper.id for paper in papers]


def raw(hub: str, **parameters: Any) -> Any:
    return httpx.get(f"{hub}/api/daily_papers", params=parameters).json()


# --- Lists -----------------------------------------------------------------------------------------------


def test_a_day_is_ordered_by_votes_then_id(api: HfApi) -> None:
    assert ids(api.list_daily_papers(date="2026-03-02")) == [
        "2603.00003",
        "2603.00001",
        "astro-ph/0601001",
        "2603.00002",
    ]


def test_without_a_date_the_newest_day_comes_first_across_days(api: HfApi, hub: str) -> None:
    pages = [ids(api.list_daily_papers(p=page, limit=100)) for page in range(3)]

    assert [len(page) for page in pages] == [100, 35, 0]
    assert pages[0][0] == "2603.00100"  # 400 votes, on the newest day
    assert pages[1][-5:] == ["2603.00003", "2603.00001", "astro-ph/0601001", "2603.00002", "2602.00001"]
    assert len(set(pages[0] + pages[1])) == 135
    assert len(raw(hub)) == 50


@pytest.mark.parametrize(
    ("asked", "first", "count"),
    [
        ({"week": "2026-W09"}, "2602.00001", 1),
        ({"month": "2026-02"}, "2602.00001", 1),
        ({"week": "2026-W10"}, "2603.00100", 100),
        ({"month": "2026-03"}, "2603.00100", 100),
        ({"date": "2026-03-02", "submitter": "ben"}, "2603.00001", 1),
        ({"submitter": "ben"}, "2603.00001", 1),
    ],
)
def test_week_month_and_submitter_choose(api: HfApi, asked: dict[str, Any], first: str, count: int) -> None:
    found = ids(api.list_daily_papers(limit=100, **asked))

    assert (found[0], len(found)) == (first, count)


@pytest.mark.parametrize("asked", [{"date": "2026-03-01"}, {"week": "2020-W01"}, {"submitter": "nobody"}])
def test_what_has_no_papers_is_an_empty_list(api: HfApi, hub: str, asked: dict[str, Any]) -> None:
    assert list(api.list_daily_papers(**asked)) == []
    assert raw(hub, **asked) == []


def test_sorted_by_publication_the_newest_comes_first(api: HfApi) -> None:
    found = list(api.list_daily_papers(date="2026-03-02", sort="publishedAt"))

    assert ids(found) == ["2603.00002", "2603.00001", "2603.00003", "astro-ph/0601001"]


def test_sorted_by_trend_an_old_favourite_falls_behind_a_new_one(api: HfApi) -> None:
    found = ids(api.list_daily_papers(sort="trending", limit=100))

    assert found[:2] == ["2603.00100", "2603.00101"]
    assert "2602.00001" not in found[:10]


@pytest.mark.parametrize(("limit", "count"), [(500, 100), (100, 100), (7, 7), (1, 1), (0, 1), (-3, 1)])
def test_the_limit_is_clamped_and_never_refused(api: HfApi, limit: int, count: int) -> None:
    assert len(list(api.list_daily_papers(limit=limit))) == count


@pytest.mark.parametrize(
    "odd",
    [
        {"limit": "many"},
        {"limit": ""},
        {"limit": "9" * 60},
        {"p": "-1"},
        {"p": "first"},
        {"sort": "loudest"},
        {"date": ""},
        {"unknown": "1", "colour": "blue"},
    ],
)
def test_what_is_unknown_or_out_of_bounds_is_passed_over(hub: str, odd: dict[str, str]) -> None:
    answer = httpx.get(f"{hub}/api/daily_papers", params=odd)

    assert answer.status_code == 200
    assert answer.json()[0]["paper"]["id"] == "2603.00100"


def test_a_page_after_the_last_is_empty_however_far(hub: str) -> None:
    assert raw(hub, p=999_999_999) == []


@pytest.mark.parametrize(
    "asked",
    [{}, {"sort": "trending"}, {"sort": "publishedAt"}, {"date": "2026-03-03"}, {"month": "2026-03"}],
)
def test_samples_and_other_feeds_papers_are_never_listed(api: HfApi, asked: dict[str, Any]) -> None:
    found = [paper for page in range(3) for paper in api.list_daily_papers(p=page, limit=100, **asked)]

    assert found
    assert not {"0000.00001", "2603.09999"} & {paper.id for paper in found}


def test_a_redirect_free_bare_array_of_json_answers(hub: str) -> None:
    answer = httpx.get(f"{hub}/api/daily_papers", params={"limit": 1})

    assert answer.headers["Content-Type"] == "application/json"
    assert isinstance(answer.json(), list)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"date": "2026-02-30"}, "“2026-02-30” is not a date such as 2025-10-29"),
        ({"date": "today"}, "“today” is not a date"),
        ({"week": "2026-W54"}, "is not an ISO week such as 2025-W44"),
        ({"month": "2026-13"}, "is not a month such as 2025-10"),
    ],
)
def test_the_client_shows_our_words_for_a_bad_date(api: HfApi, asked: dict[str, Any], words: str) -> None:
    with pytest.raises(HfHubHTTPError, match="Bad request") as caught:
        list(api.list_daily_papers(**asked))

    assert words in str(caught.value)


# --- One item, field by field ----------------------------------------------------------------------------


def test_the_client_reads_every_field_of_a_list(api: HfApi) -> None:
    found = next(iter(api.list_daily_papers(date="2026-03-02", submitter="ben")))

    assert found.title == "Patient Gradients, Part 2603.00001"
    assert found.summary.endswith("This is abstract 2603.00001.")
    assert found.published_at == datetime(2026, 2, 26, 18, 59, 59, tzinfo=UTC)
    assert (found.upvotes, found.comments, found.discussion_id) == (5, 3, "d-full")
    assert (found.submitted_by.username, found.submitted_by.fullname) == ("ben", "Ben")
    assert (found.organization.name, found.organization.fullname) == ("open-rivers-lab", "Open Rivers Lab")
    assert found.ai_summary == "Gradients come to those who wait."
    assert found.ai_keywords == ["gradients", "patience"]
    assert found.project_page == "https://patience.example.org/"
    assert found.github_repo == "https://github.com/open-rivers/patience"
    assert found.github_stars == 41
    assert [author.name for author in found.authors][:2] == ["Ada Lindqvist", "Benedikt Åström"]


def test_fields_stand_where_the_hub_puts_them(hub: str) -> None:
    record = raw(hub, date="2026-03-02", submitter="ben")[0]
    inner = record["paper"]

    both = {"title", "summary", "publishedAt", "organization", "mediaUrls", "ai_summary", "ai_keywords",
            "projectPage", "githubRepo", "githubStars"}  # fmt: skip
    assert {name: record[name] for name in both} == {name: inner[name] for name in both}
    assert set(inner) - both == {
        "id", "authors", "upvotes", "discussionId", "submittedOnDailyAt", "submittedOnDailyBy",
        "ai_summary_model", "githubRepoAddedBy",
    }  # fmt: skip
    assert set(record) - both == {
        "paper", "numComments", "thumbnail", "submittedBy", "submitterOrganization", "isAuthorParticipating",
    }  # fmt: skip


def test_accounts_have_both_user_and_name(hub: str) -> None:
    record = raw(hub, date="2026-03-02", submitter="ben")[0]

    for found, name in [
        (record["submittedBy"], "ben"),
        (record["paper"]["submittedOnDailyBy"], "ben"),
        (record["paper"]["authors"][0]["user"], "ada"),
    ]:
        assert (found["user"], found["name"]) == (name, name)
    assert record["submittedBy"]["followerCount"] == 12


def test_all_times_end_in_z(hub: str) -> None:
    def times(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [v for k, v in value.items() if k.endswith("At")]
            return own + [t for v in value.values() for t in times(v)]
        return [t for v in value for t in times(v)] if isinstance(value, list) else []

    found = times(raw(hub, date="2026-03-02"))

    assert "2026-03-02T01:02:03.456Z" in found
    assert all(len(t) == len("2026-03-02T01:02:03.456Z") and t.endswith("Z") for t in found)


def test_what_the_feed_did_not_tell_is_left_out(hub: str) -> None:
    record = raw(hub, date="2026-02-27")[0]

    assert "organization" not in record
    assert "ai_summary" not in record["paper"]
    assert None not in [*record.values(), *record["paper"].values()]


def test_no_votes_are_a_zero_here_and_none_in_the_client(api: HfApi, hub: str) -> None:
    record = raw(hub, date="2026-03-02")[-1]
    found = list(api.list_daily_papers(date="2026-03-02"))[-1]

    assert (record["paper"]["id"], record["paper"]["upvotes"]) == ("2603.00002", 0)
    assert found.upvotes is None


def test_a_hidden_author_is_marked_for_other_paperrounds_and_absent_for_readers(hub: str) -> None:
    authors = raw(hub, date="2026-03-02", submitter="ben")[0]["paper"]["authors"]
    markdown = httpx.get(f"{hub}/papers/2603.00001.md").text

    assert [(a["name"], a["hidden"]) for a in authors][-1] == ("Cyn Verborgen", True)
    assert "Ada Lindqvist, Benedikt Åström\n" in markdown
    assert "Verborgen" not in markdown


# --- One paper -------------------------------------------------------------------------------------------


def test_paper_info_is_a_flat_object(api: HfApi, hub: str) -> None:
    found = api.paper_info("2603.00001")
    record = httpx.get(f"{hub}/api/papers/2603.00001").json()

    assert (found.id, found.upvotes, found.comments) == ("2603.00001", 5, 3)
    assert found.submitted_by.username == "ben"
    assert found.published_at == datetime(2026, 2, 26, 18, 59, 59, tzinfo=UTC)
    assert found.authors[0].name == "Ada Lindqvist"
    assert "paper" not in record


@pytest.mark.parametrize("name", ["astro-ph/0601001", "astro-ph/0601001v3", "astro-ph%2F0601001"])
def test_old_ids_with_a_slash_work(api: HfApi, name: str) -> None:
    assert api.paper_info(name).id == "astro-ph/0601001"
    assert api.read_paper(name).startswith("# Patient Gradients, Part astro-ph/0601001\n")


def test_read_paper_is_markdown(api: HfApi, hub: str) -> None:
    text = api.read_paper("2603.00001")
    answer = httpx.get(f"{hub}/papers/2603.00001.md")

    assert answer.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert text == answer.text
    for line in [
        "# Patient Gradients, Part 2603.00001",
        "- <https://arxiv.org/abs/2603.00001>",
        "- <https://github.com/open-rivers/patience>",
        "## Abstract",
        "Gradients come to those who wait.",
    ]:
        assert line in text.splitlines()


@pytest.mark.parametrize(
    "name", ["2603.77777", "not-an-id", "0000.00001", "2603.09999", pytest.param("a" * 5000, id="long")]
)
def test_a_paper_that_is_not_on_the_hubs_lists_is_unknown(api: HfApi, name: str) -> None:
    for call in (api.paper_info, api.read_paper):
        with pytest.raises(HfHubHTTPError) as caught:
            call(name)
        assert caught.value.response.status_code == 404
        assert caught.value.response.json()["error"] in str(caught.value)


# --- The command -----------------------------------------------------------------------------------------


def test_hf_papers_ls_prints_a_day(hf: Any) -> None:
    done = hf("ls", "--date", "2026-03-02", "--format", "json")

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [paper["id"] for paper in found][:2] == ["2603.00003", "2603.00001"]
    assert found[1]["submitted_by_name"] == "Ben"


@pytest.mark.parametrize(
    ("arguments", "first", "count"),
    [
        (["--week", "2026-W09", "--sort", "publishedAt"], "2602.00001", 1),
        (["--month", "2026-03", "--submitter", "ben"], "2603.00001", 1),
        (["--sort", "trending", "--limit", "500"], "2603.00100", 100),
    ],
)
def test_hf_papers_ls_takes_all_its_options(hf: Any, arguments: list[str], first: str, count: int) -> None:
    done = hf("ls", *arguments, "--format", "json")

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found[0]["id"], len(found)) == (first, count)


def test_hf_papers_says_why_a_date_is_refused(hf: Any) -> None:
    done = hf("ls", "--date", "2026-02-30")

    assert done.returncode != 0
    assert "“2026-02-30” is not a date such as 2025-10-29" in done.stdout + done.stderr


def test_hf_papers_info_and_read(hf: Any) -> None:
    info = hf("info", "astro-ph/0601001", "--format", "json")
    read = hf("read", "2603.00001")
    unknown = hf("info", "2603.77777")

    assert json.loads(info.stdout)["id"] == "astro-ph/0601001"
    assert read.stdout.startswith("# Patient Gradients, Part 2603.00001\n")
    assert "Paper '2603.77777' not found on the Hub." in unknown.stdout + unknown.stderr


# --- The token -------------------------------------------------------------------------------------------

LOGGING_SITE = """
import sys
from paperround import logs
from paperround.cli import processes
from paperround.settings import Settings

settings = Settings(_env_file=None, port=int(sys.argv[2]), log_format=sys.argv[3])
logs.configure(settings, "web")
processes.serve_web(settings, sys.argv[1])
"""


def listened_at(port: int) -> None:
    """Once somebody listens at it."""
    end = time.monotonic() + 60
    with socket.socket() as caller:
        while caller.connect_ex(("127.0.0.1", port)):
            assert time.monotonic() < end, "nobody listens"
            time.sleep(0.05)


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_readers_hub_token_is_in_no_log_not_even_of_a_crash(database_url: str, form: str) -> None:
    """A traceback with the values of variables would show the request's headers."""
    port = free_port()
    site = subprocess.Popen(
        [sys.executable, "-c", LOGGING_SITE, database_url, str(port), form],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        listened_at(port)
        address, key = f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=address, headers=key, timeout=60) as client:
            codes = [client.get("/api/daily_papers").status_code]
            run_sql(database_url, "ALTER TABLE listings RENAME TO gone")
            codes.append(client.get("/api/daily_papers").status_code)
            codes.append(client.get("/api/papers/2603.00001?token=" + TOKEN).status_code)
    finally:
        site.terminate()
        output, _ = site.communicate(timeout=60)

    assert codes == [200, 500, 404]
    assert "unexpected error" in output
    assert TOKEN not in output


def test_accounts_without_a_name_do_not_break_the_client(web: httpx.Client, database_url: str) -> None:
    async def put() -> None:
        async with Database(database_url) as database:
            nameless = {"fullname": "Somebody", "isPro": False}
            author = {"name": "Ada Lindqvist", "user": nameless}
            await store_listing(
                database, "2026-03-02", feed_record(submittedBy=nameless, paper__authors=[author])
            )
            await store_listing(
                database, "2026-03-03", feed_record("2603.00002", submittedBy=hub_account("ada"))
            )

    asyncio.run(put())
    papers = list(HfApi(endpoint=str(web.base_url)).list_daily_papers())

    assert papers[0].submitted_by.username == "ada"
    assert papers[1].submitted_by.fullname == "Somebody"
    assert papers[1].authors[0].user.fullname == "Somebody"


def test_what_readers_brought_stands_with_the_hubs_lists_once(database_url: str) -> None:
    asyncio.run(brought(database_url))
    with running_site(Settings(_env_file=None), database_url) as hub:
        _check_what_was_brought(hub, HfApi(endpoint=hub, token=TOKEN))


def _check_what_was_brought(hub: str, api: HfApi) -> None:
    given = httpx.get(f"{hub}/api/daily_papers", params={"date": "2026-01-05"}).json()
    assert [(one["paper"]["id"], one["paper"]["upvotes"]) for one in given] == [
        ("2601.00002", 3),
        ("2601.00001", 0),
    ]
    assert given[1]["submittedBy"]["name"] == "ada"
    assert [paper.id for paper in api.list_daily_papers(date="2026-01-05")] == ["2601.00002", "2601.00001"]
    assert api.paper_info("2601.00001").id == "2601.00001"
    assert httpx.get(f"{hub}/papers/2601.00001.md").status_code == 200
