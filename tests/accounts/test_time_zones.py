"""Time zones by cities: every one has a name that is understood again, and so is what people type."""

from __future__ import annotations

import pytest

from paperround.accounts.time_zones import (
    MAX_TIME_ZONE_LENGTH,
    TimeZoneUnknown,
    find_time_zone,
    list_choices,
    list_time_zones,
    write_choice,
    write_time_zone,
)

from support.factories import utc

WINTER, SUMMER = utc("2026-01-10"), utc("2026-07-10")


def test_every_choice_is_understood_whenever_the_page_was_made() -> None:
    for now in (WINTER, SUMMER):
        choices = list_choices(now)
        assert len(choices) == len({choice.label for choice in choices})
        for choice in choices:
            assert len(choice.label) <= MAX_TIME_ZONE_LENGTH
            zone = find_time_zone(choice.label)
            assert not choice.zones or zone == choice.zones[0]
    assert choices[0].label == "UTC"
    assert sum(len(choice.label) + len(" ".join(choice.zones)) + 40 for choice in choices) < 50_000


def test_every_zone_is_written_as_it_can_be_chosen_and_stays_what_it_is() -> None:
    for zone in list_time_zones():
        assert find_time_zone(zone) == zone
        written = find_time_zone(write_choice(zone, WINTER))
        assert write_choice(written, WINTER) == write_choice(zone, WINTER)


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("berlin", "Europe/Berlin"),
        (" New  York ", "America/New_York"),
        ("são paulo", "America/Sao_Paulo"),
        ("Sao Paulo, Brazil (UTC-3)", "America/Sao_Paulo"),
        ("Munich", "Europe/Berlin"),
        ("Xian", "Asia/Shanghai"),
        ("st louis", "America/Chicago"),
        ("Calcutta", "Asia/Kolkata"),
        ("asia/calcutta", "Asia/Kolkata"),
        ("Asia/Calcutta", "Asia/Calcutta"),
        ("Kiev", "Europe/Kyiv"),
        ("japan", "Asia/Tokyo"),
        ("singapore", "Asia/Singapore"),
        ("utc", "UTC"),
    ],
)
def test_what_people_type_is_found(text: str, zone: str) -> None:
    assert find_time_zone(text) == zone


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("Berlinn", "Did you mean Berlin, Germany"),
        ("Washington", "Did you mean Washington, D.C., United States?"),
        ("Germany", "Did you mean Berlin, Germany or Busingen, Germany?"),
        ("Mars/Olympus", "such as Berlin"),
        ("../../etc/passwd", "such as Berlin"),
        ("(UTC+1)", "such as Berlin"),
        ("", "such as Berlin"),
        ("x" * 5_000, "such as Berlin"),
    ],
)
def test_what_is_no_place_is_refused_with_what_might_be_meant(text: str, advice: str) -> None:
    with pytest.raises(TimeZoneUnknown) as refused:
        find_time_zone(text)
    assert advice in refused.value.detail
    assert len(refused.value.detail) < 300


@pytest.mark.parametrize(
    ("zone", "winter", "summer"),
    [
        ("Europe/Berlin", "Berlin (UTC+1)", "Berlin (UTC+2)"),
        ("America/St_Johns", "St Johns (UTC−3:30)", "St Johns (UTC−2:30)"),
        ("Asia/Kathmandu", "Kathmandu (UTC+5:45)", "Kathmandu (UTC+5:45)"),
        ("Asia/Calcutta", "Kolkata (UTC+5:30)", "Kolkata (UTC+5:30)"),
        ("Europe/London", "London (UTC)", "London (UTC+1)"),
        ("Etc/UTC", "UTC", "UTC"),
    ],
)
def test_the_offset_is_the_one_that_holds(zone: str, winter: str, summer: str) -> None:
    assert (write_time_zone(zone, WINTER), write_time_zone(zone, SUMMER)) == (winter, summer)
