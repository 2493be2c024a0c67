"""Prepares the map of the field: points, names at their places, and the same as lists. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from statistics import median
from typing import Final

from paperround.field_map.maps import MapPoint, ShownMap
from paperround.web.views.page_size import shorten_text

MAX_TITLE: Final = 70  # bytes
COLOURS: Final = 6  # of points, by group
ROOM: Final = 26  # between two names


@dataclass(frozen=True)
class MapGroup:
    """A group of papers: its name and where that stands, its colour, and its papers, the most voted first."""

    name: str
    x: int
    y: int
    colour: int
    points: tuple[MapPoint, ...]


def build_map_groups(shown: ShownMap, chosen: Collection[str] | None) -> list[MapGroup]:
    """Build the groups that have papers, the largest first. `chosen` are the only papers to list, if any."""
    groups = []
    for number, name in enumerate(shown.names):
        points = [p for p in shown.points if p.group == number and (chosen is None or p.paper_id in chosen)]
        if points:
            x, y = median(p.x for p in points), median(p.y for p in points)
            short = tuple(_shorten(point) for point in points)
            groups.append(MapGroup(name, int(x), int(y), number % COLOURS, short))
    return sorted(_keep_apart(groups), key=lambda group: -len(group.points))


def _keep_apart(groups: list[MapGroup]) -> list[MapGroup]:
    """Move names down that would stand on another one."""
    moved: list[MapGroup] = []
    for group in sorted(groups, key=lambda group: group.y):
        y = group.y
        for other in moved:
            if abs(other.x - group.x) < 240 and abs(other.y - y) < ROOM:
                y = other.y + ROOM
        moved.append(MapGroup(group.name, group.x, y, group.colour, group.points))
    return moved


def _shorten(point: MapPoint) -> MapPoint:
    title = shorten_text(" ".join(point.title.split()), MAX_TITLE)
    return MapPoint(point.paper_id, title, point.votes, point.x, point.y, point.group)
