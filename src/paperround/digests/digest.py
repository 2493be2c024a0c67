"""A digest before it is rendered: what one message is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from paperround.digests.items import DigestItem
from paperround.digests.selection import Selection
from paperround.digests.tables import Cadence, LinkTarget
from paperround.i18n.languages import ENGLISH


@dataclass(frozen=True)
class Digest:
    """What one message is about. `delivery_id` None: a preview."""

    subscription: LinkTarget
    email: str
    cadence: Cadence
    period: date
    selection: Selection
    items: Mapping[str, DigestItem]
    delivery_id: int | None = None
    language: str = ENGLISH  # of what isn't the papers' own

    @cached_property
    def papers(self) -> list[DigestItem]:
        """Those that are still in the catalogue."""
        return [self.items[key] for key in self.selection.papers if key in self.items]
