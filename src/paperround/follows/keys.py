"""The one form of a name by which papers are found. These are pure functions."""

from __future__ import annotations

from paperround.follows.tables import FollowKind
from paperround.text.names import build_name_key
from paperround.text.words import normalise_words


def build_key(kind: FollowKind, name: str) -> str:
    """Build the key of a name, or '' if nothing can be found by it.

    An author's is the words of the name, without accents and case, the family name last. Organizations and
    venues have names of their own.
    """
    match kind:
        case FollowKind.author:
            return build_name_key(name)
        case FollowKind.keyword:
            return normalise_words(name)
        case FollowKind.organization | FollowKind.venue:
            return name.strip()
