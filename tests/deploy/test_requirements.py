"""What gets installed is named file by file, with hashes, and the list of parts is made of the same names."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements"
PARTS = ROOT / "paperround.cdx.json"
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def read_lock(name: str) -> dict[str, tuple[Requirement, list[str]]]:
    """What a lock file names, with the hashes of each."""
    text = (REQUIREMENTS / f"{name}.lock").read_text(encoding="utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#")).replace("\\\n", " ")
    entries: dict[str, tuple[Requirement, list[str]]] = {}
    for line in lines.splitlines():
        if line:
            found = Requirement(line.partition("--hash")[0].strip())
            entries[canonicalize_name(found.name)] = found, HASH.findall(line)
    return entries


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(one.name): str(one.specifier) for one in found}


RUN = read_lock("run") | read_lock("torch-cpu")


@pytest.mark.parametrize("name", ["run", "torch-cpu", "tools"])
def test_every_locked_file_is_known_by_its_hash_and_is_of_the_release_that_is_tested(name: str) -> None:
    pinned = pins()
    for key, (requirement, hashes) in read_lock(name).items():
        assert hashes, f"{key} has no hash"
        assert [one.operator for one in requirement.specifier] == ["=="], key
        if key in pinned:
            assert str(requirement.specifier) == pinned[key], f"`make lock` was not run for {key}"


def test_all_that_paperround_needs_is_locked() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    extras = {name: asked for name, asked in project["optional-dependencies"].items() if name != "dev"}
    for requirement in map(Requirement, sum(extras.values(), project["dependencies"])):
        locked, _ = RUN[canonicalize_name(requirement.name)]
        (pin,) = locked.specifier
        assert requirement.specifier.contains(pin.version), f"{requirement} and {locked}"


def test_what_is_installed_here_is_what_is_locked() -> None:
    for key, (requirement, _) in RUN.items():
        if requirement.marker is None or requirement.marker.evaluate():
            assert requirement.specifier.contains(version(key)), key


def test_the_lock_has_nothing_for_graphics_cards() -> None:
    assert not [key for key in RUN if re.match(r"nvidia|cuda|triton", key)]


def test_the_image_installs_nothing_without_hashes() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    installs = re.findall(r"pip [^&|;]*?\binstall ([^&|;]*)", dockerfile)
    assert len(installs) >= 4
    for options in installs:
        assert "--no-deps" in options
        assert "--require-hashes" in options or "--no-index" in options


def test_pip_refuses_a_file_with_another_hash(tmp_path: Path) -> None:
    wheel = tmp_path / "torch-2.13.0-py3-none-any.whl"
    wheel.write_bytes(b"what somebody else put there")
    lock = REQUIREMENTS / "torch-cpu.lock"
    command = [
        sys.executable, "-m", "pip", "download", "--no-deps", "--no-index", f"--find-links={tmp_path}",
        "--isolated", "--require-hashes", f"--requirement={lock}", f"--dest={tmp_path / 'taken'}",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr


@pytest.mark.skipif(not PARTS.exists(), reason="`make sbom` makes the list of parts")
def test_the_list_of_parts_names_every_package_with_its_hashes() -> None:
    listed = json.loads(PARTS.read_text(encoding="utf-8"))
    assert listed["bomFormat"] == "CycloneDX"
    assert listed["metadata"]["component"]["name"] == "paperround"
    parts: dict[str, Any] = {canonicalize_name(part["name"]): part for part in listed["components"]}
    assert set(parts) == set(RUN), "`make sbom` was not run since the lock changed"
    for key, (requirement, hashes) in RUN.items():
        assert f"=={parts[key]['version']}" == str(requirement.specifier)
        stated = {known["content"] for found in parts[key]["externalReferences"] for known in found["hashes"]}
        assert stated == {one.removeprefix("--hash=sha256:") for one in hashes}
