"""Serves a paper as a file for reference managers: /papers/{id}.bib and .ris."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from paperround.papers import citations
from paperround.papers.tables import Paper
from paperround.settings import Settings
from paperround.web.dependencies import Config, Read
from paperround.web.params import PaperId, get_paper_or_404

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
    paper = await get_paper_or_404(session, paper_id)
    return _file(bibtex(paper, settings), paper, "bib", BIBTEX)


@router.get(
    "/papers/{paper_id:path}.ris",
    response_class=Response,
    responses={200: {"content": {RIS: {}}, "description": "One record."}},
    summary="One paper in RIS",
)
async def paper_ris(session: Read, settings: Config, paper_id: PaperId) -> Response:
    paper = await get_paper_or_404(session, paper_id)
    body = citations.render_ris(paper, url=_url(paper, settings))
    return _file(body, paper, "ris", RIS)


def bibtex(paper: Paper, settings: Settings) -> str:
    """Return the paper's BibTeX entry, for the file and for the paper's page."""
    return citations.render_bibtex(paper, url=_url(paper, settings), on_arxiv=not paper.invented)


def _url(paper: Paper, settings: Settings) -> str:
    return f"{settings.address}/papers/{paper.id}" if paper.invented else citations.arxiv_url(paper)


def _file(body: str, paper: Paper, suffix: str, media_type: str) -> Response:
    name = f"{paper.id.replace('/', '-')}.{suffix}"
    return Response(
        body,
        headers={
            "Content-Type": f"{media_type}; charset=utf-8",
            "Content-Disposition": f'attachment; filename="{name}"',
        },
    )
