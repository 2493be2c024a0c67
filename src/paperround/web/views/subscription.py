"""A subscription in plain words."""

from __future__ import annotations

from calendar import day_name
from collections.abc import Sequence
from datetime import datetime

from paperround.accounts.time_zones import write_time_zone
from paperround.digests.subscriptions import DEFAULT_TIME_ZONE
from paperround.digests.tables import Cadence, Subscription, SubscriptionState, WhenEmpty


def describe_subscription(subscription: Subscription, now: datetime) -> Sequence[tuple[str, str]]:
    """Say what comes, when and how much of it: names with their values, in the order to show them."""
    kinds = [
        kind
        for kind, chosen in (
            ("trending papers", subscription.trending),
            ("papers that match your topics", subscription.topics),
        )
        if chosen
    ]
    lines = [
        ("To", subscription.email),
        ("What", " and ".join(kinds).capitalize() or "Nothing: neither trending papers nor your topics"),
    ]
    if subscription.topic_words:
        lines.append(("New topic", subscription.topic_words))
    days, zone = _describe_days(subscription), _describe_zone(subscription, now)
    return [
        *lines,
        ("When", f"{days} at {subscription.hour:02}:00 {zone}"),
        ("At most", f"{subscription.max_papers} papers in each section"),
        ("If there is nothing new", _describe_empty(subscription)),
    ]


def _describe_days(subscription: Subscription) -> str:
    match subscription.cadence:
        case Cadence.daily:
            return "Every day"
        case Cadence.weekdays:
            return "On weekdays"
        case Cadence.weekly:
            return f"Every {day_name[subscription.weekday]}"
        case Cadence.monthly:
            return "On the 1st of each month"


def _describe_zone(subscription: Subscription, now: datetime) -> str:
    """Confirming takes the device's time zone where nobody has chosen one."""
    is_chosen = subscription.state is not SubscriptionState.pending
    if subscription.time_zone == DEFAULT_TIME_ZONE and not is_chosen:
        return "in this device's time zone if known, otherwise UTC"
    return f"in {write_time_zone(subscription.time_zone, now)}"


def _describe_empty(subscription: Subscription) -> str:
    return "A short note" if subscription.when_empty is WhenEmpty.note else "No mail"
