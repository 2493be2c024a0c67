"""When a digest is due: at the reader's hour, on the reader's days, by the reader's clock. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from paperround.digests.tables import Cadence

# A sender that was down sends what is this late; what is later is let go.
CATCH_UP_WINDOWS: Final[Mapping[Cadence, timedelta]] = {
    Cadence.daily: timedelta(hours=12),
    Cadence.weekdays: timedelta(hours=12),
    Cadence.weekly: timedelta(days=2),
    Cadence.monthly: timedelta(days=4),
}
ONE_DAY: Final = timedelta(days=1)
WORKING_DAYS: Final = frozenset(range(5))


@dataclass(frozen=True)
class DeliverySchedule:
    """On which days and when. `weekday` counts for weekly ones alone; Monday is 0."""

    cadence: Cadence
    weekday: int
    hour: int
    time_zone: str
    minute: int = 0

    def is_due_on(self, day: date) -> bool:
        match self.cadence:
            case Cadence.daily:
                return True
            case Cadence.weekdays:
                return day.weekday() in WORKING_DAYS
            case Cadence.weekly:
                return day.weekday() == self.weekday
            case Cadence.monthly:
                return day.day == 1


def hour_start(day: date, hour: int, zone: ZoneInfo, minute: int = 0) -> datetime:
    """The moment at which the day's hour begins, or so many minutes of it have passed: the first one where
    clocks go back over it, the moment of the change where they jump over it."""
    return datetime.combine(day, time(hour, minute), zone).astimezone(UTC)


def day_exists(day: date, hour: int, zone: ZoneInfo) -> bool:
    """Tell whether the zone had that day at all: a few islands have left one out."""
    return hour_start(day, hour, zone) != hour_start(day + ONE_DAY, hour, zone)


def find_next_due(schedule: DeliverySchedule, *, after: datetime) -> tuple[date, datetime]:
    """The first day of the rhythm whose moment comes after `after`, and that moment in UTC."""
    zone = ZoneInfo(schedule.time_zone)
    day = after.astimezone(zone).date() - ONE_DAY
    while True:
        moment = hour_start(day, schedule.hour, zone, schedule.minute)
        if moment > after and schedule.is_due_on(day) and day_exists(day, schedule.hour, zone):
            return day, moment
        day += ONE_DAY


def find_first_day(schedule: DeliverySchedule, day: date) -> date:
    """The first day whose papers belong to the digest of `day`: that of the one before it, whose list had
    hardly begun when it went out."""
    before = day - ONE_DAY
    while not schedule.is_due_on(before):
        before -= ONE_DAY
    return before


def expires_at(schedule: DeliverySchedule, due_at: datetime) -> datetime:
    """When it is too late for what was due at `due_at`: it is stale, or the next one is due."""
    _, following = find_next_due(schedule, after=due_at)
    return min(due_at + CATCH_UP_WINDOWS[schedule.cadence], following)


def find_next_day_due(schedule: DeliverySchedule, *, after: datetime) -> datetime:
    """The moment of the first digest that is of a later day than `after` is, by the reader's clock."""
    today = after.astimezone(ZoneInfo(schedule.time_zone)).date()
    day, moment = find_next_due(schedule, after=after)
    while day <= today:
        day, moment = find_next_due(schedule, after=moment)
    return moment


def find_latest_due(
    schedule: DeliverySchedule, *, due_at: datetime, now: datetime
) -> tuple[date, datetime] | None:
    """Of what was due from `due_at` to `now`, the last that isn't too late; None when all is to be let go."""
    window = CATCH_UP_WINDOWS[schedule.cadence] + ONE_DAY
    found: tuple[date, datetime] | None = None
    day, moment = find_next_due(schedule, after=max(due_at - timedelta(seconds=1), now - window))
    while moment <= now:
        found = (day, moment)
        day, moment = find_next_due(schedule, after=moment)
    if found is None or expires_at(schedule, found[1]) <= now:
        return None
    return found
