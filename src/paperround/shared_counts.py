"""Counts by key that several processes of one machine share, in a memory of fixed size and without a lock.

Each process writes its own region of the memory and reads all of them, so nothing is written by two. What a
process that died had counted stands in its region, which its successor clears.
"""

from __future__ import annotations

import mmap
import os
import secrets
import tempfile
from hashlib import blake2b
from typing import Final

SECRET_BYTES: Final = 16
ROW_CELLS: Final = 16_384  # a power of two; a cell has 4 bytes
REGION_CELLS: Final = 1 + 2 * ROW_CELLS  # the period that is counted, and two rows
HEAD_CELLS: Final = SECRET_BYTES // 4


class SharedCounts:
    """How often each key was counted by all `members` together. We are number `member`.

    A key's count stands in one cell of each of two rows, found by a keyed hash, and the lesser one counts (a
    count-min sketch). So a count is never too low, and two keys are taken for one only where they share both
    cells: with a thousand keys at once that is one pair in 270 million of those that might.
    """

    def __init__(self, memory: mmap.mmap, member: int, members: int) -> None:
        self._secret = memory[:SECRET_BYTES]
        self._cells = memoryview(memory).cast("I")
        self._own = HEAD_CELLS + member * REGION_CELLS
        self._regions = [HEAD_CELLS + n * REGION_CELLS for n in range(members)]
        self.begin(0)

    def begin(self, period: int) -> None:
        """Forget what this process counted, and count for `period` from now on."""
        self._cells[self._own : self._own + REGION_CELLS] = memoryview(bytes(4 * REGION_CELLS)).cast("I")
        self._cells[self._own] = period

    @property
    def period(self) -> int:
        """The period that this process counts for."""
        return self._cells[self._own]

    def add(self, key: str, number: int = 1) -> None:
        """Count `key` once more, or `number` times; a negative number takes back what was added."""
        for cell in self._find_cells(key):
            self._cells[self._own + cell] += number

    def total(self, key: str) -> int:
        """Return how often `key` was counted by all members in our period."""
        first, second = self._find_cells(key)
        cells, period = self._cells, self.period
        return sum(
            min(cells[region + first], cells[region + second])
            for region in self._regions
            if cells[region] == period
        )

    def _find_cells(self, key: str) -> tuple[int, int]:
        digest = blake2b(key.encode(), digest_size=8, key=self._secret).digest()
        first, second = int.from_bytes(digest[:4]), int.from_bytes(digest[4:])
        return 1 + first % ROW_CELLS, 1 + ROW_CELLS + second % ROW_CELLS


def _count_bytes(members: int) -> int:
    return 4 * (HEAD_CELLS + members * REGION_CELLS)


def create_file(members: int) -> int:
    """Create the memory of the counts of `members` processes. Returns its descriptor, to be inherited."""
    with tempfile.TemporaryFile() as file:
        file.write(secrets.token_bytes(SECRET_BYTES))
        file.truncate(_count_bytes(members))
        file.flush()
        return os.dup(file.fileno())


def open_file(descriptor: int, member: int, members: int) -> SharedCounts:
    """Open the memory of counts that `create_file` made."""
    return SharedCounts(mmap.mmap(descriptor, _count_bytes(members)), member, members)


def open_alone() -> SharedCounts:
    """Open counts that no other process shares."""
    memory = mmap.mmap(-1, _count_bytes(1))
    memory[:SECRET_BYTES] = secrets.token_bytes(SECRET_BYTES)
    return SharedCounts(memory, 0, 1)
