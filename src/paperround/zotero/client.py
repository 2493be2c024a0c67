"""The client of Zotero's web API, version 3. It knows no reader and no database."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, ClassVar, Final, NamedTuple

import httpx

from paperround.errors import PaperroundError
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message
from paperround.outbound.client import open_transport
from paperround.server_answers import read_bounded
from paperround.settings import Settings

MAX_ITEMS: Final = 50  # of one write, and of one question by keys
PAGE_SIZE: Final = 100
MAX_PAGES: Final = 50  # of a collection: 5,000 entries
MAX_COLLECTIONS: Final = 500
MAX_ANSWER_BYTES: Final = 10_000_000
TIMEOUT: Final = httpx.Timeout(30, connect=10)  # seconds
MAX_WAIT: Final = timedelta(hours=6)  # that Zotero may ask for
DEFAULT_WAIT: Final = timedelta(minutes=1)
LIBRARY: Final = re.compile(r"(?:users|groups)/\d{1,12}")
KEY: Final = re.compile(r"[A-Za-z0-9]{8,64}")
COLLECTION_KEY: Final = re.compile(r"[A-Z0-9]{8}")


class ZoteroError(PaperroundError):
    """Zotero did not do what it was asked for. ZoteroError ── ZoteroRefused · ZoteroConflict · ZoteroBusy"""

    title = mark_message("Zotero did not answer as it should")
    status = 502


class ZoteroRefused(ZoteroError):
    """The key is not valid, or may not do this: trying again does not help."""

    title = mark_message("Zotero refused")
    status: ClassVar[int] = 400


class ZoteroConflict(ZoteroError):
    """The library has changed since its version was read, or this very write was done before."""


class ZoteroBusy(ZoteroError):
    """Zotero asks to be left alone for `wait`, or can't be reached."""

    def __init__(self, text: str, wait: timedelta | None = None) -> None:
        super().__init__(text)
        self.wait = wait


class ZoteroAccess(NamedTuple):
    """What a key opens: its owner's library, and groups by number, each with whether it may write there."""

    user_id: int
    user_name: str
    may_write: bool
    writable_groups: frozenset[str]
    may_write_all_groups: bool

    def may_write_to(self, library: str) -> bool:
        kind, _slash, number = library.partition("/")
        if kind == "users":
            return self.may_write and number == str(self.user_id)
        return self.may_write_all_groups or number in self.writable_groups


class PresentItems(NamedTuple):
    """Which of some keys a library has, and the library's version."""

    keys: frozenset[str]
    version: int


class WriteOutcome(NamedTuple):
    """What became of the items of one write: keys that are there now, and refused ones with the reason."""

    stored: frozenset[str]
    refused: Mapping[str, str]


class Collection(NamedTuple):
    key: str
    name: str


