"""`paperround remove`: a paper goes and stays away, until it is let back."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from paperround.database import Database
from paperround.papers.tables import Paper

from support.commands import run_command
from support.factories import feed_record, store_listing

ID = "2603.00001"
Remove = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def remove(database_url: str, tmp_path: Path) -> Remove:
    return partial(run_command, "remove", folder=tmp_path, database_url=database_url)


async def test_a_paper_is_removed_and_let_back(remove: Remove, database: Database) -> None:
    await store_listing(database, "2026-03-02", feed_record(ID))
    for arguments, outcome, is_listed in (
        ([f"https://arxiv.org/abs/{ID}v1"], "was removed, and stays away", False),
        ([ID], "wasn't here, and will be kept away", False),
        ([ID, "--undo"], "may come back with the next reading", True),
        ([ID, "--undo"], "had not been removed", True),
    ):
        result = remove(*arguments)
        assert (result.returncode, outcome in result.stderr) == (0, True), result.stderr
        await store_listing(database, "2026-03-02", feed_record(ID))
        async with database.read_session() as session:
            assert bool(await session.scalar(select(Paper.id))) is is_listed


def test_what_is_no_paper_is_refused(remove: Remove) -> None:
    result = remove("everything")
    assert result.returncode == 1
    assert "neither an arXiv id" in result.stderr
