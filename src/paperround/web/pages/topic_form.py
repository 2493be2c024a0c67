"""`/topics/new` and `/topics/{id}/edit`: a form, with a preview of what it would match."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from fastapi import Depends, File, Form, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.responses import Response

from paperround.accounts.tables import Reader
from paperround.database import ReadSession
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message
from paperround.papers import editions
from paperround.search.query_vectors import QueryVector
from paperround.settings import Settings
from paperround.topics import bibliography, corpus, drafts, reader_topics, seeds
from paperround.topics.bibliography import BibliographyInvalid, Reference
from paperround.topics.drafts import MAX_EXAMPLES, TopicDraft, TopicInvalid
from paperround.topics.library_entries import LibraryDraft, draft_entries
from paperround.topics.matcher import match_papers
from paperround.topics.model.bands import DEFAULT_MIN_BAND, Band
from paperround.web.dependencies import Now, SignedIn, database_of, render_page, settings_of
from paperround.web.errors import write_detail
from paperround.web.pages.topics import MatchCards
from paperround.web.params import TopicId
from paperround.web.router import Router
from paperround.web.topic_matches import encode_text

PREVIEW_DAYS: Final = 7  # the newest day is one of them
MAX_PREVIEW_MATCHES: Final = 20
STRICTNESS: Final = {
    Band.strong: mark_message("Only strong matches"),
    Band.good: mark_message("Good and better"),
    Band.possible: mark_message("Possible matches too"),
}
NEW_TOPIC: Final = 0  # the id of a topic that does not exist yet

router = Router(include_in_schema=False, default_response_class=HTMLResponse)
Line = Annotated[str, Form(max_length=2_000)]
Text = Annotated[str, Form(max_length=20_000)]


@dataclass(frozen=True)
class TopicForm:
    """A form as it was sent. Lists are text, with one entry a line or commas between them."""

    name: str = ""
    words: str = ""
    papers: str = ""
    must: str = ""
    must_not: str = ""
    authors: str = ""
    daily: str = "5"
    min_band: str = DEFAULT_MIN_BAND
    explain: bool = False
    library: bytes = b""
    references: Sequence[Reference] = ()  # of the library, once it is parsed

    @classmethod
    def from_draft(cls, draft: TopicDraft) -> TopicForm:
        return cls(
            draft.name,
            draft.words,
            "\n".join(draft.examples),
            ", ".join(draft.must),
            ", ".join(draft.must_not),
            ", ".join(draft.authors),
            str(draft.daily),
            draft.min_band,
            draft.explain,
        )


async def read_form(
    name: Line = "",
    words: Text = "",
    papers: Text = "",
    must: Text = "",
    must_not: Text = "",
    authors: Text = "",
    daily: Annotated[str, Form(max_length=10)] = "5",
    min_band: Annotated[str, Form(max_length=10)] = DEFAULT_MIN_BAND,
    explain: Annotated[bool, Form()] = False,
    library: Annotated[UploadFile | None, File()] = None,
) -> TopicForm:
    content = await library.read(bibliography.MAX_BYTES + 1) if library else b""
    return TopicForm(name, words, papers, must, must_not, authors, daily, min_band, explain, content)


SentForm = Annotated[TopicForm, Depends(read_form)]


@dataclass(frozen=True)
class ParsedForm:
    """What a form says.

    `unknown` are papers that it names and the catalogue does not have, and `known` counts those that it has.
    `left_out` is how many papers are more than a topic can hold.
    """

    draft: TopicDraft
    unknown: Sequence[str] = ()
    left_out: int = 0
    known: int = 0


async def parse_form(session: ReadSession, form: TopicForm, library_of: int) -> ParsedForm:
    """Parse a form, whose library is parsed already.

    `library_of` is the topic that is changed, if it has a library. Raises `TopicInvalid`.
    """
    parsed_ids = seeds.parse_ids(form.papers)
    resolved = await seeds.resolve_ids(session, parsed_ids.ids)
    ids, unknown = [*resolved.paper_ids], [*parsed_ids.unrecognised, *resolved.missing]
    library = None
    if form.references:
        resolved_references = await seeds.resolve_references(session, form.references)
        ids = [*ids, *resolved_references.paper_ids]
        library = LibraryDraft(
            len(form.references),
            len(resolved_references.paper_ids),
            await asyncio.to_thread(draft_entries, resolved_references.unfound),
        )
    examples = tuple(dict.fromkeys(ids))
    draft = TopicDraft(
        form.name,
        form.words,
        examples[:MAX_EXAMPLES],
        _split_list(form.must),
        _split_list(form.must_not),
        _split_list(form.authors),
        int(form.daily) if form.daily.isdecimal() else 0,
        _parse_band(form.min_band),
        form.explain,
        library,
        library_of,
    )
    return ParsedForm(draft, unknown, max(len(examples) - MAX_EXAMPLES, 0), known=len(examples))


def _parse_band(text: str) -> Band:
    if text not in list(Band):
        raise TopicInvalid(_("How strict a topic is must be one of: %(value)s.", value=", ".join(Band)))
    return Band(text)


def _split_list(text: str) -> tuple[str, ...]:
    return tuple(part for piece in re.split(r"[,\n]", text) if (part := piece.strip()))


@router.get("/topics/new")
async def show_new_form(
    request: Request,
    _: SignedIn,
    words: Annotated[str, Query(max_length=2_000)] = "",
    papers: Annotated[str, Query(max_length=2_000)] = "",
) -> HTMLResponse:
    """Show an empty form, or one with words or papers that a link names."""
    async with database_of(request).read_session() as session:
        return await _show_form(
            request,
            session,
            TopicForm(words=words[: drafts.MAX_WORDS_LENGTH], papers=papers),
            NEW_TOPIC,
        )


@router.get("/topics/{topic_id}/edit")
async def show_edit_form(request: Request, reader: SignedIn, topic_id: TopicId) -> HTMLResponse:
    async with database_of(request).read_session() as session:
        topic = await reader_topics.get_topic(session, reader.id, topic_id)
        return await _show_form(
            request, session, TopicForm.from_draft(reader_topics.draft_of(topic)), topic.id
        )


@router.post("/topics/preview")
async def show_preview(request: Request, reader: SignedIn, now: Now, sent: SentForm) -> HTMLResponse:
    """Show what the form would match as it is: a fragment for the page's script."""
    context = await _preview_form(request, reader, sent, now)
    return await render_page(request, None, "topics/preview.html", **context)


