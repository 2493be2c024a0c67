"""What the links in mail lead to: the signed number in an address, and the subscription it is of."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from paperround.database import ReadSession
from paperround.digests.links import Links
from paperround.digests.tables import Subscription
from paperround.web.dependencies import NotFound, settings_of, signer_of


def links_of(request: Request) -> Links:
    return Links.of(settings_of(request), signer_of(request))


async def linked(request: Request) -> Links:
    return links_of(request)


Linked = Annotated[Links, Depends(linked)]


async def found_by(session: ReadSession, subscription_id: int) -> Subscription:
    found = await session.get(Subscription, subscription_id)
    if found is None:
        raise NotFound("This subscription has been deleted.")
    return found
