"""What the viewer of a page follows, for its buttons, and the words that tell of follows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from paperround.follows.keys import build_key
from paperround.follows.tables import Follow, FollowKind
from paperround.i18n.messages import find_message, mark_message
from paperround.i18n.templates import enumerate_html
from paperround.i18n.templates import gettext_html as _
from paperround.web.views.presenters import (
    author_address,
    organization_address,
    search_address,
    venue_address,
)

NAMED: Final = Markup("<bdi>{}</bdi>")
KIND_NAMES: Final = {
    FollowKind.author: mark_message("Authors"),
    FollowKind.organization: mark_message("Organizations"),
    FollowKind.venue: mark_message("Venues"),
    FollowKind.keyword: mark_message("Keywords"),
}


@dataclass(frozen=True)
class FollowState:
    """What the viewer follows. `token` is that of their forms; without it buttons lead to signing in."""

    followed: Collection[tuple[FollowKind, str]] = frozenset()
    token: str = ""
    sign_in_return: str = ""

    def has(self, kind: str, name: str) -> bool:
        """Tell whether the viewer follows what has this name."""
        return (FollowKind(kind), build_key(FollowKind(kind), name)) in self.followed


@dataclass(frozen=True)
class FollowedName:
    """A follow as the page of all of them lists it."""

    kind: FollowKind
    label: str
    value: str  # what a button names it by
    address: str


def list_followed_names(follows: Sequence[Follow]) -> list[tuple[str, list[FollowedName]]]:
    """List follows under the names of their kinds. Kinds without any are left out."""
    groups: list[tuple[str, list[FollowedName]]] = []
    for kind, heading in KIND_NAMES.items():
        rows = [
            FollowedName(kind, follow.name, _name_for_button(follow), follow_address(follow))
            for follow in follows
            if follow.kind is kind
        ]
        if rows:
            groups.append((find_message(heading), rows))
    return groups


def _name_for_button(follow: Follow) -> str:
    return follow.key if follow.kind is FollowKind.organization else follow.name


def follow_address(follow: Follow) -> str:
    """Build the address of what is followed."""
    match follow.kind:
        case FollowKind.author:
            return author_address(follow.name)
        case FollowKind.organization:
            return organization_address(follow.key)
        case FollowKind.venue:
            return venue_address(follow.key)
        case FollowKind.keyword:
            return search_address(follow.name)


def write_follow_reasons(follows: Sequence[Follow]) -> Markup:
    """Write `You follow <bdi>Ada Lindqvist</bdi> and “<bdi>slow rivers</bdi>”.`"""
    parts = [
        _("“%(text)s”", text=NAMED.format(follow.name))
        if follow.kind is FollowKind.keyword
        else NAMED.format(follow.name)
        for follow in follows
    ]
    return _("You follow %(names)s.", names=enumerate_html(parts)) if parts else Markup("")
