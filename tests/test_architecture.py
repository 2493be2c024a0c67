"""The page on architecture, the import contracts and the tree say the same."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "paperround"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def load_contracts() -> list[dict[str, Any]]:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts: list[dict[str, Any]] = configuration["tool"]["importlinter"]["contracts"]
    return contracts


def load_layers() -> list[str]:
    """The layers of the whole package, highest first, as pyproject.toml has them."""
    (contract,) = [
        contract
        for contract in load_contracts()
        if contract["type"] == "layers" and contract["containers"] == ["paperround"]
    ]
    return list(contract["layers"])


def list_tree() -> set[str]:
    modules = {path.stem for path in SOURCE.glob("*.py")} - {"__init__", "__main__"}
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    return modules | packages


def test_the_page_draws_the_layers_that_are_enforced() -> None:
    drawn = PAGE.split("<!-- layers -->")[1].strip("\n").split("\n\n")[0]
    assert [line.strip() for line in drawn.splitlines()] == load_layers()


def test_every_module_and_folder_has_a_layer() -> None:
    assert {name.strip() for layer in load_layers() for name in layer.split("|")} == list_tree()


def test_the_page_describes_every_module_and_folder() -> None:
    described = set(re.findall(r"`([a-z0-9_]+)(?:/|\.py)`", PAGE))
    assert list_tree() <= described


def test_every_file_that_the_docs_name_is_there() -> None:
    tree = [
        str(path) for top in ("src", "tests", "benchmarks", "docs") for path in (ROOT / top).rglob("*.py")
    ]
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    named = {
        (page.name, name)
        for page in pages
        for name in re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)", page.read_text(encoding="utf-8"))
    }
    assert named
    assert not {(page, name) for page, name in named if not any(path.endswith(f"/{name}") for path in tree)}


# What a process must not load to stay as small as it can be: what each costs is tens of megabytes.
HEAVY = {
    "sqlalchemy",
    "alembic",
    "numpy",
    "fastapi",
    "starlette",
    "uvicorn",
    "httpx",
    "prometheus_client",
    "torch",
}
PROCESS_MODULES = {
    "up": "paperround.cli.up",
    "clock": "paperround.clock",
    "worker": "paperround.worker.jobs",
    "web": "paperround.web.app, paperround.web.server",
}
LOADED_BY = {
    "paperround.cli.app": {*HEAVY, "pydantic", "structlog", "psycopg"},
    "paperround.cli.up": {*HEAVY, "procrastinate", "apscheduler"},
    "paperround.cli.processes, paperround.clock": HEAVY,
    "paperround.worker.jobs, paperround.topics.edition_matches": {
        "numpy",
        "css_inline",
        "rapidfuzz",
        "latex2mathml",
        "alembic",
        "fastapi",
        "starlette",
        "uvicorn",
        "torch",
        "sklearn",
        "scipy",
        "PIL",
    },
    "paperround.web.app, paperround.web.server": {
        "numpy",
        "css_inline",
        "rapidfuzz",
        "latex2mathml",
        "alembic",
        "apscheduler",
        "mcp",
        "torch",
        "transformers",
        "sentence_transformers",
        "sklearn",
        "scipy",
        "PIL",
    },
}


@pytest.mark.parametrize("process", ["up", "clock", "worker", "web"])
def test_a_process_does_not_load_what_only_draws_on_terminals(process: str) -> None:
    code = f"""
import sys
from paperround.cli.app import COMMANDS, LazyCommand
module, words = COMMANDS[{process!r}]
LazyCommand({process!r}, module, words).load()
import {PROCESS_MODULES[process]}
import httpx  # by requests of any process
print(*sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name for name in result.stdout.split() if name.partition(".")[0] in {"rich", "pygments"}}
    assert loaded == set()


@pytest.mark.parametrize("modules", LOADED_BY)
def test_a_process_loads_nothing_heavy_that_it_does_not_need(modules: str) -> None:
    code = f"import sys, {modules}; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert LOADED_BY[modules] & set(result.stdout.split()) == set()
