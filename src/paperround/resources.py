"""The cores and the memory that our processes may use, within the limits of a container."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from threadpoolctl import threadpool_limits

CONTROL_GROUP: Final = Path("/sys/fs/cgroup")  # version 2
WORKER_NICENESS: Final = 5  # a third of the share of a process that isn't nice
CPUS: Final = Path("/sys/devices/system/cpu")


def usable_cores() -> int:
    """Count the physical cores that this process may use. Two hyperthreads share one core's arithmetic."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    cores = {_siblings_of(cpu) for cpu in os.sched_getaffinity(0)}
    return max(1, min(len(cores), _cpu_quota() or len(cores)))


def usable_memory() -> int:
    """Return the usable bytes: the machine's memory, or a container's limit if that is less."""
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(installed, int((CONTROL_GROUP / "memory.max").read_text()))
    except (OSError, ValueError):  # "max": no limit
        return installed


def use_one_thread_for_products() -> None:
    """Let this process's matrix products run in the thread that asks for them.

    Ours are small. On a machine that is busy, threads that share one wait for each other longer than it
    takes: it made a topic's model ten times as slow. numpy's library, OpenBLAS, is bound by it also where it
    is loaded later (`arrays.py`), and then makes no threads at all.
    """
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    threadpool_limits(limits=1, user_api="blas")


def give_way() -> None:
    """Let other processes of this machine go first: a worker's lists and digests can wait, a page can't."""
    os.nice(WORKER_NICENESS)


def _siblings_of(cpu: int) -> str:
    """Return the hyperthreads of `cpu`'s core, itself among them, as the kernel writes them."""
    try:
        return (CPUS / f"cpu{cpu}/topology/thread_siblings_list").read_text()
    except OSError:
        return str(cpu)


def _cpu_quota() -> int | None:
    """Return the whole CPUs that a container's limit grants, if there is one."""
    try:
        quota, period = (CONTROL_GROUP / "cpu.max").read_text().split()
        return max(1, int(quota) // int(period))
    except (OSError, ValueError):  # "max 100000": no limit
        return None
