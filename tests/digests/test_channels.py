"""Digests to channels: claims and states as by mail, each service in its format, each failure its own."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
from sqlalchemy import select, update
from standardwebhooks import Webhook

from paperround.database import Database
from paperround.digests import channels
from paperround.digests.channel_health import MAX_FAILED_PERIODS, send_due_notices
from paperround.digests.subscriptions import SubscriptionPreferences
from paperround.digests.tables import Cadence, DeliveryState, Subscription, SubscriptionState
from paperround.mail import Outbox
from paperround.settings import Settings

from .conftest import Post, papers
from support.channel_sink import SERVICES, ChannelSink
from support.channels import LINKS, ChannelDesk, build_draft
from support.factories import add_reader, feed_record, store_listing, utc
from support.subscriptions import subscribed

BEFORE, MONDAY, TUESDAY = "2026-03-01 12:00", "2026-03-02 07:00", "2026-03-03 07:00"
CODE = re.compile(r"[A-Z2-9]{4}-[A-Z2-9]{4}")
NASTY = "A* <b>search</b> & `code` [x](http://y.example) @everyone | $\\ell_2$"


def find_code(text: str) -> str:
    found = CODE.search(text)
    assert found is not None, text
    return found[0]


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox")


@pytest.fixture
def desk(database: Database) -> Iterator[ChannelDesk]:
    sink = ChannelSink()
    with sink.running():
        yield ChannelDesk(database, sink)


async def test_one_edition_goes_once_to_mail_and_to_each_channel_in_its_own_format(
    desk: ChannelDesk, post: Post
) -> None:
    await subscribed(desk.database, "ada", now=BEFORE)
    await desk.add_all(now=BEFORE)
    await store_listing(
        desk.database, "2026-03-01", feed_record("2603.00001", title=NASTY, paper__title=NASTY)
    )
    assert await desk.send(MONDAY) == {DeliveryState.sent: len(SERVICES)}
    assert await desk.send(MONDAY) == {}
    assert await post.send(MONDAY) == {DeliveryState.sent: 1}
    assert post.papers_of("ada") == [["2603.00001"]]
    assert set(desk.sink.count(LINKS).values()) == {1}
    taken = {posted.service: posted for posted in desk.sink.taken}
    assert set(taken) == set(SERVICES)

    schema = json.loads((Path(__file__).parents[2] / "docs/webhook.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(taken["webhook"].content, schema)
    paper = taken["webhook"].content["data"]["sections"][0]["papers"][0]
    assert paper.keys() == schema["$defs"]["paper"]["properties"].keys()
    assert paper["title"] == "A* <b>search</b> & `code` [x](http://y.example) @everyone | ℓ₂"
    url = "https://papers.example.org/papers/2603.00001"
    assert paper["url"] == url
    headers = {name: value for name, value in taken["webhook"].headers.items() if name.startswith("webhook-")}
    stale = int(headers["webhook-timestamp"])
    assert stale == int(utc(MONDAY).timestamp())
    signed = Webhook(desk.drafts[desk.sink.address("webhook")].secrets.signing_secret)
    signature = signed.sign(headers["webhook-id"], utc(MONDAY), taken["webhook"].body.decode())
    assert headers["webhook-signature"] == signature

    links = [
        element
        for block in taken["slack"].content["blocks"]
        if block["type"] == "rich_text"
        for element in block["elements"][0]["elements"]
        if element["type"] == "link"
    ]
    assert (links[0]["url"], links[0]["text"]) == (url, paper["title"])
    assert "&lt;b&gt;search&lt;/b&gt; &amp; `code`" in taken["slack"].content["text"]
    listed = taken["discord"].content["embeds"][1]["description"]
    assert r"**[A\* \<b\>search\</b\> & \`code\` \[x\]\(http://y.example\) \@everyone \| ℓ₂](" in listed
    assert f"]({url})**" in listed
    text = taken["telegram"].content["text"]
    assert f'<a href="{url}">A* &lt;b&gt;search&lt;/b&gt; &amp; `code` [x]' in text
    for posted in taken.values():
        for secret in ("unsubscribe", "preferences", "/digests/rate/"):
            assert secret not in posted.body.decode()


async def test_a_long_digest_keeps_to_the_limits_of_its_service_and_links_to_the_rest(
    desk: ChannelDesk,
) -> None:
    title = "𝔸 *long* title & more " * 12
    for service in SERVICES:
        await desk.add(desk.sink.address(service), now=BEFORE, max_papers=30)
    records = [
        feed_record(f"2603.{n:05}", title=title, paper__title=title, paper__summary="An abstract. " * 100)
        for n in range(40)
    ]
    await store_listing(desk.database, "2026-03-01", *records)
    assert await desk.send(MONDAY) == {DeliveryState.sent: len(SERVICES)}
    assert all(len(sent.papers) == 30 for sent in await desk.deliveries())
    for posted in desk.sink.taken:
        assert f"{LINKS.site}/digests/" in posted.body.decode()
        if posted.service in ("discord", "telegram"):
            assert "more papers" in posted.body.decode()


async def test_failures_are_tried_again_with_growing_pauses_and_hold_up_nobody_else(
    desk: ChannelDesk,
) -> None:
    await desk.add_all(now=BEFORE)
    await papers(desk.database, "2026-03-01", 1)
    verdicts = {"webhook": "500", "slack": "redirect", "discord": "429", "telegram": "taken, then hang up"}
    desk.sink.judge = lambda posted: verdicts[posted.service]
    assert await desk.send(MONDAY) == {DeliveryState.deferred: 3, DeliveryState.uncertain: 1}
    deferred = [one for one in await desk.deliveries() if one.state is DeliveryState.deferred]
    assert {one.code for one in deferred} == {500, 302, 429}
    assert all(
        timedelta(minutes=1) <= one.next_try_at - utc(MONDAY) <= timedelta(minutes=1.5) for one in deferred
    )
    assert all("leads elsewhere" in one.smtp_response for one in deferred if one.code == 302)

    desk.sink.judge = lambda posted: None
    assert await desk.send("2026-03-02 07:02") == {DeliveryState.sent: 3}
    # Nobody knows whether Telegram has its own, which isn't sent again; its paper comes with the next digest.
    assert set(desk.sink.count(LINKS).values()) == {1}
    await papers(desk.database, "2026-03-02", 2)
    await desk.send(TUESDAY)
    last = next(posted for posted in reversed(desk.sink.taken) if posted.service == "telegram")
    assert "2603.00001" in last.content["text"]
    assert "2603.00002" in last.content["text"]
    ids = [posted.headers["webhook-id"] for posted in desk.sink.seen if posted.service == "webhook"]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize("asked", ["7200", "Mon, 02 Mar 2026 09:00:00 GMT"])
async def test_who_asks_for_a_longer_pause_gets_it(desk: ChannelDesk, asked: str) -> None:
    await desk.add(desk.sink.address("discord"), now=BEFORE)
    await papers(desk.database, "2026-03-01", 1)
    desk.sink.judge, desk.sink.retry_after = lambda posted: "429", asked
    for minute in (0, 2, 100, 121):
        assert len(desk.sink.seen) == min(minute, 1)
        await desk.send(utc(MONDAY) + timedelta(minutes=minute))
    assert len(desk.sink.seen) == 2


async def test_410_ends_a_channel_and_its_reader_is_told_by_mail(desk: ChannelDesk, outbox: Outbox) -> None:
    ada = await add_reader(desk.database, "ada@example.org")
    gone = await desk.add(desk.sink.address("webhook"), now=BEFORE, reader=ada)
    await papers(desk.database, "2026-03-01", 1)
    desk.sink.judge = lambda posted: "410"
    assert await desk.send(MONDAY) == {DeliveryState.failed: 1}
    assert (await desk.load(gone.id)).subscription.state is SubscriptionState.bounced
    await papers(desk.database, "2026-03-02", 2)
    assert await desk.send(TUESDAY) == {}
    for _ in range(2):
        await send_due_notices(desk.database, outbox, LINKS, "Paperround", now=utc(TUESDAY))
    (letter,) = outbox.list_newest(10)
    assert letter.message["To"] == "ada@example.org"
    assert "answers that it is gone" in letter.message.get_body(("plain",)).get_content()
    assert f"{LINKS.site}/channels/{gone.id}" in letter.message.get_body(("plain",)).get_content()


async def test_a_channel_is_paused_after_five_failed_periods_and_not_again_at_once_when_resumed(
    desk: ChannelDesk, outbox: Outbox
) -> None:
    ada = await add_reader(desk.database, "ada@example.org")
    services = ("slack", "discord", "telegram")
    slack, discord, telegram = [
        await desk.add(desk.sink.address(service), now=BEFORE, reader=ada) for service in services
    ]
    verdicts = {"slack": "500", "discord": "taken, then hang up"}
    desk.sink.judge = lambda posted: verdicts.get(posted.service)
    for day in range(2, 2 + MAX_FAILED_PERIODS):
        await papers(desk.database, f"2026-03-{day - 1:02}", day)
        assert (await desk.load(slack.id)).subscription.state is SubscriptionState.active
        await desk.send(f"2026-03-{day:02} 07:00")
    await desk.send("2026-03-06 20:00")  # it is too late for what was put off until now
    states = [(await desk.load(one.id)).subscription.state.value for one in (slack, discord, telegram)]
    assert states == ["paused", "paused", "active"]
    await send_due_notices(desk.database, outbox, LINKS, "Paperround", now=utc("2026-03-06 21:00"))
    letters = [stored.message.get_body(("plain",)).get_content() for stored in outbox.list_newest(10)]
    assert len(letters) == 2
    assert all("The last 5 digests" in letter for letter in letters)
    assert sum("500 Internal Server Error" in letter for letter in letters) == 1

    async with desk.database.write_session() as session:
        await channels.resume(session, ada.id, slack.id, now=utc("2026-03-06 21:00"))
    desk.sink.judge = lambda posted: None
    await desk.send("2026-03-06 22:00")
    assert (await desk.load(slack.id)).subscription.state is SubscriptionState.active
    await desk.send("2026-03-07 07:00")
    last = next(posted for posted in reversed(desk.sink.taken) if posted.service == "slack")
    assert all(f"2603.{day:05}" in last.content["text"] for day in range(2, 2 + MAX_FAILED_PERIODS))


async def test_each_channel_has_its_own_time_days_kinds_and_number(desk: ChannelDesk) -> None:
    await desk.add(
        desk.sink.address("slack"), now="2026-02-28 12:00", cadence=Cadence.weekdays, hour=8, minute=30
    )
    await desk.add(desk.sink.address("telegram"), now="2026-02-28 12:00", max_papers=1)
    await desk.add(desk.sink.address("discord"), now="2026-02-28 12:00", trending=False)
    await papers(desk.database, "2026-02-28", 1, 2, 3)
    assert await desk.send("2026-03-01 07:00") == {DeliveryState.sent: 1}
    assert await desk.send("2026-03-02 08:29") == {}
    assert await desk.send("2026-03-02 08:30") == {DeliveryState.sent: 1}
    assert [posted.service for posted in desk.sink.taken] == ["telegram", "slack"]
    assert [len(one.papers) for one in await desk.deliveries()] == [1, 3]


async def test_a_channel_whose_secrets_no_key_reads_gets_nothing_and_says_why(desk: ChannelDesk) -> None:
    lost = await desk.add(desk.sink.address("webhook"), now=BEFORE)
    await papers(desk.database, "2026-03-01", 1)
    desk.settings = desk.settings.model_copy(
        update={"secret_key": Settings(_env_file=None, secret_key="k" * 40).secret_key}
    )
    assert await desk.send(MONDAY) == {DeliveryState.failed: 1}
    assert "add it again" in (await desk.load(lost.id)).stopped_because
    assert desk.sink.seen == []


async def test_a_code_that_arrives_at_a_channel_confirms_it_and_nothing_else_does(desk: ChannelDesk) -> None:
    ada, ben = await add_reader(desk.database, "ada@example.org"), await add_reader(desk.database, "b@c.de")
    for service in SERVICES:
        draft = build_draft(desk.sink.address(service))
        async with desk.database.write_session() as session:
            new = await channels.add(
                session, draft, service, SubscriptionPreferences(), reader_id=ada.id, now=utc(BEFORE)
            )
        await desk.send(BEFORE)
        posted = desk.sink.taken[-1]
        code = posted.content["data"]["code"] if service == "webhook" else find_code(posted.body.decode())
        async with desk.database.write_session() as session:
            with pytest.raises(channels.ChannelNotFound):
                await channels.confirm(session, ben.id, new.id, code, now=utc(BEFORE))
        async with desk.database.write_session() as session:
            assert not await channels.confirm(session, ada.id, new.id, "AAAA-AAAA", now=utc(BEFORE))
            assert not await channels.confirm(session, ada.id, new.id, code, now=utc("2026-03-01 13:00"))
            assert await channels.confirm(session, ada.id, new.id, f" {code.lower()} ", now=utc(BEFORE))
        assert (await desk.load(new.id)).subscription.state is SubscriptionState.active
    assert await desk.send(BEFORE) == {}
    assert len(desk.sink.taken) == len(SERVICES)


async def test_a_code_can_be_guessed_five_times_and_a_test_that_fails_says_so(desk: ChannelDesk) -> None:
    ada = await add_reader(desk.database, "ada@example.org")
    draft = build_draft(desk.sink.address("slack"))
    desk.sink.judge = lambda posted: "500"
    async with desk.database.write_session() as session:
        new = await channels.add(
            session, draft, "", SubscriptionPreferences(), reader_id=ada.id, now=utc(BEFORE)
        )
    for minute in range(10):
        await desk.send(utc(BEFORE) + timedelta(minutes=minute))
    assert len(desk.sink.seen) == 3
    assert (await desk.load(new.id)).test_response.startswith("500 Internal Server Error")

    desk.sink.judge = lambda posted: None
    async with desk.database.write_session() as session:
        await channels.request_test(session, ada.id, new.id, now=utc(BEFORE))
    await desk.send(BEFORE)
    code = find_code(desk.sink.taken[-1].body.decode())
    async with desk.database.write_session() as session:
        for _ in range(5):
            assert not await channels.confirm(session, ada.id, new.id, "wrong", now=utc(BEFORE))
        assert not await channels.confirm(session, ada.id, new.id, code, now=utc(BEFORE))


async def test_a_reader_has_at_most_ten_channels(desk: ChannelDesk) -> None:
    ada = await add_reader(desk.database, "ada@example.org")
    draft = build_draft(desk.sink.address("slack"))
    async with desk.database.write_session() as session:
        for _ in range(channels.MAX_CHANNELS):
            await channels.add(
                session, draft, "", SubscriptionPreferences(), reader_id=ada.id, now=utc(BEFORE)
            )
        with pytest.raises(channels.TooManyChannels):
            await channels.add(
                session, draft, "", SubscriptionPreferences(), reader_id=ada.id, now=utc(BEFORE)
            )


async def test_no_address_of_a_channel_is_one_that_mail_goes_to(desk: ChannelDesk, post: Post) -> None:
    await desk.add_all(now=BEFORE)
    await papers(desk.database, "2026-03-01", 1)
    assert await post.send(MONDAY) == {}
    assert post.sink.received == []
    async with desk.database.write_session() as session:
        assert all("@" not in email for email in await session.scalars(select(Subscription.email)))
        await session.execute(update(Subscription).values(state=SubscriptionState.paused))
    assert await desk.send(MONDAY) == {}
