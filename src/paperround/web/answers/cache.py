"""The answers that a process keeps, within their room and while they hold. It knows nothing of HTTP."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
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
        answer = self._answers.get(request)
        if answer is not None:
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


class AnswerCache:
    """The answers that a process keeps."""

    def __init__(self, settings: Settings, watch: VersionWatch | None) -> None:
        """Make room for as much as the settings say. Without a watch nothing is kept."""
        self.site = settings
        size = settings.cache_megabytes * 1_000_000
        self._plain, self._queries = Share(size - size // QUERY_SHARE), Share(size // QUERY_SHARE)
        self._watch = watch
        self._hosts: set[bytes] = set()  # names of this site that were asked for
        self.renderings: dict[tuple[AnswerRequest, Version], asyncio.Future[None]] = {}

    @property
    def size(self) -> int:
        """The bytes that are kept."""
        return self._plain.used + self._queries.used

    def knows_host(self, host: bytes) -> bool:
        """Tell whether it is a name of this site under which pages were asked for before."""
        return host in self._hosts

    def learn_host(self, host: bytes) -> bool:
        """Tell whether it is a name of this site, and remember it."""
        is_ours = is_allowed_host(host.decode("latin-1"), self.site)
        if is_ours and len(self._hosts) < MAX_HOSTS:
            self._hosts.add(host)
        return is_ours

    def recall_version(self) -> Version | None:
        """Return the version that a kept answer must have, if it is known well enough."""
        return self._watch.recall() if self._watch else None

    async def confirm_version(self) -> Version | None:
        """The same after looking. None: nothing may be kept now."""
        return await self._watch.confirm() if self._watch else None

    def find(self, request: AnswerRequest, version: Version) -> Answer | None:
        answer = (self._queries if request.query else self._plain).find(request)
        if answer is None or answer.version != version or answer.expires_at <= time.monotonic():
            return None
        return answer

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
        yield AnswerCache(settings, watch)
