"""The day with papers that lies about a year before another one."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from sqlalchemy import Date, func, literal, select

from paperround.database import ReadSession
from paperround.papers.tables import FRESH_LISTING, Listing

MAX_DISTANCE: Final = timedelta(days=3)  # the same date is another day of the week, and may be a Sunday


def subtract_year(day: date) -> date | None:
    """Return the same date of the year before; of 29 February it is the 28th. None before the year 2."""
    if day.year == date.min.year:
        return None
    is_leap_day = (day.month, day.day) == (2, 29)
    return day.replace(year=day.year - 1, day=28 if is_leap_day else day.day)


async def find_day_a_year_before(session: ReadSession, day: date) -> date | None:
    """Find the day with papers nearest to the same date of the year before, or None within three days.

    Of two that are as near, it is the earlier one.
    """
    wanted = subtract_year(day)
    if wanted is None or wanted - date.min < MAX_DISTANCE:
        return None
    distance = func.abs(Listing.day - literal(wanted, Date))
    near = Listing.day.between(wanted - MAX_DISTANCE, wanted + MAX_DISTANCE)
    return await session.scalar(
        select(Listing.day).where(near, FRESH_LISTING).order_by(distance, Listing.day).limit(1)
    )
