"""A server that behaves as the documentation of Zotero's web API says (version 3), for items and collections.

Every write needs a version or a write token; a version that is not the library's, a token that was used, and
an object that should be new and is not are 412.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.socket_server import serving_http

KEY = "P9NiFoyLeZu2bZNvvuQPDWsd"
Plan = tuple[int, dict[str, str]]  # a status, and headers


@dataclass
class ZoteroServer:
    """One library, `users/7`, and what the server is to do next."""

    key: str = KEY
    may_write: bool = True
    version: int = 10
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    collection: list[dict[str, Any]] = field(default_factory=list)
    collection_version: int = 10
    tokens: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)
    writes: list[int] = field(default_factory=list)  # how many items each had
    next_answers: list[Plan] = field(default_factory=list)  # given in place of the real ones
    backoff: int = 0  # seconds, told with the next answer
    lose_answers: int = 0  # so many writes are done and not answered
    changes_before_writes: int = 0  # so many times somebody else changes the library before a write
    refused_titles: frozenset[str] = frozenset()

    def papers(self) -> list[str]:
        """The arXiv ids of all items, in order."""
        return sorted(item["archiveID"].removeprefix("arXiv:") for item in self.items.values())

    def write(self, headers: Any, sent: list[dict[str, Any]]) -> tuple[int, Any]:
        """Do a write; the status and the answer."""
        if self.changes_before_writes:
            self.changes_before_writes -= 1
            self.version += 1
        known, token = headers["If-Unmodified-Since-Version"], headers["Zotero-Write-Token"]
        if known is None and token is None:
            return 428, "a version or a write token is required"
        if token is not None and (not re.fullmatch(r"[\w-]{5,32}", token) or token in self.tokens):
            return 412, "this write token was used"
        if known is not None and int(known) != self.version:
            return 412, "the library has changed"
        if len(sent) > 50:
            return 413, "at most 50 items"
        self.writes.append(len(sent))
        self.version += 1
        answer: dict[str, Any] = {"success": {}, "unchanged": {}, "failed": {}}
        for place, item in enumerate(sent):
            key = item["key"]
            assert re.fullmatch(r"[23456789ABCDEFGHIJKLMNPQRSTUVWXYZ]{8}", key)
            if item["version"] == 0 and key in self.items:
                answer["failed"][str(place)] = {"key": key, "code": 412, "message": "it is there"}
            elif item["title"] in self.refused_titles:
                answer["failed"][str(place)] = {"key": key, "code": 400, "message": "bad title"}
            else:
                self.items[key] = item
                answer["success"][str(place)] = key
        if token is not None:
            self.tokens.add(token)
        return 200, answer


@contextmanager
def running_zotero_server(server: ZoteroServer) -> Iterator[str]:
    """Run the server; its address."""
    with serving_http(type("Handler", (ZoteroHandler,), {"zotero": server})) as address:
        yield address


class ZoteroHandler(BaseHTTPRequestHandler):
    """Answers for the server of the class that is made of it."""

    protocol_version = "HTTP/1.1"
    zotero: ZoteroServer

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(url.query).items()}
        if not self._is_refused():
            routes = {
                "/keys/current": self._describe_key,
                "/users/7/items": self._list_versions,
                "/users/7/collections": self._list_collections,
                "/users/7/collections/ABCD2345/items/top": self._list_entries,
            }
            status, content = routes[url.path](asked) if url.path in routes else (404, "not found")
            self._answer(status, content)

    def _describe_key(self, _: dict[str, str]) -> tuple[int, Any]:
        user = {"library": True, "write": self.zotero.may_write}
        access = {"user": user, "groups": {"all": {"library": True}}}
        return 200, {"key": self.zotero.key, "userID": 7, "username": "Ada", "access": access}

    def _list_versions(self, asked: dict[str, str]) -> tuple[int, Any]:
        wanted = asked["itemKey"].split(",")
        assert asked["format"] == "versions"
        assert len(wanted) <= 50
        return 200, {key: 1 for key in wanted if key in self.zotero.items}

    def _list_collections(self, _: dict[str, str]) -> tuple[int, Any]:
        return 200, [{"key": "ABCD2345", "data": {"key": "ABCD2345", "name": "Bees & <b>"}}]

    def _list_entries(self, asked: dict[str, str]) -> tuple[int, Any]:
        if int(self.headers["If-Modified-Since-Version"] or 0) >= self.zotero.collection_version:
            return 304, None
        start, limit = int(asked["start"]), int(asked["limit"])
        return 200, {"items": self.zotero.collection[start : start + limit]}

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self._is_refused():
            return
        status, content = self.zotero.write(self.headers, sent)
        if status == 200 and self.zotero.lose_answers:
            self.zotero.lose_answers -= 1
            self.close_connection = True
            return
        self._answer(status, content)

    def _is_refused(self) -> bool:
        self.zotero.requests.append(f"{self.command} {urlsplit(self.path).path}")
        if self.headers["Zotero-API-Version"] != "3" or self.headers["Zotero-API-Key"] != self.zotero.key:
            self._answer(403, "Invalid key")
            return True
        if self.zotero.next_answers:
            status, headers = self.zotero.next_answers.pop(0)
            self._answer(status, "not now", headers)
            return True
        return False

    def _answer(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        told = {"Last-Modified-Version": str(self.zotero.version), "Content-Type": "application/json"}
        if self.zotero.backoff:
            told["Backoff"] = str(self.zotero.backoff)
            self.zotero.backoff = 0
        for name, value in (told | (headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
