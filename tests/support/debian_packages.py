"""Packages of another release of Debian, unpacked into a folder: nothing of this system is replaced."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class PackagesMissing(Exception):
    """The packages can't be had here."""


def unpack(release: str, packages: Sequence[str], place: Path, *, alone: bool = False) -> None:
    """Get packages by apt-get and unpack them into `place`, once. They come with what they depend on, unless
    `alone`. Raises `PackagesMissing`.
    """
    if (place / "complete").exists():
        return
    mirror = _find_mirror()
    with tempfile.TemporaryDirectory(prefix="paperround-apt-") as name:
        folder = Path(name)
        (folder / "lists/partial").mkdir(parents=True)
        (folder / "archives/partial").mkdir(parents=True)
        (folder / "sources").write_text(f"deb [signed-by={KEYRING}] {mirror} {release} main\n")
        options = {
            "Dir::Etc::sourcelist": folder / "sources", "Dir::Etc::sourceparts": "-",
            "Dir::State::lists": folder / "lists", "Dir::State::status": "/dev/null",
            "Dir::Cache": folder, "APT::Sandbox::User": "root",
        }  # fmt: skip
        apt = ["apt-get", "-qq", "-y", *(f"-o{key}={value}" for key, value in options.items())]
        get = ["download"] if alone else ["--download-only", "--no-install-recommends", "install"]
        for command in ([*apt, "update"], [*apt, *get, *packages]):
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, cwd=folder / "archives"
            )
            if done.returncode:
                raise PackagesMissing(f"Debian's packages can't be had: {done.stderr.strip()[-300:]}")
        place.mkdir(parents=True, exist_ok=True)
        for package in sorted((folder / "archives").glob("*.deb")):
            subprocess.run(["dpkg-deb", "--extract", package, place], check=True)
    (place / "complete").touch()


def _find_mirror() -> str:
    """The address that this system's apt gets Debian's packages from."""
    places = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    text = "\n".join(place.read_text() for place in places if place.is_file())
    found = re.search(r"^(?:URIs:|deb(?: \[.*\])?) +(\S+/debian)/?(?:\s|$)", text, re.MULTILINE)
    if found is None:
        raise PackagesMissing("this system's apt has no source of Debian's packages")
    return found[1]
