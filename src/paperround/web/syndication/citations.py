"""Serves papers for reference managers: addresses of papers followed by `.bib`, `.ris` or `.json`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Annotated, Any, Final, TypeVar

from fastapi import Depends, Path, Query, Request
from starlette.responses import Response

from paperround.accounts.tables import Reader
from paperround.database import ReadSession
from paperround.library import reading_list
from paperround.papers import editions
from paperround.papers.authors import find_spellings
from paperround.papers.citations.formats import MEDIA_TYPES, CitationFormat, render_citations
from paperround.papers.edition_query import EditionQuery
from paperround.papers.editions import Sort
from paperround.papers.organizations import find_organization
from paperround.papers.period import EditionPeriod, Period
from paperround.papers.rows import PaperRow
from paperround.search.engine import MAX_RESULTS
from paperround.search.results import load_result_papers
from paperround.settings import Settings
from paperround.topics import reader_topics
from paperround.web.dependencies import AnyReader, BadRequest, Config, NotFound, Read, database_of
from paperround.web.params import Category, PaperId, TopicId, get_paper_or_404
from paperround.web.router import Router
from paperround.web.search_params import Filters, OptionalSearch
from paperround.web.security.costs import begin_costly_request
from paperround.web.topic_matches import encode_text, match_days

MAX_PAPERS: Final = 1000  # of an edition, those with the most votes
MAX_TRENDING_PAPERS: Final = 100
SAVED_BATCH_SIZE: Final = 500
NAMES: Final = {CitationFormat.bib: "BibTeX", CitationFormat.ris: "RIS", CitationFormat.json: "CSL JSON"}

DayKey = Annotated[str, Path(description="A day.", examples=["2025-10-29"])]
WeekKey = Annotated[str, Path(description="An ISO week.", examples=["2025-W44"])]
MonthKey = Annotated[str, Path(description="A month.", examples=["2025-10"])]

router = Router(tags=["reference managers"], default_response_class=Response)


def get_form(request: Request) -> CitationFormat:
    """Get the format that the address ends with."""
    return CitationFormat(request.url.path.rpartition(".")[2])


FormOf = Annotated[CitationFormat, Depends(get_form)]
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


def files(path: str, summary: str, *, is_costly: bool = False) -> Callable[[Endpoint], Endpoint]:
    """Serve an address with each ending. Other endings are left to other routes."""

    def register(endpoint: Endpoint) -> Endpoint:
        for form, name in NAMES.items():
            router.add_api_route(
                f"{path}.{form}",
                endpoint,
                summary=f"{summary} in {name}",
                dependencies=[Depends(begin_costly_request)] if is_costly else [],
                responses={200: {"content": {MEDIA_TYPES[form]: {}}, "description": f"{name}."}},
            )
        return endpoint

    return register


def build_citations(
    papers: Iterable[PaperRow], form: CitationFormat, name: str, settings: Settings
) -> Response:
    """Build the response with a file of this name."""
    return Response(
        render_citations(papers, form, site=settings.address),
        headers={
            "Content-Type": f"{MEDIA_TYPES[form]}; charset=utf-8",
            "Content-Disposition": f'attachment; filename="{name}.{form}"',
        },
    )


@files("/papers", "The latest edition or a search")
async def latest_or_found(
    asking: OptionalSearch,
    filters: Filters,
    session: Read,
    settings: Config,
    form: FormOf,
    category: Category = None,
) -> Response:
    """Serve the latest edition that has papers; with `q`, what a search finds, the best first.

    Parameters are those of /api/v1/search.
    """
    if asking is None:
        day = await editions.find_newest_day(session)
        if day is None:
            raise NotFound("There are no papers yet.")
        return await _edition(session, settings, EditionPeriod.containing(Period.day, day), form, category)
    if not asking.query.words and not asking.paper_id:
        raise BadRequest("Say what to look for: ?q=…")
    if asking.paper_id:
        papers = [await get_paper_or_404(session, asking.paper_id)]
    else:
        found = await asking.search(session, filters=filters, limit=MAX_RESULTS)
        papers = [paper for _, paper in await load_result_papers(session, found.results)]
    return build_citations(papers, form, "search", settings)


@files("/papers/trending", "What is trending")
async def trending(session: Read, settings: Config, form: FormOf) -> Response:
    """Serve the 100 papers that trend most, in that order."""
    part = await editions.list_papers(session, EditionQuery(), sort=Sort.trending, limit=MAX_TRENDING_PAPERS)
    return build_citations(part.papers, form, "trending", settings)


@files("/papers/date/{key}", "A day's edition", is_costly=True)
async def day_edition(
    session: Read, settings: Config, key: DayKey, form: FormOf, category: Category = None
) -> Response:
    """Serve a day's papers, those with the most votes first, at most 1,000."""
    return await _edition(session, settings, EditionPeriod.parse(Period.day, key), form, category)


