"""The addresses that stand in mail, and the marks by which a message is known again when it bounces.

They are signed and short. A link works as long as what it is about is there, however often it is opened:
mail programs and scanners open links too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from paperround.mail.message import parse_address, parse_domain
from paperround.settings import Settings
from paperround.tokens import BadToken, Signer

Purpose = Literal["confirm", "preferences", "unsubscribe", "digest", "rate", "message"]
SEALED_ID: Final = re.compile(r"(\d{1,18}\.[0-9a-f]{20})", re.ASCII)


class DeliveryLinks(NamedTuple):
    return_path: str
    message_id: str
    unsubscribe: str
    unsubscribe_by_mail: str
    preferences: str
    digest: str  # as a page, which may be passed on
    rate: str  # for its reader alone


@dataclass(frozen=True)
class DigestLinks:
    """What signs, where the site is, whom mail comes from and where bounces go."""

    signer: Signer
    site: str
    sender: str  # `Name <address>`, as in From
    domain: str  # of that address
    bounces: str  # an address
    separate_return_paths: bool  # whether each delivery has a return path of its own

    @classmethod
    def from_settings(cls, settings: Settings, signer: Signer) -> DigestLinks:
        """Raises `MailSettingsError`."""
        sender = settings.mail_from
        bounces = parse_address(settings.bounce_address or sender)
        return cls(
            signer, settings.address, sender, parse_domain(sender), bounces, bool(settings.bounce_address)
        )

    def confirm(self, subscription_id: int) -> str:
        return f"{self.site}/confirm/{self._seal('confirm', subscription_id)}"

    def preferences(self, subscription_id: int) -> str:
        return f"{self.site}/preferences/{self._seal('preferences', subscription_id)}"

    def unsubscribe(self, subscription_id: int) -> str:
        return f"{self.site}/unsubscribe/{self._seal('unsubscribe', subscription_id)}"

    def message_id(self, delivery_id: int) -> str:
        """Without its angle brackets. Made from the delivery, so the same at every attempt."""
        return f"{self._seal('message', delivery_id)}@{self.domain}"

    def return_path(self, delivery_id: int) -> str:
        """Where this delivery's bounces go: an address of its own, where one is set."""
        return self._return_path(self._seal("message", delivery_id))

    def for_delivery(self, delivery_id: int, subscription_id: int) -> DeliveryLinks:
        """All that stand in one message."""
        mark = self._seal("message", delivery_id)
        path = self._return_path(mark)
        return DeliveryLinks(
            return_path=path,
            message_id=f"{mark}@{self.domain}",
            unsubscribe=self.unsubscribe(subscription_id),
            # Its subject tells too whose it is, where bounces have one address for all.
            unsubscribe_by_mail=f"mailto:{path}?subject=unsubscribe%20{mark}",
            preferences=self.preferences(subscription_id),
            digest=f"{self.site}/digests/{self._seal('digest', delivery_id)}",
            rate=f"{self.site}/digests/rate/{self._seal('rate', delivery_id)}",
        )

    def _return_path(self, mark: str) -> str:
        if not self.separate_return_paths:
            return self.bounces
        local, _, domain = self.bounces.rpartition("@")
        return f"{local}+{mark}@{domain}"

    def find_delivery_id(self, text: str) -> int | None:
        """The delivery that a return path or a Message-ID within `text` names; None when none is ours."""
        for mark in SEALED_ID.findall(text):
            try:
                return self.read_token("message", mark)
            except BadToken:
                continue
        return None

    def read_token(self, purpose: Purpose, token: str) -> int:
        """The id in a link. Raises `BadToken`."""
        if not SEALED_ID.fullmatch(token):
            raise BadToken("This link is not whole. Copy all of it from the message.")
        return int(self.signer.unseal(purpose, token))

    def _seal(self, purpose: Purpose, number: int) -> str:
        return self.signer.seal(purpose, str(number))
