"""The addresses that stand in mail, and the marks by which a message is known again when it bounces.

They are signed and short. A link works as long as what it is about is there, however often it is opened:
mail programs and scanners open links too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from paperround.digests.tables import LinkTarget
from paperround.mail.message import parse_address, parse_domain
from paperround.settings import Settings
from paperround.tokens import BadToken, Signer

Purpose = Literal["confirm", "preferences", "unsubscribe", "digest", "rate", "save", "message"]
# Links to what is for whoever has the address end when the address changes. The others work for good.
ADDRESS_PURPOSES: Final = frozenset({"confirm", "preferences", "digest", "rate", "save"})
SEALED_ID: Final = re.compile(r"(\d{1,18}(?:-[0-9a-f]{10})?\.[0-9a-f]{20})", re.ASCII)


class SealedId(NamedTuple):
    """What stands in a link: the number of a subscription or delivery, and the nonce of the subscription."""

    purpose: Purpose
    id: int
    nonce: str

    def is_of(self, target: LinkTarget) -> bool:
        """Tell whether the link was made for this subscription, and its address where that matters."""
        return self.nonce == _choose_nonce(self.purpose, target)


def _choose_nonce(purpose: Purpose, target: LinkTarget) -> str:
    return target.address_nonce if purpose in ADDRESS_PURPOSES else target.nonce


class DeliveryLinks(NamedTuple):
    return_path: str
    message_id: str
    unsubscribe: str
    unsubscribe_by_mail: str
    preferences: str
    digest: str  # as a page, which may be passed on
    rate: str  # of a paper, which `?paper=` names; for its reader alone, and so is the next
    save: str  # the same


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

    def confirm(self, target: LinkTarget) -> str:
        return f"{self.site}/confirm/{self._seal('confirm', target.id, target)}"

    def preferences(self, target: LinkTarget) -> str:
        return f"{self.site}/preferences/{self._seal('preferences', target.id, target)}"

    def unsubscribe(self, target: LinkTarget) -> str:
        return f"{self.site}/unsubscribe/{self._seal('unsubscribe', target.id, target)}"

    def for_delivery(self, delivery_id: int, target: LinkTarget) -> DeliveryLinks:
        """All that stand in one message. They are the same at every attempt.

        The Message-ID is without its angle brackets, and bounces go to the return path: an address of the
        delivery's own, where one is set.
        """
        mark = self._seal("message", delivery_id, target)
        path = self._return_path(mark)
        return DeliveryLinks(
            return_path=path,
            message_id=f"{mark}@{self.domain}",
            unsubscribe=self.unsubscribe(target),
            # Its subject tells too whose it is, where bounces have one address for all.
            unsubscribe_by_mail=f"mailto:{path}?subject=unsubscribe%20{mark}",
            preferences=self.preferences(target),
            digest=f"{self.site}/digests/{self._seal('digest', delivery_id, target)}",
            rate=f"{self.site}/digests/rate/{self._seal('rate', delivery_id, target)}",
            save=f"{self.site}/digests/save/{self._seal('save', delivery_id, target)}",
        )

    def return_path(self, delivery_id: int, target: LinkTarget) -> str:
        """Where a message's bounces go, as in `for_delivery`."""
        return self._return_path(self._seal("message", delivery_id, target))

    def _return_path(self, mark: str) -> str:
        if not self.separate_return_paths:
            return self.bounces
        local, _, domain = self.bounces.rpartition("@")
        return f"{local}+{mark}@{domain}"

    def find_delivery(self, text: str) -> SealedId | None:
        """The delivery that a return path or a Message-ID within `text` names; None when none is ours."""
        for mark in SEALED_ID.findall(text):
            try:
                return self.read_token("message", mark)
            except BadToken:
                continue
        return None

    def read_token(self, purpose: Purpose, token: str) -> SealedId:
        """What stands in a link. Whether it is about the row of today, `SealedId.is_of` tells.

        Raises `BadToken`.
        """
        if not SEALED_ID.fullmatch(token):
            raise BadToken("This link is incomplete. Copy all of it from the message.")
        number, _, nonce = self.signer.unseal(purpose, token).partition("-")
        return SealedId(purpose, int(number), nonce)

    def _seal(self, purpose: Purpose, number: int, target: LinkTarget) -> str:
        nonce = _choose_nonce(purpose, target)
        return self.signer.seal(purpose, f"{number}-{nonce}" if nonce else str(number))
