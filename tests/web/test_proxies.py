"""The configurations for nginx and Caddy that we give, with the real servers where they are installed."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from paperround.database import Database
from paperround.settings import Settings
from paperround.web.security.bodies import MAX_LIBRARY_BYTES

from support.databases import new_database
from support.pages import three_days
from support.proxies import DEPLOY, NAME, running, running_nginx
from support.sites import free_port, running_site

CADDY_TEST_OPTIONS = """{{
	admin off
	local_certs
	skip_install_trust
	storage file_system {folder}
	http_port {plain}
	https_port {secure}
"""


@contextmanager
def running_caddy(folder: Path, site: str, plain: int, secure: int) -> Iterator[None]:
    text = (DEPLOY / "Caddyfile").read_text().replace("127.0.0.1:8000", site.removeprefix("http://"))
    options = CADDY_TEST_OPTIONS.format(folder=folder, plain=plain, secure=secure)
    (folder / "Caddyfile").write_text(text.replace("{\n", options, 1))
    command = ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    with running(command, folder, secure):
        yield


@dataclass(frozen=True)
class Proxy:
    """A running proxy: a client that speaks to it as a browser does, and its address without TLS."""

    client: httpx.Client
    plain_address: str

    def await_certificate(self) -> None:
        """Caddy makes its own after it began to listen."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                self.ask("GET", "/about")
                return
            time.sleep(0.05)

    def ask(self, method: str, address: str, **parts: Any) -> httpx.Response:
        return self.client.request(method, address, extensions={"sni_hostname": NAME}, **parts)


PROXIES = {"nginx": running_nginx, "caddy": running_caddy}


@pytest.fixture(scope="module", params=PROXIES)
def proxy(
    request: pytest.FixtureRequest, server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """A site behind the proxy."""
    if not shutil.which(request.param):
        pytest.skip(f"{request.param} is not installed")
    folder, plain, secure = tmp_path_factory.mktemp(request.param), free_port(), free_port()
    settings = Settings(
        _env_file=None, public_url=f"https://{NAME}", trusted_proxies="127.0.0.1", search_rate=2
    )
    with new_database(server) as url:

        async def fill() -> None:
            async with Database(url) as database:
                await three_days(database)

        asyncio.run(fill())
        with (
            running_site(settings, url) as site,
            PROXIES[request.param](folder, site, plain, secure),
            httpx.Client(
                base_url=f"https://127.0.0.1:{secure}",
                verify=False,
                headers={"Host": NAME},
                timeout=60,
            ) as client,
        ):
            proxy = Proxy(client, f"http://127.0.0.1:{plain}")
            proxy.await_certificate()
            yield proxy


def test_pages_and_forms_pass_through(proxy: Proxy) -> None:
    page = proxy.ask("GET", "/papers")
    form = {"email": "ada@example.org"}
    sent = proxy.ask("POST", "/sign-in", data=form, headers={"Origin": f"https://{NAME}"})
    foreign = proxy.ask("POST", "/sign-in", data=form, headers={"Origin": "https://evil.example"})

    assert page.status_code == 200
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert (sent.status_code, foreign.status_code) == (200, 403)
    assert proxy.ask("GET", "/papers/").headers["Location"] == "/papers"


def test_whoever_comes_without_tls_is_sent_to_the_name(proxy: Proxy) -> None:
    answer = httpx.get(f"{proxy.plain_address}/papers?a=b", headers={"Host": NAME})

    assert answer.status_code == 308
    assert answer.headers["Location"] == f"https://{NAME}/papers?a=b"


def test_what_a_client_says_of_itself_is_dropped(proxy: Proxy) -> None:
    """Else each search would count for another network."""
    statuses = [
        proxy.ask(
            "GET",
            "/papers?q=rivers",
            headers={"X-Forwarded-For": f"192.0.{n}.1, 198.51.{n}.2", "Forwarded": f"for=192.0.{n}.1"},
        ).status_code
        for n in range(3)
    ]

    assert statuses == [200, 200, 429]


def test_what_is_too_large_ends_at_the_proxy(proxy: Proxy) -> None:
    head = proxy.ask("GET", "/papers", headers={"X-Large": "x" * 60_000})
    assert head.status_code in (400, 431)
    with suppress(httpx.TransportError):  # the proxy may close before all is sent
        body = proxy.ask("POST", "/sign-in", content=b"email=" + b"x" * 34_000_000)
        assert body.status_code == 413


def test_a_whole_library_passes_through(proxy: Proxy) -> None:
    """What the proxy lets through, Paperround refuses in its own words to whoever isn't signed in."""
    library = b"x" * (MAX_LIBRARY_BYTES - 10_000)
    answer = proxy.ask("POST", "/topics/import", files={"file": ("library.bib", library)})

    assert answer.status_code == 413
    assert "At most 5 MB" in answer.text


def test_other_names_are_not_answered(proxy: Proxy) -> None:
    assert proxy.ask("GET", "/papers", headers={"Host": "evil.example"}).status_code == 421
