"""What the tests of feeds share."""

from __future__ import annotations

import pytest

from paperround.database import Database
from paperround.settings import Settings

from support.ingestion_runner import IngestionRunner


@pytest.fixture
def runner(database: Database, settings: Settings) -> IngestionRunner:
    """Reads the feed server's lists into the test's database."""
    return IngestionRunner(database, settings)
