"""A host is cut off in the middle of a kind of work: when it goes on elsewhere, and what is wrong then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import httpx
import psycopg

from hosts.cluster import Cluster, Host
from torture.invariants import find_violations, settle
from torture.readers import Readers

CATCH_TIMEOUT = 120  # seconds within which a host is seen in the middle of the work
GOES_ON_TIMEOUT = 300
HEALED_TIMEOUT = 120
Undo = Callable[[], None]


@dataclass(frozen=True)
class Outcome:
    """How one partition went. Times are in seconds."""

    kind: str
    cut: str
    went_on_after: float | None
    back_after: float | None
    violations: list[str]


@dataclass(frozen=True)
class Partition:
    """A kind of work: how it is begun, which host is in its middle, and when it has gone on elsewhere.

    What `begin` returns is called right after the cut. Only `port` of the gateway is cut, or everything where
    it is None, for `least_seconds` or until the work goes on. With `of_encoder` the encoder of the host that
    was found is cut off, not the host.
    """

    kind: str
    cut: str
    begin: Callable[[Cluster, Readers], Undo]
    find: Callable[[Cluster], Host | None]
    goes_on: Callable[[Cluster, Host], bool]
    port: int | None = None
    of_encoder: bool = False
    least_seconds: float = 0

    def run(self, cluster: Cluster, readers: Readers) -> Outcome:
        undo = self.begin(cluster, readers)
        found = self._catch(cluster)
        host = found.encoder if self.of_encoder else found
        assert host is not None
        with self._cut(cluster, host):
            began = time.monotonic()
            undo()
            went_on = await_seconds(lambda: self.goes_on(cluster, host), GOES_ON_TIMEOUT)
            time.sleep(max(0.0, began + self.least_seconds - time.monotonic()))
        back = await_seconds(lambda: not list_unwell(cluster), HEALED_TIMEOUT)
        cluster.faults[self.kind] += 1
        violations = settle(cluster) + find_violations(cluster, readers)
        if went_on is None:
            violations.append(f"it did not go on within {GOES_ON_TIMEOUT} s")
        if back is None:
            violations.append(
                f"{', '.join(list_unwell(cluster))}: not back {HEALED_TIMEOUT} s after the healing"
            )
        return Outcome(self.kind, self.cut.format(host.name), went_on, back, violations)

    def _catch(self, cluster: Cluster) -> Host:
        deadline = time.monotonic() + CATCH_TIMEOUT
        while time.monotonic() < deadline:
            with suppress(psycopg.Error, httpx.HTTPError):
                if host := self.find(cluster):
                    return host
            time.sleep(0.02)
        raise TimeoutError(f"no host was seen in the middle of {self.kind} within {CATCH_TIMEOUT} s")

    @contextmanager
    def _cut(self, cluster: Cluster, host: Host) -> Iterator[None]:
        network = cluster.network
        if self.port is None:
            network.cut_off(host.number)
        else:
            network.block(host.number, self.port)
        try:
            yield
        finally:
            if self.port is None:
                network.heal(host.number)
            else:
                network.unblock(host.number)


def await_seconds(condition: Callable[[], bool], timeout: float) -> float | None:
    """Wait until it is true. Returns the seconds that this took, or None after `timeout`."""
    began = time.monotonic()
    while time.monotonic() < began + timeout:
        with suppress(httpx.HTTPError, psycopg.Error):
            if condition():
                return time.monotonic() - began
        time.sleep(0.2)
    return None


def list_unwell(cluster: Cluster) -> list[str]:
    unwell = []
    for host in cluster.hosts.values():
        is_well = False
        with suppress(httpx.HTTPError, psycopg.Error):
            is_well = cluster.is_well(host)
        if not is_well:
            unwell.append(host.name)
    return unwell
