"""A pooler between us and PostgreSQL: `doctor` says that there is one, and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from paperround.cli.checks import Finding, run_checks
from paperround.database import keeps_sessions, to_psycopg_url
from paperround.settings import Settings

from support.databases import run_sql
from support.pgbouncer import PROGRAM, running_pgbouncer
from support.sites import free_port

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="PgBouncer isn't installed")
IGNORING = {"ignore_startup_parameters": "options"}


async def examine_database(url: str, folder: Path) -> Finding:
    settings = Settings(
        _env_file=None, data_dir=folder, database_url=url, huggingface_url=f"http://127.0.0.1:{free_port()}"
    )
    async for finding in run_checks(settings):
        if finding.subject == "database":
            return finding
    raise AssertionError("the database was not tried")


@pytest.mark.parametrize("mode", ["session", "transaction", "statement"])
@pytest.mark.parametrize("options", [{}, IGNORING], ids=["as installed", "ignoring options"])
async def test_the_doctor_says_that_pgbouncer_stands_between(
    database_url: str, tmp_path: Path, mode: str, options: dict[str, str]
) -> None:
    with running_pgbouncer(database_url, mode=mode, **options) as pooled:
        finding = await examine_database(pooled, tmp_path)
    assert not finding.is_good
    assert "PgBouncer" in finding.sentence


async def test_a_pool_of_transactions_is_noticed_where_the_role_has_our_search_path(
    database_url: str,
) -> None:
    name = to_psycopg_url(database_url).database
    run_sql(database_url, f"ALTER DATABASE {name} SET search_path = public, jobs")
    with running_pgbouncer(database_url, mode="transaction", **IGNORING) as pooled:
        assert not await keeps_sessions(pooled)
    with running_pgbouncer(database_url, mode="session", **IGNORING) as pooled:
        assert await keeps_sessions(pooled)
    assert await keeps_sessions(database_url)
