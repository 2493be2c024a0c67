"""The parameters that pages and the API share, with their types and bounds."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Path, Query

from paperround.database import ReadSession
from paperround.i18n.messages import gettext as _
from paperround.papers import editions
from paperround.papers.arxiv_id import parse_id_or_url, strip_version
from paperround.papers.rows import PaperRow
from paperround.web.dependencies import NotFound

MAX_SIGNALS: Final = 1000  # that are shown of one paper, the latest
MAX_EMAIL_LENGTH: Final = 254  # characters (RFC 5321)

PaperId = Annotated[str, Path(description="An arXiv id; a version is ignored.", examples=["2510.12345"])]
TopicId = Annotated[int, Path(ge=1, lt=2**31, description="A topic's number.", examples=[12])]
Day = Annotated[str | None, Query(description="A day.", examples=["2025-10-29"])]
Category = Annotated[
    str | None,
    Query(max_length=30, pattern=r"^([a-z-]+(\.[A-Za-z-]+)?)?$", description="Of arXiv.", examples=["cs.CL"]),
]
Limit = Annotated[int, Query(ge=1, le=100, description="At most this many papers.")]


class PaperNotFound(NotFound):
    """The catalogue has no such paper. If the id may be one of arXiv, readers can submit it."""

    def __init__(self, paper_id: str) -> None:
        super().__init__(_("There is no paper “%(value)s” here.", value=paper_id[:60]))
        self.submittable_id = parse_id_or_url(paper_id)


async def get_paper_or_404(session: ReadSession, paper_id: str, *, with_authors: bool = False) -> PaperRow:
    """Load a paper by its id in any form. Raises `PaperNotFound`."""
    try:
        paper = await editions.find_paper(session, strip_version(paper_id), with_authors=with_authors)
    except ValueError:
        paper = None
    if paper is None:
        raise PaperNotFound(paper_id)
    return paper
