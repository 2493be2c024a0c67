"""The catalogue that topics are matched with."""

from __future__ import annotations

import pytest

from paperround.database import Database
from paperround.topics import corpus

from support.factories import utc
from support.topic_corpus import add_three_subjects, add_vectors


@pytest.fixture
async def catalogue(database: Database) -> Database:
    """Papers about three subjects, with vectors, whose statistics are measured."""
    await add_three_subjects(database)
    await add_vectors(database)
    await corpus.measure_if_grown(database, now=utc("2026-03-02 14:00"))
    return database
