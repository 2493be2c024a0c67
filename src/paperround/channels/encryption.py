"""Encrypts what a channel keeps secret, with keys derived from the site's own."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from paperround.channels.address import ChannelAddress, parse_address
from paperround.channels.errors import SecretUnreadable
from paperround.i18n.messages import gettext as _
from paperround.tokens import Signer

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

KEY_PURPOSE: Final = "channels"
SEPARATOR: Final = "\n"  # no address has one


class ChannelSecrets(NamedTuple):
    """What nobody but the receiver should know. `signing_secret` is a webhook's, else empty."""

    address: ChannelAddress
    signing_secret: str


class SecretBox:
    """Encrypts with the first of some keys and decrypts with any (Fernet: AES-128-CBC with HMAC-SHA-256)."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = [base64.urlsafe_b64encode(key) for key in keys]

    @classmethod
    def from_signer(cls, signer: Signer) -> SecretBox:
        return cls(signer.derive_keys(KEY_PURPOSE))

    def encrypt(self, secrets: ChannelSecrets) -> bytes:
        text = f"{secrets.address.text}{SEPARATOR}{secrets.signing_secret}"
        return self._ciphers()[0].encrypt(text.encode())

    def decrypt(self, sealed: bytes) -> ChannelSecrets:
        """Raises `SecretUnreadable` where it was encrypted with a key that the site no longer has."""
        address, _separator, signing_secret = self._decrypt(sealed).decode().partition(SEPARATOR)
        return ChannelSecrets(parse_address(address, allows_apprise=True), signing_secret)

    def renew(self, sealed: bytes) -> bytes | None:
        """Encrypt again what an earlier key encrypted. None: the first key did. Raises `SecretUnreadable`."""
        from cryptography.fernet import InvalidToken

        first = self._ciphers()[0]
        try:
            first.decrypt(sealed)
        except InvalidToken:
            return first.encrypt(self._decrypt(sealed))
        return None

    def _decrypt(self, sealed: bytes) -> bytes:
        from cryptography.fernet import InvalidToken

        for cipher in self._ciphers():
            try:
                return cipher.decrypt(sealed)
            except InvalidToken:
                continue
        raise SecretUnreadable(
            _("The channel’s address was encrypted with a key that this site no longer has."),
            advice=_("Remove the channel and add it again."),
        )

    def _ciphers(self) -> list[Fernet]:
        from cryptography.fernet import Fernet  # where no channel is used, nobody loads its megabytes

        return [Fernet(key) for key in self._keys]
