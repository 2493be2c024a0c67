"""Connections to readers' Zotero libraries: make one, end it, choose what a topic reads."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

import httpx
from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from paperround.database import ReadSession, WriteSession
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message
from paperround.library.tables import SavedPaper
from paperround.papers.tables import INVENTED_PREFIX
from paperround.tokens import Signer
from paperround.topics.tables import Topic
from paperround.zotero.client import COLLECTION_KEY, KEY, ZoteroClient, ZoteroRefused
from paperround.zotero.tables import ZoteroConnection, ZoteroItem

PURPOSE: Final = "zotero key"
FORGOTTEN_KEY: Final = mark_message("The site can no longer read the key. Connect again.")
MAX_GROUP_DIGITS: Final = 12


class NewConnection(NamedTuple):
    """A key and a library that Zotero said belong together."""

    library: str
    name: str
    key: str


class ConnectionState(NamedTuple):
    """A connection with how many saved papers are in the library, refused, and still to be added."""

    connection: ZoteroConnection
    stored: int
    refused: int
    waiting: int


async def verify_key(http: httpx.AsyncClient, key: str, group: str = "") -> NewConnection:
    """Ask Zotero what a key opens. `group` is a group's number, '' for the reader's own library.

    Raises `ZoteroError`, and `ZoteroRefused` where the key may not write to the library.
    """
    if not KEY.fullmatch(key):
        raise ZoteroRefused(_("That is no key of Zotero’s: it has 24 letters and digits."))
    if group and not (group.isascii() and group.isdecimal() and len(group) <= MAX_GROUP_DIGITS):
        raise ZoteroRefused(_("A group’s number is in its address: zotero.org/groups/NUMBER."))
    access = await ZoteroClient(http, key).load_access()
    library = f"groups/{group}" if group else f"users/{access.user_id}"
    if not access.may_write_to(library):
        raise ZoteroRefused(_("This key may not write to that library. Make one that may, at zotero.org."))
    return NewConnection(library, f"group {group}" if group else access.user_name or "your library", key)


async def connect(
    session: WriteSession, reader_id: int, made: NewConnection, signer: Signer, *, now: datetime
) -> None:
    """Store a connection in place of any earlier one. The same library keeps what was put there."""
    values = {
        "library_name": made.name,
        "encrypted_key": signer.encrypt(PURPOSE, made.key),
        "connected_at": now,
        "next_try_at": now,
        "failures": 0,
        "error": None,
    }
    earlier = await session.get(ZoteroConnection, reader_id)
    if earlier is not None and earlier.library != made.library:
        await session.execute(delete(ZoteroConnection).where(ZoteroConnection.reader_id == reader_id))
        session.expunge(earlier)
    statement = insert(ZoteroConnection).values(reader_id=reader_id, library=made.library, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=["reader_id"], set_=values))


async def disconnect(session: WriteSession, reader_id: int) -> None:
    """Forget the key and the connection. What is in the library stays there."""
    await session.execute(delete(ZoteroConnection).where(ZoteroConnection.reader_id == reader_id))


async def follow_collection(
    session: WriteSession, connection: ZoteroConnection, collection: str, topic: Topic, *, now: datetime
) -> None:
    """Have a topic learn from a collection, now and daily. Raises `ZoteroRefused`."""
    if not COLLECTION_KEY.fullmatch(collection):
        raise ZoteroRefused(_("That is no collection of Zotero’s."))
    connection.collection, connection.topic_id, connection.collection_version = collection, topic.id, 0
    connection.collection_due_at = now
    connection.next_try_at = connection.next_try_at and now
    await session.flush()


async def find_connection(session: ReadSession, reader_id: int) -> ZoteroConnection | None:
    return await session.get(ZoteroConnection, reader_id)


async def load_state(session: ReadSession, reader_id: int) -> ConnectionState | None:
    """Load a reader's connection with what it came to."""
    connection = await find_connection(session, reader_id)
    if connection is None:
        return None
    refused = func.count().filter(ZoteroItem.error.is_not(None)).label("refused")
    query = select(func.count().label("items"), refused).where(ZoteroItem.reader_id == reader_id)
    row = (await session.execute(query)).one()
    unsent = (
        select(func.count())
        .select_from(SavedPaper)
        .where(SavedPaper.reader_id == reader_id, *select_unsent_conditions())
    )
    waiting = (await session.execute(unsent)).scalar_one()
    return ConnectionState(connection, row.items - row.refused, row.refused, waiting)


def select_unsent_conditions() -> tuple[ColumnElement[bool], ...]:
    """Build the conditions on saved papers that are still to be put into a library. Samples never are."""
    is_item = select(ZoteroItem.paper_id).where(
        ZoteroItem.reader_id == SavedPaper.reader_id, ZoteroItem.paper_id == SavedPaper.paper_id
    )
    return (~is_item.exists(), ~SavedPaper.paper_id.startswith(INVENTED_PREFIX))
