"""What both of our HTTP servers, the web's and the encoder's, wrap around their applications."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

STOPPING: Final = b"The server is stopping."


def answer_stopped_requests(app: App) -> App:
    """Wrap `app` so that a request that is cancelled because the server stops gets 503, not a traceback."""

    async def wrapped(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        has_started = False

        async def send_and_note(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        try:
            await app(scope, receive, send_and_note)
        except asyncio.CancelledError:  # the server cancels requests only then, and ends once they end
            if scope["type"] == "http" and not has_started:
                await _refuse(send)

    return wrapped


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", b"5")]
    headers.append((b"content-length", str(len(STOPPING)).encode()))
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": STOPPING})
