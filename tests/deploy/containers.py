"""Containers by podman, each with an address of its own on a bridge, and with limits.

Needs root and iproute2. Podman's own networks need iptables, and its own limits version 2 of control groups;
this works without either.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from deploy.compose import Service

PREFIX = "paperround-check-"
VOLUME = "paperround-check-database"
BRIDGE = "paperround0"
CONTROLLERS = Path("/sys/fs/cgroup")  # of version 1
DEADLINE = 120  # seconds
INSIDE = "PAPERROUND_CHECK_INSIDE"  # set where the name space of mounts is our own


def run(*command: str | Path, check: bool = True, timeout: float = DEADLINE) -> str:
    """Run a program to its end. Returns its output, and raises RuntimeError with its errors if it failed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: {done.stdout} {done.stderr}")
    return done.stdout.strip()


def enter_own_mounts(module: str) -> None:
    """Start the program again, once, without the second version of control groups.

    Beside the first one, crun refuses it.
    """
    if INSIDE in os.environ:
        return
    hide = "mountpoint -q /sys/fs/cgroup/unified && umount /sys/fs/cgroup/unified; "
    again = [sys.executable, "-m", module, *sys.argv[1:]]
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", "--mount", "sh", "-c", f'{hide}exec "$@"', "sh", *again])


@dataclass(frozen=True)
class Container:
    """A running container."""

    name: str
    service: Service
    address: str
    started: float

    def execute(self, *command: str) -> str:
        """Run a program in the container. Returns its output; raises RuntimeError if it failed."""
        return run("podman", "exec", PREFIX + self.name, *command)

    def logs(self) -> str:
        return run("sh", "-c", f"exec podman logs {PREFIX}{self.name} 2>&1")

    def exit_code(self) -> int | None:
        state = json.loads(run("podman", "inspect", PREFIX + self.name))[0]["State"]
        return None if state["Running"] else int(state["ExitCode"])

    def environment(self) -> list[str]:
        """The environment as whoever inspects the container sees it."""
        found: list[str] = json.loads(run("podman", "inspect", PREFIX + self.name))[0]["Config"]["Env"]
        return found

    def await_health(self) -> float:
        """Wait until the container's health test succeeds. Returns the seconds since its start."""
        said = ""
        while time.monotonic() < self.started + DEADLINE:
            try:
                self.execute(*self.service.health_test)
            except RuntimeError as error:
                said = str(error)
                if self.exit_code() is not None:
                    break
                time.sleep(0.2)
            else:
                return time.monotonic() - self.started
        raise AssertionError(f"{self.name} is not well: {said}\n{self.logs()[-2000:]}")

    def peak_memory(self) -> int | None:
        """The most memory in bytes that the container had, cached files included; None where unknown."""
        path = CONTROLLERS / "memory" / f"{PREFIX}{self.name}" / "memory.max_usage_in_bytes"
        return int(path.read_text()) if path.exists() else None

    def stop(self) -> float:
        """Stop the container by SIGTERM. Returns the seconds that this took."""
        began = time.monotonic()
        run("podman", "stop", "--time=30", PREFIX + self.name)
        return time.monotonic() - began


@dataclass
class Host:
    """The bridge and the containers on it. Its first address is this machine's."""

    network: str = "10.87.0"
    containers: dict[str, Container] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    @property
    def gateway(self) -> str:
        return f"{self.network}.1"

    def __enter__(self) -> Host:
        self.clear()
        run("ip", "link", "add", BRIDGE, "type", "bridge")
        run("ip", "address", "add", f"{self.gateway}/24", "dev", BRIDGE)
        run("ip", "link", "set", BRIDGE, "up")
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Remove what this run or a broken one before it made."""
        listed = run("podman", "ps", "--all", "--format={{.Names}}").split()
        ours = [name for name in listed if name.startswith(PREFIX)]
        if ours:
            run("podman", "rm", "--force", "--volumes", "--time=1", *ours)
        run("podman", "volume", "rm", "--force", VOLUME, check=False)
        for name in Path("/run/netns").glob(f"{PREFIX}*"):
            run("ip", "netns", "delete", name.name)
        run("ip", "link", "delete", BRIDGE, check=False)
        for group in CONTROLLERS.glob(f"*/{PREFIX}*"):
            with suppress(OSError):
                group.rmdir()

    def start(
        self,
        name: str,
        service: Service,
        *options: str,
        command: Sequence[str] = (),
        image: str = "",
        hosts: Iterable[str] = (),
    ) -> Container:
        """Start a container of the service. It knows those named in `hosts` by their services' names."""
        self.names.append(name)
        address = f"{self.network}.{len(self.names) + 1}"
        self._join_network(name, len(self.names), address)
        limits = {
            "memory": ("memory.limit_in_bytes", service.memory),
            "pids": ("pids.max", service.options["pids_limit"]),
        }
        known = [self.containers[host] for host in hosts]
        arguments = [
            *(
                "podman",
                "run",
                "--detach",
                f"--name={PREFIX}{name}",
                f"--network=ns:/run/netns/{PREFIX}{name}",
            ),
            *(f"--add-host={container.service.name}:{container.address}" for container in known),
            *service.confinement(),
            *service.content(),
            *options,
        ]
        join = ""
        if (CONTROLLERS / "memory").is_dir():
            join = self._make_groups(name, limits)
            arguments += ["--cgroups=disabled", "--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096"]
        else:
            arguments += [f"--memory={service.memory}", f"--pids-limit={service.options['pids_limit']}"]
        arguments += [image or service.image, *(command or service.command)]
        started = time.monotonic()
        run("sh", "-c", f'{join}exec "$@"', "sh", *arguments)
        container = self.containers[name] = Container(name, service, address, started)
        return container

    def _join_network(self, name: str, number: int, address: str) -> None:
        space, outer = f"{PREFIX}{name}", f"prcheck{number}"
        run("ip", "netns", "add", space)
        run("ip", "link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", space)
        run("ip", "link", "set", outer, "master", BRIDGE, "up")
        run("ip", "-n", space, "address", "add", f"{address}/24", "dev", "eth0")
        run("ip", "-n", space, "link", "set", "eth0", "up")
        run("ip", "-n", space, "link", "set", "lo", "up")

    @staticmethod
    def _make_groups(name: str, limits: dict[str, tuple[str, int]]) -> str:
        """Make control groups with the limits. Returns what a shell does to join them."""
        joins = []
        for controller, (file, limit) in limits.items():
            group = CONTROLLERS / controller / f"{PREFIX}{name}"
            group.mkdir(exist_ok=True)
            (group / file).write_text(str(limit))
            joins.append(f"echo $$ > {group}/cgroup.procs; ")
        return "".join(joins)
