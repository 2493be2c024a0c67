"""The cursor of a list: an opaque string that says where the next page begins."""

from __future__ import annotations

import base64
import json
import math
from datetime import UTC, datetime

from paperround.i18n.messages import gettext as _
from paperround.papers.arxiv_id import strip_version
from paperround.papers.editions import ListPosition, Sort
from paperround.web.dependencies import BadRequest


def encode(sort: Sort, place: ListPosition | None) -> str | None:
    if place is None:
        return None
    key = place.key.isoformat() if isinstance(place.key, datetime) else place.key
    word = json.dumps([sort.value, key, place.paper_id]).encode()
    return base64.urlsafe_b64encode(word).decode().rstrip("=")


def decode(sort: Sort, cursor: str | None) -> ListPosition | None:
    """Decode a cursor. Raises `BadRequest` if it is not ours or belongs to another order."""
    if not cursor:
        return None
    try:
        given_sort, key, paper_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if given_sort == sort.value and isinstance(paper_id, str):
            return ListPosition(_key(sort, key), strip_version(paper_id))
    except (ValueError, TypeError, OverflowError, RecursionError):
        pass
    raise BadRequest(_("This cursor is not one that we gave for this list. Start again without it."))


def _key(sort: Sort, key: object) -> float | int | datetime:
    if sort is Sort.published and isinstance(key, str):
        moment = datetime.fromisoformat(key)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)  # PostgreSQL doesn't take every offset
    if sort is Sort.trending and isinstance(key, int | float) and math.isfinite(key):
        return float(key)
    if sort is Sort.upvotes and type(key) is int and 0 <= key < 2**31:
        return key
    raise ValueError("not a key of this order")