@files("/papers/week/{key}", "A week's edition", is_costly=True)
async def week_edition(
    session: Read, settings: Config, key: WeekKey, form: FormOf, category: Category = None
) -> Response:
    """Serve a week's papers, those with the most votes first, at most 1,000."""
    return await _edition(session, settings, EditionPeriod.parse(Period.week, key), form, category)


@files("/papers/month/{key}", "A month's edition", is_costly=True)
async def month_edition(
    session: Read, settings: Config, key: MonthKey, form: FormOf, category: Category = None
) -> Response:
    """Serve a month's papers, those with the most votes first, at most 1,000."""
    return await _edition(session, settings, EditionPeriod.parse(Period.month, key), form, category)


async def _edition(
    session: ReadSession,
    settings: Settings,
    period: EditionPeriod,
    form: CitationFormat,
    category: str | None,
) -> Response:
    query = EditionQuery.for_period(period, category)
    part = await editions.list_papers(session, query, sort=Sort.upvotes, limit=MAX_PAPERS)
    return build_citations(part.papers, form, f"papers-{period.key}", settings)


@files("/organizations/{name:path}", "An organization's papers", is_costly=True)
async def organization_file(
    session: Read,
    settings: Config,
    name: Annotated[str, Path(max_length=500, description="Its name on the hub.", examples=["tide-lab"])],
    form: FormOf,
) -> Response:
    """Serve the newest papers of an organization, at most 1,000."""
    if await find_organization(session, name) is None:
        raise NotFound(f"There is no organization {name[:60]} here.")
    query = EditionQuery(organization=name)
    part = await editions.list_papers(session, query, sort=Sort.published, limit=MAX_PAPERS)
    return build_citations(part.papers, form, "organization", settings)


@files("/authors/{name:path}", "An author's papers", is_costly=True)
async def author_file(
    session: Read,
    settings: Config,
    name: Annotated[str, Path(max_length=500, description="The author's name.", examples=["Ada Lindqvist"])],
    form: FormOf,
) -> Response:
    """Serve the newest papers of an author, at most 1,000. People are told apart by name only."""
    spellings = await find_spellings(session, name)
    if not spellings:
        raise NotFound(f"No paper here has an author {name[:60]}.")
    query = EditionQuery(author_names=tuple(spellings))
    part = await editions.list_papers(session, query, sort=Sort.published, limit=MAX_PAPERS)
    return build_citations(part.papers, form, "author", settings)


# Old ids have a slash, so ids are paths, and the addresses of lists come before.
@files("/papers/{paper_id:path}", "One paper")
async def paper_file(session: Read, settings: Config, paper_id: PaperId, form: FormOf) -> Response:
    paper = await get_paper_or_404(session, paper_id)
    return build_citations([paper], form, paper.id.replace("/", "-"), settings)


@files("/saved", "Your reading list")
async def saved(session: Read, reader: AnyReader, settings: Config, form: FormOf) -> Response:
    """Serve the whole reading list of who is signed in, or whose key is sent, the latest first."""
    papers = [paper async for paper in _stream_saved_papers(session, reader)]
    return build_citations(papers, form, "saved", settings)


async def _stream_saved_papers(session: ReadSession, reader: Reader) -> AsyncIterator[PaperRow]:
    """Yield the whole reading list, which is bounded, part by part."""
    after = None
    while True:
        part = await reading_list.list_saved_papers(session, reader.id, limit=SAVED_BATCH_SIZE, after=after)
        for entry in part.entries:
            yield entry.paper
        after = part.next_position
        if after is None:
            return


@files("/topics/{topic_id}", "What a topic of yours matches")
async def topic_file(
    request: Request,
    reader: AnyReader,
    settings: Config,
    topic_id: TopicId,
    form: FormOf,
    days: Annotated[int, Query(ge=1, le=7, description="How many of the latest days.")] = 1,
) -> Response:
    """Serve the papers that match a topic of who is signed in, or whose key is sent, the best first."""
    async with database_of(request).read_session() as session:
        topic = await reader_topics.get_topic(session, reader.id, topic_id)
    vector = await encode_text(request, topic.words)
    async with database_of(request).read_session() as session:
        day = await editions.find_newest_day(session)
        matches = await match_days(session, topic, day, vector, days=days) if day else []
        by_id = await editions.load_papers(session, [match.paper_id for match in matches])
    papers = [by_id[match.paper_id] for match in matches if match.paper_id in by_id]
    return build_citations(papers, form, f"topic-{topic.id}", settings)
