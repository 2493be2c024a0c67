"""The composition root of the web: database, templates, routes, headers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from fastapi import Depends, FastAPI
from starlette.types import Receive, Scope, Send

from paperround import __version__, schema, shared_counts, traces
from paperround.database import Database
from paperround.embeddings.client import EncoderClient
from paperround.embeddings.index_progress import IndexCounter
from paperround.papers.versions import MAX_AGE
from paperround.resources import use_one_thread_for_products
from paperround.search.query_vectors import QUERY_ENCODING_TIMEOUT, QueryEncoder, load_query_prefix
from paperround.settings import Settings
from paperround.shared_counts import SharedCounts
from paperround.tokens import load_signer
from paperround.web import errors, metrics
from paperround.web.answers.cache import open_cache
from paperround.web.answers.layer import Answers
from paperround.web.api import actions, feeds, me, papers, search, subscriptions
from paperround.web.api import follows as follows_api
from paperround.web.api import preferences as preferences_api
from paperround.web.api import saved as saved_api
from paperround.web.api import topics as topics_api
from paperround.web.assets import Assets
from paperround.web.hub import routes
from paperround.web.mcp import endpoint as mcp_endpoint
from paperround.web.pages import (
    about,
    account,
    api_docs,
    authors,
    cards,
    channels,
    digests,
    editions,
    field_map,
    follows,
    history,
    judge,
    language,
    organizations,
    outbox,
    paper,
    paper_actions,
    preferences,
    saved,
    sign_in,
    status,
    submit,
    subscribe,
    thumbnails,
    topic_actions,
    topic_form,
    topics,
    trending,
    venues,
)
from paperround.web.pages import search as pages_search
from paperround.web.pages import settings as pages_settings
from paperround.web.pages import zotero as pages_zotero
from paperround.web.security.bodies import require_plain_text
from paperround.web.security.costs import CostlyRequests, CostlyWork, end_costly_requests
from paperround.web.security.csrf import require_form_token
from paperround.web.security.middleware import Gate
from paperround.web.syndication import citations, lists, sitemap
from paperround.web.syndication import topics as syndication_topics
from paperround.web.templates import load_templates

# A page takes milliseconds. What takes longer than this is refused, so that it keeps nobody else waiting.
STATEMENT_TIMEOUT: Final = timedelta(seconds=10)

# Routes are looked through in this order, so what is asked for most comes first.
APIS: Final = (
    papers, routes, lists, search, feeds, me, saved_api, actions, topics_api, follows_api, subscriptions,
    preferences_api, citations, syndication_topics, sitemap, mcp_endpoint,
)  # fmt: skip
# The pages of papers come last: any longer address below /papers is an id to them.
PAGES: Final = (
    trending, about, sign_in, account, pages_settings, pages_zotero, saved, paper_actions, submit, subscribe,
    preferences, digests, topic_form, topic_actions, history, topics, judge, language, organizations, authors,
    follows, venues, channels, outbox, status, api_docs, thumbnails, cards, field_map, editions, paper,
)  # fmt: skip


@asynccontextmanager
async def lifespan(app: Site) -> AsyncIterator[None]:
    settings, encoder_socket = app.state.settings, app.state.encoder_socket
    use_one_thread_for_products()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(
            Database(
                app.state.database_url, application="paperround web", statement_timeout=STATEMENT_TIMEOUT
            )
        )
        app.state.database = database
        app.state.index_counter = IndexCounter()
        app.state.costly_work = CostlyWork()
        app.state.costly_requests = CostlyRequests(app.state.cost_counts or shared_counts.open_alone())
        app.answers.cache = await stack.enter_async_context(
            open_cache(settings, app.state.database_url, max_age=app.state.max_version_age)
        )
        async with database.read_session() as session:
            await schema.require_usable(session)
        app.state.signer = await load_signer(database, settings)
        encoder = None
        if encoder_socket or settings.encoder_url:
            encoder = EncoderClient(settings, encoder_socket, timeout=QUERY_ENCODING_TIMEOUT, attempts=1)
            await stack.enter_async_context(encoder)
        app.state.query_vectors = QueryEncoder(encoder, load_prefix=partial(load_query_prefix, database))
        stack.enter_context(metrics.serve_metrics(database, settings))
        await stack.enter_async_context(metrics.adding_durations())
        stack.enter_context(traces.exported("web"))
        app.state.mcp = await stack.enter_async_context(mcp_endpoint.serving(app))
        yield


class Site(FastAPI):
    """The application. What is kept is answered before FastAPI does anything."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.answers = Answers(super().__call__)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        await self.answers(scope, receive, send)


def create_app(
    settings: Settings,
    database_url: str,
    encoder_socket: Path | None = None,
    cost_counts: SharedCounts | None = None,
    *,
    max_version_age: timedelta = MAX_AGE,
) -> FastAPI:
    """Build the app.

    Without `encoder_socket` or an encoder's address in the settings, search is full text only. `cost_counts`
    are those that it shares with other web processes of the machine, if there are any. What the app knows of
    the catalogue's version is at most `max_version_age` old.
    """
    app = Site(
        title=f"{settings.site_name} API",
        version=__version__,
        description="The day's research papers: lists, trending, similar papers, and how numbers changed.",
        lifespan=lifespan,
        docs_url=None,  # FastAPI loads its script and style from elsewhere; ours is pages/api_docs.py
        redoc_url=None,
        redirect_slashes=False,  # Gate redirects without the host that the client told
        dependencies=[Depends(require_plain_text), Depends(end_costly_requests, scope="function")],
        responses=errors.DOCUMENTED,
    )
    app.state.settings = settings
    app.state.database_url = database_url
    app.state.encoder_socket = encoder_socket
    app.state.max_version_age = max_version_age
    app.state.cost_counts = cost_counts
    app.state.templates = load_templates()
    app.state.newest_day = None  # as it was when an edition was last shown
    for first in (pages_search.router, editions.latest):
        app.include_router(first, dependencies=[Depends(require_form_token)])
    for api in APIS:
        app.include_router(api.router)
    for pages_of in PAGES:
        app.include_router(pages_of.router, dependencies=[Depends(require_form_token)])
    app.mount("/static", Assets(), name="static")
    errors.install_handlers(app)
    app.add_middleware(Gate)
    return app
