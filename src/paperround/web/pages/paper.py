"""The page of one paper."""

from __future__ import annotations

from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse

from paperround import sample
from paperround.papers import editions
from paperround.papers.arxiv_id import strip_version
from paperround.papers.period import EditionPeriod, Period
from paperround.papers.readings import read_abstract
from paperround.reads import round_trip
from paperround.search.similar import ask_vector, list_similar_papers
from paperround.text.markup import render_html
from paperround.text.reading import page_budget
from paperround.web.dependencies import Config, Now, Read, render_page
from paperround.web.negotiation import prefers_markdown
from paperround.web.params import MAX_SIGNALS, get_paper_or_404
from paperround.web.router import Router
from paperround.web.viewer import ask_viewer_state, load_follow_state
from paperround.web.views import card_fitting, charts, paper_cards, presenters
from paperround.web.views.page_size import shorten_html
from paperround.web.views.paper_description import describe_paper
from paperround.web.views.translation import write_translation

MAX_SIMILAR: Final = 8
MAX_SUMMARY: Final = 7_500  # bytes

router = Router(include_in_schema=False, default_response_class=HTMLResponse)


@router.get("/papers/{paper_id:path}")
async def show_paper(request: Request, session: Read, settings: Config, now: Now, paper_id: str) -> Any:
    """Show a paper. A version, or another form of its id, leads to the page of the bare id."""
    paper = await get_paper_or_404(session, paper_id)
    if paper_id != strip_version(paper_id):
        return RedirectResponse(f"/papers/{paper.id}", status_code=308)
    if prefers_markdown(request.headers.get("accept", "")) and not paper.invented:
        return RedirectResponse(f"/papers/{paper.id}.md", status_code=307, headers={"Vary": "Accept"})
    today, budget = now.date(), page_budget()
    async with round_trip(session) as trip:
        listings = editions.ask_listings(trip, [paper.id])
        asked_signals = editions.ask_signals(trip, paper.id, limit=MAX_SIGNALS)
        vector = ask_vector(trip, paper.id)
        marks = ask_viewer_state(trip, request, [paper])
        is_sample = sample.ask_whether_shown(trip)
    similar = await list_similar_papers(session, paper.id, vector.result, limit=MAX_SIMILAR)
    signals, translation = asked_signals.result, marks.result.of(paper.id).translation
    return await render_page(
        request,
        None,
        "papers/paper.html",
        paper=paper,
        told=describe_paper(paper, settings, budget, on_arxiv=not is_sample.result),
        follows=await load_follow_state(request, session),
        marks=marks.result,
        entry=card_fitting.shorten_abstract(
            paper_cards.build_paper_card(paper, today=today), paper_cards.MAX_ABSTRACT
        ),
        summary=shorten_html(render_html(paper.summary or "", budget), MAX_SUMMARY),
        translated=write_translation(translation, read_abstract(paper, budget)) if translation else None,
        authors=paper_cards.fold_authors(paper.author_names),
        listings=[
            (presenters.write_neighbour_label(span, today=today), presenters.edition_address(span), row)
            for row in listings.result[paper.id]
            for span in [EditionPeriod.containing(Period.day, row.day)]
        ],
        signals=signals,
        chart=charts.build_chart(signals, until=paper.seen_at),
        similar=[
            (paper_cards.build_paper_card(other, today=today, budget=budget), round(100 * cosine))
            for other, cosine in similar
        ],
        today=today,
        sample=is_sample.result,
    )
