"""What the worker and the process that draws the map say to each other. Pure."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import TypeAlias

from paperround.arrays import np

Matrix: TypeAlias = "np.ndarray[tuple[int, int], np.dtype[np.float32]]"
WIDTH = 1000  # of the map, in its own units
HEIGHT = 700


@dataclass(frozen=True)
class MapInputs:
    """The papers to place: their texts, vectors of shape (papers, dimensions), and where they were before.

    `former` has None for a paper that was not on the last map.
    """

    texts: tuple[str, ...]
    former: tuple[tuple[int, int] | None, ...]
    vectors: Matrix

    def encode(self) -> bytes:
        head = json.dumps({"texts": self.texts, "former": self.former, "shape": self.vectors.shape}).encode()
        return struct.pack(">I", len(head)) + head + self.vectors.astype("<f4").tobytes()

    @classmethod
    def decode(cls, sent: bytes) -> MapInputs:
        (length,) = struct.unpack(">I", sent[:4])
        head = json.loads(sent[4 : 4 + length])
        vectors = np.frombuffer(sent, "<f4", offset=4 + length).reshape(head["shape"])
        former = tuple((place[0], place[1]) if place else None for place in head["former"])
        return cls(tuple(head["texts"]), former, vectors)


@dataclass(frozen=True)
class Drawing:
    """Where each paper is, within WIDTH and HEIGHT, in which group, and what the groups are called."""

    places: tuple[tuple[int, int], ...]
    groups: tuple[int, ...]
    names: tuple[str, ...]

    def encode(self) -> bytes:
        return json.dumps([self.places, self.groups, self.names]).encode()

    @classmethod
    def decode(cls, sent: bytes) -> Drawing:
        places, groups, names = json.loads(sent)
        return cls(tuple((x, y) for x, y in places), tuple(groups), tuple(names))
