"""Links that leave the site lead to public hosts only, however a host is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.outbound.addresses import is_public_host
from paperround.text.links import list_public_links, normalise_github_url, normalise_http_url

PRIVATE = (
    "localhost", "LOCALHOST", "localhost.", "a.localhost", "router", "printer.local", "a.internal",
    "nas.lan", "x.home.arpa", "4.0.0.127.in-addr.arpa", "git.corp", "wiki.intranet", "a.localdomain",
    "a.invalid", "a.test", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "0",
    "0.0.0.0", "127.0.0.1.", "10.0.0.1", "10.1", "172.16.0.1", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "198.18.0.1", "224.0.0.1", "255.255.255.255", "256.1.1.1", "1.2.3.4.5", "１２７.0.0.1",
    "127。0。0。1", "①②⑦.0.0.1", "%3127.0.0.1", "::1", "::", "::ffff:127.0.0.1", "::ffff:a00:1", "fe80::1",
    "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "64:ff9b::7f00:1", "2002:7f00:1::", "::7f00:1",
    "2001:db8::1", "example..org", ".org", "", ".",
)  # fmt: skip
PUBLIC = (
    "github.com", "example.org", "example.org.", "xn--bcher-kva.example", "bücher.example",
    "localhost.example.org", "home.example.org", "local.de", "internal.example.org", "4.example.org",
    "1.1.1.1", "8.8.8.8", "0x08080808", "2606:4700:4700::1111", "64:ff9b::808:808", "::ffff:8.8.8.8",
)  # fmt: skip


@pytest.mark.parametrize("host", PRIVATE)
def test_a_host_within_a_network_is_not_public(host: str) -> None:
    assert not is_public_host(host)
    assert normalise_http_url(f"http://{f'[{host}]' if ':' in host else host}:8080/x") is None


@pytest.mark.parametrize("host", PUBLIC)
def test_any_other_host_is_public(host: str) -> None:
    url = f"https://{f'[{host}]' if ':' in host else host}/x"
    assert is_public_host(host)
    assert normalise_http_url(url) == normalise_github_url(url) == url


@given(st.text(max_size=60))
def test_any_host_is_told(host: str) -> None:
    assert is_public_host(host) in (True, False)


def test_of_stored_links_those_to_public_hosts_are_shown() -> None:
    stored = ["http://10.0.0.1/x", "https://example.org/a", None, "javascript:x", "https://git.lan/b"]
    assert list_public_links(stored) == ["https://example.org/a"]
    assert list_public_links(None) == []
