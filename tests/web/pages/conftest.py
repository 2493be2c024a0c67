"""Fixtures of the tests of pages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from paperround.database import Database

from support.factories import utc
from support.pages import TODAY, opened
from support.people import ADA, Person, sign_in_browser


@pytest.fixture
async def pages(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(database_url) as client:
        yield client


@pytest.fixture
async def library(site: str) -> AsyncIterator[httpx.AsyncClient]:
    """A site with papers, for looking."""
    async with httpx.AsyncClient(base_url=site, timeout=60) as client:
        yield client


@pytest.fixture
async def browser(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(database_url) as client:
        yield client


@pytest.fixture
async def ada(browser: httpx.AsyncClient, database: Database) -> Person:
    """`browser` is hers."""
    return await sign_in_browser(browser, database, ADA, now=utc(TODAY))
