"""Resolves the signed links of mails to their subscriptions."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from paperround.database import ReadSession
from paperround.digests.links import DigestLinks, Purpose
from paperround.digests.tables import Subscription
from paperround.i18n.messages import gettext as _
from paperround.web.dependencies import NotFound, settings_of, signer_of


def load_links(request: Request) -> DigestLinks:
    return DigestLinks.from_settings(settings_of(request), signer_of(request))


async def load_links_dependency(request: Request) -> DigestLinks:
    return load_links(request)


Links = Annotated[DigestLinks, Depends(load_links_dependency)]


class LinkOutdated(NotFound):
    """The link was ours, but what it was made for is gone."""

    advice = "A newer message has a link that works. Or sign in: your settings lead to your subscription."


async def find_subscription(
    session: ReadSession, links: DigestLinks, purpose: Purpose, token: str
) -> Subscription:
    """Find the subscription of a mail's link. Raises `BadToken`, `LinkOutdated`."""
    link = links.read_token(purpose, token)
    found = await session.get(Subscription, link.id)
    if found is None or not link.is_of(found.link_target):
        raise LinkOutdated(_("This subscription has been deleted, or its address has changed since."))
    return found
