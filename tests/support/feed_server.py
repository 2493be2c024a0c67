"""A feed server on loopback: invented lists, and the ways in which a real one breaks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, dict[str, str], bytes]
JSON = {"Content-Type": "application/json"}


def as_json(content: object, status: int = 200, **headers: str) -> Answer:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return status, JSON | named, json.dumps(content).encode()


@dataclass
class FeedServer:
    """`days` holds the lists. The next answers come from `faults`, as long as there are any."""

    days: dict[str, list[Any]] = field(default_factory=dict)
    cap: int = 100
    faults: list[Callable[[list[Any]], Answer | None]] = field(default_factory=list)
    always: Callable[[list[Any]], Answer | None] | None = None
    requests: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def page(self, query: dict[str, str]) -> list[Any]:
        items = self.days.get(query.get("date", ""), [])
        limit, number = min(int(query.get("limit", 50)), self.cap), int(query.get("p", 0))
        return items[number * limit : (number + 1) * limit]

    def answer(self, query: dict[str, str], headers: dict[str, str]) -> Answer | None:
        """None: the connection is cut."""
        with self.lock:
            self.requests.append(query)
            self.headers.append(headers)
            fault = self.faults.pop(0) if self.faults else self.always
        items = self.page(query)
        return fault(items) if fault else as_json(items)


def slow(seconds: float) -> Callable[[list[Any]], Answer]:
    def answer(items: list[Any]) -> Answer:
        time.sleep(seconds)
        return as_json(items)

    return answer


def cut_off(items: list[Any]) -> Answer:
    status, headers, body = as_json(items)
    return status, headers, body[: max(len(body) // 2, 1)]


def html(items: list[Any]) -> Answer:
    return 200, {"Content-Type": "text/html"}, b"<!doctype html><title>Just a moment...</title>"


def connection_cut(items: list[Any]) -> None:
    return None


def status(code: int, **headers: str) -> Callable[[list[Any]], Answer]:
    return lambda items: as_json({"error": "no"}, code, **headers)


def body(content: object) -> Callable[[list[Any]], Answer]:
    return lambda items: as_json(content)


@contextmanager
def answering(answer: Callable[[str, dict[str, str]], Answer | None], port: int = 0) -> Iterator[str]:
    """A server on loopback whose answers a function gives, from path and headers; its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found = answer(self.path, dict(self.headers))
            if found is None:
                self.close_connection = True
                return
            code, headers, content = found
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def serving(feed: FeedServer, port: int = 0) -> Iterator[FeedServer]:
    def answer(path: str, headers: dict[str, str]) -> Answer | None:
        query = {key: values[0] for key, values in parse_qs(urlsplit(path).query).items()}
        return feed.answer(query, headers)

    with answering(answer, port) as feed.url:
        yield feed
