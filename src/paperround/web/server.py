"""The HTTP server: uvicorn, alone on its address or as one of several processes that share it."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import time
from contextlib import suppress
from functools import partial
from typing import Final

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from paperround import event_loop
from paperround.asgi import answer_stopped_requests
from paperround.handover import Handover
from paperround.settings import Settings
from paperround.web.connections import ConnectionLimits, bounded_protocol

# What is loaded by now stays, and what a request makes goes by itself. With Python's default thresholds the
# garbage collector took a twelfth of the time of a page to look through both.
GC_THRESHOLDS: Final = (10_000, 20, 20)
STOP_TIMEOUT: Final = 3  # seconds that requests have to end once the server is told to stop
MAX_DRAINING_TIME: Final = 5.0  # seconds in which clients may still use the connections that they have
STARTUP_FAILURE: Final = 3  # uvicorn's own exit code


class ReplaceableServer(uvicorn.Server):
    """A server that tells when it answers, and that a successor may replace without a request lost."""

    def __init__(self, config: uvicorn.Config, handover: Handover) -> None:
        super().__init__(config)
        self._handover = handover
        self._is_replaced = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._handover.tell_ready()

    def retire(self, *_: object) -> None:
        """Leave new connections to others, and end once those that are open are done."""
        self._is_replaced = self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._is_replaced:
            await self._drain()
        await super().shutdown(sockets)

    async def _drain(self) -> None:
        """Close each connection with its next answer, which says so.

        A client that sends a request just when its idle connection is closed could not tell whether it was
        heard. So those are left open a while, as long as browsers and proxies take to use them again.
        """
        for server in self.servers:
            server.close()
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        deadline = time.monotonic() + MAX_DRAINING_TIME
        while self.server_state.connections and time.monotonic() < deadline:  # noqa: ASYNC110 (uvicorn's set)
            await asyncio.sleep(0.02)


class StartupObserver:
    """Wraps `app` and keeps the error with which it failed to start, which uvicorn would only log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.error: Exception | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            return await self._app(scope, receive, send)

        async def send_without_traceback(message: Message) -> None:
            await send({**message, "message": ""} if "message" in message else message)

        try:
            await self._app(scope, receive, send_without_traceback)
        except Exception as error:
            self.error = error
            raise


def serve(app: FastAPI, settings: Settings, handover: Handover | None = None) -> None:
    """Serve `app` on the address of the settings, or on what was handed over, until SIGTERM or SIGINT.

    Raises the error with which the app failed to start.
    """
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    observer = StartupObserver(app)
    counts = handover.open_connection_counts() if handover else None
    config = uvicorn.Config(
        answer_stopped_requests(observer),
        host=settings.host,
        port=settings.port,
        http=bounded_protocol(ConnectionLimits(), settings.trusted_proxies, counts),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # uvicorn believes whoever is on loopback; security/client_ip.py knows better
        timeout_graceful_shutdown=STOP_TIMEOUT,
    )
    try:
        if handover is None:
            _run(uvicorn.Server(config))
            return
        server = ReplaceableServer(config, handover)
        signal.signal(signal.SIGHUP, server.retire)
        _run(server, handover.open_sockets())
    except SystemExit:
        if observer.error is not None:
            raise observer.error from None
        raise


def _run(server: uvicorn.Server, sockets: list[socket.socket] | None = None) -> None:
    with suppress(KeyboardInterrupt):  # uvicorn raises the signal again when it is done
        event_loop.run_on(server.config.get_loop_factory(), partial(server.serve, sockets))
    if not server.started:
        raise SystemExit(STARTUP_FAILURE)
