"""A server on loopback that speaks OpenAI's protocols for text, and the ways in which real ones fail."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from paperround.settings import Settings

from support.socket_server import serving_http


@dataclass(frozen=True)
class Reply:
    """An HTTP answer. `sent` is how much of the content goes out before the connection is cut."""

    status: int
    content: bytes
    headers: dict[str, str] = field(default_factory=dict)
    sent: float = 1.0


@dataclass
class TextServer:
    """Writes "We study TITLE with care." for each paper, in chat completions or responses.

    The next answers come from `faults` as long as there are any. `write` makes the text of the others.
    """

    write: Callable[[str, str], str] = lambda title, abstract: f"The authors study {title} with care."
    faults: list[Callable[[str], Reply]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, path: str, headers: dict[str, str], body: bytes) -> Reply:
        request = json.loads(body)
        with self.lock:
            self.requests.append(request)
            self.headers.append(headers)
            fault = self.faults.pop(0) if self.faults else None
        data = request["messages"][-1]["content"] if "messages" in request else request["input"]
        title, abstract = re.findall(r"^(?:Title|Abstract): (.*)$", data, re.MULTILINE) or ("", data)
        return fault(path) if fault else reply_with(path, self.write(title, abstract))

    def settings(self, **more: Any) -> Settings:
        """Settings with this server, and a model of some name."""
        return Settings(_env_file=None, summary_url=self.url, summary_model="small-one", **more)


def reply_with(path: str, text: str, *, finish: str = "stop") -> Reply:
    """Reply with a text, as either protocol has it."""
    if path == "/v1/chat/completions":
        content: dict[str, Any] = {
            "choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": finish}],
            "usage": {"prompt_tokens": 300, "completion_tokens": 40, "total_tokens": 340},
        }
    elif path == "/v1/responses":
        parts = [{"type": "output_text", "text": text}]
        content = {
            "status": "completed" if finish == "stop" else "incomplete",
            "output": [{"type": "reasoning", "summary": []}, {"type": "message", "content": parts}],
            "usage": {"input_tokens": 300, "output_tokens": 40},
        }
    else:
        return Reply(404, b"not found")
    return Reply(200, json.dumps(content).encode())


def fails(status: int, **headers: str) -> Callable[[str], Reply]:
    """A fault: an HTTP status with OpenAI's error format."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda path: Reply(status, json.dumps({"error": {"message": "not now"}}).encode(), told)


def says(text: str, *, finish: str = "stop") -> Callable[[str], Reply]:
    """A fault: this text."""
    return lambda path: reply_with(path, text, finish=finish)


def gives(content: bytes) -> Callable[[str], Reply]:
    """A fault: a content of another shape."""
    return lambda path: Reply(200, content)


def is_cut(path: str) -> Reply:
    """A fault: the connection ends in the middle."""
    return Reply(200, reply_with(path, "The authors study much.").content, sent=0.5)


def is_slow(seconds: float) -> Callable[[str], Reply]:
    """A fault: it takes some seconds."""

    def answer(path: str) -> Reply:
        time.sleep(seconds)
        return reply_with(path, "The authors study much.")

    return answer


@contextmanager
def running_text_server(server: TextServer | None = None) -> Iterator[TextServer]:
    """Run the server; its address is in `url`."""
    server = server or TextServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            reply = server.answer(self.path, dict(self.headers), body)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.content)))
            self.end_headers()
            self.wfile.write(reply.content[: int(len(reply.content) * reply.sent)])
            self.close_connection = reply.sent < 1

        def log_message(self, *_: object) -> None:
            pass

    with serving_http(Handler) as address:
        server.url = address
        yield server
