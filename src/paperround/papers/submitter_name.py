"""Under which name a reader's submission stands on a list; of a reader nobody learns the address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import update

from paperround.database import WriteSession
from paperround.papers.merge import READERS
from paperround.papers.tables import Listing

NAMELESS: Final = "a reader"


def account(reader_id: int, name: str) -> Mapping[str, Any]:
    """In the form of the hub's accounts."""
    shown = name or NAMELESS
    return {"_id": f"reader-{reader_id}", "name": shown, "fullname": shown, "type": "user"}


async def forget(session: WriteSession, reader_id: int) -> None:
    """For a reader who leaves: what they brought stays on its lists, without a name."""
    theirs = Listing.submitter["_id"].astext == account(reader_id, "")["_id"]
    await session.execute(update(Listing).where(Listing.feed == READERS, theirs).values(submitter=None))
