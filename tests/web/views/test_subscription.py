"""What somebody is about to subscribe to, in words."""

from __future__ import annotations

from typing import Any

import pytest

from paperround.digests.tables import Cadence, Subscription, SubscriptionState, WhenEmpty
from paperround.web.views.subscription import describe_subscription

from support.factories import utc

OWN_ZONE = "in this device’s time zone if known, otherwise UTC"


def describe(**changes: Any) -> dict[str, str]:
    given = {
        "email": "ada@example.org", "cadence": Cadence.daily, "weekday": 0, "hour": 7,
        "time_zone": "Europe/Berlin",
        "trending": True, "topics": True, "max_papers": 10, "when_empty": WhenEmpty.skip, "topic_words": "",
    }  # fmt: skip
    return dict(describe_subscription(Subscription(**(given | changes)), utc("2026-03-07")))


def test_all_that_was_chosen_is_said() -> None:
    said = describe(
        cadence=Cadence.weekly, weekday=4, hour=18, max_papers=3, topics=False, when_empty=WhenEmpty.note,
        time_zone="America/New_York", topic_words="how models plan",
    )  # fmt: skip
    assert said == {
        "To": "ada@example.org",
        "What": "Trending papers",
        "New topic": "how models plan",
        "When": "Every Friday at 18:00 in New York (UTC−5)",
        "At most": "3 papers in each section",
        "If there is nothing new": "A short note",
    }


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({}, "When", "Every day at 07:00 in Berlin (UTC+1)"),
        ({"cadence": Cadence.weekdays}, "When", "On weekdays at 07:00 in Berlin (UTC+1)"),
        ({"cadence": Cadence.monthly}, "When", "On the 1st of each month at 07:00 in Berlin (UTC+1)"),
        ({"time_zone": "UTC"}, "When", "Every day at 07:00 in UTC"),
        (
            {"time_zone": "UTC", "state": SubscriptionState.pending},
            "When",
            f"Every day at 07:00 {OWN_ZONE}",
        ),
        ({}, "What", "Trending papers and papers that match your topics"),
        ({"trending": False}, "What", "Papers that match your topics"),
        ({"trending": False, "topics": False}, "What", "Nothing: neither trending papers nor your topics"),
    ],
)  # fmt: skip
def test_each_choice_has_its_words(changes: dict[str, Any], name: str, words: str) -> None:
    assert describe(**changes)[name] == words
    assert "New topic" not in describe(**changes)
