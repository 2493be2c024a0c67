"""`paperround ingest` of days that can't be read: it says so at once, and goes on with the others."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from paperround.cli import ingest
from paperround.feeds import backfill, http
from paperround.feeds.huggingface import feed as huggingface_feed
from paperround.settings import Settings

from support.factories import feed_record, utc
from support.feed_server import FeedServer, error_answer


def test_a_day_that_fails_is_told_and_the_next_is_read(
    settings: Settings,
    feed: FeedServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(ingest, "load_settings", lambda process: settings)
    monkeypatch.setattr(backfill, "MAX_CONCURRENT_READERS", 1)
    monkeypatch.setattr(backfill, "MAX_PAUSE", backfill.MAX_PAUSE * 0)
    monkeypatch.setattr(backfill, "MAX_ROUNDS", 2)
    one_attempt = http.RequestLimits(max_attempts=1)
    monkeypatch.setattr(huggingface_feed.open_huggingface.__wrapped__, "__defaults__", (one_attempt,))  # type: ignore[attr-defined]
    feed.faults = [error_answer(500)]  # of the newest day, which is read first
    feed.days["2026-03-01"] = [feed_record()]
    with pytest.raises(SystemExit):
        ingest.ingest("huggingface", None, utc("2026-03-01"), utc("2026-03-02"))
    said = capsys.readouterr().err
    assert "The list of 2026-03-02 could not be read: HTTP 500" in said
    assert "1 listings read on 1 of 2 days." in said
    assert "Not read: 2026-03-02." in said


def test_a_pause_names_the_days_and_the_time(capsys: pytest.CaptureFixture[str]) -> None:
    ingest._describe_pause(utc("2026-03-02 07:00:30"), [date(2026, 3, 1)])
    assert "2026-03-01 is tried again at 07:00:30 UTC." in capsys.readouterr().err
