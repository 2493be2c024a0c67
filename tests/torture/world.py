"""What is tortured: the whole program on a small disk of its own, with a feed and a mail server."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path

from paperround import schema
from paperround.postgres import EmbeddedPostgres

from support.feed_server import running_http_server
from support.sites import free_port
from torture.channels import FaultyChannels
from torture.site import Site

DISK = "1500m"
PROCESSES = ("web", "worker", "clock", "encoder")


class World(Site):
    """The processes, and how to look into them."""

    def __init__(self, chance: random.Random, *, extra_workers: int) -> None:
        super().__init__(chance)
        self.channels = FaultyChannels(random.Random(chance.random()))
        self.extra_workers = extra_workers
        self.folder = Path(tempfile.mkdtemp(prefix="paperround-torture-"))
        self.folder.chmod(0o755)
        self.disk = self.folder / "disk"
        self.disk.mkdir(mode=0o755)
        self.data = self.disk / "data"
        self.log = self.folder / "log"
        self.port = free_port()
        self.is_mounted = False
        self.up: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []
        self._stack = ExitStack()

    def __enter__(self) -> World:
        if os.getuid() == 0:
            mounted = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=755", "tmpfs", self.disk], check=False
            )
            self.is_mounted = mounted.returncode == 0
        self.feed_url = self._stack.enter_context(running_http_server(self.feed.answer))
        self._stack.enter_context(self.sink.running())
        self._stack.enter_context(self.channels.sink.running())
        self.feed.grow(20)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._stack.close()
        if self.is_mounted:
            subprocess.run(["umount", "-l", self.disk], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PAPERROUND_")}
        return (
            inherited
            | self.settings
            | {
                "PAPERROUND_DATA_DIR": str(self.data),
                "PAPERROUND_HUGGINGFACE_URL": self.feed_url,
                "PAPERROUND_PORT": str(self.port),
            }
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start whatever of `up` and the workers beside it does not run."""
        if self.up is None or self.up.poll() is not None:
            self.up = self.spawn("up")
            self.until(lambda: self.get("/readyz").status_code == 200, "the site is ready", seconds=240)
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        while len(self.workers) < self.extra_workers:
            self.workers.append(self.spawn("worker"))

    def stop(self) -> None:
        """Stop everything in good order, by SIGTERM."""
        for process in [*self.workers, *([self.up] if self.up else [])]:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in [*self.workers, *([self.up] if self.up else [])]:
            with suppress(subprocess.TimeoutExpired):
                process.wait(90)
        self.workers = []

    def count_tracebacks(self) -> int:
        return self.log.read_text(errors="replace").count("Traceback (most recent call last)")

    def step_schema_back(self) -> None:
        """Take the newest migration back, with nothing running."""
        with EmbeddedPostgres(self.data).attached() as server:
            schema.downgrade(server.owner_url, "-1")

    def run(self, *arguments: str, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "paperround", *arguments],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def spawn(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "paperround", *arguments],
                env=self.environment | environment,
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True, cwd=self.folder,
            )  # fmt: skip

    def pids(self, name: str = "") -> list[int]:
        """Live processes of this data folder whose command line has `name`."""
        pids = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            with suppress(OSError):
                command = (entry / "cmdline").read_bytes()
                about = (entry / "environ").read_bytes() + command
                if command and os.fsencode(self.data) in about and name.encode() in command:
                    pids.append(int(entry.name))
        return sorted(pids)

    def pids_of(self, process: str) -> list[int]:
        """The processes that run a command such as `worker`, `up`'s own and those beside it."""
        return [pid for pid in self.pids(process) if self._arguments(pid)[3:4] == [process]]

    def _arguments(self, pid: int) -> list[str]:
        with suppress(OSError):
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        return []

    def postmaster(self) -> int | None:
        with suppress(OSError, ValueError):
            return int((self.data / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
        return None

    @property
    def database_url(self) -> str:
        return EmbeddedPostgres(self.data).superuser_url.replace("postgresql+psycopg://", "postgresql://")
