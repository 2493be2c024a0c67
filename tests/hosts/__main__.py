"""`make test-hosts`: Paperround on many hosts, one of them cut off in the middle of each kind of work.

python -m hosts                        # the partitions
python -m hosts --only "sending"       # those whose kind has this word
python -m hosts --throughput           # with one, two and three workers
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hosts.cluster import Cluster
from hosts.debian_postgres import PostgresMissing, find_programs
from hosts.network import Network, missing
from hosts.partitions import Outcome, Partition
from hosts.scenarios import PARTITIONS
from hosts.throughput import measure
from hosts.tls_server import running_tls_server
from torture.readers import Readers

DELIVERIES = "SELECT state, count(*) FROM deliveries GROUP BY state ORDER BY state"
SUBNETS = (19, 20)  # the third byte of the hosts' addresses: of partitions, of measuring


def main() -> int:
    parser = argparse.ArgumentParser(prog="hosts", description=__doc__)
    parser.add_argument("--only", default="", help="a word of the kinds of work")
    parser.add_argument("--throughput", action="store_true", help="how much one, two and three workers do")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to stop"))  # through all that cleans up
    reason = missing()
    if reason:
        print(f"skipped: {reason}")
        return 0
    chosen = [partition for partition in PARTITIONS if arguments.only in partition.kind]
    try:
        with running_cluster(SUBNETS[arguments.throughput]) as cluster:
            if arguments.throughput:
                return report_throughput(cluster)
            return run_partitions(cluster, chosen)
    except PostgresMissing as problem:
        print(f"skipped: {problem}")
        return 0


@contextmanager
def running_cluster(subnet: int) -> Iterator[Cluster]:
    programs = find_programs()
    with tempfile.TemporaryDirectory(prefix="paperround-hosts-") as name, Network(subnet) as network:
        folder = Path(name)
        folder.chmod(0o755)
        with running_tls_server(programs, folder, network.gateway) as server:
            yield Cluster(random.Random(1), network, server, folder)


def run_partitions(cluster: Cluster, partitions: Sequence[Partition]) -> int:
    cluster.feed.grow(20)
    with cluster.running():
        readers = Readers(cluster)
        readers.sign_in()
        say(f"{len(cluster.hosts)} hosts are well")
        outcomes = []
        for partition in partitions:
            outcome = partition.run(cluster, readers)
            outcomes.append(outcome)
            say(f"{outcome.kind}: {describe(outcome.went_on_after)}")
            for violation in outcome.violations:
                say(f"VIOLATED: {violation}")
            for _ in range(3):
                readers.act()
        states = ", ".join(f"{count} {state}" for state, count in cluster.rows(DELIVERIES))
        say(f"digests: {states}; {len(cluster.sink.taken)} mails were taken")
    report(cluster, outcomes)
    if not any(outcome.violations for outcome in outcomes) and not cluster.count_tracebacks():
        return 0
    kept = Path.cwd() / "hosts.log"
    kept.write_text(
        "\n".join(log.read_text(errors="replace") for log in sorted(cluster.folder.glob("*.log")))
    )
    print(f"the logs are in {kept}")
    return 1


def report_throughput(cluster: Cluster) -> int:
    print(
        "| workers | papers embedded a second | by a stand-in | topics matched a second | digests a second |"
    )
    print("| --- | --- | --- | --- | --- |")
    for rates in measure(cluster):
        figures = (rates.embedded, rates.embedded_with_stub, rates.matched, rates.sent)
        print(f"| {rates.workers} | " + " | ".join(f"{figure:.3g}" for figure in figures) + " |")
    return 0


def report(cluster: Cluster, outcomes: Sequence[Outcome]) -> None:
    print("\n| in the middle of | cut off | it went on elsewhere after | all were back after | violations |")
    print("| --- | --- | --- | --- | --- |")
    for outcome in outcomes:
        times = f"{describe(outcome.went_on_after)} | {describe(outcome.back_after)}"
        print(f"| {outcome.kind} | {outcome.cut} | {times} | {len(outcome.violations)} |")
    restarts = ", ".join(f"{name} {number}" for name, number in sorted(cluster.restarts().items()))
    print(f"processes that ended and were started again: {restarts or 'none'}")
    print(f"tracebacks in the logs: {cluster.count_tracebacks()}")


def describe(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.0f} s"


def say(sentence: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {sentence}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
