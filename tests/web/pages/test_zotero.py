"""`/settings/zotero`: a reader connects a library, chooses a collection and disconnects."""

from __future__ import annotations

import httpx
from sqlalchemy import func, select

from paperround.database import Database
from paperround.zotero.tables import ZoteroConnection

from support.factories import utc
from support.pages import TODAY, Page, opened
from support.people import CYN, sign_in_browser
from support.zotero_server import KEY, ZoteroServer, running_zotero_server


async def count_connections(database: Database) -> int:
    async with database.read_session() as session:
        return await session.scalar(select(func.count()).select_from(ZoteroConnection)) or 0


async def test_a_reader_connects_chooses_a_collection_and_disconnects(
    database_url: str, database: Database
) -> None:
    server = ZoteroServer()
    with running_zotero_server(server) as address:
        async with opened(database_url, zotero_url=address) as browser:
            ada = await sign_in_browser(browser, database, now=utc(TODAY))
            assert "/settings/zotero" in (await browser.get("/settings")).text
            for key, group, words in (
                ("too short", "", "no key of Zotero’s"),
                ("A" * 24, "", "does not accept the key"),
                (KEY, "12", "may not write"),
                (KEY, "x", "group"),
            ):
                refused = await browser.post("/settings/zotero", data=ada.form(key=key, group=group))
                assert refused.status_code == 400, key
                assert words in refused.text, key
                assert KEY not in refused.text
            assert await count_connections(database) == 0
            connected = await browser.post("/settings/zotero", data=ada.form(key=f" {KEY} "))
            assert connected.headers["Location"] == "/settings/zotero?done=connected"
            shown = await browser.get("/settings/zotero?done=connected&collections=true")
            assert "Connected to Ada" in Page(shown).text
            assert "Bees & <b>" in Page(shown).text
            assert KEY not in shown.text
            chosen = ada.form(collection="ABCD2345 Bees & <b>", topic="0")
            assert (await browser.post("/settings/zotero/collection", data=chosen)).status_code == 303
            assert "Bees & <b>" in Page(await browser.get("/settings/zotero")).text
            exported = (await browser.get("/settings/export.json")).text
            assert '"zotero_connections"' in exported
            assert KEY not in exported

            browser.cookies.clear()
            cyn = await sign_in_browser(browser, database, CYN, now=utc(TODAY))
            assert "Connected to" not in Page(await browser.get("/settings/zotero")).text
            await browser.post("/settings/zotero/disconnect", data=cyn.form())
            assert await count_connections(database) == 1
            browser.cookies.clear()
            ada = await sign_in_browser(browser, database, now=utc(TODAY))
            await browser.post("/settings/zotero/disconnect", data=ada.form())
            assert await count_connections(database) == 0


async def test_it_is_not_there_until_it_is_set(database_url: str, database: Database) -> None:
    async with opened(database_url) as browser:
        ada = await sign_in_browser(browser, database, now=utc(TODAY))
        assert "zotero" not in (await browser.get("/settings")).text
        answers: list[httpx.Response] = [
            await browser.get("/settings/zotero"),
            await browser.post("/settings/zotero", data=ada.form(key=KEY)),
            await browser.post("/settings/zotero/disconnect", data=ada.form()),
        ]
        assert [answer.status_code for answer in answers] == [404, 404, 404]
