"""`/settings`: each reader's own, and nobody else's."""

from __future__ import annotations

import json

import httpx
import pytest
from sqlalchemy import select

from paperround import tokens
from paperround.accounts import sign_in
from paperround.accounts.tables import Reader, ReaderSession, SignInLink
from paperround.database import Database
from paperround.digests.tables import Subscription
from paperround.web.pages.settings import describe_browser

from support.api import bearer_header, create_api_key
from support.factories import utc
from support.pages import TODAY, Page, opened
from support.people import ADA, BEN, CYN, Person, add_person, sign_in_browser
from support.subscriptions import subscribed

NOW = utc(TODAY)


async def reader(database: Database, email: str = ADA) -> Reader:
    async with database.read_session() as session:
        return (await session.scalars(select(Reader).where(Reader.email == email))).one()


async def sessions_of(database: Database, reader_id: int) -> list[int]:
    query = select(ReaderSession.id).where(ReaderSession.reader_id == reader_id)
    async with database.read_session() as session:
        return list(await session.scalars(query))


async def subscribers(database: Database) -> list[str]:
    async with database.read_session() as session:
        return list(await session.scalars(select(Subscription.email)))


async def mailed(database: Database) -> str:
    """The token of the link that waits, as if it had been mailed."""
    token = tokens.generate_token()
    async with database.write_session() as session:
        link = (await session.scalars(select(SignInLink).where(SignInLink.token_hash.is_(None)))).one()
        link.token_hash = tokens.hash_token(token)
    return token


# --- Who may ----------------------------------------------------------------------------------------------

GETS = ["/settings", "/settings/export.json", "/settings/leave", "/settings/address/x"]
POSTS = [
    "/settings/profile",
    "/settings/address",
    "/settings/address/x",
    "/settings/sessions/end",
    "/settings/sessions/1/end",
    "/settings/keys",
    "/settings/keys/1/delete",
    "/settings/leave",
]


async def test_who_is_not_signed_in_is_led_to_do_so_and_then_back(
    subtests: pytest.Subtests,
    browser: httpx.AsyncClient,
) -> None:
    for address in GETS:
        with subtests.test(address=address):
            answer = await browser.get(address)
            page = Page(await browser.get(answer.headers["Location"]))

            assert answer.status_code == 303
            assert [a["value"] for _, a in page.elements if a.get("name") == "next"] == [address]


async def test_nothing_is_done_for_who_is_not_signed_in(
    subtests: pytest.Subtests,
    browser: httpx.AsyncClient,
    database: Database,
) -> None:
    for address in POSTS:
        with subtests.test(address=address):
            await add_person(database, now=NOW)
            answer = await browser.post(address, data={"name": "Eve", "confirm": ADA})

            assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
            assert (await reader(database)).name == ""


async def test_who_sent_a_form_is_led_back_to_its_page(browser: httpx.AsyncClient) -> None:
    from_page = {"Referer": "http://127.0.0.1/papers/trending?after=x"}
    answer = await browser.post("/settings/profile", headers=from_page)

    assert answer.headers["Location"] == "/sign-in?next=%2Fpapers%2Ftrending%3Fafter%3Dx"


async def test_nothing_is_done_without_the_forms_token(
    subtests: pytest.Subtests,
    browser: httpx.AsyncClient,
    database: Database,
    ada: Person,
) -> None:
    for address in POSTS:
        with subtests.test(address=address):
            answer = await browser.post(address, data={"name": "Eve", "confirm": ADA, "email": BEN})

            assert answer.status_code == 403
            assert (await reader(database)).name == ""


# --- Name, time zone --------------------------------------------------------------------------------------


