"""`/topics/new` and `/topics/{id}/edit`: a form, with what it would match before it is kept."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, File, Form, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from paperround.accounts.tables import Reader
from paperround.database import ReadSession
from paperround.papers import editions
from paperround.search.query_vectors import QueryVector
from paperround.topics import bibliography, reader_topics, seeds
from paperround.topics.bibliography import NotALibrary
from paperround.topics.matcher import matches
from paperround.topics.reader_topics import MOST_EXAMPLES, CannotFollow, Wish
from paperround.web.dependencies import Now, SignedIn, database_of, page
from paperround.web.pages.topics import Look, TopicId, vectors_of

PREVIEWED: Final = 7  # days, with the newest
MOST_PREVIEWED: Final = 20
NEW: Final = 0  # stands for a topic that isn't there yet

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
Line = Annotated[str, Form(max_length=2_000)]
Text = Annotated[str, Form(max_length=20_000)]


@dataclass(frozen=True)
class Filled:
    """A form as it was sent. Lists stand in it as text, one a line or with commas between."""

    name: str = ""
    words: str = ""
    papers: str = ""
    must: str = ""
    must_not: str = ""
    authors: str = ""
    daily: str = "5"
    library: bytes = b""

    @classmethod
    def of(cls, wish: Wish) -> Filled:
        return cls(
            wish.name,
            wish.words,
            "\n".join(wish.examples),
            ", ".join(wish.must),
            ", ".join(wish.must_not),
            ", ".join(wish.authors),
            str(wish.daily),
        )


async def filled(
    name: Line = "",
    words: Text = "",
    papers: Text = "",
    must: Text = "",
    must_not: Text = "",
    authors: Text = "",
    daily: Annotated[str, Form(max_length=10)] = "5",
    library: Annotated[UploadFile | None, File()] = None,
) -> Filled:
    content = await library.read(bibliography.MOST_BYTES + 1) if library else b""
    return Filled(name, words, papers, must, must_not, authors, daily, content)


Sent = Annotated[Filled, Depends(filled)]


@dataclass(frozen=True)
class Understood:
    """What a form says. `unknown`: papers that it names and the catalogue hasn't; `left_out`: beyond what a
    topic can hold."""

    wish: Wish
    unknown: Sequence[str] = ()
    left_out: int = 0


async def understood(session: ReadSession, sent: Filled) -> Understood:
    """Raises `CannotFollow` and `NotALibrary`."""
    named = seeds.named(sent.papers)
    found = await seeds.known(session, named.ids)
    ids, unknown = [*found.paper_ids], [*named.unread, *found.missing]
    if sent.library:
        library = await asyncio.to_thread(bibliography.read, sent.library)
        of_library = await seeds.of_library(session, library)
        ids, unknown = [*ids, *of_library.paper_ids], [*unknown, *of_library.missing]
    examples = tuple(dict.fromkeys(ids))
    wish = Wish(
        sent.name,
        sent.words,
        examples[:MOST_EXAMPLES],
        _listed(sent.must),
        _listed(sent.must_not),
        _listed(sent.authors),
        int(sent.daily) if sent.daily.isdecimal() else 0,
    )
    return Understood(wish, unknown, max(len(examples) - MOST_EXAMPLES, 0))


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part for piece in re.split(r"[,\n]", text) if (part := piece.strip()))


@router.get("/topics/new")
async def new(
    request: Request, _: SignedIn, words: Annotated[str, Query(max_length=2_000)] = ""
) -> HTMLResponse:
    async with database_of(request).reading() as session:
        return await _form(request, session, Filled(words=words[: reader_topics.LONGEST_WORDS]), NEW)


@router.get("/topics/{topic_id}/edit")
async def edit(request: Request, reader: SignedIn, topic_id: TopicId) -> HTMLResponse:
    async with database_of(request).reading() as session:
        topic = await reader_topics.topic_of(session, reader.id, topic_id)
        return await _form(request, session, Filled.of(reader_topics.wish_of(topic)), topic.id)


@router.post("/topics/preview")
async def preview(request: Request, reader: SignedIn, now: Now, sent: Sent) -> HTMLResponse:
    """A fragment for the page's script: what the form would match as it is."""
    shown = await _previewed(request, reader, sent, now)
    return await page(request, None, "topics/preview.html", **shown)


