"""Signing in by a link, and everything that must not sign anybody in."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text, update

from paperround import tokens
from paperround.accounts import sign_in as accounts_sign_in
from paperround.accounts.tables import Reader, ReaderSession, SignInLink
from paperround.database import Database
from paperround.digests.tables import Subscription
from paperround.tokens import hash_token
from paperround.web.pages import sign_in
from paperround.web.pages.sign_in import MAX_LINKS_OF_ADDRESS, MAX_LINKS_OF_NETWORK
from paperround.web.security.safe_redirect import keep_local

from support.factories import utc
from support.pages import TODAY, Page, opened
from support.people import ADA, BEN, CYN, add_person, sign_in_browser
from support.subscriptions import subscribed

NOW = utc(TODAY)


async def link_for(
    database: Database, email: str = ADA, *, then: str = "", reader_id: int | None = None
) -> str:
    """The token of a link that was asked for and mailed."""
    token = tokens.generate_token()
    async with database.write_session() as session:
        await accounts_sign_in.request_link(session, email, now=NOW, next_page=then, reader_id=reader_id)
        unsent = update(SignInLink).where(SignInLink.token_hash.is_(None))
        await session.execute(unsent.values(token_hash=hash_token(token)))
    return token


async def rows(database: Database, table: type) -> int:
    async with database.read_session() as session:
        return len((await session.scalars(select(table))).all())


async def who(browser: httpx.AsyncClient) -> bool:
    """Whether the site knows this browser: the form to sign out is for those alone."""
    return 'name="csrf"' in (await browser.get("/sign-in")).text


# --- The way in -------------------------------------------------------------------------------------------


async def test_asking_keeps_a_link_to_send_and_queues_the_mail(
    browser: httpx.AsyncClient, database: Database
) -> None:
    answer = await browser.post("/sign-in", data={"email": " Ada@Example.ORG", "next": "/topics?x=1"})

    assert "Check your email" in Page(answer).text
    async with database.read_session() as session:
        link = (await session.scalars(select(SignInLink))).one()
        jobs = (await session.scalars(text("SELECT task_name FROM jobs.procrastinate_jobs"))).all()
    assert (link.email, link.next, link.token_hash, link.used_at) == (ADA, "/topics?x=1", None, None)
    assert link.expires_at - link.asked_at == timedelta(minutes=15)
    assert jobs == [accounts_sign_in.SEND_LINKS_JOB]
    assert await rows(database, Reader) == 0, "asking makes no account"


async def test_where_mail_goes_to_the_outbox_the_page_says_so(
    browser: httpx.AsyncClient, database_url: str
) -> None:
    async with opened(database_url, smtp_url="smtp://127.0.0.1:1") as with_server:
        sent = await with_server.post("/sign-in", data={"email": ADA})
    kept = await browser.post("/sign-in", data={"email": BEN})

    assert ["/outbox" in Page(answer).links() for answer in (sent, kept)] == [False, True]


async def test_the_answer_is_the_same_for_known_and_unknown_addresses(
    browser: httpx.AsyncClient, database: Database
) -> None:
    await add_person(database, ADA, now=NOW)

    known = await browser.post("/sign-in", data={"email": ADA})
    unknown = await browser.post("/sign-in", data={"email": BEN})

    assert known.text == unknown.text.replace(BEN, ADA)
    assert known.status_code == unknown.status_code


async def test_opening_a_link_changes_nothing_and_shows_one_button(
    browser: httpx.AsyncClient, database: Database
) -> None:
    token = await link_for(database)
    for _ in range(3):
        page = await browser.get(f"/sign-in/{token}")
        main = page.text.split("<main")[1].split("</main>")[0]
        assert (main.count("<form"), main.count("<button"), main.count("<script")) == (1, 1, 0)
        assert "set-cookie" not in page.headers
    await browser.head(f"/sign-in/{token}")
    assert await rows(database, Reader) == 0
    assert await rows(database, ReaderSession) == 0
    assert (await browser.post(f"/sign-in/{token}")).status_code == 303


async def test_pressing_the_button_signs_in_and_leads_on(
    browser: httpx.AsyncClient, database: Database
) -> None:
    token = await link_for(database, then="/papers/trending?x=1")
    answer = await browser.post(f"/sign-in/{token}", data={"time_zone": "Europe/Berlin"})

    assert (answer.status_code, answer.headers["Location"]) == (303, "/papers/trending?x=1")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie
    assert await who(browser)
    async with database.read_session() as session:
        reader = (await session.scalars(select(Reader))).one()
        assert (reader.email, reader.time_zone) == (ADA, "Europe/Berlin")
        kept = (await session.scalars(select(ReaderSession.token_hash))).one()
    assert kept not in cookie
    assert len(kept) == 64


async def test_signing_in_makes_a_subscription_of_that_address_ones_own(
    browser: httpx.AsyncClient, database: Database
) -> None:
    number = await subscribed(database, "ada", now=TODAY)
    await browser.post(f"/sign-in/{await link_for(database)}")
    async with database.read_session() as session:
        reader_id = (await session.scalars(select(Reader.id))).one()
        assert (await session.get(Subscription, number)).reader_id == reader_id


async def test_over_https_the_cookie_is_for_this_host_alone(database: Database, database_url: str) -> None:
    token = await link_for(database)
    async with opened(database_url, public_url="https://papers.example.org") as browser:
        cookie = (await browser.post(f"/sign-in/{token}")).headers["Set-Cookie"]

    assert cookie.startswith("__Host-paperround=")
    assert "Secure" in cookie
    assert "Domain" not in cookie


# --- What doesn't sign in ---------------------------------------------------------------------------------


async def test_a_link_works_once(browser: httpx.AsyncClient, database: Database, database_url: str) -> None:
    token = await link_for(database)
    await browser.post(f"/sign-in/{token}")
    async with opened(database_url) as other:
        for answer in [await other.get(f"/sign-in/{token}"), await other.post(f"/sign-in/{token}")]:
            assert answer.status_code == 410
            assert "Ask for a new one" in Page(answer).text
        assert not await who(other)


async def test_of_two_uses_at_once_one_wins(database: Database, database_url: str) -> None:
    token = await link_for(database)
    async with opened(database_url) as one, opened(database_url) as other:
        answers = await asyncio.gather(*(b.post(f"/sign-in/{token}") for b in (one, other) * 4))

    assert sorted(a.status_code for a in answers) == [303] + [410] * 7
    assert await rows(database, ReaderSession) == 1


async def test_a_link_is_good_for_a_quarter_of_an_hour(database: Database, database_url: str) -> None:
    token = await link_for(database)
    async with opened(database_url, now="2026-03-10 12:15") as browser:
        assert (await browser.post(f"/sign-in/{token}")).status_code == 410
    async with opened(database_url, now="2026-03-10 12:14") as browser:
        assert (await browser.post(f"/sign-in/{token}")).status_code == 303


async def test_nothing_else_is_a_link(browser: httpx.AsyncClient, database: Database) -> None:
    ada = await add_person(database, ADA, now=NOW)
    real = await link_for(database)
    for token in [
        "x",
        real[:-1],
        real.swapcase(),
        hash_token(real),
        tokens.generate_token(),
        ada.csrf,
        next(iter(ada.cookies.values())),
        await link_for(database, BEN, reader_id=ada.id),
        "%27%20OR%201=1",
    ]:
        assert (await browser.post(f"/sign-in/{token}")).status_code == 410, token
        assert (await browser.get(f"/sign-in/{token}")).status_code == 410, token


@pytest.mark.parametrize(
    "cookie", ["x", "..", "WyJ4Il0.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb", "a" * 4000, "null", "naïve"]
)
async def test_a_made_up_cookie_signs_nobody_in(
    browser: httpx.AsyncClient, database: Database, cookie: str
) -> None:
    await add_person(database, now=NOW)
    answer = await browser.get("/sign-in", headers={b"Cookie": f"paperround={cookie}".encode()})

    assert answer.status_code == 200
    assert 'name="csrf"' not in answer.text


async def test_a_form_token_is_no_cookie(browser: httpx.AsyncClient, database: Database) -> None:
    ada = await add_person(database, now=NOW)
    browser.cookies.set("paperround", ada.csrf)

    assert not await who(browser)


async def test_what_is_no_address_gets_no_mail(
    subtests: pytest.Subtests,
    browser: httpx.AsyncClient,
    database: Database,
) -> None:
    cases: list[str] = [
        "ada@example.org\r\nBcc: eve@example.org",
        "ada@example.org\nSubject: hello",
        "ada@example.org,eve@example.org",
        "ada@example.org eve@example.org",
        '"ada\r\n"@example.org',
        "Ada <ada@example.org>",
        "<script>@example.org",
        "ada@",
        "ada",
        "",
        "ada@exa mple.org",
        "ada@[127.0.0.1]",
        "ada@localhost",
        "a" * 250 + "@example.org",
    ]
    for address in cases:
        with subtests.test(address=address):
            answer = await browser.post("/sign-in", data={"email": address})

            assert answer.status_code in (400, 422), answer.text
            assert "<script>@" not in answer.text
            assert await rows(database, SignInLink) == 0


async def test_a_nul_is_refused(browser: httpx.AsyncClient, database: Database) -> None:
    answer = await browser.post("/sign-in", data={"email": "ada\0@example.org"})

    assert answer.status_code == 400
    assert "NUL" in Page(answer).text


# --- Where it leads ---------------------------------------------------------------------------------------

FOREIGN = [
    "https://evil.example/",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/ /evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "http:/evil.example",
    "evil.example",
    "/\r\nSet-Cookie: a=b",
    "",
]


@pytest.mark.parametrize("wanted", FOREIGN)
async def test_it_never_leads_to_another_site(
    browser: httpx.AsyncClient, database: Database, wanted: str
) -> None:
    await browser.post("/sign-in", data={"email": ADA, "next": wanted})
    token = tokens.generate_token()
    async with database.write_session() as session:
        await session.execute(update(SignInLink).values(token_hash=hash_token(token)))

    assert (await browser.post(f"/sign-in/{token}")).headers["Location"] == "/papers"
    shown = Page(await browser.get("/sign-in", params={"next": wanted}))
    assert [a["value"] for t, a in shown.elements if a.get("name") == "next"] == [""]


@given(st.text(max_size=60))
def test_what_counts_as_local_begins_with_one_slash(address: str) -> None:
    kept = keep_local(address)
    assert kept in ("", address)
    assert not kept or (kept[0] == "/" and kept[1:2] not in ("/", "\\"))
    assert all(letter.isprintable() or ord(letter) > 32 for letter in kept)


# --- Limits -----------------------------------------------------------------------------------------------


async def test_an_address_gets_few_links_an_hour_whichever_process_is_asked(
    database: Database, database_url: str
) -> None:
    async with (
        opened(database_url) as one,
        opened(database_url) as other,
        opened(database_url, now="2026-03-10 13:00") as later,
    ):
        given_out = [
            (await browser.post("/sign-in", data={"email": spelled})).status_code
            for browser, spelled in zip([one, other] * 4, [ADA, "ADA@example.org"] * 4, strict=True)
        ]
        refused = await one.post("/sign-in", data={"email": ADA})
        free = await one.post("/sign-in", data={"email": BEN})
        again = await later.post("/sign-in", data={"email": ADA})

    assert given_out == [200] * MAX_LINKS_OF_ADDRESS + [429] * 3
    assert refused.headers["Retry-After"] == "3600"
    assert (free.status_code, again.status_code) == (200, 200)


async def test_a_network_gets_so_many_and_no_header_of_its_own_gets_it_more(
    browser: httpx.AsyncClient, database: Database
) -> None:
    for number in range(MAX_LINKS_OF_NETWORK):
        answer = await browser.post(
            "/sign-in",
            data={"email": f"reader{number}@example.org"},
            headers={"X-Forwarded-For": f"192.0.{number}.1"},
        )
        assert answer.status_code == 200

    assert (await browser.post("/sign-in", data={"email": CYN})).status_code == 429


async def test_behind_a_trusted_proxy_each_network_has_a_limit_of_its_own(database_url: str) -> None:
    async with opened(database_url, trusted_proxies="127.0.0.0/8") as browser:
        answers = [
            await browser.post(
                "/sign-in",
                data={"email": f"reader{number}@example.org"},
                headers={"X-Forwarded-For": f"198.51.100.1, 192.0.{number}.1"},
            )
            for number in range(MAX_LINKS_OF_NETWORK + 5)
        ]

    assert {answer.status_code for answer in answers} == {200}


async def test_all_together_get_so_many(browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sign_in, "MAX_LINKS", 3)
    answers = [await browser.post("/sign-in", data={"email": f"reader{n}@example.org"}) for n in range(4)]

    assert [answer.status_code for answer in answers] == [200] * 3 + [429]


async def test_who_is_over_a_limit_does_not_use_up_anybody_elses(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_in, "MAX_LINKS_OF_NETWORK", 1)
    async with opened(database_url, trusted_proxies="127.0.0.0/8") as browser:
        for _ in range(MAX_LINKS_OF_ADDRESS + 2):
            await browser.post("/sign-in", data={"email": ADA}, headers={"X-Forwarded-For": "192.0.2.1"})
        answer = await browser.post(
            "/sign-in", data={"email": ADA}, headers={"X-Forwarded-For": "198.51.100.1"}
        )

    assert answer.status_code == 200


# --- Sessions ---------------------------------------------------------------------------------------------


async def test_signing_in_ends_the_session_that_the_browser_had(
    browser: httpx.AsyncClient, database: Database, database_url: str
) -> None:
    """So nobody can plant a session that they know in somebody else's browser."""
    eve = await sign_in_browser(browser, database, "eve@example.org", now=NOW)
    token = await link_for(database)
    assert (await browser.post(f"/sign-in/{token}", data=eve.form())).status_code == 303

    async with opened(database_url) as planted:
        planted.cookies.update(eve.cookies)
        assert not await who(planted)
    assert await who(browser)
    assert browser.cookies["paperround"] not in eve.cookies.values()


async def test_signing_out_ends_the_session_itself(
    browser: httpx.AsyncClient, database: Database, database_url: str
) -> None:
    ada = await sign_in_browser(browser, database, now=NOW)
    answer = await browser.post("/sign-out", data=ada.form())

    assert answer.status_code == 303
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert answer.headers["Clear-Site-Data"] == '"cache"'
    async with opened(database_url) as thief:
        thief.cookies.update(ada.cookies)
        assert not await who(thief)
