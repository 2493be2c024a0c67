"""The faults. Each does something to the world, and gives back what undoes it, or None."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import psycopg

from support import channel_sink
from torture import feed, sink
from torture.world import PROCESSES, World

CHANNELS_A_FAULT: Final = 6
Undo = Callable[[], None]
Fault = Callable[[World], Undo | None]


def kill(process: str, number: signal.Signals) -> Fault:
    def fault(world: World) -> None:
        pids = world.pids_of(process)
        if pids:
            with suppress(ProcessLookupError):
                os.kill(world.chance.choice(pids), number)

    return fault


def freeze(process: str) -> Fault:
    """Stop a process in its tracks for longer than others wait to hear of it, sometimes."""

    def fault(world: World) -> Undo | None:
        pids = world.pids_of(process)
        if not pids:
            return None
        pid = world.chance.choice(pids)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)

        def go_on() -> None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

        return go_on

    return fault


def kill_postmaster(number: signal.Signals) -> Fault:
    def fault(world: World) -> None:
        pid = world.postmaster()
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    return fault


def kill_backend(world: World) -> None:
    """kill -9 of one server process: PostgreSQL restarts all of them."""
    with suppress(psycopg.Error):
        rows = world.rows("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'paperround%'")
        if rows:
            with suppress(ProcessLookupError):
                os.kill(world.chance.choice(rows)[0], signal.SIGKILL)


def terminate_backends(world: World) -> None:
    with suppress(psycopg.Error):
        world.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name LIKE 'paperround%%'"
        )


def refuse_connections(world: World) -> Undo | None:
    with suppress(psycopg.Error):
        name = world.rows("SELECT current_database()")[0][0]
        world.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 0')
        terminate_backends(world)

    def allow() -> None:
        with suppress(psycopg.Error):
            name = world.rows("SELECT current_database()")[0][0]
            world.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT -1')

    return allow


def exhaust_connections(world: World) -> Undo:
    """Take all connections that there are."""
    taken: list[psycopg.Connection[tuple[object, ...]]] = []
    with suppress(psycopg.Error):
        while len(taken) < 500:
            taken.append(psycopg.connect(world.database_url, connect_timeout=5))

    def give_back() -> None:
        for connection in taken:
            connection.close()

    return give_back


def kill_up(number: signal.Signals) -> Fault:
    def fault(world: World) -> None:
        if world.up and world.up.poll() is None:
            world.up.send_signal(number)
            world.up.wait(120)

    return fault


def fill_disk(world: World) -> Undo | None:
    if not world.is_mounted:
        return None
    ballast = world.disk / "ballast"
    with suppress(OSError), ballast.open("wb") as file:
        free = shutil.disk_usage(world.disk).free
        os.posix_fallocate(file.fileno(), 0, max(free - 65_536, 1))
    return lambda: ballast.unlink(missing_ok=True)


def make_read_only(world: World) -> Undo | None:
    if not world.is_mounted:
        return None

    def remount(how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", world.disk], check=False, capture_output=True)

    remount("ro")
    return lambda: remount("rw")


def jump_clock(world: World) -> Undo | None:
    """A worker whose clock is some hours off works beside the others."""
    library = next(iter(_faketime_libraries()), None)
    if library is None:
        return None
    hours = world.chance.choice([-30, -3, 2, 26])
    worker = world.spawn(
        "worker", LD_PRELOAD=str(library), FAKETIME=f"{hours:+}h", FAKETIME_DONT_FAKE_MONOTONIC="1"
    )

    def end() -> None:
        worker.terminate()
        with suppress(subprocess.TimeoutExpired):
            worker.wait(60)

    return end


def _faketime_libraries() -> list[Path]:
    return sorted(Path("/usr/lib").glob("**/faketime/libfaketimeMT.so.1"))


def kill_while_migrating(world: World) -> None:
    """Everything stops, the schema goes back a step, and the next starts are killed while they migrate."""
    world.stop()
    world.step_schema_back()
    for _ in range(world.chance.randint(1, 2)):
        up = world.spawn("up")
        time.sleep(world.chance.uniform(0.5, 4))
        up.kill()
        up.wait()


def upgrade_beside(world: World) -> None:
    """`db upgrade` while everything works, killed somewhere on its way."""
    upgrade = world.spawn("db", "upgrade")
    time.sleep(world.chance.uniform(0.1, 2.5))
    upgrade.kill()
    upgrade.wait()


def hide_encoder(world: World) -> Undo | None:
    """Nobody reaches the encoder, though it runs."""
    sockets = [path for path in world.data.rglob("*") if path.is_socket() and "encoder" in path.name]
    hidden = [path.rename(path.with_name(f"{path.name}.hidden")) for path in sockets]

    def show() -> None:
        for path, shown in zip(hidden, sockets, strict=True):
            if path.exists() and not shown.exists():  # an encoder started meanwhile made a socket of its own
                path.rename(shown)
            else:
                path.unlink(missing_ok=True)

    return show if hidden else None


def second_up(world: World) -> None:
    """Somebody starts the program a second time."""
    world.run("up", timeout=60)


def break_feed(name: str) -> Fault:
    def fault(world: World) -> Undo:
        world.feed.active_faults.add(name)
        with suppress(psycopg.Error):  # the lists are read now, so that somebody meets the fault
            world.execute("UPDATE feed_days SET next_try_at = now() WHERE next_try_at IS NOT NULL")
        return lambda: world.feed.active_faults.discard(name)

    return fault


def break_mail(name: str) -> Fault:
    def fault(world: World) -> Undo:
        world.sink.active_faults.add(name)
        return lambda: world.sink.active_faults.discard(name)

    return fault


def break_channels(name: str) -> Fault:
    def fault(world: World) -> Undo:
        world.channels.active_faults.add(name)
        world.channels.fall_due(world, CHANNELS_A_FAULT)
        sender = world.spawn("digest", "send-due")  # a sender at once, so that somebody meets the fault

        def end() -> None:
            world.channels.active_faults.discard(name)
            if world.chance.random() < 0.5:
                sender.kill()
            sender.wait()

        return end

    return fault


FAULTS: Final[dict[str, Fault]] = {
    **{f"{name}: killed": kill(name, signal.SIGKILL) for name in PROCESSES},
    **{f"{name}: told to stop": kill(name, signal.SIGTERM) for name in PROCESSES},
    **{f"{name}: frozen": freeze(name) for name in PROCESSES},
    "postgres: killed": kill_postmaster(signal.SIGKILL),
    "postgres: stopped at once": kill_postmaster(signal.SIGQUIT),
    "postgres: told to stop": kill_postmaster(signal.SIGINT),
    "postgres: a server process killed": kill_backend,
    "postgres: connections ended": terminate_backends,
    "postgres: connections refused": refuse_connections,
    "postgres: connections exhausted": exhaust_connections,
    "up: killed": kill_up(signal.SIGKILL),
    "up: told to stop": kill_up(signal.SIGTERM),
    "up: started a second time": second_up,
    "disk: full": fill_disk,
    "disk: read-only": make_read_only,
    "clock: another time": jump_clock,
    "encoder: out of reach": hide_encoder,
    "schema: `db upgrade` killed beside everything": upgrade_beside,
    "schema: killed while it migrates": kill_while_migrating,
    **{f"feed: {name}": break_feed(name) for name in feed.FAULTS},
    **{f"mail: {name}": break_mail(name) for name in sink.FAULTS},
    **{f"channels: {name}": break_channels(name) for name in channel_sink.FAULTS},
}
