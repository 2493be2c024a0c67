"""Requests a second of the pages, lists and feeds, beside bare servers that send the same bytes.

    python benchmarks/answers.py [--seconds 3] [--turns 3]

Ours, and two baselines with the same server and flags: an ASGI application that sends the very same heads and
bodies from memory, and a FastAPI route that renders a like template from objects in memory. All answer the
same load (`wrk`, one thread, eight connections) in turns; the median of each counts. The ratio of requests a
second is the figure to quote. `cpu` is the same ratio for a second of the server's processor time, which
holds on a busy machine too, but leaves PostgreSQL out. Papers are invented.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import pickle
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import figures
import psycopg
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from jinja2 import Environment

from paperround import schema
from paperround.accounts import sessions, sign_in
from paperround.conninfo import build_conninfo
from paperround.database import Database, utc_now
from paperround.papers import catalogue
from paperround.papers.record import FeedAuthor, FeedOrganization, FeedPaper
from paperround.postgres import EmbeddedPostgres
from paperround.settings import Settings
from paperround.tokens import load_signer
from paperround.web.app import create_app
from paperround.web.security import cookies
from paperround.web.server import serve

PAPERS_A_DAY, DAYS = 40, 5
ABSTRACT = (
    "We wait for gradients and they come, sooner or later, with $p < 0.05$ and $\\alpha_{n} \\le 2^{k}$. "
    "Nobody had asked them to hurry. "
) * 10
EDITION = "/papers"
PAGES = {
    "edition": EDITION,
    "trending": "/papers/trending",
    "paper page": "/papers/2603.00001",
    "JSON list": "/api/v1/papers?limit=50",
    "hub list": "/api/daily_papers?limit=50",
    "Atom": "/feeds/daily.atom",
}
OF_A_CONNECTION = ("date", "connection")  # headers that each answer has its own of
WARM_GOAL, COLD_GOAL = 0.7, 0.3
CHANGES = 20  # of votes a second, while answers are measured that aren't kept whole
TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ heading }}</title></head>
<body><header><h1>{{ heading }}</h1><nav><a href="/papers">Daily</a></nav></header>
<main><ol>
{% for paper in papers %}
<li id="paper-{{ paper.id }}"><article>
  <h2><a href="/papers/{{ paper.id }}">{{ paper.title }}</a></h2>
  <p>{% for author in paper.authors %}<span>{{ author }}</span>{% if not loop.last %}, {% endif %}{% endfor %}
  <time datetime="{{ paper.published.isoformat() }}">{{ paper.published.strftime('%d %b') }}</time></p>
  <details><summary>{{ paper.abstract }}</summary>
  <p>Keywords: {{ paper.keywords|join(', ') }}</p></details>
  {% if paper.code %}<a href="{{ paper.code }}">Code</a>{% endif %}
  </article><form method="post" action="/papers/{{ paper.id }}/upvote">
  <button>{{ paper.votes }} votes</button></form></li>
{% endfor %}
</ol></main></body></html>"""


class Load(NamedTuple):
    """A request, and who serves it: the name of a server."""

    server: str
    path: str
    header: str = ""


class Rate(NamedTuple):
    """Requests a second, by the clock and by the server's processor time."""

    by_clock: float
    by_processor: float


