"""Hosts as network namespaces on one bridge, and a PostgreSQL that they reach over TCP.

This is the bundled one, without TLS; tls_server.py has another.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from paperround.postgres.account import server_account
from paperround.postgres.binaries import programs

PREFIX = f"pr{os.getpid() % 10_000}"
PORT = 5432


def run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True, capture_output=True)


def missing() -> str | None:
    """What keeps us from making hosts here, or None."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return "network namespaces need root and iproute2"
    try:
        run("ip", "netns", "add", f"{PREFIX}try")
        run("ip", "netns", "del", f"{PREFIX}try")
    except subprocess.CalledProcessError as error:
        return f"network namespaces can't be made here: {error.stderr.decode(errors='replace').strip()}"
    return None


class Network:
    """A bridge with the address `gateway`, and hosts by number on it."""

    def __init__(self, third_byte: int) -> None:
        self.net = f"10.77.{third_byte}"
        self.gateway = f"{self.net}.1"
        self.bridge = f"{PREFIX}br"
        self.hosts: list[int] = []

    def __enter__(self) -> Network:
        run("ip", "link", "add", self.bridge, "type", "bridge")
        run("ip", "address", "add", f"{self.gateway}/24", "dev", self.bridge)
        run("ip", "link", "set", self.bridge, "up")
        return self

    def __exit__(self, *_: object) -> None:
        for number in self.hosts:
            with suppress(subprocess.CalledProcessError):
                run("ip", "netns", "del", f"{PREFIX}h{number}")
        with suppress(subprocess.CalledProcessError):
            run("ip", "link", "del", self.bridge)

    def add_host(self, number: int) -> None:
        name, outer, inner = f"{PREFIX}h{number}", f"{PREFIX}o{number}", f"{PREFIX}i{number}"
        run("ip", "netns", "add", name)
        self.hosts.append(number)
        run("ip", "link", "add", outer, "type", "veth", "peer", "name", inner)
        run("ip", "link", "set", inner, "netns", name)
        run("ip", "link", "set", outer, "master", self.bridge, "up")
        run("ip", "-n", name, "address", "add", f"{self.address(number)}/24", "dev", inner)
        run("ip", "-n", name, "link", "set", inner, "up")
        run("ip", "-n", name, "link", "set", "lo", "up")

    def address(self, number: int) -> str:
        return f"{self.net}.{number + 10}"

    def cut_off(self, number: int) -> None:
        """No packet passes to or from a host. Nobody is told."""
        run("ip", "link", "set", f"{PREFIX}o{number}", "nomaster")

    def heal(self, number: int) -> None:
        run("ip", "link", "set", f"{PREFIX}o{number}", "master", self.bridge)

    def block(self, number: int, port: int) -> None:
        """Drop what a host and one port of the gateway send each other; the rest passes. Nobody is told."""
        inside = ("ip", "netns", "exec", f"{PREFIX}h{number}", "nft")
        run(*inside, "add", "table", "ip", "cut")
        for direction, hook in (("dport", "output"), ("sport", "input")):
            run(*inside, "add", "chain", "ip", "cut", hook, f"{{ type filter hook {hook} priority 0; }}")
            run(*inside, "add", "rule", "ip", "cut", hook, "tcp", direction, str(port), "drop")

    def unblock(self, number: int) -> None:
        run("ip", "netns", "exec", f"{PREFIX}h{number}", "nft", "delete", "table", "ip", "cut")

    def spawn(self, number: int, *command: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["ip", "netns", "exec", f"{PREFIX}h{number}", *command],
            env=os.environ | environment, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def spawn_python(self, number: int, code: str, *arguments: str) -> subprocess.Popen[str]:
        return self.spawn(number, sys.executable, "-c", code, *arguments)


@contextmanager
def running_postgres(network: Network) -> Iterator[str]:
    """A PostgreSQL that answers hosts of the network. Yields its address."""
    account = server_account()
    folder = Path(tempfile.mkdtemp(prefix="paperround-hosts-"))
    try:
        folder.chmod(0o755)
        data = folder / "data"
        data.mkdir(mode=0o700)
        os.chown(data, account.uid, account.gid)
        where = programs(18, account, folder / "store")
        is_made, words = account.run(
            where / "initdb", "-D", data, "-U", "papers", "--auth=trust", "-N", "-E", "UTF8"
        )
        assert is_made, words
        (data / "pg_hba.conf").write_text(f"host all all {network.net}.0/24 trust\n")
        log = (folder / "log").open("w+b")
        server = account.spawn(
            where / "postgres", "-D", data, "-c", f"listen_addresses={network.gateway}",
            "-c", "unix_socket_directories=", "-c", "fsync=off", "-p", str(PORT),
            output=log,
        )  # fmt: skip
        url = f"postgresql://papers@{network.gateway}:{PORT}/postgres"
        try:
            _wait_until_it_answers(url, server, folder / "log")
            yield url
        finally:
            log.close()
            server.terminate()
            server.wait(60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_it_answers(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while server.poll() is None:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline, "PostgreSQL does not answer"
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"PostgreSQL ended: {log.read_text()}")
