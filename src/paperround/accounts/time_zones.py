"""Time zones as people know them: by a city, with the country and the offset that its clocks have now.

Names, countries and former names come from tzdata, which lists at least one city of each country. What is
stored is a name such as `Europe/Berlin`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from paperround.accounts.large_cities import LARGE_CITIES
from paperround.errors import PaperroundError
from paperround.i18n.formats import format_alternatives
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message
from paperround.text.accents import fold_accents

MAX_TIME_ZONE_LENGTH: Final = 100  # of a name, or of a city with its country and offset
OFFSET: Final = re.compile(r"\s*\(UTC[^()]*\)\s*$", re.IGNORECASE)
PUNCTUATION: Final = re.compile(r"[.,'’]")
MIN_BEGINNING: Final = 3  # letters of a name by which others are suggested
MAX_SUGGESTIONS: Final = 3
NO_PLACES: Final = {"Factory", "localtime", "posixrules"}  # they differ from host to host


class TimeZoneUnknown(PaperroundError):
    """A text that names no time zone, or several."""

    title = mark_message("Not a time zone")
    status = 400

    def __init__(self, text: str, similar: Sequence[str] = ()) -> None:
        question = _("Did you mean %(cities)s?", cities=format_alternatives(similar)) if similar else ""
        advice = question or _("Name a large city near you, such as Berlin.")
        told = _("“%(text)s” is not a city or time zone that we know.", text=text[:60])
        super().__init__(f"{told} {advice}")


@dataclass(frozen=True)
class City:
    """A city whose clocks show a time zone. `zones` are the zone's name and its former names."""

    name: str
    country: str  # empty for UTC itself
    zones: tuple[str, ...]
    is_namesake: bool = True  # whether the zone is called after it

    @property
    def place(self) -> str:
        """The city as a list of cities names it: `Berlin, Germany`."""
        return f"{self.name}, {self.country}" if self.country not in ("", self.name) else self.name


@dataclass(frozen=True)
class CityChoice:
    """A city in a list to choose from, with the time zones called after it.

    `label` is `Berlin, Germany (UTC+1)`.
    """

    label: str
    zones: tuple[str, ...]


@cache
def list_time_zones() -> tuple[str, ...]:
    """List the names of all time zones, former names too."""
    return tuple(sorted(available_timezones() - NO_PLACES))


