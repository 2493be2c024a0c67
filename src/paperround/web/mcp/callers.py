"""Who calls a tool, and what tools work with. It is the same over HTTP and over stdio."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from paperround.accounts.api_keys import KeyHolder
from paperround.accounts.tables import Reader, Scope
from paperround.database import Database, utc_now
from paperround.search.query_vectors import QueryEncoder
from paperround.settings import Settings
from paperround.web.dependencies import Forbidden, SignInNeeded

STATE: Final = "mcp_caller"  # set in the state of a request over HTTP
KEY_NEEDED: Final = (
    "This needs an API key: make one at {}/settings and send it as `Authorization: Bearer pr_…`."
)
WRITING_KEY_NEEDED: Final = "This key may only read. Create one that may write at {}/settings."


@dataclass(frozen=True)
class Caller:
    """Who calls tools.

    `find_holder` finds the holder of the caller's key, None without a key. `take_turn` is entered around what
    is costly; it raises `TooMany` and `CostlyWorkRefused`.
    """

    database: Database
    query_encoder: QueryEncoder
    settings: Settings
    find_holder: Callable[[], Awaitable[KeyHolder | None]]
    take_turn: Callable[[], AbstractAsyncContextManager[None]]
    clock: Callable[[], datetime] = utc_now

    async def require_reader(self, scope: Scope = Scope.read) -> Reader:
        """Return the reader in whose name the caller acts. Raises `SignInNeeded` and `Forbidden`."""
        return require_scope(await self.find_holder(), scope, self.settings).reader


def require_scope(holder: KeyHolder | None, scope: Scope, settings: Settings) -> KeyHolder:
    """Return the holder of a key with this scope. Raises `SignInNeeded` and `Forbidden`."""
    if holder is None:
        raise SignInNeeded(KEY_NEEDED.format(settings.address))
    if scope is Scope.write and holder.scope is not Scope.write:
        raise Forbidden(WRITING_KEY_NEEDED.format(settings.address))
    return holder