class ZoteroClient:
    """A client in one key's name. `pause` is what Zotero asked for with its last answers, None for nothing.

    Every method raises `ZoteroError`.
    """

    def __init__(self, http: httpx.AsyncClient, key: str) -> None:
        self._http, self._key = http, key
        self.pause: timedelta | None = None

    async def load_access(self) -> ZoteroAccess:
        """Load what the key opens."""
        told = (await self._send("GET", "/keys/current")).content
        if not isinstance(told, dict) or not isinstance(told.get("userID"), int):
            raise ZoteroError(_("Zotero’s description of the key could not be read."))
        access = told.get("access")
        access = access if isinstance(access, dict) else {}
        user, groups = access.get("user"), access.get("groups")
        groups = groups if isinstance(groups, dict) else {}
        writable = {
            str(number)
            for number, rights in groups.items()
            if isinstance(rights, dict) and rights.get("write")
        }
        return ZoteroAccess(
            told["userID"],
            str(told.get("username") or ""),
            isinstance(user, dict) and bool(user.get("write")),
            frozenset(writable - {"all"}),
            "all" in writable,
        )

    async def find_present(self, library: str, keys: Sequence[str]) -> PresentItems:
        """Find which of at most 50 items a library has, in its trash too."""
        asked = {"itemKey": ",".join(keys), "format": "versions", "includeTrashed": "1"}
        answer = await self._send("GET", f"/{library}/items", params=asked)
        if not isinstance(answer.content, dict):
            raise ZoteroError(_("Zotero’s list of versions could not be read."))
        return PresentItems(frozenset(answer.content) & frozenset(keys), answer.version)

    async def create_items(
        self, library: str, items: Sequence[Mapping[str, Any]], version: int
    ) -> WriteOutcome:
        """Create at most 50 items in a library that has this version. Raises `ZoteroConflict`.

        The write token is the same for the same write: one whose answer was lost is not done again.
        """
        keys = [str(item["key"]) for item in items]
        token = hashlib.sha256(f"{library} {version} {' '.join(keys)}".encode()).hexdigest()[:32]
        headers = {"If-Unmodified-Since-Version": str(version), "Zotero-Write-Token": token}
        answer = await self._send("POST", f"/{library}/items", headers=headers, json=list(items))
        told = answer.content if isinstance(answer.content, dict) else {}
        stored = {
            key for kind in ("success", "successful", "unchanged") for key in _pick(keys, told.get(kind))
        }
        failed = told.get("failed")
        refused: dict[str, str] = {}
        for place, fault in (failed if isinstance(failed, dict) else {}).items():
            for key in _pick(keys, {place: None}):
                code = fault.get("code") if isinstance(fault, dict) else None
                if code == httpx.codes.PRECONDITION_FAILED:  # there is an object of this key
                    stored.add(key)
                else:
                    refused[key] = str(fault.get("message") if isinstance(fault, dict) else fault)[:300]
        return WriteOutcome(frozenset(stored), refused)

    async def list_collections(self, library: str) -> list[Collection]:
        """List a library's collections by name."""
        found: list[Collection] = []
        for start in range(0, MAX_COLLECTIONS, PAGE_SIZE):
            asked = {"format": "json", "limit": str(PAGE_SIZE), "start": str(start)}
            answer = await self._send("GET", f"/{library}/collections", params=asked)
            rows = answer.content if isinstance(answer.content, list) else []
            for row in rows:
                data = row.get("data") if isinstance(row, dict) else None
                key = str(data.get("key")) if isinstance(data, dict) else ""
                if isinstance(data, dict) and COLLECTION_KEY.fullmatch(key):
                    found.append(Collection(key, str(data.get("name") or key)[:200]))
            if len(rows) < PAGE_SIZE:
                break
        return sorted(found, key=lambda one: one.name.casefold())

    async def read_collection(
        self, library: str, collection: str, *, since: int
    ) -> tuple[list[Any], int] | None:
        """Read a collection's entries as CSL JSON, with the library's version. None: as it was at `since`."""
        entries: list[Any] = []
        version = 0
        for page in range(MAX_PAGES):
            answer = await self._send(
                "GET",
                f"/{library}/collections/{collection}/items/top",
                headers={"If-Modified-Since-Version": str(since)} if since and not page else {},
                params={"format": "csljson", "limit": str(PAGE_SIZE), "start": str(page * PAGE_SIZE)},
            )
            if answer.is_unchanged:
                return None
            told = answer.content.get("items") if isinstance(answer.content, dict) else answer.content
            rows = told if isinstance(told, list) else []
            entries += rows
            version = version or answer.version
            if len(rows) < PAGE_SIZE:
                break
            if self.pause:
                raise ZoteroBusy(_("Zotero asks for a pause."), self.pause)
        return entries, version

    async def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
    ) -> _Answer:
        given = {"Zotero-API-Key": self._key, **(headers or {})}
        try:
            async with self._http.stream(method, path, params=params, headers=given, json=json) as response:
                body = await read_bounded(response, MAX_ANSWER_BYTES)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ZoteroBusy(_("Zotero can’t be reached (%(name)s).", name=type(error).__name__)) from error
        if body is None:
            raise ZoteroError(_("Zotero’s answer is over %(value)s MB.", value=MAX_ANSWER_BYTES // 1000000))
        self.pause = _read_wait(response.headers, "backoff")
        _require_success(response)
        return _Answer.read(response, body)


class _Answer(NamedTuple):
    content: Any
    version: int
    is_unchanged: bool

    @classmethod
    def read(cls, response: httpx.Response, body: bytes) -> _Answer:
        told = response.headers.get("last-modified-version", "")
        version = int(told) if told.isascii() and told.isdecimal() and len(told) < 10 else 0
        if response.status_code == httpx.codes.NOT_MODIFIED:
            return cls(None, version, True)
        try:
            return cls(json.loads(body) if body else None, version, False)
        except (ValueError, RecursionError) as error:
            raise ZoteroError(_("Zotero’s answer is no JSON.")) from error


def _require_success(response: httpx.Response) -> None:
    """Raise the error that the status tells. What redirects is none of the API."""
    code = response.status_code
    if response.is_success or code == httpx.codes.NOT_MODIFIED:
        return
    if code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise ZoteroRefused(_("Zotero does not accept the key for this library."))
    if code == httpx.codes.NOT_FOUND:
        raise ZoteroRefused(_("Zotero has no such library or collection, or the key does not open it."))
    if code == httpx.codes.PRECONDITION_FAILED:
        raise ZoteroConflict(_("The library has changed meanwhile."))
    if code in (httpx.codes.CONFLICT, httpx.codes.TOO_MANY_REQUESTS) or response.is_server_error:
        raise ZoteroBusy(
            _("Zotero answered %(code)s.", code=code), _read_wait(response.headers, "retry-after", "backoff")
        )
    raise ZoteroError(_("Zotero answered %(code)s.", code=code))


def _read_wait(headers: httpx.Headers, *names: str) -> timedelta | None:
    """Read the longest wait in seconds that these headers ask for, within bounds."""
    told = [headers.get(name, "").strip() for name in names]
    waits = [int(text) for text in told if text.isascii() and text.isdecimal() and len(text) < 10]
    if waits:
        return min(timedelta(seconds=max(waits)), MAX_WAIT)
    return DEFAULT_WAIT if any(told) else None  # a date, which is rare enough


def _pick(keys: Sequence[str], places: object) -> list[str]:
    """List the keys at these places, which are the names of a JSON object."""
    named = places if isinstance(places, dict) else {}
    return [keys[int(place)] for place in named if place.isdecimal() and int(place) < len(keys)]


@asynccontextmanager
async def open_http(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Open the connections to the server that `ZOTERO_URL` names."""
    async with httpx.AsyncClient(
        base_url=str(settings.zotero_url or "").rstrip("/"),
        headers={"Zotero-API-Version": "3", "User-Agent": "paperround"},
        timeout=TIMEOUT,
        follow_redirects=False,
        transport=open_transport(),
    ) as client:
        yield client
