"""When a digest is due: at the reader's hour, on the reader's days, by the reader's clock. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from paperround.digests.tables import Cadence

# A sender that was down sends what is this late; what is later is let go.
CATCH_UP: Final[Mapping[Cadence, timedelta]] = {
    Cadence.daily: timedelta(hours=12),
    Cadence.weekdays: timedelta(hours=12),
    Cadence.weekly: timedelta(days=2),
}
A_DAY: Final = timedelta(days=1)
WORKING_DAYS: Final = frozenset(range(5))


@dataclass(frozen=True)
class Rhythm:
    """On which days and when. `weekday` counts for weekly ones alone; Monday is 0."""

    cadence: Cadence
    weekday: int
    hour: int
    time_zone: str

    def comes_on(self, day: date) -> bool:
        match self.cadence:
            case Cadence.daily:
                return True
            case Cadence.weekdays:
                return day.weekday() in WORKING_DAYS
            case Cadence.weekly:
                return day.weekday() == self.weekday


def moment_of(day: date, hour: int, zone: ZoneInfo) -> datetime:
    """The moment at which the day's hour begins: the first one where clocks go back over it, the moment of
    the change where they jump over it."""
    return datetime.combine(day, time(hour), zone).astimezone(UTC)


def exists(day: date, hour: int, zone: ZoneInfo) -> bool:
    """Whether the zone had that day at all: a few islands have left one out."""
    return moment_of(day, hour, zone) != moment_of(day + A_DAY, hour, zone)


def next_due(rhythm: Rhythm, *, after: datetime) -> tuple[date, datetime]:
    """The first day of the rhythm whose moment comes after `after`, and that moment in UTC."""
    zone = ZoneInfo(rhythm.time_zone)
    day = after.astimezone(zone).date() - A_DAY
    while True:
        moment = moment_of(day, rhythm.hour, zone)
        if moment > after and rhythm.comes_on(day) and exists(day, rhythm.hour, zone):
            return day, moment
        day += A_DAY


def first_day(rhythm: Rhythm, day: date) -> date:
    """The first day whose papers belong to the digest of `day`: that of the one before it, whose list had
    hardly begun when it went out."""
    before = day - A_DAY
    while not rhythm.comes_on(before):
        before -= A_DAY
    return before


def let_go_at(rhythm: Rhythm, due_at: datetime) -> datetime:
    """When it is too late for what was due at `due_at`: it is stale, or the next one is due."""
    _, following = next_due(rhythm, after=due_at)
    return min(due_at + CATCH_UP[rhythm.cadence], following)


def latest_due(rhythm: Rhythm, *, due_at: datetime, now: datetime) -> tuple[date, datetime] | None:
    """Of what was due from `due_at` to `now`, the last that isn't too late; None when all is to be let go."""
    window = CATCH_UP[rhythm.cadence] + A_DAY
    found: tuple[date, datetime] | None = None
    day, moment = next_due(rhythm, after=max(due_at - timedelta(seconds=1), now - window))
    while moment <= now:
        found = (day, moment)
        day, moment = next_due(rhythm, after=moment)
    if found is None or let_go_at(rhythm, found[1]) <= now:
        return None
    return found
