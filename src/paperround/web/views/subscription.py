"""A subscription in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from paperround.accounts.time_zones import write_time_zone
from paperround.digests.subscriptions import DEFAULT_TIME_ZONE
from paperround.digests.tables import Cadence, Subscription, SubscriptionState, WhenEmpty
from paperround.i18n.formats import list_days_of_week
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import ngettext, pgettext


def describe_subscription(subscription: Subscription, now: datetime) -> Sequence[tuple[str, str]]:
    """Say what comes, when and how much of it: names with their values, in the order to show them."""
    most = subscription.max_papers
    lines = [
        (pgettext("whom it is sent to", "To"), subscription.email),
        (pgettext("what is sent", "What"), _describe_contents(subscription)),
    ]
    if subscription.topic_words:
        lines.append((_("New topic"), subscription.topic_words))
    return [
        *lines,
        (pgettext("when it is sent", "When"), _describe_time(subscription, now)),
        (_("At most"), ngettext("%(num)s paper in each section", "%(num)s papers in each section", most)),
        (_("If there is nothing new"), _describe_empty(subscription)),
    ]


def _describe_contents(subscription: Subscription) -> str:
    match subscription.trending, subscription.topics:
        case True, True:
            return _("Trending papers and papers that match your topics")
        case True, False:
            return _("Trending papers")
        case False, True:
            return _("Papers that match your topics")
    return _("Nothing: neither trending papers nor your topics")


def _describe_time(subscription: Subscription, now: datetime) -> str:
    """Confirming takes the device's time zone where nobody has chosen one."""
    days, time = _describe_days(subscription), f"{subscription.hour:02}:00"
    is_chosen = subscription.state is not SubscriptionState.pending
    if subscription.time_zone == DEFAULT_TIME_ZONE and not is_chosen:
        return _(
            "%(days)s at %(time)s in this device’s time zone if known, otherwise UTC", days=days, time=time
        )
    zone = write_time_zone(subscription.time_zone, now)
    return _("%(days)s at %(time)s in %(zone)s", days=days, time=time, zone=zone)


def _describe_days(subscription: Subscription) -> str:
    match subscription.cadence:
        case Cadence.daily:
            return _("Every day")
        case Cadence.weekdays:
            return _("On weekdays")
        case Cadence.weekly:
            return _("Every %(day)s", day=list_days_of_week()[subscription.weekday][0])
        case Cadence.monthly:
            return _("On the 1st of each month")


def _describe_empty(subscription: Subscription) -> str:
    return _("A short note") if subscription.when_empty is WhenEmpty.note else _("No mail")
