"""A server shaped like a webhook, Slack, Discord and Telegram, which refuses what the real ones do."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from typing import Any

from paperround.digests.links import DigestLinks

from support.socket_server import serving_streams

SERVICES = ("webhook", "slack", "discord", "telegram")
DIGEST_LINK = re.compile(r"/digests/([0-9a-f.-]+)")
# What a service may do to a message. In "taken, …" it keeps the message as its own.
FAULTS = ("hang up", "429", "500", "redirect", "taken, then hang up", "slow")
TAKEN_FAULTS = (None, "taken, then hang up", "slow")
Judge = Callable[["Posted"], str | int | None]


@dataclass(frozen=True)
class Posted:
    """A message as it arrived."""

    service: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        return json.loads(self.body)

    @property
    def is_digest(self) -> bool:
        return DIGEST_LINK.search(self.body.decode()) is not None

    def delivery_id(self, links: DigestLinks) -> int:
        """The delivery that it is of, by the link to the whole digest."""
        token = DIGEST_LINK.search(self.body.decode())
        assert token is not None
        return links.read_token("digest", token[1]).id


@dataclass
class ChannelSink:
    """`taken` has what each service took. `judge` may answer with a status or a fault of FAULTS instead."""

    judge: Judge = lambda posted: None
    taken: list[Posted] = field(default_factory=list)
    seen: list[Posted] = field(default_factory=list)
    host: str = "127.0.0.1"
    port: int = 0
    retry_after: str = "1"
    on_taken: Callable[[Posted], None] = lambda posted: None

    @contextmanager
    def running(self) -> Iterator[None]:
        with serving_streams(self._talk, self.host, self.port) as self.port:
            yield

    def address(self, service: str, name: str = "1") -> str:
        """The address of a channel of that service, as somebody pastes it."""
        origin = f"{self.host}:{self.port}"
        return {
            "webhook": f"http://{origin}/webhook/{name}",
            "slack": f"slack+http://{origin}/services/T0/B0/{name}",
            "discord": f"discord+http://{origin}/api/webhooks/{name}/token",
            "telegram": f"telegram+http://{origin}/bot123456:a-secret-of-the-bot/-100{name}",
        }[service]

    def count(self, links: DigestLinks) -> Counter[int]:
        """How often each delivery was taken."""
        return Counter(posted.delivery_id(links) for posted in list(self.taken) if posted.is_digest)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, *fields = head.split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (entry.partition(":") for entry in fields)
            }
            body = await reader.readexactly(int(headers["content-length"]))
            path = line.split(" ")[1]
            await self._take(Posted(find_service(path), path, headers, body), writer)
        writer.close()

    async def _take(self, posted: Posted, writer: asyncio.StreamWriter) -> None:
        self.seen.append(posted)
        complaint = complain(posted)
        if complaint:
            return await _answer(writer, 400, complaint)
        verdict = self.judge(posted)
        if verdict in TAKEN_FAULTS:
            self.taken.append(posted)
            self.on_taken(posted)
        if verdict == "slow":
            await asyncio.sleep(random.random())
        if verdict in ("hang up", "taken, then hang up"):
            return writer.transport.abort()
        status = int(verdict) if str(verdict).isdigit() else (302 if verdict == "redirect" else 200)
        return await _answer(writer, status, "no" if status >= 300 else "ok", self.retry_after)


def find_service(path: str) -> str:
    start = {"/webhook/": "webhook", "/services/": "slack", "/api/webhooks/": "discord", "/bot": "telegram"}
    return next(service for prefix, service in start.items() if path.startswith(prefix))


async def _answer(writer: asyncio.StreamWriter, status: int, words: str, retry_after: str = "") -> None:
    headers = f"Retry-After: {retry_after}\r\n" if status == 429 else ""
    headers += "Location: http://127.0.0.1:1/elsewhere\r\n" if status == 302 else ""
    content = json.dumps({"ok": status == 200, "description": words})
    writer.write(
        f"HTTP/1.1 {status} X\r\n{headers}Content-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n{content}".encode()
    )
    await writer.drain()


def complain(posted: Posted) -> str:
    """What a service finds wrong with a message; empty if nothing."""
    if posted.headers.get("content-type", "").partition(";")[0] != "application/json":
        return "not JSON"
    rules = {"slack": _check_slack, "discord": _check_discord, "telegram": _check_telegram}
    return rules.get(posted.service, _check_webhook)(posted)


def _check_webhook(posted: Posted) -> str:
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return "" if all(posted.headers.get(name) for name in names) else "not signed"


def _check_slack(posted: Posted) -> str:
    content = posted.content
    blocks = content.get("blocks", [])
    headers = [block["text"]["text"] for block in blocks if block["type"] == "header"]
    if not content.get("text") or len(content["text"]) > 40_000:
        return "no_text"
    is_wrong = len(blocks) > 50 or any(not 0 < len(text) <= 150 for text in headers)
    known = {"header", "rich_text", "section", "context", "divider"}
    return "invalid_blocks" if is_wrong or {block["type"] for block in blocks} - known else ""


def _check_discord(posted: Posted) -> str:
    content = posted.content
    embeds = content.get("embeds", [])
    if not embeds and not 0 < len(content.get("content", "")) <= 2000:
        return "empty message"
    texts = [embed.get(name, "") for embed in embeds for name in ("title", "description")]
    too_long = any(
        len(one.get("title", "")) > 256 or not 0 < len(one.get("description", "")) <= 4096 for one in embeds
    )
    if len(embeds) > 10 or too_long or sum(map(len, texts)) > 6000:
        return "Invalid Form Body"
    return "" if content.get("allowed_mentions") == {"parse": []} else "mentions are open"


class _TelegramHtml(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.entities, self.text, self.wrong = 0, "", ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)
        self.entities += 1
        self.wrong = self.wrong or ("" if tag in ("a", "b", "i") else f"unsupported tag {tag}")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong = f"unexpected end tag {tag}"

    def handle_data(self, data: str) -> None:
        self.text += data


def _check_telegram(posted: Posted) -> str:
    content = posted.content
    reader = _TelegramHtml()
    reader.feed(content.get("text", ""))
    length = len(unescape(reader.text).encode("utf-16-le")) // 2
    if not content.get("chat_id") or not 0 < length <= 4096 or reader.entities > 100:
        return "message is too long"
    return reader.wrong
