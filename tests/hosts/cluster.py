"""Paperround on many hosts: two webs, three workers, two clocks and two encoders, one PostgreSQL."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx

from hosts.balancer import Balancer
from hosts.network import PREFIX, Network
from hosts.tls_server import TlsServer
from support.feed_server import running_http_server
from torture.site import Site

WEB_PORT, ENCODER_PORT = 8000, 8100
ENCODER_KEY = "a key that lets hosts use the encoders"
RESTART_DELAY = 1.0  # seconds, as a service manager waits
START_TIMEOUT = 300  # seconds
LISTENING = (
    "SELECT count(DISTINCT client_addr) FROM pg_stat_activity "
    "WHERE application_name = 'paperround' AND (query LIKE 'LISTEN%%' OR query = 'SELECT 1') "
    "AND client_addr = ANY(%s::inet[])"
)


@dataclass
class Host:
    """A host with one process. `encoder` is the host of the encoder that it uses."""

    name: str
    number: int
    address: str
    arguments: tuple[str, ...]
    encoder: Host | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    restarts: int = 0

    @property
    def role(self) -> str:
        return self.name.rstrip("0123456789")


class Cluster(Site):
    """The hosts, and whoever restarts their processes."""

    def __init__(self, chance: random.Random, network: Network, server: TlsServer, folder: Path) -> None:
        super().__init__(chance, address=network.gateway)
        self.network = network
        self.server = server
        self.folder = folder
        self.hosts: dict[str, Host] = {}
        encoders = [self._add("encoder", "--host", "0.0.0.0", "--port", str(ENCODER_PORT)) for _ in range(2)]
        for role, number in (("web", 2), ("worker", 3), ("clock", 2)):
            for n in range(number):
                self._add(role).encoder = encoders[n % 2]
        self.balancer = Balancer(network.gateway, [(host.address, WEB_PORT) for host in self.of_role("web")])
        self.feed_url = ""
        self.encoder_url = ""  # of one encoder in place of the hosts'
        self._is_keeping = threading.Event()
        self._stack = ExitStack()

    def _add(self, role: str, *arguments: str) -> Host:
        number = len(self.hosts) + 1
        self.network.add_host(number)
        name = f"{role}{1 + sum(host.role == role for host in self.hosts.values())}"
        host = Host(name, number, self.network.address(number), (role, *arguments))
        self.hosts[name] = host
        return host

    def of_role(self, role: str) -> list[Host]:
        return [host for host in self.hosts.values() if host.role == role]

    def at(self, address: str) -> Host:
        return next(host for host in self.hosts.values() if host.address == address)

    @property
    def url(self) -> str:
        return self.balancer.url

    @property
    def database_url(self) -> str:
        return self.server.url

    @contextmanager
    def running(self, *, only: Iterable[str] | None = None) -> Iterator[None]:
        """Run the hosts' processes, or `only` those named, and restart those that end."""
        with self._stack:
            self.feed_url = self._stack.enter_context(
                running_http_server(self.feed.answer, host=self.network.gateway)
            )
            self._stack.enter_context(self.sink.running())
            self._stack.enter_context(self.balancer.running())
            self._migrate()
            self._stack.callback(self.stop)
            self.start(self.hosts if only is None else only)
            yield

    def start(self, names: Iterable[str]) -> None:
        started = [self.hosts[name] for name in names]
        for host in started:
            host.process = self._spawn(host)
        if not self._is_keeping.is_set():
            self._is_keeping.set()
            threading.Thread(target=self._keep, daemon=True).start()
        for host in started:
            self.until(partial(self.is_well, host), f"{host.name} is well", seconds=START_TIMEOUT)

    def stop(self, names: Iterable[str] | None = None) -> None:
        """Stop processes in good order."""
        self._is_keeping.clear()
        stopped = [host for host in self.hosts.values() if names is None or host.name in names]
        processes = [host.process for host in stopped if host.process]
        for host in stopped:
            host.process = None
        for process in processes:
            process.terminate()
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(60)
            process.kill()
            process.wait()

    def is_well(self, host: Host) -> bool:
        """Tell whether the host does its part: it answers, or the database has its connections."""
        if host.role == "web":
            return httpx.get(f"http://{host.address}:{WEB_PORT}/readyz", timeout=5).status_code == 200
        if host.role == "encoder":
            return httpx.get(f"http://{host.address}:{ENCODER_PORT}/health", timeout=5).status_code == 200
        if host.role == "worker":
            return self.rows(LISTENING, [host.address]) == [(1,)]
        query = "SELECT count(*) > 0 FROM pg_stat_activity WHERE client_addr = %s::inet"
        return self.rows(query, host.address) == [(True,)]

    def restarts(self) -> Counter[str]:
        return Counter({host.name: host.restarts for host in self.hosts.values() if host.restarts})

    def count_tracebacks(self) -> int:
        logs = self.folder.glob("*.log")
        return sum(log.read_text(errors="replace").count("Traceback (most recent call last)") for log in logs)

    def _migrate(self) -> None:
        command = [sys.executable, "-m", "paperround", "db", "upgrade"]
        environment = os.environ | self.settings | {"PAPERROUND_DATABASE_URL": self.server.url}
        subprocess.run(command, env=environment, cwd=self.folder, check=True, timeout=START_TIMEOUT)

    def _spawn(self, host: Host) -> subprocess.Popen[bytes]:
        data = self.folder / host.name
        own = {
            "PAPERROUND_DATABASE_URL": self.server.url,
            "PAPERROUND_DATA_DIR": str(data),
            "PAPERROUND_HUGGINGFACE_URL": self.feed_url,
            "PAPERROUND_HOST": "0.0.0.0",
            "PAPERROUND_PORT": str(WEB_PORT),
            "PAPERROUND_ALLOWED_HOSTS": host.address,
            "PAPERROUND_ENCODER_KEY": ENCODER_KEY,
        }
        if self.encoder_url:
            own["PAPERROUND_ENCODER_URL"] = self.encoder_url
        elif host.encoder:
            own["PAPERROUND_ENCODER_URL"] = f"http://{host.encoder.address}:{ENCODER_PORT}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PAPERROUND_")}
        enter = ["ip", "netns", "exec", f"{PREFIX}h{host.number}"]
        with (self.folder / f"{host.name}.log").open("ab") as log:
            return subprocess.Popen(
                [*enter, sys.executable, "-m", "paperround", *host.arguments],
                env=inherited | self.settings | own,
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, cwd=self.folder,
            )  # fmt: skip

    def _keep(self) -> None:
        """Restart what ends, as a service manager does."""
        while self._is_keeping.is_set():
            for host in self.hosts.values():
                process = host.process
                if process is not None and process.poll() is not None:
                    host.restarts += 1
                    host.process = self._spawn(host)
            time.sleep(RESTART_DELAY)
