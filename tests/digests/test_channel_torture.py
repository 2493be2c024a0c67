"""Senders killed just after a channel took a digest: each channel gets an edition once, or it is in doubt."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from subprocess import PIPE

import pytest

from paperround.database import Database

from .conftest import Post, papers
from support.channel_sink import SERVICES, ChannelSink, Posted
from support.channels import LINKS, POLICY, ChannelDesk
from support.subscriptions import subscribed

CHILD = Path(__file__).parents[1] / "support" / "channel_child.py"
BEFORE, NOW = "2026-03-01 12:00", "2026-03-02 07:00"
KILLS = 3
CHANNELS_OF_A_SERVICE = 5


class Killer:
    """Kills the sender when the sink has taken so many digests, before it answers the last of them."""

    def __init__(self, command: list[str]) -> None:
        path = os.pathsep.join([str(CHILD.parents[1]), os.environ.get("PYTHONPATH", "")])
        self.maker = subprocess.Popen(
            command, env=os.environ | {"PYTHONPATH": path}, stdin=PIPE, stdout=PIPE, text=True
        )
        self.taken = self.kills = 0
        self.sender = self.start()

    def start(self) -> int:
        assert self.maker.stdin is not None
        assert self.maker.stdout is not None
        self.maker.stdin.write("\n")
        self.maker.stdin.flush()
        return int(self.maker.stdout.readline())

    def note(self, posted: Posted) -> None:
        self.taken += 1
        if self.kills < KILLS and self.taken % 4 == 0:
            self.kills += 1
            os.kill(self.sender, signal.SIGKILL)
            self.sender = self.start()

    def end(self) -> None:
        os.kill(self.sender, signal.SIGKILL)
        self.maker.communicate()


@pytest.mark.timeout(300)
async def test_whatever_is_killed_each_channel_gets_one_message_or_is_in_doubt(
    database: Database, database_url: str, post: Post
) -> None:
    sink = ChannelSink(judge=lambda posted: "500" if posted.path.endswith("bad") else None)
    with sink.running():
        desk = ChannelDesk(database, sink)
        for service in SERVICES:
            for number in range(CHANNELS_OF_A_SERVICE):
                await desk.add(sink.address(service, str(number)), now=BEFORE)
        failing = await desk.add(sink.address("webhook", "bad"), now=BEFORE)
        await subscribed(database, "ada", now=BEFORE)
        await papers(database, "2026-03-01", 1, 2)
        killer = Killer([sys.executable, str(CHILD), database_url, f"{NOW}+00:00", "1"])
        sink.on_taken = killer.note
        try:
            for _ in range(1200):
                states = {one.id: one for one in await desk.deliveries()}
                of_channels = [one.state.value for one in states.values() if one.attempts or one.papers]
                if (
                    len(states) == 2 + len(SERVICES) * CHANNELS_OF_A_SERVICE
                    and Counter(of_channels).total() == len(states) - 1
                    and not {"queued", "sending"} & set(of_channels)
                ):
                    break
                await asyncio.sleep(0.1)
            else:
                pytest.fail(f"not done: {of_channels}")
            assert await post.send("2026-03-02 07:10") == {"sent": 1}  # mail waits for no channel
        finally:
            killer.end()
        taken = sink.count(LINKS)
        states = {one.id: one for one in await desk.deliveries()}

    assert killer.kills == KILLS
    assert set(taken.values()) == {1}, "a channel got two"
    named = {
        state: {one.id for one in states.values() if one.state == state} for state in ("sent", "uncertain")
    }
    by_mail = named["sent"] - set(taken)
    assert len(by_mail) == 1
    assert set(taken) <= named["sent"] | named["uncertain"]
    assert len(named["uncertain"]) <= KILLS * POLICY.connections
    (bad,) = [one for one in states.values() if one.subscription_id == failing.id]
    assert (bad.state, bad.code) == ("deferred", 500)
