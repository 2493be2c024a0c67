"""Signed tokens, each for one purpose, and the keys that sign them. Knows no readers and no routes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import Integer, Text, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import Mapped, mapped_column

from paperround.database import Base, Database, WriteSession
from paperround.errors import PaperroundError
from paperround.settings import Settings

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

PSEUDONYM_LENGTH: Final = 12  # hexadecimal digits
MAX_EARLIER_KEYS: Final = 10
SignableValue = str | int | list[str | int]


class SigningKey(Base):
    """One row: the key that was made because none is set. All hosts and restored backups share it."""

    __tablename__ = "signing_keys"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, default=1)
    secret: Mapped[str] = mapped_column(Text)
    earlier: Mapped[list[str]] = mapped_column(
        ARRAY(Text),
        default=list,
        server_default="{}",
        comment="keys that sign no more and still verify, the last one first",
    )


class KeyNotKept(PaperroundError):
    """There is no key in the database that could be changed."""

    title = "No key to change"


class BadToken(PaperroundError):
    """The token is not ours, is for another purpose, or is too old."""

    title = "This link is not valid"
    status = 404


class Signer:
    """Signs and verifies tokens.

    The first key signs and all keys verify, so that keys can be changed without breaking links already sent.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = list(reversed(keys))  # itsdangerous signs with the last
        # Copied for each tag: taking a key in costs as much as all else of it.
        self._codes = [hmac.new(key.encode(), digestmod="sha256") for key in self._keys]

    def sign(self, purpose: str, value: SignableValue) -> str:
        """Make a token for a URL or a cookie. Only `read` with the same purpose accepts it."""
        return str(self._serializer(purpose).dumps(value))

    def read(self, purpose: str, token: str, *, max_age: timedelta | None = None) -> SignableValue:
        """Return the value that was signed. Raises `BadToken`."""
        seconds = int(max_age.total_seconds()) if max_age is not None else None
        try:
            value: SignableValue = self._serializer(purpose).loads(token, max_age=seconds)
        except (BadData, UnicodeEncodeError) as error:
            raise BadToken("This link is not valid, or has expired.") from error
        return value

    def seal(self, purpose: str, value: str) -> str:
        """Return `value.tag`: short, in lower case and without an expiry, so that it fits a mail address.

        The tag has 80 bits, which is enough against somebody who must try every guess on our server.
        """
        return f"{value}.{self._tag(self._codes[-1], purpose, value)}"

    def unseal(self, purpose: str, sealed: str) -> str:
        """Return the value that was sealed. Raises `BadToken`."""
        value, _, tag = sealed.rpartition(".")
        valid_tags = [self._tag(code, purpose, value) for code in self._codes]
        if not any(hmac.compare_digest(tag.encode(errors="replace"), valid.encode()) for valid in valid_tags):
            raise BadToken("This link is not valid.")
        return value

    def encrypt(self, purpose: str, text: str) -> bytes:
        """Encrypt a secret of somebody else's, such as a key, for storage. Only `decrypt` reads it."""
        return self._cipher(purpose).encrypt(text.encode())

    def decrypt(self, purpose: str, encrypted: bytes) -> str:
        """Return what was encrypted with any of the keys. Raises `BadToken`."""
        from cryptography.fernet import InvalidToken

        try:
            return self._cipher(purpose).decrypt(encrypted).decode()
        except InvalidToken as error:
            raise BadToken("It was encrypted with a key that is no longer there.") from error

    def _cipher(self, purpose: str) -> MultiFernet:
        from cryptography.fernet import Fernet, MultiFernet  # heavy, and for few

        keys = self.derive_keys(f"encrypt.{purpose}")
        return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])

    def pseudonymise(self, purpose: str, value: str) -> str:
        """Return a short name for `value` under which logs can tell it from others, but not find it out."""
        return self._tag(self._codes[-1], f"pseudonym.{purpose}", value)[:PSEUDONYM_LENGTH]

    def derive_keys(self, purpose: str) -> list[bytes]:
        """Derive a key of 32 bytes from each of ours, the one that signs first, to encrypt with."""
        text = f"paperround.encryption.{purpose}".encode()
        return [hmac.digest(key.encode(), text, "sha256") for key in reversed(self._keys)]

    @staticmethod
    def _tag(keyed: hmac.HMAC, purpose: str, value: str) -> str:
        code = keyed.copy()
        code.update(f"paperround.{purpose}\0{value}".encode(errors="replace"))
        return code.digest()[:10].hex()

    def _serializer(self, purpose: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self._keys, salt=f"paperround.{purpose}")


async def load_signer(database: Database, settings: Settings) -> Signer:
    """Load the keys from the settings, or else the key in the database, which the first call makes."""
    if settings.secret_key:
        keys = settings.secret_key.get_secret_value().split(",")
        return Signer([key.strip() for key in keys if key.strip()])
    async with database.write_session() as session:
        new_key = insert(SigningKey).values(id=1, secret=_generate_key())
        await session.execute(new_key.on_conflict_do_nothing())
        kept = (await session.execute(select(SigningKey))).scalar_one()
        return Signer([kept.secret, *kept.earlier])


async def rotate_key(session: WriteSession, *, drop_earlier: bool = False) -> int:
    """Sign with a new key from the next start of each process on. Returns how many keys verify.

    Keys that signed before still verify. With `drop_earlier` they no longer do, and nothing else changes:
    what they signed, such as sessions and links of mail, is no longer valid. Raises `KeyNotKept`.
    """
    kept = await session.scalar(select(SigningKey).with_for_update())
    if kept is None:
        raise KeyNotKept("The database has no key yet; the first start makes one.")
    if drop_earlier:
        kept.earlier = []
    else:
        kept.earlier = [kept.secret, *kept.earlier][:MAX_EARLIER_KEYS]
        kept.secret = _generate_key()
    return 1 + len(kept.earlier)


def _generate_key() -> str:
    return secrets.token_urlsafe(48)


def generate_token() -> str:
    """Generate a token of 256 random bits for a URL or a header."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """Hash a token for storage. Tokens are long and random, so a plain SHA-256 is safe from search."""
    return hashlib.sha256(token.encode()).hexdigest()