@router.post("/topics/new")
async def create_topic(
    request: Request, reader: SignedIn, now: Now, sent: SentForm, do: Line = "keep"
) -> Response:
    preview = await _preview_form(request, reader, sent, now)
    if _needs_review(sent, preview, do):
        return await _show_form_again(request, sent, NEW_TOPIC, preview)
    async with database_of(request).write_session() as session:
        topic = await reader_topics.create_topic(session, reader.id, preview["draft"], now=now)
    return RedirectResponse(f"/topics/{topic.id}?days=7", 303)


@router.post("/topics/{topic_id}/edit")
async def change_topic(
    request: Request, reader: SignedIn, now: Now, topic_id: TopicId, sent: SentForm, do: Line = "keep"
) -> Response:
    async with database_of(request).read_session() as session:
        topic = await reader_topics.get_topic(session, reader.id, topic_id)
    preview = await _preview_form(request, reader, sent, now, reader_topics.draft_of(topic).library_of)
    if _needs_review(sent, preview, do):
        return await _show_form_again(request, sent, topic_id, preview)
    async with database_of(request).write_session() as session:
        topic = await reader_topics.get_topic(session, reader.id, topic_id)
        await reader_topics.change_topic(session, topic, preview["draft"], now=now)
    return RedirectResponse(f"/topics/{topic_id}?days=7", 303)


