"""`make check-compose`: docker-compose.yml by `docker compose` itself, with podman in Docker's place.

    python -m deploy.check_compose [--build]

Runs two webs behind nginx and two workers, waits until every health check is content, reads papers, searches,
signs in by mail, loses a web process and stops everything. Needs root, podman and nginx; where there is no
`docker compose`, Debian's package is unpacked into a folder. podman.yml has what differs from Docker.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from deploy.check_image import ROOT, build, say
from deploy.containers import enter_own_mounts, run
from deploy.visit import browsing, sign_in

from support.debian_packages import PackagesMissing, unpack
from support.feed_server import running_http_server
from support.proxies import NAME
from torture.feed import GrowingFeed
from torture.sink import FaultySink

HERE = Path(__file__).parent
GATEWAY = "10.87.0.1"  # of the network `outside`
DATABASE_IMAGE = "docker.io/pgvector/pgvector:0.8.1-pg18"
UNPACKED = Path("/var/cache/paperround-compose")
DEADLINE = 240  # seconds
PAPERS_A_DAY = 40
CHECKED = ("database", "encoder", "web", "worker")  # the services with a health check
# Where control groups can't be made, podman's service would refuse every container.
CONTAINERS_CONF = """
[containers]
cgroups = "disabled"
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="check_compose", description=__doc__)
    parser.add_argument("--build", action="store_true", help="build the image, even if there is one")
    arguments = parser.parse_args()
    if os.geteuid() != 0 or not all(shutil.which(program) for program in ("podman", "nginx", "ip")):
        print("skipped: this needs root, podman, nginx and iproute2")
        return 0
    enter_own_mounts("deploy.check_compose")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to stop"))  # through all that cleans up
    try:
        program = find_compose()
    except PackagesMissing as reason:
        print(f"skipped: {reason}")
        return 0
    if arguments.build or not has_image("paperround"):
        build()
    if not has_image(DATABASE_IMAGE):
        say(f"{DATABASE_IMAGE} is not here: PostgreSQL of our image takes its place")
        run(
            "podman",
            "build",
            "--isolation=chroot",
            "--format=docker",
            "--tag",
            DATABASE_IMAGE,
            HERE / "database",
        )
    with tempfile.TemporaryDirectory(prefix="paperround-compose-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with running_service(folder) as address:
            Project(program, address, folder).check()
    say("all is well")
    return 0


def find_compose() -> Path:
    """Find `docker compose`. Raises `PackagesMissing`."""
    for place in ("/usr/libexec/docker", "/usr/lib/docker", "/usr/local/lib/docker"):
        plugin = Path(place) / "cli-plugins/docker-compose"
        if plugin.exists():
            return plugin
    unpack("trixie", ["docker-compose"], UNPACKED, alone=True)
    return UNPACKED / "usr/libexec/docker/cli-plugins/docker-compose"


def has_image(name: str) -> bool:
    return subprocess.run(["podman", "image", "exists", name], check=False).returncode == 0


@contextmanager
def running_service(folder: Path) -> Iterator[str]:
    """Run podman's service, and the health checks that systemd's timers would start. Yields its address."""
    (folder / "containers.conf").write_text(CONTAINERS_CONF)
    os.environ["CONTAINERS_CONF"] = str(folder / "containers.conf")
    address = f"unix://{folder}/podman.sock"
    with (folder / "service.log").open("wb") as log:
        service = subprocess.Popen(
            ["podman", "system", "service", "--time=0", address], stdout=log, stderr=log
        )
    stop = threading.Event()

    def check_health() -> None:
        while not stop.wait(1):
            for container in run("podman", "ps", "--quiet", check=False).split():
                run("podman", "healthcheck", "run", container, check=False)

    watcher = threading.Thread(target=check_health, daemon=True)
    watcher.start()
    try:
        await_true((folder / "podman.sock").exists, "podman's service listens")
        yield address
    finally:
        stop.set()
        watcher.join(30)
        service.terminate()
        service.wait(30)


class Project:
    """The services of docker-compose.yml. Feed and mail server are on this machine."""

    def __init__(self, program: Path, address: str, folder: Path) -> None:
        self.program = program
        self.folder = folder
        self.feed = GrowingFeed(random.Random(1))
        self.sink = FaultySink(random.Random(1), host="0.0.0.0")
        self.environment = os.environ | {
            "DOCKER_HOST": address,
            "PAPERROUND_SECRETS": str(folder / "secrets"),
            "PAPERROUND_PUBLIC_URL": f"https://{NAME}",
            "PAPERROUND_MAIL_FROM": "Papers <papers@example.org>",
        }

    def compose(self, *arguments: str) -> str:
        files = ("--file", str(ROOT / "docker-compose.yml"), "--file", str(HERE / "podman.yml"))
        command = [str(self.program), *files, "--project-directory", str(ROOT), *arguments]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, timeout=DEADLINE
        )
        if done.returncode:
            raise RuntimeError(f"docker compose {' '.join(arguments)}: {done.stdout} {done.stderr}")
        return done.stdout

    def check(self) -> None:
        self.feed.grow(PAPERS_A_DAY)
        with running_http_server(self.feed.answer, host="0.0.0.0") as hub, self.sink.running():
            self.environment["PAPERROUND_HUGGINGFACE_URL"] = f"http://{GATEWAY}:{hub.rpartition(':')[2]}"
            self.environment["PAPERROUND_SMTP_URL"] = f"smtp://{GATEWAY}:{self.sink.port}?tls=off"
            subprocess.run(
                [ROOT / "deploy/make-secrets.sh", self.folder / "secrets"], env=self.environment, check=True
            )
            self.compose("down", "--volumes")
            try:
                self._run()
            except BaseException:
                print(self.compose("logs", "--no-color", "--tail=40"))
                raise
            finally:
                self.compose("down", "--volumes", "--timeout=30")

    def _run(self) -> None:
        began = time.monotonic()
        self.compose("up", "--detach", "--no-build", "--scale", "web=2", "--scale", "worker=2")
        say(f"docker compose up: {time.monotonic() - began:.0f} s")
        await_true(self._all_healthy, "all health checks are content")
        say(f"{len(self._containers())} containers, all healthy after {time.monotonic() - began:.0f} s")
        webs = [self._find_address(f"paperround-web-{n}") for n in (1, 2)]
        with browsing(self.folder, webs) as browser:
            self._read(browser)
            sign_in(browser, self.sink)
            say("a reader signed in by mail")
            for container in self._containers():
                check_confinement(container["Names"][0])
            say("every container: no root, no capabilities, a read-only root")
            run("podman", "stop", "--time=20", "paperround-web-1")
            assert [browser.get("/readyz").status_code for _ in range(10)] == [200] * 10
            say("one web process stopped, and the other one served")

    def _read(self, browser: httpx.Client) -> None:
        today = max(self.feed.truth)
        expected = set(self.feed.truth[today])

        def has_all() -> bool:
            answer = browser.get("/api/v1/papers", params={"day": str(today), "limit": 100})
            return answer.status_code == 200 and {one["id"] for one in answer.json()["papers"]} >= expected

        await_true(has_all, f"the {len(expected)} papers of today are listed")
        found = browser.get("/api/v1/search", params={"q": "protein folding"})
        assert found.status_code == 200, found.text
        assert found.json()["papers"], found.text
        say(f"the {len(expected)} papers of today were read, listed and found through nginx")

    def _containers(self) -> list[dict[str, list[str]]]:
        """The running containers, as podman describes them."""
        listed = run("podman", "ps", "--filter=label=com.docker.compose.project=paperround", "--format=json")
        found: list[dict[str, list[str]]] = json.loads(listed)
        return found

    def _all_healthy(self) -> bool:
        names = [container["Names"][0] for container in self._containers()]
        checked = [name for name in names if name.split("-")[1] in CHECKED]
        states = [
            json.loads(run("podman", "inspect", name))[0]["State"]["Health"]["Status"] for name in checked
        ]
        return len(checked) == 6 and set(states) == {"healthy"}

    def _find_address(self, name: str) -> str:
        return run("podman", "port", name, "8000/tcp").splitlines()[0]


def await_true(condition: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < until, f"not within {DEADLINE} s: {what}"
        time.sleep(0.5)


def check_confinement(name: str) -> None:
    shown = run("podman", "exec", name, "cat", "/proc/1/status")
    status = dict(line.split(":\t", 1) for line in shown.splitlines())
    assert "0" not in status["Uid"].split(), (name, status["Uid"])
    assert status["CapEff"].strip() == status["CapBnd"].strip() == "0" * 16, name
    assert status["NoNewPrivs"] == "1", name
    for path in ("/x", "/opt/paperround/x", "/etc/x"):
        tried = subprocess.run(["podman", "exec", name, "touch", path], capture_output=True, check=False)
        assert b"Read-only file system" in tried.stderr, (name, path)


if __name__ == "__main__":
    sys.exit(main())
