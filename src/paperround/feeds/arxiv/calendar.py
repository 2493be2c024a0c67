"""arXiv's timetable: which submissions are announced on a day. These are pure functions."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple

from paperround.feeds.arxiv.xml import EASTERN

DEADLINE: Final = time(14)  # Eastern time; a later submission waits for the next announcement
# Maps a weekday (Monday is 0) to how many days before it its window of submissions starts and ends, both at
# the deadline. Monday's announcements appear on Sunday evening and have the submissions from Thursday's
# deadline to Friday's. There are no announcements on Friday and Saturday evenings.
WINDOW_DAYS_BACK: Final = {0: (4, 3), 1: (4, 1), 2: (2, 1), 3: (2, 1), 4: (2, 1)}


class SubmissionWindow(NamedTuple):
    """The submissions from `start` up to but not including `end`."""

    start: datetime
    end: datetime


def submission_window(day: date) -> SubmissionWindow | None:
    """The submissions that the regular timetable announces on a day. None means that it announces none.

    Each submission is in exactly one window. Around a holiday arXiv announces them a day or two later.
    """
    days_back = WINDOW_DAYS_BACK.get(day.weekday())
    if days_back is None:
        return None
    start, end = (_deadline(day - timedelta(days=days)) for days in days_back)
    return SubmissionWindow(start=start, end=end)


def _deadline(day: date) -> datetime:
    return datetime.combine(day, DEADLINE, tzinfo=EASTERN).astimezone(UTC)
