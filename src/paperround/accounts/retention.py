"""What nobody needs any more: expired links, ended sessions, counts of hours long past."""

from __future__ import annotations

from datetime import datetime

from paperround import rate_limits
from paperround.accounts import sessions, sign_in
from paperround.database import Database


async def tidy(database: Database, *, now: datetime) -> None:
    async with database.writing() as session:
        await sign_in.forget_expired(session, now=now)
        await sessions.forget_ended(session, now=now)
        await rate_limits.forget_old(session, now=now)
