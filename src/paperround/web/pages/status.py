"""`/status` for people, `/healthz` and `/readyz` for machines."""

from __future__ import annotations

from typing import Final

import structlog
from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse
from sqlalchemy.exc import SQLAlchemyError

from paperround import queue, schema
from paperround.digests import ledger
from paperround.embeddings.state import load_embedding_state
from paperround.feeds import status
from paperround.feeds.tables import ReadingOutcome
from paperround.i18n.messages import find_message, mark_message
from paperround.papers.readings import count_unread
from paperround.summaries.state import load_summary_state
from paperround.web.dependencies import Config, Now, Read, database_of, render_page
from paperround.web.router import Router

logger = structlog.get_logger(__name__)
router = Router()
OUTCOMES: Final = {
    ReadingOutcome.clean: mark_message("nothing unreadable"),
    ReadingOutcome.partial: mark_message("partly unreadable"),
    ReadingOutcome.empty: mark_message("empty"),
    ReadingOutcome.failed: mark_message("failed"),
}


@router.get("/status", include_in_schema=False)
async def show_status(request: Request, session: Read, settings: Config, now: Now) -> HTMLResponse:
    feeds = [await status.load_feed_status(session, name, now=now) for name in settings.feeds]
    return await render_page(
        request,
        session,
        "status.html",
        feeds=feeds,
        summary=status.describe_feeds(feeds),
        outcomes={outcome: find_message(words) for outcome, words in OUTCOMES.items()},
        readings={
            feed.name: await status.list_latest_readings(session, feed.name, limit=10) for feed in feeds
        },
        quarantine={
            feed.name: await status.list_open_quarantine(session, feed.name, limit=20) for feed in feeds
        },
        unread=await count_unread(session),
        embeddings=await load_embedding_state(session),
        summaries=await load_summary_state(session, settings, now=now),
        jobs=await queue.load_queue_state(session),
        deliveries=await ledger.count_deliveries(session, now=now),
        subscriptions=await ledger.count_subscriptions(session),
        now=now,
    )


@router.get("/healthz", tags=["operations"], summary="Whether this process answers")
async def healthy() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz", tags=["operations"], summary="Whether the database is there, with a schema we can use")
async def ready(request: Request) -> JSONResponse:
    try:
        async with database_of(request).read_session() as session:
            schema_state = await schema.load_state(session)
    except (SQLAlchemyError, OSError) as error:
        logger.warning("not ready", exc_info=error)
        return JSONResponse({"status": "no database"}, status_code=503)
    state = {
        "status": "ready" if schema_state.is_usable else "wrong schema",
        "schema": schema_state.revision,
        "expected": schema_state.expected,
    }
    return JSONResponse(state, status_code=200 if schema_state.is_usable else 503)
