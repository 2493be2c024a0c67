"""Fixtures of the tests of pages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from support.pages import opened


@pytest.fixture
async def pages(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(database_url) as client:
        yield client


@pytest.fixture
async def library(site: str) -> AsyncIterator[httpx.AsyncClient]:
    """A site with papers, for looking."""
    async with httpx.AsyncClient(base_url=site, timeout=60) as client:
        yield client
