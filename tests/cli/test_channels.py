"""`paperround channel`: a channel for a whole lab, without an account."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from paperround.channels.errors import ChannelAddressInvalid
from paperround.cli.channels import channel_app
from paperround.database import Database
from paperround.digests.channel_tables import Channel
from paperround.digests.tables import Cadence, Subscription, SubscriptionState

from support.channel_sink import ChannelSink
from support.commands import run_command

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def sink() -> Iterator[ChannelSink]:
    sink = ChannelSink()
    with sink.running():
        yield sink


@pytest.fixture
def channel(database_url: str, tmp_path: Path) -> Run:
    return partial(
        run_command, "channel", folder=tmp_path, database_url=database_url, channel_networks="127.0.0.1/32"
    )


async def test_a_lab_adds_a_channel_that_is_tried_first_sees_it_and_removes_it(
    channel: Run, database: Database, sink: ChannelSink
) -> None:
    address = sink.address("slack")
    sink.judge = lambda posted: "500"
    refused = channel("add", address, "--trending")
    assert (refused.returncode, "500 Internal Server Error" in refused.stderr) == (1, True), refused.stderr

    sink.judge = lambda posted: None
    added = channel(
        "add", "-", "--trending", "--weekdays", "08:30", "--time-zone", "Europe/Berlin", given=f"{address}\n"
    )
    assert added.returncode == 0, added.stderr
    assert sink.taken[-1].content["text"].startswith("*Paperround*")
    async with database.read_session() as session:
        (found,) = await session.scalars(select(Subscription))
        (stored,) = await session.scalars(select(Channel))
    assert (found.state, found.cadence, found.hour, found.minute, found.topics, found.trending) == (
        SubscriptionState.active, Cadence.weekdays, 8, 30, False, True,
    )  # fmt: skip
    assert b"services" not in stored.secrets

    listed = channel("list")
    assert ("127.0.0.1" in listed.stdout, "services" in listed.stdout) == (True, False)
    removed = channel("remove", str(found.id))
    assert removed.returncode == 0, removed.stderr
    async with database.read_session() as session:
        assert (await session.scalars(select(Subscription))).all() == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["https://example.org/hook"],
        ["https://example.org/hook", "--trending", "--daily", "25:00"],
        ["https://example.org/hook", "--trending", "--daily", "8:00", "--weekly", "8:00"],
        ["https://example.org/hook", "--trending", "--weekday", "t"],
        ["gopher://example.org/secret-part", "--trending"],
    ],
    ids=["nothing to send", "no time", "two rhythms", "no day", "unknown service"],
)
def test_what_cannot_be_is_refused_before_anything_is_opened(arguments: list[str]) -> None:
    result = CliRunner().invoke(channel_app, ["add", *arguments])
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit | ChannelAddressInvalid)
    assert "secret-part" not in f"{result.output}{result.exception}"
