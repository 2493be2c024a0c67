"""Everything that the description names, with a key, one request leading to the next, by all checks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis import checks

from paperround.accounts import api_keys
from paperround.accounts.tables import Scope
from paperround.database import Database, utc_now
from paperround.settings import Settings

from support.databases import new_database
from support.factories import feed_record, store_listing
from support.people import ADA, add_person
from support.sites import running_site


@pytest.fixture(scope="module")
def described(server: str) -> Iterator[tuple[Any, dict[str, str]]]:
    async def fill(url: str) -> str:
        async with Database(url) as database:
            await store_listing(database, "2026-03-02", *(feed_record(f"2603.{n:05}") for n in range(1, 9)))
            ada = await add_person(database, ADA)
            async with database.write_session() as session:
                return await api_keys.create_key(
                    session, ada.id, name="Test", scope=Scope.write, now=utc_now()
                )

    with new_database(server) as url:
        key = asyncio.run(fill(url))
        with running_site(Settings(_env_file=None, search_rate=0), url) as address:
            yield schemathesis.openapi.from_url(f"{address}/openapi.json"), {"Authorization": f"Bearer {key}"}


def test_one_request_leads_to_the_next_and_every_answer_is_as_described(described: Any) -> None:
    schema, key = described
    machine = schema.as_state_machine()

    class Workflow(machine):  # type: ignore[misc,valid-type]
        def get_call_kwargs(self, case: Any) -> dict[str, Any]:
            return {"headers": key, "timeout": 60}

        def validate_response(self, response: Any, case: Any, **_: Any) -> None:
            """Check all but two: not every text is a date, and a key opens what needs none, too."""
            left_out = [checks.positive_data_acceptance, checks.ignored_auth]
            case.validate_response(response, excluded_checks=left_out, transport_kwargs={"headers": key})

    Workflow.run(settings=hypothesis.settings(max_examples=8, stateful_step_count=6))
