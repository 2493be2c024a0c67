"""What a web process gets from the process that starts several of them: open sockets and shared memory."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Self

from paperround import shared_counts
from paperround.shared_counts import SharedCounts


@dataclass(frozen=True)
class Handover:
    """The descriptors that the new process inherits, and which of the `members` it is.

    `ready` is the end of a pipe to write to once requests are answered. The others are sockets, bound but
    perhaps not yet listening, and the memories of the counts of connections and of costly requests.
    """

    listeners: Sequence[int]
    connections: int
    costs: int
    ready: int
    member: int
    members: int

    @property
    def descriptors(self) -> Sequence[int]:
        """All that the new process has to inherit."""
        return (*self.listeners, self.connections, self.costs, self.ready)

    def to_argument(self) -> str:
        """Write it as an argument of the command line."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def parse(cls, argument: str) -> Self:
        """Read what `to_argument` wrote."""
        return cls(**json.loads(argument))

    def open_sockets(self) -> list[socket.socket]:
        """Open the sockets to accept connections from."""
        return [socket.socket(fileno=descriptor) for descriptor in self.listeners]

    def open_connection_counts(self) -> SharedCounts:
        """Open the counts of connections by network."""
        return shared_counts.open_file(self.connections, self.member, self.members)

    def open_cost_counts(self) -> SharedCounts:
        """Open the counts of costly requests by network."""
        return shared_counts.open_file(self.costs, self.member, self.members)

    def tell_ready(self) -> None:
        """Tell whoever started us that requests are answered from now on."""
        os.write(self.ready, b"1")
        os.close(self.ready)


@contextmanager
def bound_sockets(host: str, port: int) -> Iterator[list[socket.socket]]:
    """Bind a socket to each address that `host` stands for. None listens yet. Raises `OSError`."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    listeners: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            listener = socket.socket(family, kind, protocol)
            listeners.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:  # IPv4 has a socket of its own, as with one process
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(address)
        yield listeners
    finally:
        for listener in listeners:
            listener.close()
