"""A paper's card as a picture: what a chat shows beside a link to its page."""

from __future__ import annotations

import asyncio
from typing import Final

from cachetools import LRUCache
from fastapi import Request
from starlette.responses import Response

from paperround.papers.readings import read_title
from paperround.web.dependencies import Config, Read
from paperround.web.params import get_paper_or_404
from paperround.web.router import Router
from paperround.web.security.costs import begin_costly_request

MAX_KEPT: Final = 4_000_000  # bytes
MAX_AGE: Final = 86_400  # seconds

router = Router(include_in_schema=False)
_kept: LRUCache[object, bytes] = LRUCache(MAX_KEPT, getsizeof=len)


@router.get("/papers/{paper_id:path}/card.png")
async def show_card(request: Request, session: Read, settings: Config, paper_id: str) -> Response:
    """Give a paper's card. One that must be drawn first counts as a search does, and waits for its turn."""
    from paperround.pictures import card  # Pillow takes 10 MB, and most sites' links are shared by few

    paper = await get_paper_or_404(session, paper_id)
    text = card.CardText(
        title=read_title(paper).text,
        authors=tuple(paper.author_names),
        number="Sample" if paper.invented else f"arXiv:{paper.id}",
        day=f"{paper.published_at.day} {paper.published_at:%b %Y}",
        site=settings.site_name,
    )
    content = _kept.get(text)
    if content is None:
        await begin_costly_request(request)
        content = await asyncio.to_thread(card.draw_card, text)
        if len(content) <= MAX_KEPT:
            _kept[text] = content
    return Response(content, media_type="image/png", headers={"Cache-Control": f"public, max-age={MAX_AGE}"})
