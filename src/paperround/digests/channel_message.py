"""A digest as the message of a channel. Its links may be passed on, for a chat has many readers."""

from __future__ import annotations

from itertools import groupby

from paperround.channels.message import ChannelDigest, ChannelPaper, ChannelSection
from paperround.digests import wording
from paperround.digests.digest import Digest
from paperround.digests.items import DigestItem
from paperround.digests.links import DigestLinks
from paperround.i18n.messages import find_message, ngettext
from paperround.i18n.messages import gettext as _


def build_message_id(delivery_id: int, nonce: str) -> str:
    """Build what names a digest at every attempt, and no other one."""
    return f"digest_{delivery_id}_{nonce}"


def build_channel_digest(digest: Digest, links: DigestLinks, site_name: str) -> ChannelDigest:
    delivery_id = digest.delivery_id or 0
    opening = wording.build_opening(digest, links.site)
    return ChannelDigest(
        id=build_message_id(delivery_id, digest.subscription.nonce),
        site_name=site_name,
        site_url=links.site,
        title=_build_title(digest),
        opening=f"{opening['overview']}{opening['most_voted']}".strip(),
        day=digest.period,
        cadence=digest.cadence.value,
        url=links.for_delivery(delivery_id, digest.subscription).digest,
        sections=tuple(_list_sections(digest, links.site)),
    )


def _build_title(digest: Digest) -> str:
    number, day = len(digest.papers), wording.format_day(digest.period)
    if not number:
        return _("Nothing new, %(day)s", day=day)
    return ngettext("%(num)s paper, %(day)s", "%(num)s papers, %(day)s", number, day=day)


def _list_sections(digest: Digest, site: str) -> list[ChannelSection]:
    lists = wording.format_list_heading(digest)

    def find_heading(item: DigestItem) -> str:
        why = digest.selection.reasons.get(item.id)
        name = str(why["name"]) if why and why["own"] else ""
        return name or lists

    return [
        ChannelSection(heading, tuple(_build_paper(item, digest, site) for item in items))
        for heading, items in groupby(digest.papers, key=find_heading)
    ]


def _build_paper(item: DigestItem, digest: Digest, site: str) -> ChannelPaper:
    why = digest.selection.reasons.get(item.id)
    explanation = wording.find_explanation(why) if why else None
    told = [wording.format_reason(why)] if why else []
    return ChannelPaper(
        id=item.id,
        title=item.title,
        url=f"{site}/papers/{item.id}",
        authors=item.authors,
        organization=item.organization,
        published=item.published,
        summary=item.summary,
        summary_label=find_message(item.summary_label),
        votes=item.vote_count,
        code_url=item.code_url,
        why=" ".join([*told, explanation.labelled] if explanation else told),
    )
