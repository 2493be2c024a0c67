"""A server that writes texts, for the tests that need one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.text_server import TextServer, running_text_server


@pytest.fixture
def text_server() -> Iterator[TextServer]:
    with running_text_server() as running:
        yield running
