"""All our clients go through the proxy that the environment names, and past it where `NO_PROXY` says so."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import httpx
import pytest

from paperround.embeddings.client import EncoderClient
from paperround.outbound.client import describe_routes, open_client, open_transport
from paperround.outbound.proxies import ProxyRules, ProxyUnusable
from paperround.settings import Settings

from support.commands import run_command
from support.encoders import running_inference_server
from support.feed_server import FeedServer
from support.forward_proxy import ForwardProxy, running_proxy

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
PAST = [
    ("*", "hub.example"), ("a.example, *", "hub.example"), ("hub.example", "hub.example"),
    ("example", "hub.example"), (".example", "hub.example"), (".hub.example", "hub.example"),
    ("*.example", "hub.example"), ("*.hub.example", "hub.example"), ("HUB.Example.", "hub.example"),
    ("hub.example", "HUB.EXAMPLE."), ("hub.example:80", "hub.example"), (".example:8080", "hub.example:8080"),
    ("http://hub.example", "hub.example"), ("a b.example hub.example", "hub.example"),
    ("b\u00fccher.example", "xn--bcher-kva.example"), ("xn--bcher-kva.example", "b\u00fccher.example"),
    ("localhost", "localhost:9"), ("10.0.0.0/8", "10.1.2.3"), ("10.1.2.3", "10.1.2.3:81"),
    ("10.1.2.3:81", "10.1.2.3:81"), ("10.1.2.3/24", "10.1.2.200"), ("10.1.*", "10.1.2.3"),
    ("192.168.0.0/255.255.0.0", "192.168.7.7"), ("10.0.0.0/8", "[::ffff:10.1.2.3]"),
    ("::1", "[::1]"), ("[::1]", "[::1]:80"), ("[::1]:8080", "[::1]:8080"), ("0:0::1", "[::1]"),
    ("fd00::/8", "[fd12::1]"), ("[fd00::]/8", "[fd12::1]"), ("[fd00::/8]", "[fd12::1]"),
    ("fe80::/10", "[fe80::1]"), ("127.0.0.0/8", "127.1"), ("127.0.0.1", "2130706433"),
]  # fmt: skip
THROUGH = [
    ("", "hub.example"), (",, ", "hub.example"), ("ub.example", "hub.example"),
    ("hub.example", "ahub.example"),
    ("a.hub.example", "hub.example"), ("hub.example:81", "hub.example"), ("hub.example.org", "hub.example"),
    ("10.0.0.0/8", "11.1.2.3"), ("10.0.0.0/8", "10.example"), ("2.3", "10.1.2.3"), (".3", "10.1.2.3"),
    ("10.1.2.3:82", "10.1.2.3:81"), ("[::1]:8080", "[::1]:80"), ("fd00::/8", "[2606:4700::1]"),
    ("10.0.0.0/99", "10.0.0.1"), ("[::1", "[::1]"), (".", "hub.example"), ("/", "hub.example"),
    ("fd00::/8", "10.1.2.3"), ("*.hub", "hub.example"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No proxy is named."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


def find_proxy(url: str) -> str | None:
    return ProxyRules.from_environment().find_proxy(httpx.URL(url))


@pytest.mark.parametrize(("exceptions", "host"), PAST)
def test_a_host_that_is_excepted_is_asked_directly(
    environment: pytest.MonkeyPatch, exceptions: str, host: str
) -> None:
    environment.setenv("HTTP_PROXY", "proxy.example:3128")
    environment.setenv("NO_PROXY", exceptions)
    assert find_proxy(f"http://{host}/") is None


@pytest.mark.parametrize(("exceptions", "host"), THROUGH)
def test_any_other_host_is_asked_through_the_proxy(
    environment: pytest.MonkeyPatch, exceptions: str, host: str
) -> None:
    environment.setenv("HTTP_PROXY", "proxy.example:3128")
    environment.setenv("NO_PROXY", exceptions)
    assert find_proxy(f"http://{host}/") == "http://proxy.example:3128"


def test_the_proxy_of_a_scheme_comes_before_the_one_for_all(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ALL_PROXY", "socks://all.example")
    environment.setenv("https_proxy", "http://user:secret@secure.example:8080")
    assert find_proxy("http://hub.example") == "socks5://all.example"
    assert find_proxy("https://hub.example") == "http://user:secret@secure.example:8080"
    described = describe_routes(["https://hub.example", "http://hub.example"])
    assert "hub.example through http://secure.example:8080" in described
    assert "secret" not in described


@pytest.mark.parametrize(
    "proxy",
    ["ftp://user:secret@proxy.example", "http://user:secret@:80", "http://[secret", "://",
     "socks4://secret@proxy.example", "http://proxy.example:x"],
)  # fmt: skip
def test_a_proxy_that_is_none_is_told_with_its_variable_and_without_its_password(
    environment: pytest.MonkeyPatch, proxy: str
) -> None:
    environment.setenv("ALL_PROXY", proxy)
    with pytest.raises(ProxyUnusable, match="ALL_PROXY") as caught:
        find_proxy("http://hub.example")
    assert "secret" not in caught.value.detail
    environment.setenv("NO_PROXY", "hub.example")
    assert find_proxy("http://hub.example") is None  # what isn't used may be anything


def test_a_socks_proxy_without_its_library_says_what_to_install(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")
    environment.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ProxyUnusable, match="SOCKS") as caught:
        find_proxy("https://hub.example")
    assert "paperround[socks]" in caught.value.detail


@pytest.mark.parametrize("command", ["up", "web", "worker"])
def test_a_process_does_not_start_behind_a_proxy_that_it_cannot_use(
    command: str, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv("ALL_PROXY", "socks9://127.0.0.1:1080")
    result = run_command(command, folder=tmp_path, data_dir=str(tmp_path / "data"))
    assert result.returncode == 1
    assert "ALL_PROXY names a proxy of the kind socks9" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_feeds_and_the_encoder_are_asked_through_the_proxy(
    kind: str, environment: pytest.MonkeyPatch, feed: FeedServer
) -> None:
    port = httpx.URL(feed.url).port or 0
    feed.days["2026-05-04"] = [1]
    with running_proxy(ForwardProxy("socks5" if kind == "socks5" else "http", port)) as proxy:
        environment.setenv("ALL_PROXY", proxy.url)
        async with open_client(trusted_hosts=["hub.example"], headers={}, max_redirects=3) as client:
            answer = await client.get("http://hub.example:8000/", params={"date": "2026-05-04"})
            assert answer.json() == [1]
    with running_inference_server() as address, running_proxy(
        ForwardProxy("socks5", httpx.URL(address).port or 0)) as other:  # fmt: skip
        environment.setenv("ALL_PROXY", other.url)
        settings = Settings(_env_file=None, encoder_url="http://encoder.example:8001")
        async with EncoderClient(settings) as encoder:
            assert (await encoder.describe_model()).dimensions > 0
    assert proxy.asked == ["hub.example:8000"]
    assert other.asked == ["encoder.example:8001"]


async def test_each_request_goes_its_own_way(environment: pytest.MonkeyPatch, feed: FeedServer) -> None:
    with running_proxy(ForwardProxy("http", httpx.URL(feed.url).port or 0)) as proxy:
        environment.setenv("HTTP_PROXY", proxy.url)
        environment.setenv("NO_PROXY", "127.0.0.0/8")
        async with httpx.AsyncClient(transport=open_transport()) as client:
            assert (await client.get(feed.url)).status_code == 200
            assert proxy.asked == []
            assert (await client.get("http://hub.example/")).status_code == 200
    assert proxy.asked == ["hub.example"]