def list_choices(now: datetime) -> Sequence[CityChoice]:
    """List the cities to choose from, by name, with the offsets that hold now."""
    return _list_choices(now.astimezone(UTC).replace(minute=now.minute // 15 * 15, second=0, microsecond=0))


@lru_cache(maxsize=2)  # clocks are changed at a quarter of an hour at the earliest
def _list_choices(now: datetime) -> tuple[CityChoice, ...]:
    offsets = {city.zones[0]: write_offset(city.zones[0], now) for city in list_cities()}
    return tuple(
        CityChoice(_write_label(city.place, offsets[city.zones[0]]), city.zones if city.is_namesake else ())
        for city in list_cities()
    )


def write_choice(time_zone: str, now: datetime) -> str:
    """Write a time zone as the list to choose from does: `Berlin, Germany (UTC+1)`."""
    city = _cities_by_zone().get(time_zone)
    place = city.place if city else time_zone
    return _write_label(place, write_offset(time_zone, now))


def write_time_zone(time_zone: str, now: datetime) -> str:
    """Write a time zone for a sentence: `Berlin (UTC+1)`."""
    city = _cities_by_zone().get(time_zone)
    return _write_label(city.name if city else time_zone, write_offset(time_zone, now))


def _write_label(place: str, offset: str) -> str:
    return place if place == offset else f"{place} ({offset})"


def write_offset(time_zone: str, now: datetime) -> str:
    """Write how far the clocks of a time zone are ahead: `UTC`, `UTC+5:30` or `UTC−3`."""
    ahead = now.astimezone(ZoneInfo(time_zone)).utcoffset() or timedelta(0)
    if not ahead:
        return "UTC"
    hours, minutes = divmod(round(abs(ahead).total_seconds()) // 60, 60)
    return f"UTC{'+' if ahead > timedelta(0) else '−'}{hours}" + (f":{minutes:02}" if minutes else "")


def find_time_zone(text: str) -> str:
    """Find the time zone that a text names: by its own name, a city, a city with its country, or a country
    that has one alone. Raises `TimeZoneUnknown`.
    """
    if text in list_time_zones():
        return text
    wanted = _fold(OFFSET.sub("", text))
    found = _places_by_name().get(wanted, {})
    if len(found) == 1:
        return next(iter(found))
    raise TimeZoneUnknown(text, _suggest(wanted) if wanted else ())


def _suggest(wanted: str) -> Sequence[str]:
    """Suggest places for a name that is none of theirs, or that several zones have."""
    names = _places_by_name()
    near = [name for name in names if len(wanted) >= MIN_BEGINNING and name.startswith(wanted)]
    near = near or get_close_matches(wanted, names, n=MAX_SUGGESTIONS, cutoff=0.8)
    places = dict.fromkeys(place for name in near for place in names[name].values())
    return list(places) if len(places) <= MAX_SUGGESTIONS else ()


@cache
def list_cities() -> tuple[City, ...]:
    """List the cities by name; UTC is the first."""
    folder = files("tzdata") / "zoneinfo"
    countries = dict(_read_table((folder / "iso3166.tab").read_text(encoding="utf-8")))
    former_names = _read_former_names((folder / "tzdata.zi").read_text(encoding="utf-8"))
    zones: dict[str, str] = {}  # each with its country
    for code, _place, zone, *_more in _read_table((folder / "zone.tab").read_text(encoding="utf-8")):
        zones[zone] = countries[code]
    known = [
        City(_name_city(zone, country), country, (zone, *sorted(former_names[zone] - zones.keys())))
        for zone, country in zones.items()
        if zone in list_time_zones()
    ]
    large = [
        City(name, zones[zone], (zone,), is_namesake=False)
        for zone, names in LARGE_CITIES.items()
        for name in names
    ]
    cities = sorted([*known, *large], key=lambda city: _fold(city.place))
    return City("UTC", "", ("UTC", "Etc/UTC", "Etc/GMT", "GMT")), *cities


@cache
def _cities_by_zone() -> dict[str, City]:
    """Give the city after which each time zone is called, by all its names."""
    return {zone: city for city in list_cities() if city.is_namesake for zone in city.zones}


@cache
def _places_by_name() -> dict[str, dict[str, str]]:
    """Give the time zones that each name may mean, with the city to call each by."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for zone in list_time_zones():
        city = _cities_by_zone().get(zone)
        found[_fold(zone)][city.zones[0] if city else zone] = city.place if city else zone
    for city in list_cities():
        zones = city.zones if city.is_namesake else ()
        for name in {city.name, city.place, *map(_name_city, zones)}:
            found[_fold(name)][city.zones[0]] = city.place
        if city.country and city.is_namesake:
            found[_fold(city.country)][city.zones[0]] = city.place
    return dict(found)


def _name_city(zone: str, country: str = "") -> str:
    """Name the city of `America/Indiana/Knox` as `Knox, Indiana`, and that of `Asia/Tokyo` as `Tokyo`."""
    *regions, city = zone.replace("_", " ").split("/")
    return ", ".join([city, *(region for region in regions[1:] if region != country)])


def _read_table(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines() if line and not line.startswith("#")]


def _read_former_names(text: str) -> dict[str, set[str]]:
    """Read the links of tzdata: `L Asia/Kolkata Asia/Calcutta`."""
    found: dict[str, set[str]] = defaultdict(set)
    for line in text.splitlines():
        if line.startswith("L "):
            _link, zone, name = line.split()
            found[zone].add(name)
    return found


def _fold(text: str) -> str:
    return " ".join(PUNCTUATION.sub("", fold_accents(text)).casefold().replace("_", " ").split())