@router.post("/topics/new")
async def create(request: Request, reader: SignedIn, now: Now, sent: Sent, do: Line = "keep") -> Response:
    shown = await _previewed(request, reader, sent, now)
    if _needs_a_look(sent, shown, do):
        return await _again(request, sent, NEW, shown)
    async with database_of(request).writing() as session:
        topic = await reader_topics.create(session, reader.id, shown["wish"], now=now)
    return RedirectResponse(f"/topics/{topic.id}?days=7", 303)


@router.post("/topics/{topic_id}/edit")
async def change(
    request: Request, reader: SignedIn, now: Now, topic_id: TopicId, sent: Sent, do: Line = "keep"
) -> Response:
    async with database_of(request).reading() as session:
        await reader_topics.topic_of(session, reader.id, topic_id)
    shown = await _previewed(request, reader, sent, now)
    if _needs_a_look(sent, shown, do):
        return await _again(request, sent, topic_id, shown)
    async with database_of(request).writing() as session:
        topic = await reader_topics.topic_of(session, reader.id, topic_id)
        await reader_topics.change(session, topic, shown["wish"], now=now)
    return RedirectResponse(f"/topics/{topic_id}?days=7", 303)


def _needs_a_look(sent: Filled, shown: dict[str, Any], do: str) -> bool:
    """It was asked for, something is wrong, or not all of a library was found."""
    partly = sent.library and (shown["unknown"] or shown["left_out"])
    return bool(shown["wish"] is None or do == "preview" or partly)


async def _again(request: Request, sent: Filled, topic_id: int, shown: dict[str, Any]) -> HTMLResponse:
    """The form as it was sent; papers of a library, which no browser would send again, by their ids."""
    wish: Wish | None = shown["wish"]
    given = replace(Filled.of(wish), name=sent.name) if wish else sent
    status = 400 if shown["error"] else 200
    async with database_of(request).reading() as session:
        return await _form(request, session, given, topic_id, status=status, **shown)


async def _previewed(request: Request, reader: Reader, sent: Filled, now: datetime) -> dict[str, Any]:
    """What the page tells of a form: its matches of the last days, or what is wrong with it."""
    vectors = await vectors_of(request, {NEW: sent.words[: reader_topics.LONGEST_WORDS]})
    try:
        async with database_of(request).reading() as session:
            found = await understood(session, sent)
            wish = reader_topics.checked(found.wish)
            told = await _matches(session, reader, wish, vectors.get(NEW), now)
    except (CannotFollow, NotALibrary) as error:
        return {**_NOTHING, "error": str(error)}
    return {**_NOTHING, **told, "wish": wish, "unknown": found.unknown, "left_out": found.left_out}


_NOTHING: Final[dict[str, Any]] = {
    "wish": None,
    "unknown": (),
    "left_out": 0,
    "error": "",
    "matches": None,
    "span": PREVIEWED,
}


async def _matches(
    session: ReadSession, reader: Reader, wish: Wish, vector: QueryVector | None, now: datetime
) -> dict[str, Any]:
    day = await editions.newest_day(session)
    if day is None:
        return {"matches": []}
    found = await matches(
        session,
        wish.wanted,
        text_vector=vector,
        first=day - timedelta(days=PREVIEWED - 1),
        last=day,
        limit=MOST_PREVIEWED,
        daily=wish.daily,
    )
    papers = await editions.papers_of(session, [match.paper_id for match in found])
    look = await Look.at(session, papers.values(), found, reader=reader, now=now)
    return {"matches": [look.match(match) for match in found]}


async def _form(
    request: Request,
    session: ReadSession,
    given: Filled,
    topic_id: int,
    *,
    status: int = 200,
    **shown: Any,
) -> HTMLResponse:
    return await page(
        request,
        session,
        "topics/form.html",
        status=status,
        given=given,
        topic_id=topic_id,
        bounds=reader_topics,
        **{**_NOTHING, **shown},
    )
