"""The name under which a submission is listed. It never shows the reader's address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import update

from paperround.database import WriteSession
from paperround.papers.merge import READERS_FEED
from paperround.papers.tables import Listing

DEFAULT_NAME: Final = "a reader"


def build_submitter_account(reader_id: int, name: str) -> Mapping[str, Any]:
    """Build the account of a reader, in the form of the hub's accounts."""
    shown_name = name or DEFAULT_NAME
    return {"_id": f"reader-{reader_id}", "name": shown_name, "fullname": shown_name, "type": "user"}


async def forget_submitter(session: WriteSession, reader_id: int) -> None:
    """Remove the name of a reader who leaves from their submissions, which stay listed."""
    is_submitter = Listing.submitter["_id"].astext == build_submitter_account(reader_id, "")["_id"]
    statement = update(Listing).where(Listing.feed == READERS_FEED, is_submitter)
    await session.execute(statement.values(submitter=None))
