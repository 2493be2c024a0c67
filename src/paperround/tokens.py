"""Signed tokens that say what they are for, and the secret that signs them. Knows no reader and no route."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import timedelta

from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import Integer, Text, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from paperround.database import Base, Database
from paperround.settings import Settings

Signed = str | int | list[str | int]


class SigningKey(Base):
    """One row: the secret made when none was set; every host and a restored backup share it."""

    __tablename__ = "signing_keys"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, default=1)
    secret: Mapped[str] = mapped_column(Text)


class BadToken(ValueError):
    """Not ours, for something else, or too old."""


class Signer:
    """The first key signs, all verify, so that keys can be changed without breaking links already sent."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = list(reversed(keys))  # itsdangerous signs with the last

    def sign(self, purpose: str, value: Signed) -> str:
        """A token for an address or a cookie; only `read` with the same purpose opens it."""
        return str(self._serializer(purpose).dumps(value))

    def read(self, purpose: str, token: str, *, max_age: timedelta | None = None) -> Signed:
        """The value that was signed. Raises `BadToken`."""
        seconds = int(max_age.total_seconds()) if max_age is not None else None
        try:
            value: Signed = self._serializer(purpose).loads(token, max_age=seconds)
        except BadData as error:
            raise BadToken("This link is not valid, or too old.") from error
        return value

    def seal(self, purpose: str, value: str) -> str:
        """`value.tag`: short, in small letters and without an end, for what has to fit into a mail address.

        The tag has 80 bits: enough against somebody who must ask us about every guess.
        """
        return f"{value}.{self._tag(self._keys[-1], purpose, value)}"

    def unseal(self, purpose: str, sealed: str) -> str:
        """The value that was sealed. Raises `BadToken`."""
        value, _, tag = sealed.rpartition(".")
        tags = [self._tag(key, purpose, value) for key in self._keys]
        if not any(hmac.compare_digest(tag.encode(errors="replace"), ours.encode()) for ours in tags):
            raise BadToken("This link is not valid.")
        return value

    @staticmethod
    def _tag(key: str, purpose: str, value: str) -> str:
        text = f"paperround.{purpose}\0{value}".encode()
        return hmac.digest(key.encode(), text, "sha256")[:10].hex()

    def _serializer(self, purpose: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self._keys, salt=f"paperround.{purpose}")


async def signer(database: Database, settings: Settings) -> Signer:
    """With the keys of the settings, else with the one that the database keeps (made at the first call)."""
    if settings.secret_key:
        given = settings.secret_key.get_secret_value().split(",")
        return Signer([key.strip() for key in given if key.strip()])
    async with database.writing() as session:
        fresh = insert(SigningKey).values(id=1, secret=secrets.token_urlsafe(48))
        await session.execute(fresh.on_conflict_do_nothing())
        return Signer([(await session.execute(select(SigningKey.secret))).scalar_one()])


def new_token() -> str:
    """256 random bits, for an address or a header."""
    return secrets.token_urlsafe(32)


def fingerprint(token: str) -> str:
    """What is kept of a token. Tokens are random and long, so that a plain SHA-256 can't be searched."""
    return hashlib.sha256(token.encode()).hexdigest()
