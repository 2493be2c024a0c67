"""The three readers of the tests: Ada and Ben have things, and Cyn must see nothing of theirs."""

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
    """A reader with a signed-in browser. `csrf` is the token of its forms."""

    id: int
    email: str
    session_id: int
    cookies: dict[str, str]
    csrf: str

    def form(self, **fields: str) -> dict[str, str]:
        """What the browser sends with a form of one of our pages."""
        return {"csrf": self.csrf, **fields}


async def add_person(database: Database, email: str = ADA, *, now: datetime | None = None) -> Person:
    """Add a session, and an account where there is none."""
    settings, moment = Settings(_env_file=None), now or utc_now()
    signer = await tokens.load_signer(database, settings)
    async with database.write_session() as session:
        reader_id = await sign_in.get_or_create_reader(session, email, now=moment)
        token = await sessions.begin_session(session, reader_id, agent=FIREFOX, now=moment)
        query = select(ReaderSession.id).where(ReaderSession.token_hash == tokens.hash_token(token))
        session_id = (await session.execute(query)).scalar_one()
    cookie = {cookies.cookie_name(settings): signer.sign(cookies.PURPOSE, token)}
    return Person(reader_id, email, session_id, cookie, cookies.make_form_token(signer, session_id))


async def sign_in_browser(
    web: httpx.Client | httpx.AsyncClient,
    database: Database,
    email: str = ADA,
    *,
    now: datetime | None = None,
) -> Person:
    """Sign in with `web` as the browser. `now` is the site's time, by default the clock's."""
    person = await add_person(database, email, now=now)
    for name, value in person.cookies.items():
        web.cookies.set(name, value, domain=web.base_url.host)
    return person
