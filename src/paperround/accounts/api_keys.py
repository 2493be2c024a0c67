"""Keys for programs: made, listed, found, taken back. A key is shown once; its hash is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import delete, func, select, update

from paperround.accounts.tables import ApiKey, Reader, Scope
from paperround.database import Database, ReadSession, WriteSession
from paperround.tokens import fingerprint, new_token

PREFIX: Final = "pr_"
HINT: Final = 8  # characters of a key that are kept, `pr_` among them
MOST: Final = 20  # of one reader
NOTED_EVERY: Final = timedelta(minutes=1)


class TooManyKeys(ValueError):
    def __init__(self) -> None:
        super().__init__(f"You have {MOST} keys. Take one back before you make another.")


class Holder(NamedTuple):
    reader: Reader
    scope: Scope


async def make(session: WriteSession, reader_id: int, *, name: str, scope: Scope, now: datetime) -> str:
    """A new key, to be shown once. Raises `TooManyKeys`."""
    await session.execute(select(Reader.id).where(Reader.id == reader_id).with_for_update())
    mine = select(func.count()).select_from(ApiKey).where(ApiKey.reader_id == reader_id)
    if (await session.execute(mine)).scalar_one() >= MOST:
        raise TooManyKeys
    key = PREFIX + new_token()
    session.add(
        ApiKey(
            reader_id=reader_id,
            name=name,
            hint=key[:HINT],
            token_hash=fingerprint(key),
            scope=scope,
            created_at=now,
        )
    )
    return key


async def of_reader(session: ReadSession, reader_id: int) -> Sequence[ApiKey]:
    query = select(ApiKey).where(ApiKey.reader_id == reader_id).order_by(ApiKey.created_at, ApiKey.id)
    return (await session.scalars(query.limit(MOST))).all()


async def take_back(session: WriteSession, reader_id: int, key_id: int) -> None:
    """The key opens nothing from now on; another reader's stays."""
    await session.execute(delete(ApiKey).where(ApiKey.id == key_id, ApiKey.reader_id == reader_id))


async def holder(database: Database, key: str, *, now: datetime) -> Holder | None:
    """In whose name a program speaks, and what it may do. Notes the use at most once a minute."""
    if not key.startswith(PREFIX):
        return None
    query = (
        select(Reader, ApiKey)
        .join(ApiKey, ApiKey.reader_id == Reader.id)
        .where(ApiKey.token_hash == fingerprint(key))
    )
    async with database.reading() as session:
        row = (await session.execute(query)).one_or_none()
    if row is None:
        return None
    reader, found = row
    if found.used_at is None or now - found.used_at >= NOTED_EVERY:
        async with database.writing() as session:
            await session.execute(update(ApiKey).where(ApiKey.id == found.id).values(used_at=now))
    return Holder(reader, found.scope)
