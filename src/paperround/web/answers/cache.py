"""The answers that a process keeps, within their room and while they hold. It knows nothing of HTTP."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from paperround.papers.versions import Version, VersionWatch, watching
from paperround.settings import Settings
from paperround.web.answers.answer import Answer
from paperround.web.answers.request import AnswerRequest
from paperround.web.security.hosts import is_allowed_host

MAX_BYTES: Final = 2_000_000  # of one answer
QUERY_SHARE: Final = 4  # a fourth of the room is for addresses with parameters, which anybody can make up
MAX_HOSTS: Final = 100


class Share:
    """A part of the room, with the answers in it, those used longest ago first."""

    def __init__(self, size: int) -> None:
        self.size, self.used = size, 0  # bytes
        self._answers: OrderedDict[AnswerRequest, Answer] = OrderedDict()

    def find(self, request: AnswerRequest) -> Answer | None:
        """Find an answer that still holds."""
        answer = self._answers.get(request)
        if answer is None or answer.expires_at <= time.monotonic():
            return None
        self._answers.move_to_end(request)
        return answer

    def keep(self, request: AnswerRequest, answer: Answer) -> None:
        """Keep an answer in place of the one before, and let those go for which no room is left."""
        if len(answer) > min(MAX_BYTES, self.size):
            return
        before = self._answers.pop(request, None)
        self.used += len(answer) - (len(before) if before else 0)
        self._answers[request] = answer
        while self.used > self.size:
            self.used -= len(self._answers.popitem(last=False)[1])

    def clear(self) -> None:
        self._answers.clear()
        self.used = 0


class Renewals:
    """Answers that are rendered anew while the ones before are given, one after the other.

    So whoever asks for something else meanwhile waits for a part of one rendering at most.
    """

    def __init__(self) -> None:
        self._due: dict[AnswerRequest, Callable[[], Awaitable[None]]] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, request: AnswerRequest, render: Callable[[], Awaitable[None]]) -> None:
        """Have an answer rendered, once if it is asked for several times until then."""
        self._due.setdefault(request, render)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work(), name="answers that are made anew")

    async def _work(self) -> None:
        while self._due:
            request, render = next(iter(self._due.items()))
            try:
                await render()
            finally:
                del self._due[request]

    async def aclose(self) -> None:
        """Stop rendering."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])


class AnswerCache:
    """The answers that a process keeps."""

    def __init__(self, settings: Settings, watch: VersionWatch | None) -> None:
        """Make room for as much as the settings say. Without a watch nothing is kept."""
        self.site = settings
        size = settings.cache_megabytes * 1_000_000
        self._plain, self._queries = Share(size - size // QUERY_SHARE), Share(size // QUERY_SHARE)
        self._watch = watch
        self.hosts: set[bytes] = set()  # names of this site under which pages were asked for
        self.renderings: dict[tuple[AnswerRequest, Version], asyncio.Future[None]] = {}
        self.renewals = Renewals()

    @property
    def size(self) -> int:
        """The bytes that are kept."""
        return self._plain.used + self._queries.used

    def learn_host(self, host: bytes) -> bool:
        """Tell whether it is a name of this site, and remember it."""
        is_ours = is_allowed_host(host.decode("latin-1"), self.site)
        if is_ours and len(self.hosts) < MAX_HOSTS:
            self.hosts.add(host)
        return is_ours

    def recall_version(self) -> Version | None:
        """Return the version that a kept answer must have, if it is known well enough."""
        return self._watch.recall() if self._watch else None

    async def confirm_version(self) -> Version | None:
        """The same after looking. None: nothing may be kept now."""
        return await self._watch.confirm() if self._watch else None

    def find(self, request: AnswerRequest, version: Version) -> Answer | None:
        answer = (self._queries if request.query else self._plain).find(request)
        return answer if answer is not None and answer.version == version else None

    def find_recent(self, request: AnswerRequest) -> Answer | None:
        """Find an answer that shows what was true a moment ago. Searches, which count, are not among them."""
        answer, watch = (self._queries if request.query else self._plain).find(request), self._watch
        if answer is None or answer.is_costly or answer.version is None or watch is None:
            return None
        return answer if watch.may_show(answer.version) else None

    def is_replaced(self, answer: Answer) -> bool:
        """Tell whether an answer that is found because it is recent is to be rendered anew now."""
        watch, version = self._watch, answer.version
        if watch is None or version is None or version == watch.version:
            return False
        return watch.is_replaced(version)

    def keep(self, request: AnswerRequest, answer: Answer) -> None:
        if answer.version is not None:
            (self._queries if request.query else self._plain).keep(request, answer)

    def clear(self) -> None:
        self._plain.clear()
        self._queries.clear()


@asynccontextmanager
async def open_cache(settings: Settings, url: str, *, max_age: timedelta) -> AsyncIterator[AnswerCache]:
    """Open a web process's cache. What it knows of the catalogue's version is at most `max_age` old."""
    if not settings.cache_megabytes:
        yield AnswerCache(settings, None)
        return
    async with watching(url, max_age=max_age) as watch:
        cache = AnswerCache(settings, watch)
        try:
            yield cache
        finally:
            await cache.renewals.aclose()
