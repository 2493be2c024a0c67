"""Where the line on why a paper matches is shown: everywhere with who wrote it, and to its reader alone."""

from __future__ import annotations

import email
import email.policy
from collections.abc import AsyncIterator

import httpx
import pytest

from paperround.accounts import api_keys
from paperround.accounts.tables import Scope
from paperround.database import Database, utc_now
from paperround.digests.preview import render_preview
from paperround.settings import Settings
from paperround.topics import reader_topics

from support.agents import call, connected
from support.explained import explain, follow
from support.factories import utc
from support.people import ADA, BEN, Person, sign_in_browser
from support.sender_child import LINKS
from support.sites import running_site
from support.subscriptions import subscribed
from support.text_server import TextServer
from support.topic_corpus import add_measured_subjects

DAY = "2026-03-10"
LINE = "Measures honey bees & their waggle dances for years."
ESCAPED = "Measures honey bees &amp; their waggle dances for years."
LABEL = "By small-one:"


@pytest.fixture
async def site(database_url: str, database: Database, text_server: TextServer) -> AsyncIterator[str]:
    await add_measured_subjects(database, day=DAY, now=utc_now())
    text_server.write = lambda title, abstract: LINE
    settings = text_server.settings(mcp=True)
    with running_site(settings, database_url) as address:
        yield address


async def follow_bees(database: Database, ada: Person, settings: Settings) -> int:
    topic_id = await follow(database, ada.id, "honey bees", daily=3)
    assert await explain(database, settings) == 3
    return topic_id


async def test_a_line_is_shown_everywhere_with_who_wrote_it(
    site: str, database: Database, text_server: TextServer
) -> None:
    async with httpx.AsyncClient(base_url=site) as web:
        ada = await sign_in_browser(web, database, ADA)
        topic_id = await follow_bees(database, ada, text_server.settings())
        async with database.write_session() as session:
            key = await api_keys.create_key(session, ada.id, name="A", scope=Scope.read, now=utc_now())
            topic = await reader_topics.get_topic(session, ada.id, topic_id)
            feed_key = await reader_topics.renew_feed_key(session, topic)
        for page in (f"/topics/{topic_id}", "/topics"):
            text = (await web.get(page)).text
            assert text.count(f'{LABEL}</span> <span lang="en" dir="auto">{ESCAPED}</span>') == 3, page
        edition = (await web.get(f"/papers/date/{DAY}")).text
        for_you, _, listed = edition.partition('class="for-you"')[2].partition("</details>")
        assert for_you.count(ESCAPED) == for_you.count(LABEL) == 3
        assert listed.count(ESCAPED) == listed.count(LABEL) == listed.count('class="fits"') > 0
        feed = f"/feeds/topics/{topic_id}"
        assert (await web.get(f"{feed}.atom?key={feed_key}")).text.count(f"{LABEL} {ESCAPED}") >= 3
        entries = (await web.get(f"{feed}.json?key={feed_key}")).json()["items"]
        assert all(f"{LABEL} {LINE}" in entry["summary"] for entry in entries)

        bearer = {"Authorization": f"Bearer {key}"}
        api = f"/api/v1/topics/{topic_id}"
        told = {"text": LINE, "model": "small-one", "language": "en"}
        found = (await web.get(f"{api}/papers", headers=bearer)).json()["papers"]
        (day,) = (await web.get(f"{api}/history", headers=bearer)).json()["days"]
        assert [match["explanation"] for match in (*found, *day["papers"])] == [told] * 6
    async with connected(site, key) as agent:
        matches = (await call(agent, "my_matches", date=DAY))["matches"]
        assert [match["untrusted"]["explanation"] for match in matches] == [told] * 3
        assert (await call(agent, "my_topics"))["topics"][0]["explain"] is True


async def test_a_digest_says_it_in_text_and_html(
    site: str, database: Database, text_server: TextServer
) -> None:
    async with httpx.AsyncClient(base_url=site) as web:
        ada = await sign_in_browser(web, database, ADA)
    await subscribed(database, "ada", now="2026-03-09 08:00", trending=False)
    await follow_bees(database, ada, text_server.settings())

    digest = await render_preview(database, LINKS, "Paperround", ADA, now=utc("2026-03-10 12:00"))

    message = email.message_from_bytes(digest.message, policy=email.policy.default)
    text, html = (message.get_body((kind,)).get_content() for kind in ("plain", "html"))  # type: ignore[union-attr]
    assert text.count(f"{LABEL} {LINE}") == 3
    assert html.count(ESCAPED) == html.count(LABEL) == html.count('lang="en">Measures') == 3
    assert digest.page.count(ESCAPED) == 3


async def test_it_is_its_readers_own_and_begins_with_a_box_that_says_where_words_go(
    site: str, database: Database, text_server: TextServer
) -> None:
    async with httpx.AsyncClient(base_url=site) as web:
        ben = await sign_in_browser(web, database, BEN)
        form = (await web.get("/topics/new")).text
        assert 'name="explain" type="checkbox" value="true" aria-describedby' in form
        assert "(small-one, 127.0.0.1)" in form
        made = await web.post("/topics/new", data=ben.form(words="honey bees"))
        topic = int(made.headers["Location"].split("/")[2].partition("?")[0])
        ada = await sign_in_browser(web, database, ADA)
        await follow_bees(database, ada, text_server.settings())
        ben = await sign_in_browser(web, database, BEN)
        pages = [(await web.get(page)).text for page in ("/topics", f"/topics/{topic}", "/papers")]
        assert not any(LABEL in page for page in pages), "Ada's words are the same, but Ben didn't ask"

        await web.post(f"/topics/{topic}/edit", data=ben.form(words="honey bees", explain="true"))
        assert " checked aria-describedby" in (await web.get(f"/topics/{topic}/edit")).text
        await web.post(f"/topics/{topic}/edit", data=ben.form(words="honey bees"))
        assert " checked aria-describedby" not in (await web.get(f"/topics/{topic}/edit")).text


async def test_the_box_is_missing_where_no_model_could(
    database: Database, database_url: str, text_server: TextServer
) -> None:
    with running_site(Settings(_env_file=None), database_url) as site:
        async with httpx.AsyncClient(base_url=site) as web:
            await sign_in_browser(web, database, ADA)
            assert 'name="explain"' not in (await web.get("/topics/new")).text
