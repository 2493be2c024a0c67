"""A proxy that leads out, as companies have: HTTP, SOCKS 5, or one that rewrites TLS."""

from __future__ import annotations

import re
import socket
import socketserver
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass
class ForwardProxy:
    """A proxy on loopback that leads every host to `upstream`, a port of loopback that speaks plain HTTP.

    `asked` has the `host:port` of each request. With `tls` it answers as the host itself after CONNECT.
    """

    kind: Literal["http", "socks5"]
    upstream: int
    tls: ssl.SSLContext | None = None
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def serve(self, client: socket.socket) -> None:
        """Answer one request."""
        if self.kind == "socks5":
            self._greet(client)
            request = _read_request(client)
        else:
            request = _read_request(client)
            method, target, *_ = request.decode("latin-1").split()
            self.asked.append(target.removeprefix("http://").partition("/")[0])
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                client = self.tls.wrap_socket(client, server_side=True) if self.tls else client
                request = _read_request(client)
        with client, socket.create_connection(("127.0.0.1", self.upstream), timeout=10) as server:
            server.sendall(request.replace(b"keep-alive", b"close"))
            while answer := server.recv(1 << 16):
                client.sendall(answer)

    def _greet(self, client: socket.socket) -> None:
        """Speak SOCKS 5 (RFC 1928) until the client may talk to its host."""
        _, methods = client.recv(2)
        client.recv(methods)
        client.sendall(b"\x05\x00")
        _, _, _, kind = client.recv(4)
        if kind == 3:
            host = client.recv(client.recv(1)[0]).decode()
        else:
            host = socket.inet_ntop(
                *((socket.AF_INET, client.recv(4)) if kind == 1 else (socket.AF_INET6, client.recv(16)))
            )
        self.asked.append(f"{host}:{struct.unpack('!H', client.recv(2))[0]}")
        client.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")


@contextmanager
def running_proxy(proxy: ForwardProxy) -> Iterator[ForwardProxy]:
    """Run the proxy, and set its `url`."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.settimeout(10)
            try:
                proxy.serve(self.request)
            except (OSError, ValueError):  # the client hung up, as it does where it doesn't trust us
                self.request.close()

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    proxy.url = f"{proxy.kind}://127.0.0.1:{server.server_address[1]}"
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()


def make_authority(folder: Path, *names: str) -> tuple[Path, ssl.SSLContext]:
    """Make a self-signed certificate for some names or addresses, and a server's context with it."""
    key, certificate = folder / "key.pem", folder / "cert.pem"
    subjects = ",".join(f"{'IP' if name[0].isdigit() else 'DNS'}:{name}" for name in names)
    command = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority -addext"
    )
    subprocess.run(
        ["openssl", *command.split(), f"subjectAltName={subjects}", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return certificate, context


def _read_request(client: socket.socket) -> bytes:
    """Read a request with its body."""
    request = b""
    while not (end := request.find(b"\r\n\r\n") + 4) > 3 or len(request) < end + _length_of_body(request):
        part = client.recv(1 << 16)
        if not part:
            raise OSError("the client hung up")
        request += part
    return request


def _length_of_body(request: bytes) -> int:
    length = re.search(rb"\r\ncontent-length: (\d+)", request, re.IGNORECASE)
    return int(length[1]) if length else 0
