"""/api/v1/me: the reader to whom a key belongs."""

from __future__ import annotations

from pydantic import BaseModel

from paperround.accounts.tables import Scope
from paperround.web.dependencies import KeyHolder
from paperround.web.router import Router

router = Router(prefix="/api/v1/me", tags=["account"])


class Me(BaseModel):
    email: str
    name: str
    time_zone: str
    scope: Scope


@router.get("", summary="Whose key this is, and what it may do")
async def me(holder: KeyHolder) -> Me:
    reader = holder.reader
    return Me(email=reader.email, name=reader.name, time_zone=reader.time_zone, scope=holder.scope)
