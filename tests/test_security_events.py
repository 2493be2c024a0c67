"""The list of security events: documented, used, and without a word that names a person."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from paperround.security_events import REFUSALS, SecurityEvent, record_security_event
from paperround.tokens import Signer

ROOT = Path(__file__).parents[1]


def test_the_documentation_lists_every_event_with_its_description() -> None:
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    section = text.split("## Security events")[1].split("\n## ")[0]
    assert dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.MULTILINE)) == {
        event.name: event.value for event in SecurityEvent
    }


@pytest.mark.parametrize("event", SecurityEvent)
def test_every_event_is_recorded_somewhere(event: SecurityEvent) -> None:
    uses = re.compile(rf"SecurityEvent\.{event.name}\b")
    modules = [path for path in (ROOT / "src").rglob("*.py") if path.name != "security_events.py"]
    assert any(uses.search(path.read_text(encoding="utf-8")) for path in modules)


@pytest.mark.parametrize("event", SecurityEvent)
def test_what_is_refused_is_a_warning(event: SecurityEvent) -> None:
    with capture_logs() as lines:
        record_security_event(event, reader=7, network="0f3c")
    assert lines == [
        {
            "event": "security event",
            "log_level": "warning" if event in REFUSALS else "info",
            "security_event": event.name,
            "reader": 7,
            "network": "0f3c",
        }
    ]


def test_a_pseudonym_depends_on_the_key_and_the_value_and_holds_neither() -> None:
    signer, other = Signer(["key"]), Signer(["another"])
    name = signer.pseudonymise("network", "192.0.2.0/24")
    assert name == signer.pseudonymise("network", "192.0.2.0/24")
    others = {
        other.pseudonymise("network", "192.0.2.0/24"),
        signer.pseudonymise("network", "192.0.3.0/24"),
        signer.pseudonymise("elsewhere", "192.0.2.0/24"),
    }
    assert name not in others
    assert len(others) == 3
    assert "192" not in name
