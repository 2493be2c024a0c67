"""Keeps the answers that everybody gets, and gives them ahead of routing.

What a visitor without a cookie or a key gets depends on the address alone (`request.py`): a miss is rendered
from a scope that holds nothing else, so nothing else can change what is kept. Settings and release are those
of the process, whose memory the answers are in.

A kept answer is given while the catalogue has the version under which it was rendered (`papers/versions.py`),
and for a minute at most, so that "3 minutes ago" and "today" stay true. Where it had that version a moment
ago, the answer is still given, and the next one rendered meanwhile. So no answer is older than a second
after a commit, and many readers don't wait for each list that is stored. Errors, redirects, and what sets a
cookie or is private are never kept. Whoever misses an answer that is being rendered waits for it.

Without room (`PAPERROUND_CACHE_MEGABYTES=0`), or while the version can't be known, everything goes the same
way, and only nothing is kept.
"""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Final
from urllib.parse import urlsplit

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from paperround.database import utc_now
from paperround.papers.versions import Version
from paperround.web.answers.answer import Answer, Recording, Reply
from paperround.web.answers.cache import AnswerCache
from paperround.web.answers.request import REQUEST_ID, ClientRequest, build_scope, read_request
from paperround.web.dependencies import TooMany
from paperround.web.instrumentation import find_route
from paperround.web.security.costs import COSTLY, count_costly_request
from paperround.web.security.request_ids import choose_request_id, make_request_id

LIFE: Final = 60.0  # seconds
LIVES: Final = {"/status": 1.0}  # it also shows what no version counts: jobs, digests, subscriptions
MAX_WAITS: Final = 2  # for others' renderings; then a request is rendered by itself
PROVISIONAL: Final = "is_provisional"  # set in a request's state: the answer would be better in a moment


class Answers:
    """A middleware that gives answers from `cache`, and keeps what it has rendered there. None: not yet."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.cache: AnswerCache | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give a kept answer, or have one made. Most requests take the first of these ways."""
        began, cache = time.perf_counter(), self.cache
        client = read_request(scope) if cache is not None and scope["type"] == "http" else None
        if cache is None or client is None:
            await self.app(scope, receive, send)
        elif client.host not in cache.hosts:
            await self._introduce_host(client, scope, receive, send, cache)
        elif (answer := cache.find_recent(client.request)) is not None:
            if cache.is_replaced(answer):
                cache.renewals.add(client.request, partial(self._renew, client, scope, cache))
            await _give(answer, client, scope, send, began)
        else:
            await self._answer_present_version(client, scope, receive, send, cache)

    async def _answer_present_version(
        self, client: ClientRequest, scope: Scope, receive: Receive, send: Send, cache: AnswerCache
    ) -> None:
        """Give what is kept under the version of now, or render it, or wait until somebody has."""
        began = time.perf_counter()
        for _ in range(MAX_WAITS):
            version = cache.recall_version() or await cache.confirm_version()
            if version is None:
                break
            answer = cache.find(client.request, version)
            if answer is not None:
                if answer.is_costly and not await _may_search(scope):
                    await self.app(scope, receive, send)
                    return
                await _give(answer, client, scope, send, began)
                return
            rendering = cache.renderings.get((client.request, version))
            if rendering is None:
                recording, answer = await self._render_for_all(client, scope, cache, version)
                await _send_rendered(scope, send, client, recording, answer)
                return
            await asyncio.shield(rendering)
        recording, answer = await self._render(client, scope, cache, None)
        await _send_rendered(scope, send, client, recording, answer)

    async def _introduce_host(
        self, client: ClientRequest, scope: Scope, receive: Receive, send: Send, cache: AnswerCache
    ) -> None:
        """Let the guard of hosts see a name that nobody used before. It refuses it, or may warn of it."""
        if not cache.learn_host(client.host):
            await self.app(scope, receive, send)
            return
        recording, answer = await self._render(client, scope, cache, None, host=client.host)
        await _send_rendered(scope, send, client, recording, answer)

    async def _renew(self, client: ClientRequest, scope: Scope, cache: AnswerCache) -> None:
        """Render an answer that was given a moment ago, unless somebody did or does so already."""
        version = cache.recall_version() or await cache.confirm_version()
        is_wanted = version is not None and cache.find(client.request, version) is None
        if version is not None and is_wanted and (client.request, version) not in cache.renderings:
            await self._render_for_all(client, scope, cache, version)

    async def _render_for_all(
        self, client: ClientRequest, scope: Scope, cache: AnswerCache, version: Version
    ) -> tuple[Recording, Answer | None]:
        """Render an answer and keep it before anybody gets it. Whoever waits for it looks again then."""
        key, rendering = (client.request, version), asyncio.get_running_loop().create_future()
        cache.renderings[key] = rendering
        try:
            recording, answer = await self._render(client, scope, cache, version)
            if answer is not None:
                cache.keep(client.request, answer)
        finally:
            del cache.renderings[key]
            rendering.set_result(None)
        return recording, answer

    async def _render(
        self,
        client: ClientRequest,
        scope: Scope,
        cache: AnswerCache,
        version: Version | None,
        host: bytes = b"",
    ) -> tuple[Recording, Answer | None]:
        """Let the application answer. There is an `Answer` if anybody may get it.

        It knows the site by its own name, unless by `host` for an answer that nobody else gets.
        """
        name = host or urlsplit(cache.site.address).netloc.encode()
        recording, inner = Recording(), build_scope(scope, client.request, name)
        expires_at = time.monotonic() + min(LIVES.get(client.request.path, LIFE), _seconds_to_midnight())
        await self.app(inner, _receive_nothing, recording.record)
        if not recording.is_for_everybody:
            return recording, None
        is_provisional = inner["state"].get(PROVISIONAL, False)
        return recording, Answer(
            recording.headers,
            recording.body,
            version=None if is_provisional else version,
            expires_at=expires_at,
            route=find_route(inner),
            is_costly=inner["state"].get(COSTLY, False),
        )


async def _give(answer: Answer, client: ClientRequest, scope: Scope, send: Send, began: float) -> None:
    reply, method = answer.reply_to(client), scope["method"]
    request_id = choose_request_id(Request(scope)).encode() if client.has_id else make_request_id()
    headers = [*reply.headers, (REQUEST_ID, request_id)]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body if method == "GET" else b""})
    answer.note_duration(method, reply.status, time.perf_counter() - began)


async def _may_search(scope: Scope) -> bool:
    """Count a search for its network, as for one that isn't kept."""
    try:
        await count_costly_request(Request(scope))
    except TooMany:
        return False
    return True


async def _send_rendered(
    scope: Scope, send: Send, client: ClientRequest, recording: Recording, answer: Answer | None
) -> None:
    if answer is not None:
        await _send(scope, send, answer.reply_to(client), recording.find(REQUEST_ID))
    else:
        await _send(scope, send, Reply(recording.status, recording.headers, recording.body), b"")


async def _send(scope: Scope, send: Send, reply: Reply, request_id: bytes) -> None:
    headers = [*reply.headers, (REQUEST_ID, request_id)] if request_id else reply.headers
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body if scope["method"] == "GET" else b""})


async def _receive_nothing() -> Message:
    """Tell of an empty body, and never of a client that has gone: others may wait for the answer."""
    return {"type": "http.request", "body": b"", "more_body": False}


def _seconds_to_midnight() -> float:
    now = utc_now()
    return 86_400 - (now.hour * 3600 + now.minute * 60 + now.second + now.microsecond / 1e6)
