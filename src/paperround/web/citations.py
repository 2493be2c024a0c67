"""A paper as a file for reference managers: /papers/{id}.bib and .ris."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from paperround import sample
from paperround.database import ReadSession
from paperround.papers import citations
from paperround.papers.tables import Paper
from paperround.settings import Settings
from paperround.web.api.papers import PaperId, found
from paperround.web.request import Config, Read

BIBTEX: Final = "application/x-bibtex"
RIS: Final = "application/x-research-info-systems"

router = APIRouter(tags=["papers"])


# Old ids have a slash, so ids are paths.
@router.get(
    "/papers/{paper_id:path}.bib",
    response_class=Response,
    responses={200: {"content": {BIBTEX: {}}, "description": "One @misc entry."}},
    summary="One paper in BibTeX",
)
async def paper_bibtex(session: Read, settings: Config, paper_id: PaperId) -> Response:
    paper = await found(session, paper_id)
    return _file(await bibtex(session, paper, settings), paper, "bib", BIBTEX)


@router.get(
    "/papers/{paper_id:path}.ris",
    response_class=Response,
    responses={200: {"content": {RIS: {}}, "description": "One record."}},
    summary="One paper in RIS",
)
async def paper_ris(session: Read, settings: Config, paper_id: PaperId) -> Response:
    paper = await found(session, paper_id)
    invented = await sample.is_shown(session)
    body = citations.ris(paper, url=_url(paper, settings, on_arxiv=not invented))
    return _file(body, paper, "ris", RIS)


async def bibtex(session: ReadSession, paper: Paper, settings: Settings) -> str:
    """The entry, for the file and the paper's page."""
    on_arxiv = not await sample.is_shown(session)
    return citations.bibtex(paper, url=_url(paper, settings, on_arxiv=on_arxiv), on_arxiv=on_arxiv)


def _url(paper: Paper, settings: Settings, *, on_arxiv: bool) -> str:
    return citations.arxiv_url(paper) if on_arxiv else f"{settings.address}/papers/{paper.id}"


def _file(body: str, paper: Paper, suffix: str, media_type: str) -> Response:
    name = f"{paper.id.replace('/', '-')}.{suffix}"
    return Response(
        body,
        headers={
            "Content-Type": f"{media_type}; charset=utf-8",
            "Content-Disposition": f'attachment; filename="{name}"',
        },
    )