def _needs_review(form: TopicForm, preview: dict[str, Any], do: str) -> bool:
    """Tell whether the form is shown again: on request, for an error, or for papers that were not found.

    A library with works that are examples in themselves is kept at once, for browsers send no file again. The
    topic's page tells what became of it.
    """
    library = preview["library"]
    partly = form.library and (preview["unknown"] or preview["left_out"] or (library and library.missing))
    is_kept = library is not None and library.is_useful
    return bool(preview["draft"] is None or do == "preview" or (partly and not is_kept))


async def _show_form_again(
    request: Request, form: TopicForm, topic_id: int, preview: dict[str, Any]
) -> HTMLResponse:
    """Show the form as it was sent.

    Papers of a file are given by their ids, since browsers send no file again.
    """
    draft: TopicDraft | None = preview["draft"]
    sent_again = replace(TopicForm.from_draft(draft), name=form.name) if draft else form
    status = 400 if preview["error"] else 200
    async with database_of(request).read_session() as session:
        return await _show_form(request, session, sent_again, topic_id, status=status, **preview)


async def _preview_form(
    request: Request, reader: Reader, form: TopicForm, now: datetime, library_of: int = 0
) -> dict[str, Any]:
    """Preview a form: its matches of the last days, or what is wrong with it."""
    vector = await encode_text(request, form.words[: drafts.MAX_WORDS_LENGTH])
    try:
        if form.library:  # it may take seconds, so no database connection waits for it
            references = await asyncio.to_thread(bibliography.parse_bibliography, form.library)
            form = replace(form, references=references)
        async with database_of(request).read_session() as session:
            parsed = await parse_form(session, form, library_of)
            draft = drafts.check_draft(parsed.draft)
            matches = await _match_draft(session, reader, draft, vector, now)
    except (TopicInvalid, BibliographyInvalid) as error:
        return {**EMPTY_PREVIEW, "error": write_detail(error)}
    return {
        **EMPTY_PREVIEW,
        **matches,
        "draft": draft,
        "unknown": parsed.unknown,
        "left_out": parsed.left_out,
        "known": parsed.known,
        "library": draft.library,
    }


EMPTY_PREVIEW: Final[dict[str, Any]] = {
    "draft": None,
    "unknown": (),
    "left_out": 0,
    "known": 0,
    "library": None,
    "error": "",
    "matches": None,
    "words_alone": "",
    "span": PREVIEW_DAYS,
}


async def _match_draft(
    session: ReadSession, reader: Reader, draft: TopicDraft, vector: QueryVector | None, now: datetime
) -> dict[str, Any]:
    day = await editions.find_newest_day(session)
    if day is None:
        return {"matches": []}
    matches = await match_papers(
        session,
        draft.to_query,
        text_vector=vector,
        first=day - timedelta(days=PREVIEW_DAYS - 1),
        last=day,
        limit=MAX_PREVIEW_MATCHES,
        daily=draft.daily,
        min_band=Band(draft.min_band),
    )
    papers = await editions.load_papers(session, [match.paper_id for match in matches])
    cards = await MatchCards.load(session, papers.values(), matches, reader=reader, now=now)
    return {
        "matches": [cards.build_match_card(match) for match in matches],
        "words_alone": await corpus.explain_words_alone(session),
    }


def _name_text_server(settings: Settings) -> str:
    """Name the model that can explain matches, and where it runs. Empty: no server is set."""
    url = settings.summary_url
    return f"{settings.summary_model}, {url.host}" if url else ""


async def _show_form(
    request: Request,
    session: ReadSession,
    form: TopicForm,
    topic_id: int,
    *,
    status: int = 200,
    **preview: Any,
) -> HTMLResponse:
    return await render_page(
        request,
        session,
        "topics/form.html",
        status=status,
        form=form,
        topic_id=topic_id,
        bounds=drafts,
        strictness={band: _(words) for band, words in STRICTNESS.items()},
        text_server=_name_text_server(settings_of(request)),
        **{**EMPTY_PREVIEW, **preview},
    )
