"""Nobody's mailbox is filled through this site, and nobody's network uses up what all share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from sqlalchemy import func, select

from paperround.accounts.tables import SignInLink
from paperround.database import Database
from paperround.digests.tables import Subscription
from paperround.web import confirmation_limits
from paperround.web.pages import sign_in

from support.pages import opened

SPELLINGS = [
    "ada@gmail.com", "a.da@gmail.com", "ada+1@gmail.com", "a.d.a+2@googlemail.com", "ADA+x.y@Gmail.com",
    "ad.a@googlemail.com", "ada+3@gmail.com", "ada+4@gmail.com",
]  # fmt: skip


@pytest.fixture
async def client(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A browser behind a proxy that is trusted, so that it may come from anywhere."""
    async with opened(database_url, trusted_proxies="127.0.0.0/8") as found:
        yield found


async def ask(client: httpx.AsyncClient, path: str, email: str, source: str) -> int:
    as_json = path.startswith("/api/")
    body = {"json": {"email": email}} if as_json else {"data": {"email": email}}
    return (await client.post(path, **body, headers={"X-Forwarded-For": source})).status_code  # type: ignore[arg-type]


async def count(database: Database, table: type[SignInLink | Subscription]) -> int:
    async with database.read_session() as session:
        return (await session.execute(select(func.count()).select_from(table))).scalar_one()


async def test_all_spellings_of_a_mailbox_share_its_links(
    client: httpx.AsyncClient, database: Database
) -> None:
    codes = [
        await ask(client, "/sign-in", spelling, f"198.{number}.0.1")
        for number, spelling in enumerate(SPELLINGS)
    ]
    assert codes == [200] * sign_in.MAX_LINKS_OF_ADDRESS + [429] * 3
    assert await count(database, SignInLink) == sign_in.MAX_LINKS_OF_ADDRESS


async def test_all_spellings_of_a_mailbox_share_its_letters_and_the_answer_does_not_tell(
    client: httpx.AsyncClient, database: Database
) -> None:
    paths = ["/subscribe", "/api/v1/subscriptions"]
    codes = {
        await ask(client, paths[number % 2], spelling, f"198.{number}.0.1")
        for number, spelling in enumerate(SPELLINGS)
    }
    assert codes == {200, 202}
    assert await count(database, Subscription) == confirmation_limits.MAX_LETTERS_TO_ADDRESS


async def test_a_mailbox_gets_few_links_a_day(database_url: str, database: Database) -> None:
    for hour in range(6):
        async with opened(database_url, now=f"2026-03-10 {hour + 2:02}:00") as client:
            codes = [(await client.post("/sign-in", data={"email": "ada@gmail.com"})) for _ in range(5)]
    assert {answer.status_code for answer in codes} == {429}
    assert int(codes[0].headers["Retry-After"]) == 86_400
    assert await count(database, SignInLink) == sign_in.MAX_LINKS_OF_ADDRESS_A_DAY


@pytest.mark.parametrize("path", ["/sign-in", "/subscribe"])
@pytest.mark.parametrize(
    ("sources", "most"),
    [
        ([f"198.51.100.{n}" for n in range(4)], 2),
        ([f"198.51.{n}.1" for n in range(10)], 8),
        ([f"2001:db8:1:2::{n}" for n in range(4)], 2),
        ([f"2001:db8:1:2{n:02x}::1" for n in range(6)], 4),
        ([f"2001:db8:1:{n:x}00::1" for n in range(1, 11)], 8),
    ],
    ids=["/24", "/16", "/64", "/56", "/48"],
)
async def test_a_wide_network_is_bounded_and_leaves_enough_for_all_others(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, path: str, sources: list[str], most: int
) -> None:
    for module, name in ((sign_in, "MAX_LINKS"), (confirmation_limits, "MAX_REQUESTS")):
        monkeypatch.setattr(module, f"{name}_OF_NETWORK", 2)
        monkeypatch.setattr(module, name, 9)
    codes = [
        await ask(client, path, f"reader{number}@example.org", source)
        for number, source in enumerate(sources)
    ]
    assert codes == [200] * most + [429] * (len(sources) - most)
    assert await ask(client, path, "ada@example.org", "203.0.113.9") == 200


def test_the_widest_network_has_a_small_part_of_what_everybody_shares() -> None:
    assert 4 * sign_in.MAX_LINKS_OF_NETWORK * 10 <= sign_in.MAX_LINKS
    assert 4 * confirmation_limits.MAX_REQUESTS_OF_NETWORK * 10 <= confirmation_limits.MAX_REQUESTS
