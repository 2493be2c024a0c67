"""docker-compose.yml as arguments of `podman run`: for hosts that have no Docker engine."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}")
KNOWN = {
    "build", "cap_drop", "command", "depends_on", "environment", "healthcheck", "image", "logging",
    "mem_limit", "networks", "pids_limit", "ports", "read_only", "restart", "secrets", "security_opt",
    "shm_size",    "stop_grace_period", "tmpfs", "user", "volumes",
}  # fmt: skip


def load_services(path: Path, variables: Mapping[str, str]) -> dict[str, Service]:
    """Read the services of a compose file with `variables` in the place of `${NAME:-default}`."""

    def replace(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: replace(below) for key, below in value.items()}
        if isinstance(value, list):
            return [replace(below) for below in value]
        if isinstance(value, str):
            return VARIABLE.sub(lambda found: variables.get(found["name"]) or found["default"] or "", value)
        return value

    content = replace(yaml.safe_load(path.read_text(encoding="utf-8")))
    secrets = {name: path.parent / secret["file"] for name, secret in content["secrets"].items()}
    return {name: Service(name, options, secrets) for name, options in content["services"].items()}


@dataclass(frozen=True)
class Service:
    """A service of the compose file."""

    name: str
    options: dict[str, Any]
    secrets: dict[str, Path]

    def __post_init__(self) -> None:
        unknown = set(self.options) - KNOWN
        if unknown:
            raise ValueError(f"The service {self.name} has options that this program doesn't know: {unknown}")

    @property
    def image(self) -> str:
        return str(self.options["image"])

    @property
    def command(self) -> list[str]:
        return shlex.split(self.options["command"])

    @property
    def health_test(self) -> list[str]:
        """The command that is run in the container to ask for its health; empty without one."""
        kind, *command = self.options["healthcheck"].get("test", ["NONE"])
        return ["sh", "-c", *command] if kind == "CMD-SHELL" else command

    @property
    def memory(self) -> int:
        """The limit of memory in bytes."""
        amount, unit = re.fullmatch(r"(\d+)([mg])", self.options["mem_limit"]).groups()
        return int(amount) * 1024 ** {"m": 2, "g": 3}[unit]

    def confinement(self) -> list[str]:
        """The arguments of `podman run` that confine it, other than limits of memory and processes."""
        arguments = ["--read-only"] if self.options["read_only"] else []
        # Docker mounts no tmpfs by itself, and adds no line to /etc/passwd.
        arguments += ["--read-only-tmpfs=false", "--passwd=false"]
        arguments += [f"--cap-drop={capability}" for capability in self.options["cap_drop"]]
        arguments += [f"--security-opt={option.split(':')[0]}" for option in self.options["security_opt"]]
        arguments += [f"--tmpfs={mount}" for mount in self.options["tmpfs"]]
        return arguments

    def content(self) -> list[str]:
        """The arguments of `podman run` for the settings and secrets of the container."""
        environment = self.options["environment"]
        arguments = [f"--env={name}={value}" for name, value in environment.items()]
        arguments += [
            f"--volume={self.secrets[name]}:/run/secrets/{name}:ro" for name in self.options["secrets"]
        ]
        return arguments
