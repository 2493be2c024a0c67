"""What `up` does when things around its processes go wrong: it tells of them and goes on."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from paperround import supervisor
from paperround.errors import PaperroundError
from paperround.privileges import Launch

FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FIRST_RESTART_DELAY", "MAX_RESTART_DELAY", "MAX_OUTAGE_DELAY"):
        monkeypatch.setattr(supervisor, name, 0.01)


@pytest.fixture
def stop() -> asyncio.Event:
    return asyncio.Event()


def failing(*errors: Exception) -> Callable[[], None]:
    """A function that raises these errors, one at each call, and then works."""
    left = [*errors]

    def attempt() -> None:
        if left:
            raise left.pop(0)

    return attempt


async def test_what_fails_is_tried_again_and_told_once_until_it_works(stop: asyncio.Event) -> None:
    with capture_logs() as log:
        attempt = failing(FULL, FULL, FULL, PaperroundError("PostgreSQL did not start"))
        assert await supervisor.persist("no database", attempt, stop, first_wait=0.01)
    assert [line.get("error", line["event"]) for line in log] == [
        "no room is left on its disk",
        "PostgreSQL did not start",
        "it works again",
    ]


async def test_what_waiting_does_not_mend_is_raised(stop: asyncio.Event) -> None:
    with pytest.raises(PaperroundError, match="another owner"):
        await supervisor.persist(
            "no database", failing(PaperroundError("another owner")), stop, is_passing=lambda _: False
        )
    with pytest.raises(ValueError, match="a bug"):
        await supervisor.persist("no database", failing(ValueError("a bug")), stop)


async def test_nothing_is_tried_after_the_stop(stop: asyncio.Event) -> None:
    stop.set()
    assert not await supervisor.persist("no database", failing(FULL), stop)


@pytest.mark.parametrize("error", [FULL, ValueError("a bug"), ExceptionGroup("g", [KeyError("x")])], ids=repr)
async def test_no_exception_of_a_task_ends_the_others(error: Exception, stop: asyncio.Event) -> None:
    attempt, runs = failing(error, error), 0

    async def run() -> None:
        nonlocal runs
        runs += 1
        attempt()

    with capture_logs() as log:
        await asyncio.wait_for(supervisor.keep_going("task", run, stop), 30)
    assert runs == 3
    assert len(log) == 2


async def test_a_child_that_cannot_be_started_is_tried_again(
    stop: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = 0

    async def spawn(*_: object) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 3:
            stop.set()
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(supervisor, "spawn", spawn)
    with capture_logs() as log:
        await asyncio.wait_for(supervisor.keep_running("web", Launch(("paperround", "web"), {}), stop), 30)
    assert attempts == 3
    assert all("can't be started" in line["event"] for line in log)


class DyingServer:
    """A database that is found dead once, and then can't be started before the third attempt."""

    def __init__(self, stop: asyncio.Event) -> None:
        self.start = failing(FULL, FULL)
        self.looks = 0
        self.loop, self.stop = asyncio.get_running_loop(), stop

    def alive(self) -> bool:
        self.looks += 1
        if self.looks == 2:
            raise FULL  # a log that can't be cut
        if self.looks == 4:
            self.loop.call_soon_threadsafe(self.stop.set)
        return self.looks > 1


async def test_a_database_on_a_full_disk_is_started_again_once_there_is_room(stop: asyncio.Event) -> None:
    server = DyingServer(stop)
    with capture_logs() as log:
        watching = supervisor.keep_postgres(server, stop, every=0.01)  # type: ignore[arg-type]
        await asyncio.wait_for(watching, 30)
    events = [line["event"] for line in log]
    assert events[0] == "the database died; starting it again"
    assert events[2] == "it works again"
    assert server.looks == 4