async def test_name_and_time_zone_are_kept(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    answer = await browser.post(
        "/settings/profile", data=ada.form(name="  Ada\t<b>Lindqvist</b> ", time_zone="Mumbai, India")
    )
    page = Page(await browser.get(answer.headers["Location"]))

    assert "have been saved" in page.text
    kept = await reader(database)
    assert (kept.name, kept.time_zone) == ("Ada <b>Lindqvist</b>", "Asia/Kolkata")
    shown = {a["id"]: a["value"] for tag, a in page.elements if a.get("id") in ("name", "time_zone")}
    assert shown == {"name": "Ada <b>Lindqvist</b>", "time_zone": "Kolkata, India (UTC+5:30)"}


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../../etc/passwd", "localtime", "Europe"])
async def test_what_is_no_time_zone_is_refused(
    browser: httpx.AsyncClient, database: Database, ada: Person, zone: str
) -> None:
    answer = await browser.post("/settings/profile", data=ada.form(name="Ada", time_zone=zone))

    assert answer.status_code == 400 if zone else answer.status_code == 303
    assert (await reader(database)).time_zone == "UTC"


async def test_what_is_too_long_is_refused(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    answer = await browser.post("/settings/profile", data=ada.form(name="x" * 81))

    assert answer.status_code == 422
    assert "at most 80 characters" in Page(answer).text


# --- Address ----------------------------------------------------------------------------------------------


async def test_the_address_changes_when_the_link_to_the_new_one_is_used(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    await subscribed(database, "ada", now=TODAY)
    asked = await browser.post("/settings/address", data=ada.form(email="Ada@New.example.org"))
    token = await mailed(database)
    page = Page(await browser.get(f"/settings/address/{token}"))
    assert (await reader(database)).email == ADA, "not yet"
    used = await browser.post(f"/settings/address/{token}", data=ada.form())

    assert "on its way" in Page(await browser.get(asked.headers["Location"])).text
    assert f"from {ADA} to ada@new.example.org" in page.text
    assert "has been changed" in Page(await browser.get(used.headers["Location"])).text
    assert (await reader(database, "ada@new.example.org")).id == ada.id
    assert await subscribers(database) == ["ada@new.example.org"]
    assert (await browser.post(f"/settings/address/{token}", data=ada.form())).status_code == 410


async def test_nobody_else_can_use_that_link(
    browser: httpx.AsyncClient, database: Database, database_url: str, ada: Person
) -> None:
    await browser.post("/settings/address", data=ada.form(email="ada@new.example.org"))
    token = await mailed(database)
    async with opened(database_url) as other:
        cyn = await sign_in_browser(other, database, CYN, now=NOW)
        assert (await other.get(f"/settings/address/{token}")).status_code == 410
        assert (await other.post(f"/settings/address/{token}", data=cyn.form())).status_code == 410

    assert (await reader(database)).email == ADA
    assert (await reader(database, CYN)).id == cyn.id


async def test_signing_out_everywhere_stops_a_change_that_somebody_else_asked_for(
    browser: httpx.AsyncClient, database: Database, database_url: str, ada: Person
) -> None:
    """As the mail to the present address says."""
    async with opened(database_url) as thief:
        stolen = await sign_in_browser(thief, database, ADA, now=NOW)
        await thief.post("/settings/address", data=stolen.form(email="eve@example.org"))
        token = await mailed(database)
        await browser.post("/settings/sessions/end", data=ada.form())
        answer = await thief.post(f"/settings/address/{token}", data=stolen.form())

    assert answer.headers["Location"].startswith("/sign-in")
    assert (await reader(database)).id == ada.id


async def test_a_sign_in_link_changes_no_address(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    async with database.write_session() as session:
        await sign_in.request_link(session, "ada@new.example.org", now=NOW)
    token = await mailed(database)

    assert (await browser.post(f"/settings/address/{token}", data=ada.form())).status_code == 410


async def test_an_address_that_has_an_account_is_said_only_to_whom_it_belongs(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    await add_person(database, BEN, now=NOW)
    known = await browser.post("/settings/address", data=ada.form(email=BEN))
    token = await mailed(database)
    answer = await browser.post(f"/settings/address/{token}", data=ada.form())

    assert known.headers["Location"] == "/settings?done=link"
    assert answer.status_code == 409
    assert "Another account has this address" in Page(answer).text
    assert (await reader(database)).id == ada.id


# --- Browsers ---------------------------------------------------------------------------------------------


async def test_browsers_are_listed_and_can_be_signed_out(
    browser: httpx.AsyncClient, database: Database, database_url: str, ada: Person
) -> None:
    phone = await add_person(database, ADA, now=NOW)
    await add_person(database, CYN, now=NOW)
    page = Page(await browser.get("/settings"))
    assert page.text.count("Firefox on Linux") == 2
    assert page.text.count("(this one)") == 1

    await browser.post(f"/settings/sessions/{phone.session_id}/end", data=ada.form())

    assert await sessions_of(database, ada.id) == [ada.session_id]
    assert (await browser.get("/settings")).status_code == 200


async def test_nobody_signs_anybody_else_out(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    cyn = await add_person(database, CYN, now=NOW)
    await browser.post(f"/settings/sessions/{cyn.session_id}/end", data=ada.form())

    assert await sessions_of(database, cyn.id) == [cyn.session_id]


async def test_signing_out_everywhere_leaves_no_browser_signed_in(
    browser: httpx.AsyncClient, database: Database, database_url: str, ada: Person
) -> None:
    cyn = await add_person(database, CYN, now=NOW)
    async with opened(database_url) as phone:
        await sign_in_browser(phone, database, ADA, now=NOW)
        answer = await browser.post("/settings/sessions/end", data=ada.form())
        assert (await phone.get("/settings")).status_code == 303

    assert answer.headers["Clear-Site-Data"] == '"cache"'
    assert (await browser.get("/settings")).status_code == 303
    assert await sessions_of(database, ada.id) == []
    assert await sessions_of(database, cyn.id) == [cyn.session_id]


async def test_a_days_old_token_is_renewed_by_the_next_form(database: Database, database_url: str) -> None:
    """A GET writes nothing but that somebody was here, so it doesn't renew."""
    async with opened(database_url, now="2026-03-12 12:00") as browser:
        ada = await sign_in_browser(browser, database, now=NOW)
        before = browser.cookies["paperround"]
        looked = await browser.get("/settings")
        answer = await browser.post("/settings/profile", data=ada.form(name="Ada"))
        assert "set-cookie" not in looked.headers
        assert answer.headers["set-cookie"].startswith("paperround=")
        assert browser.cookies["paperround"] != before
        assert (await browser.get("/settings")).status_code == 200
        assert (await browser.post("/settings/profile", data=ada.form(name="Ada"))).status_code == 303
    async with opened(database_url, now="2026-03-12 12:10") as thief:
        thief.cookies.update(ada.cookies)
        assert (await thief.get("/settings")).status_code == 303


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/143.0 Safari/537.36 Edg/143",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19 Safari/604.1",
            "Safari on an iPhone",
        ),
        ("Mozilla/5.0 (Linux; Android 16) AppleWebKit Chrome/143 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8", "A browser"),
        ("", "A browser"),
    ],
)
def test_a_browser_is_named_by_what_it_says(agent: str, name: str) -> None:
    assert describe_browser(agent) == name


# --- Data, leaving ----------------------------------------------------------------------------------------


async def test_the_export_is_a_file_of_ones_own(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    await create_api_key(browser, ada)
    await add_person(database, CYN, now=NOW)
    answer = await browser.get("/settings/export.json")

    assert "attachment" in answer.headers["Content-Disposition"]
    assert answer.headers["Cache-Control"] == "no-store"
    data = json.loads(answer.content)
    assert [row["email"] for row in data["readers"]] == [ADA]
    assert len(data["api_keys"]) == 1
    assert CYN not in answer.text


async def test_exports_are_bounded(browser: httpx.AsyncClient, database: Database, ada: Person) -> None:
    answers = [(await browser.get("/settings/export.json")).status_code for _ in range(21)]

    assert answers == [200] * 20 + [429]


async def test_an_account_is_not_deleted_by_a_slip(
    subtests: pytest.Subtests,
    browser: httpx.AsyncClient,
    database: Database,
    ada: Person,
) -> None:
    cases: list[str] = ["", "yes", "delete", CYN, "ada@example"]
    for confirm in cases:
        with subtests.test(confirm=confirm):
            answer = await browser.post("/settings/leave", data=ada.form(confirm=confirm))

            assert answer.status_code == 400
            assert "Nothing was deleted" in Page(answer).text
            assert (await reader(database)).id == ada.id


async def test_an_account_is_deleted_by_typing_its_address(
    browser: httpx.AsyncClient, database: Database, ada: Person
) -> None:
    key = await create_api_key(browser, ada)
    await add_person(database, CYN, now=NOW)
    for name in ("ada", "cyn"):
        await subscribed(database, name, now=TODAY)
    answer = await browser.post("/settings/leave", data=ada.form(confirm=" ADA@example.org "))

    assert "Your account is deleted" in Page(answer).text
    assert 'name="csrf"' not in answer.text
    assert (await browser.get("/settings")).status_code == 303
    assert (await browser.get("/api/v1/me", headers=bearer_header(key))).status_code == 401
    async with database.read_session() as session:
        assert list(await session.scalars(select(Reader.email))) == [CYN]
    assert await subscribers(database) == [CYN]
