"""Parts of answers that are kept as they were made, such as the entry of a paper in a list.

A part is kept under all that it depends on, so keeping it changes nothing but the time that an answer takes.
Those that nobody has asked for the longest are forgotten first.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sized
from typing import Generic, TypeVar

from cachetools import LRUCache

Part = TypeVar("Part", bound=Sized)


class KeptParts(Generic[Part]):
    """Parts that together are no longer than `max_size`, as `len` measures them."""

    def __init__(self, max_size: int) -> None:
        self._kept: LRUCache[Hashable, Part] = LRUCache(max_size, getsizeof=len)

    def __len__(self) -> int:
        return len(self._kept)

    def find_or_make(self, key: Hashable | None, make: Callable[[], Part]) -> Part:
        """Return the part that is kept under `key`, or make it and keep it. Without a key it is made."""
        if key is None:
            return make()
        part = self._kept.get(key)
        if part is None:
            part = make()
            if len(part) <= self._kept.maxsize:
                self._kept[key] = part
        return part