class Server(NamedTuple):
    """A server, and the database whose papers change while it is measured, if they do."""

    address: str
    process_id: int
    changed_url: str = ""

    def read_processor_time(self) -> float:
        """Return how many seconds the process has computed."""
        user, system = Path(f"/proc/{self.process_id}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


class Figure(NamedTuple):
    name: str
    ours: Load
    baseline: Load
    goal: float


async def fill(url: str) -> str:
    """Store the papers, and a reader. Returns the reader's cookie."""
    now, settings = utc_now(), Settings(_env_file=None)
    authors = tuple(FeedAuthor(name=f"{name} Lindqvist") for name in ("Ada", "Benedikt", "Cyn", "Dee", "Eve"))
    async with Database(url) as database:
        for days_ago in range(DAYS):
            papers = [
                FeedPaper(
                    id=f"2603.{1 + days_ago * PAPERS_A_DAY + n:05}",
                    title=f"Patient Gradients, Part {n}: On $\\alpha$-Waiting in Large Models",
                    abstract=ABSTRACT,
                    published_at=now - timedelta(days=days_ago + 1),
                    upvotes=n,
                    authors=authors,
                    organization=FeedOrganization(name=f"lab{n % 9}", full_name=f"Lab {n % 9}"),
                    ai_keywords=("waiting", "gradients", "large models"),
                    github_url=f"https://github.com/lab/{n}",
                )
                for n in range(PAPERS_A_DAY)
            ]
            async with database.write_session() as session:
                await catalogue.store_papers(
                    session,
                    papers,
                    feed="huggingface",
                    day=(now - timedelta(days=days_ago)).date(),
                    seen_at=now,
                    half_life=timedelta(days=1),
                )
        signer = await load_signer(database, settings)
        async with database.write_session() as session:
            reader = await sign_in.get_or_create_reader(session, "ada@example.org", now=now)
            token = await sessions.begin_session(session, reader, agent="wrk", now=now)
    return f"Cookie: {cookies.cookie_name(settings)}={signer.sign(cookies.PURPOSE, token)}"


def serve_site(url: str, port: int, megabytes: int) -> None:
    settings = Settings(_env_file=None, port=port, cache_megabytes=megabytes, search_rate=0)
    serve(create_app(settings, url), settings)


def serve_bytes(file: Path, port: int) -> None:
    """Send what was sent before. An address with `known` in it is answered with 304."""
    answers: dict[str, tuple[int, list[tuple[bytes, bytes]], bytes]] = pickle.loads(file.read_bytes())

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                await send({"type": f"{kind}.complete"})
                if kind == "lifespan.shutdown":
                    return
        status, headers, body = answers[scope["path"]]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    serve(cast(FastAPI, app), Settings(_env_file=None, port=port))


def serve_template(port: int) -> None:
    """Render as many papers as an edition shows, with texts of the same length."""
    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(TEMPLATE)
    papers = [
        SimpleNamespace(
            id=f"2603.{n:05}",
            title=f"Patient Gradients, Part {n}: On α-Waiting in Large Models",
            authors=["Ada Lindqvist", "Benedikt Åström", "Cyn Doe", "Dee Roe", "Eve Poe"],
            abstract=ABSTRACT,
            published=datetime(2026, 3, 1, tzinfo=UTC),
            keywords=["waiting", "gradients", "large models"],
            code=f"https://github.com/lab/{n}",
            votes=n,
        )
        for n in range(30)
    ]
    app = FastAPI()

    @app.get(EDITION)
    async def show() -> HTMLResponse:
        return HTMLResponse(template.render(papers=papers, heading="Monday, 2 March"))

    serve(app, Settings(_env_file=None, port=port))


@contextmanager
def running(*arguments: str | Path) -> Iterator[Server]:
    """Run a server in a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, __file__, "serve", *map(str, arguments), "--port", str(port)])
    try:
        for _ in range(600):
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield Server(f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.terminate()
        process.wait(20)


def record(site: str, file: Path) -> str:
    """Keep what the site answers, for the bare application. Returns the edition's ETag."""
    answers: dict[str, tuple[int, list[tuple[bytes, bytes]], bytes]] = {}
    for path in PAGES.values():
        with urllib.request.urlopen(f"{site}{path}") as answer:
            heads = [
                (n.lower().encode(), v.encode())
                for n, v in answer.getheaders()
                if n.lower() not in OF_A_CONNECTION
            ]
            answers[path.partition("?")[0]] = (200, heads, answer.read())
    _, heads, _ = answers[EDITION]
    small = [pair for pair in heads if pair[0] not in (b"content-type", b"content-length")]
    answers["/known"] = (304, small, b"")
    file.write_bytes(pickle.dumps(answers))
    return dict(heads)[b"etag"].decode()


@contextmanager
def changing(url: str) -> Iterator[None]:
    """Change the votes of a paper of the newest edition every moment, as readers and readings do."""
    done = threading.Event()

    def change() -> None:
        with psycopg.connect(build_conninfo(url), autocommit=True) as connection:
            for number in itertools.count():
                if done.wait(1 / CHANGES):
                    return
                paper_id = f"2603.{1 + number % PAPERS_A_DAY:05}"
                connection.execute("UPDATE papers SET upvotes = upvotes + 1 WHERE id = %s", [paper_id])

    changer = threading.Thread(target=change)
    changer.start()
    try:
        yield
    finally:
        done.set()
        changer.join()


def measure(server: Server, load: Load, seconds: int) -> Rate:
    """Return the requests that were answered a second, and in a second of the server's processor time."""
    command = ["wrk", "-t1", "-c8", f"-d{seconds}s", *(["-H", load.header] if load.header else [])]
    before = server.read_processor_time()
    with changing(server.changed_url) if server.changed_url else nullcontext():
        said = subprocess.run(
            [*command, f"{server.address}{load.path}"], capture_output=True, text=True, check=True
        )
    spent = server.read_processor_time() - before
    if "Non-2xx" in said.stdout and "304" not in load.header and "known" not in load.path:
        raise SystemExit(f"{load.path} failed:\n{said.stdout}")
    rate, number = (
        re.search(pattern, said.stdout) for pattern in (r"Requests/sec:\s+([\d.]+)", r"(\d+) requests in")
    )
    return Rate(float(rate[1]) if rate else 0.0, int(number[1]) / spent if number and spent else 0.0)


def warm_up(address: str, header: str) -> None:
    """Ask once, so that templates are compiled and statements are known."""
    name, _, value = header.partition(": ")
    request = urllib.request.Request(address, headers={name: value} if name else {})
    with suppress(urllib.error.HTTPError), urllib.request.urlopen(request) as answer:  # 304 is an error to it
        answer.read()


def list_figures(etag: str, cookie: str) -> Sequence[Figure]:
    warm = [
        Figure(f"{name}, warm", Load("site", path), Load("bytes", path), WARM_GOAL)
        for name, path in PAGES.items()
    ]
    known = f"If-None-Match: {etag}"
    template = Load("template", EDITION)
    return [
        *warm,
        Figure("304", Load("site", EDITION, known), Load("bytes", "/known", known), WARM_GOAL),
        Figure("edition, first after a change", Load("cold", EDITION), template, COLD_GOAL),
        Figure("edition, signed in", Load("site", EDITION, cookie), template, COLD_GOAL),
        *(
            Figure(f"{name}, first after a change", Load("cold", PAGES[name]), template, COLD_GOAL)
            for name in ("trending", "paper page", "JSON list", "hub list", "Atom")
        ),
    ]


@contextmanager
def running_servers() -> Iterator[tuple[dict[str, Server], Sequence[Figure]]]:
    """Run ours and the baselines. Gives them by name, and what is to be measured."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        Path(folder).chmod(0o755)  # as root, PostgreSQL runs as another user
        url = stack.enter_context(EmbeddedPostgres(Path(folder) / "data").attached()).owner_url
        schema.upgrade(url)
        cookie = asyncio.run(fill(url))
        site = stack.enter_context(running("site", url, "32"))
        file = Path(folder) / "answers"
        etag = record(site.address, file)
        servers = {
            "site": site,
            "cold": stack.enter_context(running("site", url, "0"))._replace(changed_url=url),
            "bytes": stack.enter_context(running("bytes", file)),
            "template": stack.enter_context(running("template")),
        }
        yield servers, list_figures(etag, cookie)


def run(seconds: int, turns: int, wanted: str) -> None:
    with running_servers() as (servers, measured):
        print(f"{'figure':<38}{'ours/s':>9}{'baseline/s':>12}{'ratio':>8}{'cpu':>8}{'goal':>9}")
        for figure in measured:
            if wanted in figure.name:
                show(figure, *compare(figure, servers, seconds, turns))


def measure_all(*, fast: bool) -> Iterator[figures.Figure]:
    """Yield the figures for the table of all benchmarks."""
    with running_servers() as (servers, measured):
        for figure in measured[:2] if fast else measured:
            ours, baseline = compare(figure, servers, 1 if fast else 2, 1 if fast else 3)
            yield figures.Figure(
                figure.name, ours.by_clock, baseline.by_clock, "1/s", figure.baseline.server, figure.goal
            )


def compare(figure: Figure, servers: dict[str, Server], seconds: int, turns: int) -> tuple[Rate, Rate]:
    """Measure ours and the baseline in turns, and return the medians."""
    rates: dict[Load, list[Rate]] = {figure.ours: [], figure.baseline: []}
    for load in rates:
        warm_up(f"{servers[load.server].address}{load.path}", load.header)
    for _ in range(turns):
        for load, measured in rates.items():
            measured.append(measure(servers[load.server], load, seconds))
    ours, baseline = (Rate(*map(statistics.median, zip(*of, strict=True))) for of in rates.values())
    return ours, baseline


def show(figure: Figure, ours: Rate, baseline: Rate) -> None:
    ratio, of_processor = ours.by_clock / baseline.by_clock, ours.by_processor / baseline.by_processor
    print(
        f"{figure.name:<38}{ours.by_clock:9.0f}{baseline.by_clock:12.0f}{ratio:8.2f}{of_processor:8.2f}"
        f"   ≥ {figure.goal:.2f}  {'ok' if ratio >= figure.goal else 'missed'}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("arguments", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=int, default=3, help="of each measurement")
    parser.add_argument("--turns", type=int, default=3, help="that ours and the baseline take")
    parser.add_argument("--only", default="", help="figures with this in their name")
    given = parser.parse_args()
    match given.arguments:
        case ["serve", "site", url, megabytes]:
            serve_site(url, given.port, int(megabytes))
        case ["serve", "bytes", file]:
            serve_bytes(Path(file), given.port)
        case ["serve", "template"]:
            serve_template(given.port)
        case _:
            if not shutil.which("wrk"):
                raise SystemExit("This needs wrk, which Debian has as a package.")
            run(given.seconds, given.turns, given.only)


if __name__ == "__main__":
    main()
