"""`/channels`: a reader adds, confirms, changes, pauses and removes where digests go; nobody else can."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from sqlalchemy import select

from paperround.channels.encryption import SecretBox
from paperround.channels.sender import open_channel_sender
from paperround.database import Database
from paperround.digests.channel_tables import Channel
from paperround.digests.channel_tests import ChannelTester
from paperround.digests.tables import Subscription, SubscriptionState
from paperround.settings import Settings
from paperround.tokens import load_signer
from paperround.topics.model.bands import Band

from support.channel_sink import ChannelSink
from support.channels import SETTINGS
from support.factories import utc
from support.pages import TODAY, opened
from support.people import ADA, CYN, sign_in_browser

NOW = utc(TODAY)


@pytest.fixture
async def browser(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(database_url, now=TODAY) as found:
        yield found


@pytest.fixture
def sink() -> Iterator[ChannelSink]:
    sink = ChannelSink()
    with sink.running():
        yield sink


async def send_codes(database: Database) -> None:
    """Send the codes that are due, as a worker does."""
    settings = Settings(_env_file=None)
    box = SecretBox.from_signer(await load_signer(database, settings))
    async with open_channel_sender(SETTINGS.channel_networks) as sender:
        await ChannelTester(database, sender, box, "https://papers.example.org", "Paperround").send_due(
            now=NOW
        )


async def state(database: Database) -> SubscriptionState | None:
    async with database.read_session() as session:
        return await session.scalar(select(Subscription.state).where(Subscription.by_channel))


async def test_a_reader_adds_a_webhook_confirms_changes_pauses_resumes_and_removes_it(
    browser: httpx.AsyncClient, database: Database, sink: ChannelSink
) -> None:
    ada = await sign_in_browser(browser, database, ADA, now=NOW)
    address = sink.address("webhook", "a-secret-path")
    added = await browser.post("/channels", data=ada.form(address=address, name="Our <lab>", most="5"))
    assert added.status_code == 200, added.text
    assert "whsec_" in added.text
    assert added.headers["cache-control"] == "no-store"
    async with database.read_session() as session:
        (channel,) = await session.scalars(select(Channel))
    path = f"/channels/{channel.id}"
    await send_codes(database)
    code = sink.taken[0].content["data"]["code"]

    wrong = await browser.post(f"{path}/confirm", data=ada.form(code="AAAAAAAA"))
    assert (wrong.status_code, "not the code" in wrong.text) == (400, True)
    await browser.post(f"{path}/confirm", data=ada.form(code=code))
    assert await state(database) is SubscriptionState.active

    changed = await browser.post(
        path, data=ada.form(name="Ours", hour="9", threshold="strong", contents="topics", most="3")
    )
    assert changed.status_code == 303
    async with database.read_session() as session:
        stored = (await session.scalars(select(Subscription).where(Subscription.by_channel))).one()
    wanted = (stored.hour, stored.min_band, stored.topics, stored.trending, stored.max_papers)
    assert wanted == (9, Band.strong, True, False, 3)
    for act, after in (("pause", "paused"), ("resume", "active")):
        assert (await browser.post(f"{path}/{act}", data=ada.form())).status_code == 303
        assert await state(database) == after
        pages = [await browser.get(path), await browser.get("/channels"), await browser.get("/settings")]
        assert all(page.status_code == 200 for page in pages)
        assert all("whsec_" not in page.text and "a-secret-path" not in page.text for page in pages)
    await browser.post(f"{path}/remove", data=ada.form())
    assert await state(database) is None
    assert (await browser.get(path)).status_code == 404


async def test_nobody_sees_or_changes_the_channel_of_another(
    browser: httpx.AsyncClient, database: Database, sink: ChannelSink
) -> None:
    ada = await sign_in_browser(browser, database, ADA, now=NOW)
    await browser.post("/channels", data=ada.form(address=sink.address("slack"), name="Ours"))
    async with database.read_session() as session:
        (channel,) = await session.scalars(select(Channel))
    browser.cookies.clear()
    cyn = await sign_in_browser(browser, database, CYN, now=NOW)
    for number in (channel.id, 2**31, 10**30):
        assert (await browser.get(f"/channels/{number}")).status_code in (400, 404), number
        for act in ("", "/confirm", "/test", "/pause", "/resume", "/remove"):
            answer = await browser.post(f"/channels/{number}{act}", data=cyn.form(code="x"))
            assert answer.status_code in (400, 404, 422), (number, act)
    assert "Ours" not in (await browser.get("/channels")).text
    assert await state(database) is SubscriptionState.pending


async def test_what_is_no_address_is_told_beside_the_field(
    browser: httpx.AsyncClient, database: Database
) -> None:
    ada = await sign_in_browser(browser, database, ADA, now=NOW)
    for address in ("", "x", "ftp://example.org", "https://", "https://hooks.slack.com/x", "tgram://x"):
        answer = await browser.post("/channels", data=ada.form(address=address, name="Ours"))
        assert (answer.status_code, 'id="address-error"' in answer.text) == (400, True), address
        assert 'value="Ours"' in answer.text


async def test_codes_are_limited_so_that_nobody_is_flooded(
    browser: httpx.AsyncClient, database: Database, sink: ChannelSink
) -> None:
    ada = await sign_in_browser(browser, database, ADA, now=NOW)
    await browser.post("/channels", data=ada.form(address=sink.address("slack")))
    async with database.read_session() as session:
        (channel,) = await session.scalars(select(Channel))
    statuses = [
        (await browser.post(f"/channels/{channel.id}/test", data=ada.form())).status_code for _ in range(12)
    ]
    assert set(statuses[-2:]) == {429}
