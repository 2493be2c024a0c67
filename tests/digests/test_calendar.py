"""When digests are due: each day once, in every zone, whatever the clocks do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from importlib import resources
from itertools import pairwise
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paperround.digests.calendar import (
    CATCH_UP_WINDOWS,
    DeliverySchedule,
    day_exists,
    expires_at,
    find_first_day,
    find_latest_due,
    find_next_due,
    hour_start,
)
from paperround.digests.tables import Cadence

from support.factories import utc


def rules_of(zone: str) -> bytes:
    """The zone's own file; what is an old name of another zone has the same."""
    for folder in map(Path, TZPATH):
        if (folder / zone).is_file():
            return (folder / zone).read_bytes()
    return resources.files("tzdata").joinpath("zoneinfo", zone).read_bytes()


ZONES = sorted(available_timezones())
DIFFERENT = sorted({rules_of(zone): zone for zone in ZONES}.values())
zones = st.sampled_from(ZONES)
hours = st.integers(0, 23)
seconds = st.integers(int(utc("1971-01-01 00:00").timestamp()), int(utc("2037-12-01 00:00").timestamp()))
moments = seconds.map(lambda s: datetime.fromtimestamp(s, UTC))
rhythms = st.builds(
    DeliverySchedule, cadence=st.sampled_from(Cadence), weekday=st.integers(0, 6), hour=hours, time_zone=zones
)


def daily(zone: str, hour: int) -> DeliverySchedule:
    return DeliverySchedule(Cadence.daily, 0, hour, zone)


def run(rhythm: DeliverySchedule, start: datetime, times: int) -> list[tuple[date, datetime]]:
    found = []
    for _ in range(times):
        day, start = find_next_due(rhythm, after=start)
        found.append((day, start))
    return found


@settings(max_examples=150)
@given(zones, hours, moments)
def test_a_year_of_daily_digests_has_each_day_once_in_order(zone: str, hour: int, start: datetime) -> None:
    found = run(daily(zone, hour), start, 380)
    days = [day for day, _ in found]

    missing = {days[0] + timedelta(days=n) for n in range((days[-1] - days[0]).days + 1)} - set(days)
    assert len(set(days)) == len(days)
    assert all(one < other for (_, one), (_, other) in pairwise(found))
    assert all(not day_exists(day, hour, ZoneInfo(zone)) for day in missing)
    assert len(missing) <= 1  # the one day that an island left out


def telling_days(year: int, zone: ZoneInfo) -> Iterator[date]:
    """The days of a year about which the zone's clock is changed, and the first ones of its months.

    All others are like one of these.
    """
    days = [date(year, 1, 1) + timedelta(days=n) for n in range(-2, 368)]
    offsets = [datetime.combine(day, time(12), zone).utcoffset() for day in days]
    for place in range(2, 368):
        if days[place].day == 1 or len({*offsets[place - 2 : place + 3]}) > 1:
            yield days[place]


@pytest.mark.parametrize("year", [1975, 1995, 2011, 2024, 2026, 2030])
@pytest.mark.parametrize("hour", [0, 2, 23])
def test_every_zone_has_its_digest_at_the_hour_that_its_clock_shows_also_when_that_is_changed(
    year: int, hour: int
) -> None:
    for zone in DIFFERENT:
        here = ZoneInfo(zone)
        for day in telling_days(year, here):
            moment, following = (hour_start(day + timedelta(days=n), hour, here) for n in (0, 1))
            local = moment.astimezone(here)
            late = local.replace(tzinfo=None) - datetime.combine(day, time(hour))
            assert moment < following or not day_exists(day, hour, here), (zone, day)
            assert timedelta(0) <= late <= timedelta(hours=3) or not day_exists(day, hour, here), (zone, day)


@pytest.mark.parametrize(
    ("zone", "hour", "day", "moment"),
    [
        ("Europe/Berlin", 2, date(2026, 3, 29), "2026-03-29 01:00"),  # the hour is jumped over
        ("Europe/Berlin", 2, date(2026, 10, 25), "2026-10-25 00:00"),  # the hour comes twice
        ("America/New_York", 7, date(2026, 3, 8), "2026-03-08 11:00"),
        ("Asia/Kathmandu", 7, date(2026, 3, 8), "2026-03-08 01:15"),
        ("Pacific/Kiritimati", 7, date(2026, 3, 8), "2026-03-07 17:00"),
    ],
)
def test_the_hour_is_the_readers_own(zone: str, hour: int, day: date, moment: str) -> None:
    assert find_next_due(daily(zone, hour), after=utc(moment) - timedelta(seconds=1)) == (day, utc(moment))


def test_a_day_that_an_island_left_out_has_no_digest() -> None:
    days = [day for day, _ in run(daily("Pacific/Apia", 7), utc("2011-12-28 00:00"), 4)]
    assert days == [date(2011, 12, 28), date(2011, 12, 29), date(2011, 12, 31), date(2012, 1, 1)]


@given(rhythms, moments)
def test_only_the_rhythms_days_are_chosen_and_none_of_them_is_left_out(
    rhythm: DeliverySchedule, start: datetime
) -> None:
    found = [day for day, _ in run(rhythm, start, 12)]
    every = [day for day, _ in run(daily(rhythm.time_zone, rhythm.hour), start, 7 * 13)]
    expected = [day for day in every if rhythm.is_due_on(day)][:12]
    assert found[: len(expected)] == expected
    assert all(rhythm.is_due_on(day) for day in found)


@given(rhythms, moments, st.timedeltas(timedelta(0), timedelta(days=30)))
def test_a_sender_that_was_down_sends_the_last_one_or_lets_go(
    rhythm: DeliverySchedule, start: datetime, away: timedelta
) -> None:
    _, due_at = find_next_due(rhythm, after=start)
    now = due_at + away
    found = find_latest_due(rhythm, due_at=due_at, now=now)

    passed = [(day, moment) for day, moment in run(rhythm, start, 35) if moment <= now]
    still_good = now < expires_at(rhythm, passed[-1][1])
    assert found == (passed[-1] if still_good else None)
    assert not still_good or now - passed[-1][1] < CATCH_UP_WINDOWS[rhythm.cadence]


def test_a_digest_begins_where_the_one_before_it_began() -> None:
    weekdays = DeliverySchedule(Cadence.weekdays, 0, 7, "UTC")
    assert find_first_day(weekdays, date(2026, 11, 23)) == date(2026, 11, 20)  # Monday: Friday's list on
    assert find_first_day(daily("UTC", 7), date(2026, 11, 23)) == date(2026, 11, 22)
    assert find_first_day(DeliverySchedule(Cadence.weekly, 2, 7, "UTC"), date(2026, 11, 25)) == date(
        2026, 11, 18
    )
    monthly = DeliverySchedule(Cadence.monthly, 2, 7, "UTC")
    assert find_first_day(monthly, date(2026, 3, 1)) == date(2026, 2, 1)
    assert find_next_due(monthly, after=utc("2026-12-01 07:00")) == (
        date(2027, 1, 1),
        utc("2027-01-01 07:00"),
    )
