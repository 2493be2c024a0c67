"""Three people in tests: ada owns, ben may too, cyn must see nothing of theirs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import httpx
from sqlalchemy import select

from paperround import tokens
from paperround.accounts import sessions, sign_in
from paperround.accounts.tables import ReaderSession
from paperround.database import Database, utc_now
from paperround.settings import Settings
from paperround.web.security import cookies

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
ADA, BEN, CYN = "ada@example.org", "ben@example.org", "cyn@example.org"


@dataclass(frozen=True)
class Person:
    """A reader with a browser that is signed in. `csrf`: the token of its forms."""

    id: int
    email: str
    session_id: int
    cookies: dict[str, str]
    csrf: str

    def form(self, **fields: str) -> dict[str, str]:
        """What the browser sends when a form of its own page is sent off."""
        return {"csrf": self.csrf, **fields}


async def person(database: Database, email: str = ADA, *, now: datetime | None = None) -> Person:
    """Somebody with an account (made when missing) and a new session."""
    settings, moment = Settings(_env_file=None), now or utc_now()
    signer = await tokens.signer(database, settings)
    async with database.writing() as session:
        reader_id = await sign_in.reader_of(session, email, now=moment)
        token = await sessions.begin(session, reader_id, agent=FIREFOX, now=moment)
        mine = select(ReaderSession.id).where(ReaderSession.token_hash == tokens.fingerprint(token))
        session_id = (await session.execute(mine)).scalar_one()
    cookie = {cookies.cookie_name(settings): signer.sign(cookies.PURPOSE, token)}
    return Person(reader_id, email, session_id, cookie, cookies.form_token(signer, session_id))


async def signed_in(
    web: httpx.Client | httpx.AsyncClient,
    database: Database,
    email: str = ADA,
    *,
    now: datetime | None = None,
) -> Person:
    """Make `web` the browser of somebody who is signed in. `now`: the site's time, if not the clock's."""
    who = await person(database, email, now=now)
    for name, value in who.cookies.items():
        web.cookies.set(name, value, domain=web.base_url.host)
    return who
