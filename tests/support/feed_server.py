"""A feed server on loopback with invented lists, and the ways in which a real one breaks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.socket_server import serving_http

Answer = tuple[int, dict[str, str], bytes]
JSON = {"Content-Type": "application/json"}


def json_answer(content: object, status: int = 200, **headers: str) -> Answer:
    """An answer with `content` as JSON. Underscores in the names of headers become hyphens."""
    http_headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, JSON | http_headers, json.dumps(content).encode()


@dataclass
class FeedServer:
    """A server with the lists of `days`.

    The next answers come from `faults` as long as there are any, then from `default_fault` if it is set.
    """

    days: dict[str, list[Any]] = field(default_factory=dict)
    max_page_size: int = 100
    faults: list[Callable[[list[Any]], Answer | None]] = field(default_factory=list)
    default_fault: Callable[[list[Any]], Answer | None] | None = None
    requests: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def page(self, query: dict[str, str]) -> list[Any]:
        """The records of one page of a day's list."""
        items = self.days.get(query.get("date", ""), [])
        limit, number = min(int(query.get("limit", 50)), self.max_page_size), int(query.get("p", 0))
        return items[number * limit : (number + 1) * limit]

    def answer(self, query: dict[str, str], headers: dict[str, str]) -> Answer | None:
        """Answer a request. None means that the connection is cut."""
        with self.lock:
            self.requests.append(query)
            self.headers.append(headers)
            fault = self.faults.pop(0) if self.faults else self.default_fault
        items = self.page(query)
        return fault(items) if fault else json_answer(items)


def slow_answer(seconds: float) -> Callable[[list[Any]], Answer]:
    """A fault that answers after some seconds."""

    def answer(items: list[Any]) -> Answer:
        time.sleep(seconds)
        return json_answer(items)

    return answer


def truncated_answer(items: list[Any]) -> Answer:
    """A fault that sends half of the answer."""
    status, headers, body = json_answer(items)
    return status, headers, body[: max(len(body) // 2, 1)]


def html_answer(items: list[Any]) -> Answer:
    """A fault that sends a page for browsers."""
    return 200, {"Content-Type": "text/html"}, b"<!doctype html><title>Just a moment...</title>"


def dropped_connection(items: list[Any]) -> None:
    """A fault that cuts the connection."""


def error_answer(code: int, **headers: str) -> Callable[[list[Any]], Answer]:
    """A fault that answers with an HTTP status."""
    return lambda items: json_answer({"error": "no"}, code, **headers)


def constant_answer(content: object) -> Callable[[list[Any]], Answer]:
    """A fault that answers with `content` whatever the list has."""
    return lambda items: json_answer(content)


@contextmanager
def running_http_server(
    answer: Callable[[str, dict[str, str]], Answer | None], port: int = 0, host: str = "127.0.0.1"
) -> Iterator[str]:
    """Run a server that answers with `answer(path, headers)`; its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            response = answer(self.path, dict(self.headers))
            if response is None:
                self.close_connection = True
                return
            code, headers, content = response
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with serving_http(Handler, host, port) as address:
        yield address


@contextmanager
def running_feed_server(feed: FeedServer, port: int = 0) -> Iterator[FeedServer]:
    """Run the server, and set its `url`."""

    def answer(path: str, headers: dict[str, str]) -> Answer | None:
        query = {key: values[0] for key, values in parse_qs(urlsplit(path).query).items()}
        return feed.answer(query, headers)

    with running_http_server(answer, port) as feed.url:
        yield feed
