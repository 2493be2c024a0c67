"""Pictures that are made, and a server of them on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO

from PIL import Image

from support.feed_server import Answer, running_http_server


def draw(kind: str = "PNG", mode: str = "RGB", size: tuple[int, int] = (400, 240)) -> bytes:
    """A picture with something to see, in a format and a mode of Pillow's."""
    content = BytesIO()
    Image.linear_gradient("L").resize(size).convert(mode).save(content, kind)
    return content.getvalue()


@dataclass
class PictureServer:
    """A server that answers a path with what `answers` has for it."""

    url: str = ""
    answers: dict[str, Answer | None] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def show(self, name: str, content: bytes, status: int = 200, **headers: str) -> str:
        """Answer `name` with this from now on. Returns its address."""
        self.answers[f"/{name}"] = status, headers, content
        return f"{self.url}/{name}"


@contextmanager
def running_picture_server() -> Iterator[PictureServer]:
    """Run a server without any pictures."""
    server = PictureServer()

    def answer(path: str, _headers: dict[str, str]) -> Answer | None:
        server.asked.append(path)
        return server.answers.get(path, (404, {}, b""))

    with running_http_server(answer) as server.url:
        yield server
