"""Search as readers, programs and the hub's client meet it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from markupsafe import Markup
from sqlalchemy import event, update

from paperround.database import Database
from paperround.embeddings.index_progress import IndexCounter
from paperround.embeddings.tables import Embedding, EmbeddingModel, ModelState
from paperround.search import word_counts
from paperround.search.query_vectors import QueryEncoder
from paperround.settings import Settings
from paperround.web import dependencies
from paperround.web.pages.search import has_question
from paperround.web.security.costs import CostlyWork
from paperround.web.views.highlight import Highlighter

from support.databases import filled_template, new_database
from support.factories import feed_record, store_listing, utc
from support.sites import web_app

RIVERS, LAKES = "2603.00001", "2603.00002"


def titled(paper_id: str, title: str, **more: Any) -> dict[str, Any]:
    return feed_record(paper_id, title=title, paper__title=title, **more)


class AppClient(httpx.AsyncClient):
    app: FastAPI


class Encoder:
    name = "all-MiniLM-L6-v2"

    async def encode(self, texts: Any) -> Any:
        return np.array([[1, 0]] * len(texts), np.float32)


async def store_waters(database: Database) -> None:
    await store_listing(
        database,
        "2026-03-02",
        titled(RIVERS, "Slow Rivers & <b>Bends</b>", paper__upvotes=3),
        titled(LAKES, "Still Lakes", paper__summary="Rivers end here.", summary="Rivers end here."),
        titled("astro-ph/0601001", "Old Stars"),
    )
    await store_listing(database, "2026-03-02", titled("0000.00001", "Sample Rivers"), feed="sample")


@pytest.fixture(scope="module")
def waters_template(server: str) -> Iterator[str]:
    with filled_template(server, store_waters) as name:
        yield name


@pytest.fixture
def database_url(server: str, waters_template: str) -> Iterator[str]:
    with new_database(server, waters_template) as url:
        yield url


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[AppClient]:
    with web_app(Settings(_env_file=None), database_url) as app:
        app.dependency_overrides[dependencies.get_now] = lambda: utc("2026-03-03 12:00")
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            AppClient(transport=transport, base_url="http://127.0.0.1") as client,
        ):
            client.app = app
            yield client


async def give_vectors(database: Database, client: AppClient) -> None:
    client.app.state.query_vectors = QueryEncoder(Encoder())
    now = utc("2026-03-02 12:00")
    async with database.write_session() as session:
        model = EmbeddingModel(
            name="all-MiniLM-L6-v2", dimensions=2, state=ModelState.current, created_at=now
        )
        session.add(model)
        await session.flush()
        for key, vector in {RIVERS: [1, 0], LAKES: [0.6, 0.8]}.items():
            session.add(
                Embedding(
                    model_id=model.id, paper_id=key, text_hash="x", embedded_at=now,
                    vector=np.array(vector, np.float32),
                )
            )  # fmt: skip


async def test_the_heading_is_the_answer_and_matched_words_are_marked_safely(
    client: AppClient,
) -> None:
    answer = await client.get("/papers", params={"q": "river bend"})
    assert answer.status_code == 200
    assert "<h1>1 result for “river bend”</h1>" in answer.text
    assert "Slow <mark>Rivers</mark> &amp; &lt;b&gt;<mark>Bends</mark>&lt;/b&gt;" in answer.text
    assert 'value="river bend"' in answer.text


async def test_a_long_list_goes_on_and_keeps_its_filters(client: AppClient, database: Database) -> None:
    many = [titled(f"2603.{n:05}", f"Bridges {n}", paper__upvotes=7) for n in range(100, 130)]
    await store_listing(database, "2026-03-02", *many)
    first = await client.get("/papers?q=bridges&min_upvotes=5")
    assert "<h1>30 results for “bridges”</h1>" in first.text
    assert 'href="/papers?q=bridges&amp;min_upvotes=5&amp;after=25">More papers' in first.text
    second = await client.get("/papers?q=bridges&min_upvotes=5&after=25")
    assert 'href="/papers?q=bridges&amp;min_upvotes=5">Back to the top' in second.text
    assert "More papers</a>" not in second.text
    pages = [set(re.findall(r'id="paper-([\d.]+)"', page.text)) for page in (first, second)]
    assert list(map(len, pages)) == [25, 5]
    assert not pages[0] & pages[1]


async def test_a_list_goes_on_from_nowhere_else(client: AppClient) -> None:
    for after in ("50", "-1", "x", "²", "9" * 400):
        answer = await client.get("/papers", params={"q": "rivers", "after": after})
        assert answer.status_code == 400, after


async def test_the_question_comes_back_escaped(client: AppClient) -> None:
    answer = await client.get("/papers", params={"q": '"><script>alert(1)</script> rivers'})
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;" in answer.text


async def test_without_vectors_the_page_and_the_json_say_so(client: AppClient) -> None:
    assert "showing keyword results" in (await client.get("/papers?q=rivers")).text
    assert (await client.get("/api/v1/search?q=rivers")).json()["vectors"] is False


async def test_under_a_model_that_nobody_calibrated_the_page_and_the_json_say_so(
    client: AppClient, database: Database
) -> None:
    """Its cosines may be of any scale, so they decide nothing, and a paper near in meaning is no result."""
    await give_vectors(database, client)
    assert (await client.get("/api/v1/search?q=rivers")).json()["calibrated"] is True
    assert (await client.get("/api/v1/search?q=streams")).json()["papers"]
    async with database.write_session() as session:
        await session.execute(update(EmbeddingModel).values(name="narrow"))
    encoder = Encoder()
    encoder.name = "narrow"
    client.app.state.query_vectors = QueryEncoder(encoder)
    answer = (await client.get("/api/v1/search?q=rivers")).json()
    assert (answer["calibrated"], answer["vectors"], bool(answer["papers"])) == (False, True, True)
    assert "search has not been calibrated for this model" in (await client.get("/papers?q=rivers")).text
    assert not (await client.get("/api/v1/search?q=streams")).json()["papers"]
    assert "search has not been calibrated for this model" in (await client.get("/papers?q=streams")).text


async def test_the_fields_of_a_narrowed_search_keep_what_was_asked(client: AppClient) -> None:
    page = (await client.get("/papers?q=rivers&category=cs.CL")).text
    assert 'name="category" value="cs.CL"' in page


async def test_while_vectors_are_made_the_page_says_how_far_that_is(
    client: AppClient, database: Database
) -> None:
    await give_vectors(database, client)
    assert "Indexing: 2 of 4 papers; keyword results meanwhile" in (await client.get("/papers?q=rivers")).text
    async with database.write_session() as session:
        for key in ("astro-ph/0601001", "0000.00001"):
            session.add(
                Embedding(
                    model_id=1, paper_id=key, text_hash="x", embedded_at=utc("2026-03-02 12:00"),
                    vector=np.array([0, 1], np.float32),
                )
            )  # fmt: skip
    client.app.state.index_counter = IndexCounter()  # it counts now and then only
    page = (await client.get("/papers?q=slow+rivers")).text
    assert "Sorted by relevance." in page
    assert "Indexing" not in page


async def test_literal_results_and_those_by_meaning_are_told_apart(
    client: AppClient, database: Database
) -> None:
    await give_vectors(database, client)
    page = (await client.get("/papers?q=streams")).text
    assert "No exact results for “streams”" in page
    assert page.count("Related by meaning") == 2
    assert "Has your words" not in page
    assert "Related by meaning" not in (await client.get("/papers?q=rivers")).text
    [first, *_] = (await client.get("/api/v1/search?q=streams")).json()["papers"]
    assert first["match"] == "meaning"
    assert 0.5 <= first["relevance"] <= 1
    found = (await client.get("/api/v1/search?q=rivers")).json()
    assert found["papers"][0]["match"] == "words"
    assert found["vectors"] is True
    assert found["papers"][0]["paper"]["id"] == RIVERS
    assert found["papers"][0]["similarity"] == pytest.approx(1, abs=1e-3)
    assert found["papers"][0]["words"] == ["rivers"]


@pytest.mark.parametrize(
    "query",
    [
        "q=rivers", "q=streams", "q=still+rivers+here", 'q="slow+rivers"', "q=rivers+-lakes",
        "q=lakes+or+old", "q=rivers&min_upvotes=2", "q=rivers&feed=huggingface&limit=1", "q=the", "q=!!",
    ],
)  # fmt: skip
async def test_a_new_question_is_answered_as_one_whose_vector_is_kept(
    client: AppClient, database: Database, query: str
) -> None:
    await give_vectors(database, client)
    new = await client.get(f"/api/v1/search?{query}")
    assert new.status_code == 200
    assert (await client.get(f"/api/v1/search?{query}")).json() == new.json()
    assert (await client.get(f"/papers?{query}")).status_code == 200


class SlowEncoder(Encoder):
    """Answers when it is let go."""

    def __init__(self) -> None:
        self.asked = 0
        self.go = asyncio.Event()

    async def encode(self, texts: Any) -> Any:
        self.asked += 1
        await asyncio.wait_for(self.go.wait(), 30)
        return await super().encode(texts)


async def test_words_are_looked_up_while_a_question_is_encoded(client: AppClient, database: Database) -> None:
    await give_vectors(database, client)
    encoder = SlowEncoder()
    client.app.state.query_vectors = QueryEncoder(encoder)

    def look(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "posted" in statement:
            encoder.go.set()

    engine = client.app.state.database.engine.sync_engine
    event.listen(engine, "after_cursor_execute", look)
    try:
        found = (await client.get("/api/v1/search?q=rivers")).json()
    finally:
        event.remove(engine, "after_cursor_execute", look)
    assert found["vectors"] is True
    assert found["papers"][0]["paper"]["id"] == RIVERS


async def test_questions_that_wait_for_the_encoder_hold_no_connection(client: AppClient) -> None:
    encoder, database = SlowEncoder(), client.app.state.database
    client.app.state.query_vectors = QueryEncoder(encoder)
    client.app.state.costly_work = CostlyWork(at_once=30)
    asking = [asyncio.create_task(client.get(f"/papers?q=rivers+{n}")) for n in range(30)]
    async with asyncio.timeout(30):
        while encoder.asked < len(asking) or database.engine.pool.checkedout():
            await asyncio.sleep(0.01)
    assert (await client.get("/papers/trending")).status_code == 200
    encoder.go.set()
    assert {answer.status_code for answer in await asyncio.gather(*asking)} == {200}


async def test_an_id_or_address_goes_straight_to_the_paper(
    subtests: pytest.Subtests,
    client: AppClient,
) -> None:
    cases: list[str] = [RIVERS, f"{RIVERS}v2", f"https://arxiv.org/pdf/{RIVERS}v1", "astro-ph/0601001"]
    for text in cases:
        with subtests.test(text=text):
            answer = await client.get("/papers", params={"q": text})
            assert answer.status_code == 303
            assert answer.headers["Location"] in (f"/papers/{RIVERS}", "/papers/astro-ph/0601001")
            [hit] = (await client.get("/api/v1/search", params={"q": text})).json()["papers"]
            assert answer.headers["Location"] == f"/papers/{hit['paper']['id']}"


async def test_an_id_that_is_not_here_leads_to_arxiv(client: AppClient) -> None:
    answer = await client.get("/papers?q=2601.99999")
    assert "There is no paper 2601.99999 here" in answer.text
    assert 'href="https://arxiv.org/abs/2601.99999"' in answer.text


async def test_nothing_found_leaves_one_thing_to_do(client: AppClient) -> None:
    assert "See what is trending" in (await client.get("/papers?q=zebra")).text
    narrowed = (await client.get("/papers?q=rivers&has_code=true&from=&to=&organization=&feed=")).text
    assert "No results for “rivers”" in narrowed
    assert 'href="/papers?q=rivers">Search all papers' in narrowed


async def test_a_search_that_finds_nothing_says_why(
    subtests: pytest.Subtests,
    client: AppClient,
) -> None:
    cases: list[tuple[str, str]] = [
        ("量子", "Search reads English only so far"),
        ("привет мир", "Search reads English only so far"),
        ("the", "Words such as these are in nearly every paper"),
        ("zebra", "Try fewer or different words"),
    ]
    for typed, advice in cases:
        with subtests.test(typed=typed, advice=advice):
            page = (await client.get("/papers", params={"q": typed})).text
            assert f"<h1>No results for “{typed}”</h1>" in page
            assert advice in page
            assert 'class="paper' not in page


async def test_another_spelling_is_suggested(client: AppClient, database: Database) -> None:
    await store_listing(
        database, "2026-03-02", *(titled(f"2603.{n:05}", f"Bridges {n} of stone") for n in range(100, 130))
    )
    await word_counts.refresh_word_counts(database)
    spellings = {"brigdes": "bridges", "bridhes": "bridges", "Stone Brigdes": "Stone bridges"}
    for typed, meant in spellings.items():
        page = (await client.get("/papers", params={"q": typed})).text
        assert f'Did you mean <a href="/papers?q={quote(meant)}">{meant}</a>?' in page
        found = (await client.get("/api/v1/search", params={"q": typed})).json()
        assert found["suggestion"] == meant


async def test_a_suggested_word_is_spelled_as_it_was_read(client: AppClient, database: Database) -> None:
    title = r"Bridges of an Erd\H{o}sian kind"
    listed = (titled(f"2603.{n:05}", f"{title} {n}") for n in range(100, 130))
    await store_listing(database, "2026-03-02", *listed)
    await word_counts.refresh_word_counts(database)
    found = (await client.get("/api/v1/search", params={"q": "erdosiam bridges"})).json()
    assert found["suggestion"] == "erdosian bridges"


async def test_no_spelling_is_suggested_without_need_or_far_from_any_word(
    client: AppClient, database: Database
) -> None:
    await store_listing(
        database, "2026-03-02", *(titled(f"2603.{n:05}", f"Bridges {n} of stone") for n in range(100, 130))
    )
    await word_counts.refresh_word_counts(database)
    for typed in ("bridges", "xqzvwk", "brd", "cat", "stone -brigdes"):
        page = await client.get("/papers", params={"q": typed})
        assert page.status_code == 200, typed
        assert "Did you mean" not in page.text, typed


async def test_filters_of_the_form_work_and_stay(client: AppClient) -> None:
    query = (
        "q=rivers&from=2026-03-01&to=2026-03-02&feed=huggingface&has_code=false&min_upvotes=5&organization="
    )
    page = (await client.get(f"/papers?{query}")).text
    assert LAKES in page
    assert f'"/papers/{RIVERS}"' not in page
    assert 'value="2026-03-01"' in page
    assert '<option value="5" selected>' in page


async def test_what_is_out_of_bounds_is_a_problem(client: AppClient) -> None:
    queries = [
        "q=x&from=2026-13-01", "q=x&from=2026-03-02&to=2026-03-01", "q=x&min_upvotes=-1", "q=x&limit=51",
        "q=x&limit=0", "q=x&has_code=perhaps", f"q={'x' * 501}", "", "q=%00",
    ]  # fmt: skip
    for query in queries:
        answer = await client.get(f"/api/v1/search?{query}")
        assert answer.status_code == 400, query
        assert answer.headers["Content-Type"] == "application/problem+json", query


async def test_samples_are_found_on_pages_but_never_on_the_hubs_paths(client: AppClient) -> None:
    assert "Sample <mark>Rivers</mark>" in (await client.get("/papers?q=rivers")).text
    assert "0000.00001" not in (await client.get("/api/papers/search?q=sample+rivers")).text
    assert (await client.get("/api/papers/search?q=0000.00001")).json() == []


async def test_the_hubs_search_has_the_lists_shape_and_clamps(client: AppClient) -> None:
    found = (await client.get("/api/papers/search?q=rivers&limit=100000&foo=1")).json()
    assert [each["paper"]["id"] for each in found] == [RIVERS, LAKES]
    assert found[0]["title"] == "Slow Rivers & <b>Bends</b>"
    assert len((await client.get("/api/papers/search?q=rivers&limit=-3")).json()) == 1
    newest = (await client.get("/api/papers/search")).json()
    assert {each["paper"]["id"] for each in newest} == {RIVERS, LAKES, "astro-ph/0601001"}


async def test_every_page_has_the_search_box(client: AppClient) -> None:
    for path in ("/papers", "/papers/trending", f"/papers/{RIVERS}", "/status", "/nowhere"):
        assert 'role="search"' in (await client.get(path)).text, path


def test_marks_spare_tags_formulas_and_entities() -> None:
    html = Markup('<a title="model">Model &amp; <math><mi>model</mi></math> Mödel</a>')
    assert Highlighter({"model", "amp"})(html) == (
        '<a title="model"><mark>Model</mark> &amp; <math><mi>model</mi></math> <mark>Mödel</mark></a>'
    )


@pytest.mark.parametrize(
    ("query", "is_one"),
    [
        (b"", False),
        (b"q=waiting", True),
        (b"q=", True),
        (b"q", True),
        (b"category=cs.CL&q=a", True),
        (b"%71=a", True),
        (b"after=q", False),
        (b"question=a", False),
    ],
)
def test_an_address_with_a_question_is_a_search(query: bytes, *, is_one: bool) -> None:
    assert has_question(query) is is_one
