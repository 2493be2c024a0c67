"""Helpers for tests of the JSON API."""

from __future__ import annotations

from typing import Any

import httpx

from support.pages import Page
from support.people import Person

LISTS = "/api/v1/papers"


def listing(client: httpx.Client, **asked: Any) -> list[dict[str, Any]]:
    """A whole list, page by page."""
    found: list[dict[str, Any]] = []
    while True:
        answer = client.get(LISTS, params=asked)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["papers"]
        if page["next"] is None:
            return found
        assert page["papers"], "a page before the last one is not empty"
        asked["cursor"] = page["next"]


def ids(papers: list[dict[str, Any]]) -> list[str]:
    return [paper["id"] for paper in papers]


def assert_problem(answer: httpx.Response, status: int, words: str = "") -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "error"}
    assert (problem["type"], problem["status"]) == ("about:blank", status)
    assert problem["detail"] == problem["error"]
    assert words in problem["detail"]


async def create_api_key(
    browser: httpx.AsyncClient, reader: Person, scope: str = "read", name: str = "script"
) -> str:
    """Create a key as the reader does, in the settings, and read it off the page."""
    answer = await browser.post("/settings/keys", data=reader.form(name=name, scope=scope))
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return next(word for word in Page(answer).text.split() if word.startswith("pr_") and len(word) > 20)


def bearer_header(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
