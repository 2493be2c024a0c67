"""By Apprise to a server shaped like ntfy: once, in Markdown, and only where messages may go."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_network

import pytest

from paperround.channels.address import ChannelAddress, ChannelKind, parse_address
from paperround.channels.encryption import ChannelSecrets
from paperround.channels.errors import ChannelAddressInvalid, ChannelAnswerLost, ChannelUnavailable
from paperround.channels.message import ChannelDigest, ChannelPaper, ChannelSection
from paperround.channels.sender import open_channel_sender
from paperround.database import utc_now

from support.socket_server import serving_http

PAPER = ChannelPaper(
    "2603.00001", "A *title* & more", "https://p.example/papers/2603.00001", "Ada", "", "1 Mar 2026",
    "", "", 3, None,
)  # fmt: skip
DIGEST = ChannelDigest(
    "digest_1", "Paperround", "https://p.example", "1 paper", "", date(2026, 3, 2), "daily",
    "https://p.example/digests/1", (ChannelSection("Trending now", (PAPER,)),),
)  # fmt: skip


class Ntfy(BaseHTTPRequestHandler):
    """A server of ntfy: answers as its topic says."""

    taken: list[bytes]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).taken.append(body)
        if b"silent" in body:
            return  # and the connection ends
        status = 500 if b"broken" in body else (302 if b"elsewhere" in body else 200)
        self.send_response(status)
        if status == 302:
            self.send_header("Location", self.path)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def host() -> Iterator[str]:
    Ntfy.taken = []
    with serving_http(Ntfy) as url:
        yield url.removeprefix("http://")


async def send(address: str, *networks: str) -> str:
    secrets = ChannelSecrets(parse_address(address, allows_apprise=True), "")
    async with open_channel_sender([ip_network(network) for network in networks]) as sender:
        return await sender.prepare(secrets, DIGEST, now=utc_now())()


async def test_apprise_sends_once_and_only_where_messages_may_go(host: str) -> None:
    assert await send(f"ntfy://{host}/papers", "127.0.0.1/32") == "taken (200)"
    (body,) = Ntfy.taken
    assert b"https://p.example/papers/2603.00001" in body
    for topic, error in (
        ("broken", ChannelUnavailable),
        ("elsewhere", ChannelUnavailable),
        ("silent", ChannelAnswerLost),
    ):
        with pytest.raises(error):
            await send(f"ntfy://{host}/{topic}", "127.0.0.1/32")
    assert len(Ntfy.taken) == 4
    with pytest.raises(ChannelUnavailable):
        await send(f"ntfy://{host}/papers")
    assert len(Ntfy.taken) == 4


@pytest.mark.parametrize("scheme", ["json", "mailto", "syslog", "dbus", "macosx", "form", "xml", "apprise"])
def test_services_that_could_do_other_things_than_chat_are_not_among_those_for_apprise(scheme: str) -> None:
    with pytest.raises(ChannelAddressInvalid):
        parse_address(f"{scheme}://localhost/x", allows_apprise=True)


def test_where_apprise_is_not_installed_the_answer_says_what_to_install() -> None:
    with pytest.raises(ChannelAddressInvalid) as refusal:
        parse_address("ntfy://a.example/papers", allows_apprise=False)
    assert "pip install 'paperround[channels]'" in refusal.value.detail
    known = parse_address("ntfys://a.example/papers", allows_apprise=True)
    assert known == ChannelAddress(ChannelKind.apprise, "ntfys://a.example/papers")
    assert known.hint == "ntfy"
