"""API keys for programs: create, list, find and revoke. A key is shown once; only its hash is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from sqlalchemy import delete, func, select, update

from paperround.accounts.tables import ApiKey, Reader, Scope
from paperround.database import Database, ReadSession, WriteSession
from paperround.errors import PaperroundError
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message
from paperround.tokens import generate_token, hash_token

KEY_PREFIX: Final = "pr_"
HINT_LENGTH: Final = 8  # characters of a key that are kept, `pr_` among them
MAX_KEYS: Final = 20  # of one reader
USED_INTERVAL: Final = timedelta(minutes=1)


class TooManyKeys(PaperroundError):
    """The reader has as many keys as a reader may have."""

    title = mark_message("Too many keys")
    status = 409

    def __init__(self) -> None:
        super().__init__(
            _("You have %(max_keys)s keys. Revoke one before you create another.", max_keys=MAX_KEYS)
        )


class KeyHolder(NamedTuple):
    """The reader in whose name a key acts, what it may do, and its number."""

    reader: Reader
    scope: Scope
    key_id: int


async def create_key(session: WriteSession, reader_id: int, *, name: str, scope: Scope, now: datetime) -> str:
    """Create a key and return it, to be shown once. Raises `TooManyKeys`."""
    await session.execute(select(Reader.id).where(Reader.id == reader_id).with_for_update())
    key_count = select(func.count()).select_from(ApiKey).where(ApiKey.reader_id == reader_id)
    if (await session.execute(key_count)).scalar_one() >= MAX_KEYS:
        raise TooManyKeys
    key = KEY_PREFIX + generate_token()
    session.add(
        ApiKey(
            reader_id=reader_id,
            name=name,
            hint=key[:HINT_LENGTH],
            token_hash=hash_token(key),
            scope=scope,
            created_at=now,
        )
    )
    return key


async def list_keys(session: ReadSession, reader_id: int) -> Sequence[ApiKey]:
    """List the keys of a reader, the oldest first."""
    query = select(ApiKey).where(ApiKey.reader_id == reader_id).order_by(ApiKey.created_at, ApiKey.id)
    return (await session.scalars(query.limit(MAX_KEYS))).all()


async def revoke_key(session: WriteSession, reader_id: int, key_id: int) -> None:
    """Delete a key of the reader's. Does nothing to the key of another reader."""
    await session.execute(delete(ApiKey).where(ApiKey.id == key_id, ApiKey.reader_id == reader_id))


async def revoke_all_keys(
    session: WriteSession, reader_id: int, *, made_since: datetime | None = None
) -> None:
    """Delete all keys of a reader, or those made at or after a time."""
    keys = delete(ApiKey).where(ApiKey.reader_id == reader_id)
    await session.execute(keys if made_since is None else keys.where(ApiKey.created_at >= made_since))


async def find_holder(database: Database, key: str, *, now: datetime) -> KeyHolder | None:
    """Find whose key this is, or None. Records the use at most once a minute."""
    if not key.startswith(KEY_PREFIX):
        return None
    query = (
        select(Reader, ApiKey)
        .join(ApiKey, ApiKey.reader_id == Reader.id)
        .where(ApiKey.token_hash == hash_token(key))
    )
    async with database.read_session() as session:
        row = (await session.execute(query)).one_or_none()
    if row is None:
        return None
    reader, api_key = row
    if api_key.used_at is None or now - api_key.used_at >= USED_INTERVAL:
        async with database.write_session() as session:
            await session.execute(update(ApiKey).where(ApiKey.id == api_key.id).values(used_at=now))
    return KeyHolder(reader, api_key.scope, api_key.id)
