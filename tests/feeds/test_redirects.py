"""Where a feed's redirects lead: to its own kind of address, never into the operator's network."""

from __future__ import annotations

from datetime import date

import pytest

from paperround.database import Database
from paperround.feeds.http import FeedUnreachable, RequestLimits
from paperround.feeds.huggingface.feed import open_huggingface
from paperround.settings import Settings

from support.factories import feed_record
from support.feed_server import FeedServer, error_answer, running_feed_server

DAY = date(2026, 3, 2)
ONCE = RequestLimits(max_attempts=1, connect_timeout=2)


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://0.0.0.0/",
        "http://0xa000001/",
    ],
)
async def test_a_redirect_into_another_network_is_refused(
    settings: Settings, database: Database, feed: FeedServer, target: str
) -> None:
    feed.default_fault = error_answer(302, Location=target)
    async with open_huggingface(settings, database, ONCE) as hub:
        with pytest.raises(FeedUnreachable, match="not public"):
            await hub.fetch_records(DAY)


async def test_a_mirror_on_this_machine_may_redirect_to_this_machine(
    settings: Settings, database: Database, feed: FeedServer
) -> None:
    records = [feed_record("2603.00001")]
    with running_feed_server(FeedServer(days={DAY.isoformat(): records})) as other:
        target = f"{other.url}/api/daily_papers?date={DAY}".replace("127.0.0.1", "localhost")
        feed.default_fault = error_answer(307, Location=target)
        async with open_huggingface(settings, database, ONCE) as hub:
            assert (await hub.fetch_records(DAY)).records == records
