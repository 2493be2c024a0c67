"""Whatever a signed-in browser asks of a page or sends with a form, the answer is no fault of ours."""

from __future__ import annotations

import re
from urllib.parse import quote

import httpx
import pytest

from paperround.database import Database

from support.factories import utc
from support.pages import TODAY, app_routes, opened, three_days
from support.people import ADA, sign_in_browser

ODD = ["1", "9" * 30, "é\u0663", "\0", "'\"<x" + "x" * 3_000]
NAMES = [
    "after", "q", "days", "from", "to", "day", "category", "order", "min_upvotes", "unread", "paper", "value",
    "form", "key", "next",
]  # fmt: skip
FIELDS = [
    "email", "name", "words", "hour", "weekday", "cadence", "time_zone", "topic", "more", "less", "undo",
    "on",
    "text", "paper", "value", "scope", "most", "daily", "examples", "must", "authors", "library", "next",
    "do",
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
async def test_no_odd_value_is_a_fault_of_ours(database_url: str, database: Database, odd: str) -> None:
    await three_days(database)
    async with opened(database_url) as browser:
        ada = await sign_in_browser(browser, database, ADA, now=utc(TODAY))
        cookies = dict(browser.cookies)
        for route in app_routes(browser):
            if route.path == "/readyz":
                continue
            address = re.sub(r"\{[^}]*\}", quote(odd, safe="/"), route.path)
            for method in route.methods:
                browser.cookies = httpx.Cookies(cookies)
                answer = await browser.request(
                    method,
                    address,
                    params=dict.fromkeys(NAMES, odd),
                    data=ada.form(**dict.fromkeys(FIELDS, odd)) if method == "POST" else None,
                )
                assert answer.status_code < 500, (method, address)
