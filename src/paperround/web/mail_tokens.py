"""Resolves the signed links of mails to their subscriptions."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from paperround.database import ReadSession
from paperround.digests.links import DigestLinks
from paperround.digests.tables import Subscription
from paperround.web.dependencies import NotFound, settings_of, signer_of


def load_links(request: Request) -> DigestLinks:
    return DigestLinks.from_settings(settings_of(request), signer_of(request))


async def load_links_dependency(request: Request) -> DigestLinks:
    return load_links(request)


Links = Annotated[DigestLinks, Depends(load_links_dependency)]


async def get_subscription_or_404(session: ReadSession, subscription_id: int) -> Subscription:
    found = await session.get(Subscription, subscription_id)
    if found is None:
        raise NotFound("This subscription has been deleted.")
    return found
