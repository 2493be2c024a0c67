"""Each page is in the language that its reader wants, and nobody gets a page in another's."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from paperround.database import Database
from paperround.i18n.languages import list_languages

from support.pages import Page, opened, three_days
from support.people import sign_in_browser

MONDAY = {"en": "Monday, 2 March", "de": "Montag, 2. März", "zh-Hans": "3月2日星期一"}


@pytest.fixture(params=[32, 0], ids=["kept", "not kept"])
async def site(
    request: pytest.FixtureRequest, database: Database, database_url: str
) -> AsyncIterator[httpx.AsyncClient]:
    await three_days(database)
    async with opened(database_url, cache_megabytes=request.param) as client:
        yield client


async def open_day(site: httpx.AsyncClient, wished: str = "") -> httpx.Response:
    return await site.get("/papers/date/2026-03-02", headers={"Accept-Language": wished} if wished else {})


def is_in(answer: httpx.Response, language: str) -> bool:
    html = dict(Page(answer).elements)["html"]
    return html["lang"] == language and html["dir"] == "ltr" and MONDAY[language] in answer.text


async def test_browsers_get_the_language_that_they_ask_for_whoever_asked_before(
    site: httpx.AsyncClient,
) -> None:
    for _ in range(2):
        assert is_in(await open_day(site), "en")
        assert is_in(await open_day(site, "de-CH,de;q=0.9,en;q=0.5"), "de")
        assert is_in(await open_day(site, "zh-CN"), "zh-Hans")
        assert is_in(await open_day(site, "fr"), "en")
    answer = await open_day(site, "de")
    assert {"Cookie", "Accept-Language"} <= {*answer.headers["Vary"].split(", ")}


async def test_a_browser_keeps_the_language_chosen_at_the_foot_of_a_page(site: httpx.AsyncClient) -> None:
    page = Page(await open_day(site))
    offered = [attrs["value"] for tag, attrs in page.elements if attrs.get("name") == "language"]
    assert offered == [*list_languages()]
    came_from = {"Referer": "http://127.0.0.1/papers/date/2026-03-02"}
    chosen = await site.post("/language", data={"language": "zh-Hans"}, headers=came_from)
    assert (chosen.status_code, chosen.headers["Location"]) == (303, "/papers/date/2026-03-02")
    assert is_in(await open_day(site, "de"), "zh-Hans")
    site.cookies.clear()
    assert is_in(await open_day(site, "de"), "de")


async def test_no_other_language_can_be_chosen(
    subtests: pytest.Subtests,
    site: httpx.AsyncClient,
) -> None:
    cases: list[str] = ["fr", "", "../../etc/passwd", "de\r\nSet-Cookie: a=b"]
    for language in cases:
        with subtests.test(language=language):
            refused = await site.post("/language", data={"language": language})
            assert refused.status_code in (400, 422)
            assert "set-cookie" not in refused.headers


async def test_a_cookie_that_names_no_language_changes_nothing(
    subtests: pytest.Subtests,
    site: httpx.AsyncClient,
) -> None:
    cases: list[str] = ["language=fr", "language=", "language=de=", 'language="de', "a=b; language=xx"]
    for cookie in cases:
        with subtests.test(cookie=cookie):
            answer = await site.get("/papers/date/2026-03-02", headers={"Cookie": cookie})
            assert is_in(answer, "en")
            assert is_in(await open_day(site), "en")


async def test_a_readers_own_setting_precedes_what_the_browser_asks_for(
    site: httpx.AsyncClient, database: Database
) -> None:
    person = await sign_in_browser(site, database)
    assert is_in(await open_day(site, "de"), "de")
    data = {"csrf": person.csrf, "interface_language": "zh-Hans"}
    assert (await site.post("/settings/profile", data=data)).status_code == 303
    assert is_in(await open_day(site, "de"), "zh-Hans")
    await site.post("/settings/profile", data={"csrf": person.csrf, "interface_language": "klingon"})
    assert is_in(await open_day(site, "de"), "de")


async def test_errors_speak_the_language_too_and_programs_get_english(site: httpx.AsyncClient) -> None:
    wished = {"Accept-Language": "de"}
    missing = await site.get("/nowhere", headers=wished)
    assert dict(Page(missing).elements)["html"]["lang"] == "de"
    plain, german = [
        (await site.get("/api/v1/papers/2603.99999", headers=headers)).json() for headers in ({}, wished)
    ]
    assert plain == german
    feeds = [(await site.get("/feeds/daily.atom", headers=headers)).content for headers in ({}, wished)]
    assert feeds[0] == feeds[1]
