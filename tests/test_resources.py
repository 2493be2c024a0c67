"""What the machine grants us, with and without a container's limits."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import threadpoolctl

from paperround import resources

assert np.__version__  # loads the library of products
BLAS = threadpoolctl.ThreadpoolController()
INSTALLED = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A container's limits, written as the kernel writes them."""
    monkeypatch.setattr(resources, "CONTROL_GROUP", tmp_path)

    def write(name: str, words: str) -> None:
        (tmp_path / name).write_text(f"{words}\n")

    return write


def test_without_limits_it_is_all_of_the_machine(limits: Any) -> None:
    assert resources.usable_memory() == INSTALLED
    assert 1 <= resources.usable_cores() <= (os.cpu_count() or 1)


def test_a_containers_memory_limit_holds(limits: Any) -> None:
    limits("memory.max", "268435456")
    assert resources.usable_memory() == 268435456


@pytest.mark.parametrize("words", ["max", str(2**62)])
def test_no_limit_and_one_beyond_the_machine_grant_what_there_is(limits: Any, words: str) -> None:
    limits("memory.max", words)
    assert resources.usable_memory() == INSTALLED


@pytest.mark.parametrize(("words", "cores"), [("50000 100000", 1), ("100000 100000", 1)])
def test_a_containers_share_of_the_cpus_holds_and_is_one_core_at_least(
    limits: Any, words: str, cores: int
) -> None:
    limits("cpu.max", words)
    assert resources.usable_cores() == cores


def test_an_unlimited_share_is_every_core(limits: Any) -> None:
    before = resources.usable_cores()
    limits("cpu.max", "max 100000")
    assert resources.usable_cores() == before


def test_hyperthreads_of_one_core_count_once(
    limits: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "CPUS", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    for cpu, siblings in enumerate(("0-1", "0-1", "2-3", "2-3")):
        folder = tmp_path / f"cpu{cpu}/topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(siblings)
    assert resources.usable_cores() == 2


def test_products_run_in_the_thread_that_asks_for_them() -> None:
    with threadpoolctl.threadpool_limits(limits=2, user_api="blas"):
        resources.use_one_thread_for_products()
        assert {pool["num_threads"] for pool in BLAS.select(user_api="blas").info()} == {1}


def test_so_do_those_of_numpy_where_it_is_loaded_afterwards() -> None:
    code = """
import sys
from paperround import resources
from paperround.arrays import np
resources.use_one_thread_for_products()
assert "numpy" not in sys.modules
np.ones((2, 2)) @ np.ones((2, 2))
import threadpoolctl
print({pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"})
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "{1}"
