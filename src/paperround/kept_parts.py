"""Parts of answers that are kept as they were made, such as the entry of a paper in a list.

A part is kept under all that it depends on, so keeping it changes nothing but the time that an answer takes.
Those that nobody has asked for the longest are forgotten first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

Part = TypeVar("Part")


class KeptParts(Generic[Part]):
    """Parts that together are no longer than `max_size`, as `measure` tells.

    A page looks for a hundred of them. The store of `cachetools` looks each key up three times, in Python.
    """

    def __init__(self, max_size: int, measure: Callable[[Any], int] = len) -> None:
        self._kept: OrderedDict[Hashable, Part] = OrderedDict()
        self._max_size, self._measure, self._size = max_size, measure, 0

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, key: Hashable) -> Part | None:
        part = self._kept.get(key)
        if part is not None:
            self._kept.move_to_end(key)
        return part

    def keep(self, key: Hashable, part: Part) -> None:
        """Keep a part in place of what is under `key`, unless it is longer than all may be together."""
        size, replaced = self._measure(part), self._kept.pop(key, None)
        if replaced is not None:
            self._size -= self._measure(replaced)
        if size > self._max_size:
            return
        self._kept[key] = part
        self._size += size
        while self._size > self._max_size:
            _, oldest = self._kept.popitem(last=False)
            self._size -= self._measure(oldest)

    def find_or_make(self, key: Hashable | None, make: Callable[[], Part]) -> Part:
        """Return the part that is kept under `key`, or make it and keep it. Without a key it is made."""
        if key is None:
            return make()
        part = self.find(key)
        if part is None:
            part = make()
            self.keep(key, part)
        return part
