"""arXiv's timetable: which submissions the announcements of a day are made of. Pure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple

from paperround.feeds.arxiv.xml import EASTERN

DEADLINE: Final = time(14)  # Eastern: what comes later waits for the next announcement
# Day of the week → from how many days before it to how many, at the deadline. Monday's announcements are made
# on Sunday evening of Thursday's and Friday's submissions; none are made on Friday and Saturday evenings.
MADE_OF: Final = {0: (4, 3), 1: (4, 1), 2: (2, 1), 3: (2, 1), 4: (2, 1)}


class Window(NamedTuple):
    """Submissions from `first` on, up to but not at `end`."""

    first: datetime
    end: datetime


def announced_on(day: date) -> Window | None:
    """The submissions that the regular timetable announces on a day; None for a day without announcements.

    Each submission is in exactly one window. Around a holiday arXiv announces them a day or two later.
    """
    days = MADE_OF.get(day.weekday())
    if days is None:
        return None
    first, end = (_deadline(day - timedelta(days=back)) for back in days)
    return Window(first, end)


def _deadline(day: date) -> datetime:
    return datetime.combine(day, DEADLINE, tzinfo=EASTERN).astimezone(UTC)
