"""`paperround doctor` tries what Paperround depends on, and says what to do where that fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from paperround.cli import checks
from paperround.cli.checks import Finding, run_checks
from paperround.database import utc_now
from paperround.postgres.roles import SUPERUSER
from paperround.settings import Settings

from support.commands import run_command
from support.databases import as_role, run_sql
from support.encoders import running_inference_server
from support.factories import feed_record
from support.feed_server import FeedServer, html_answer
from support.mail_sink import MailSink
from support.sites import free_port


@pytest.fixture
async def settings(feed: FeedServer, database_url: str, tmp_path: Path) -> AsyncIterator[Settings]:
    """Settings with which everything works."""
    with running_inference_server() as encoder_url:
        async with MailSink().running() as sink:
            yield Settings(
                _env_file=None,
                data_dir=tmp_path / "data",
                database_url=database_url,
                huggingface_url=feed.url,
                feed_rate=0,
                encoder_url=encoder_url,
                smtp_url=f"{sink.url}?tls=off",
            )


async def examine(settings: Settings, **changes: object) -> dict[str, Finding]:
    """The findings by subject, with some settings replaced."""
    values = {name: getattr(settings, name) for name in Settings.model_fields} | changes
    return {f.subject: f async for f in run_checks(Settings(_env_file=None, **values))}


def dead_address(scheme: str) -> str:
    return f"{scheme}://127.0.0.1:{free_port()}"


async def test_everything_that_works_is_said_to_work(settings: Settings, feed: FeedServer) -> None:
    feed.days[utc_now().date().isoformat()] = [feed_record()]
    findings = await examine(settings)
    feed_and_clock = ["feed huggingface", "clock"]
    assert list(findings) == ["disk", "network", "database", *feed_and_clock, "links", "encoder", "mail"]
    assert all(finding.is_good for finding in findings.values()), findings
    assert "list: 1." in findings["feed huggingface"].sentence
    assert "3 dimensions" in findings["encoder"].sentence


@pytest.mark.parametrize(
    ("setting", "scheme", "subject", "advice"),
    [
        ("database_url", "postgresql", "database", "PAPERROUND_DATABASE_URL"),
        ("encoder_url", "http", "encoder", "PAPERROUND_ENCODER_URL"),
        ("smtp_url", "smtp", "mail", "PAPERROUND_SMTP_URL"),
        ("huggingface_url", "http", "feed huggingface", "connection failed"),
    ],
)
async def test_what_does_not_answer_is_named_with_its_setting(
    setting: str, scheme: str, subject: str, advice: str, settings: Settings
) -> None:
    findings = await examine(settings, **{setting: dead_address(scheme)})
    failures = {name for name, finding in findings.items() if not finding.is_good}
    assert failures == {subject} | ({"feeds"} if subject == "database" else set())
    assert advice in findings[subject].sentence


async def test_a_feed_that_answers_with_something_else_fails(settings: Settings, feed: FeedServer) -> None:
    feed.default_fault = html_answer
    findings = await examine(settings)
    assert "not JSON" in findings["feed huggingface"].sentence
    assert not findings["feed huggingface"].is_good


async def test_a_database_without_a_schema_and_one_of_another_release_say_what_to_run(
    settings: Settings, bare_database_url: str, database_url: str
) -> None:
    findings = await examine(settings, database_url=bare_database_url)
    assert "paperround db upgrade" in findings["database"].sentence
    run_sql(database_url, "UPDATE alembic_version SET version_num = 'feedc0ffee00'")
    findings = await examine(settings)
    assert "newer release" in findings["database"].sentence


async def test_links_to_this_machine_are_told_where_readers_come_through_a_proxy(settings: Settings) -> None:
    for changes, is_good in (
        ({"trusted_proxies": "10.0.0.0/8", "public_url": "http://localhost:8000"}, False),
        ({"allowed_hosts": "papers.example.org", "host": "0.0.0.0"}, False),
        ({"allowed_hosts": "papers.example.org", "public_url": "https://papers.example.org"}, True),
    ):
        finding = (await examine(settings, **changes))["links"]
        assert finding.is_good is is_good
        assert is_good or "PAPERROUND_PUBLIC_URL" in finding.sentence


async def test_a_role_that_serves_as_a_superuser_is_told(settings: Settings, database_url: str) -> None:
    superuser = (await examine(settings, database_url=as_role(database_url, SUPERUSER)))["database"]
    assert superuser.is_good
    assert "its role is a superuser" in superuser.sentence
    assert "PAPERROUND_OWNER_DATABASE_URL" in superuser.sentence
    assert "superuser" not in (await examine(settings))["database"].sentence


@pytest.mark.parametrize("hours", [-2, 2])
async def test_a_clock_that_goes_wrong_is_noticed(
    hours: int, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "utc_now", lambda: utc_now() + timedelta(hours=hours))
    findings = await examine(settings)
    for subject in ("clock", "database"):
        assert not findings[subject].is_good
        assert "clock" in findings[subject].sentence
        assert "NTP" in findings[subject].sentence


async def test_a_full_disk_and_a_data_folder_that_is_none_fail(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "MIN_FREE_SPACE", 10**18)
    findings = await examine(settings)
    assert "MB of room" in findings["disk"].sentence
    assert not findings["disk"].is_good
    (tmp_path / "file").write_text("")
    findings = await examine(settings, data_dir=tmp_path / "file")
    assert "PAPERROUND_DATA_DIR" in findings["disk"].sentence


async def test_our_own_encoder_need_not_run(settings: Settings) -> None:
    findings = await examine(settings, encoder_url=None)
    assert findings["encoder"].is_good
    assert "paperround encoder" in findings["encoder"].sentence


def test_the_exit_code_tells_whether_all_is_well_and_secrets_stay_hidden(tmp_path: Path) -> None:
    result = run_command(
        "doctor",
        folder=tmp_path,
        data_dir=str(tmp_path),
        database_url=f"postgresql://paperround:hunter2@127.0.0.1:{free_port()}/papers",
        huggingface_url=dead_address("http"),
        encoder_url=dead_address("http"),
    )
    assert result.returncode == 1
    assert "FAILS database: The database can't be used" in result.stdout
    assert "ok    disk: " in result.stdout
    assert "hunter2" not in result.stdout + result.stderr
    assert "Traceback" not in result.stderr
