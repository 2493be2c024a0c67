"""Dependencies of routes: sessions of the database, the time, the viewer, and rendering of pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Any, cast

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from jinja2 import Environment

from paperround import sample
from paperround.accounts import api_keys, sessions
from paperround.accounts.tables import Reader, Scope
from paperround.database import Database, ReadSession, WriteSession, utc_now
from paperround.embeddings.index_progress import IndexCounter
from paperround.errors import PaperroundError
from paperround.i18n.languages import ENGLISH, find_direction, get_language, list_languages, set_language
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message
from paperround.search.query_vectors import QueryEncoder
from paperround.settings import Settings
from paperround.tokens import Signer
from paperround.web.security import cookies
from paperround.web.security.key_limits import count_key_request
from paperround.web.views.navigation import find_section


class NotFound(PaperroundError):
    status = 404
    title = mark_message("Not found")


class BadRequest(PaperroundError):
    status = 400
    title = mark_message("Not understood")


class SignInNeeded(PaperroundError):
    """The page needs a reader. People are redirected to the page where they sign in."""

    status = 401
    title = mark_message("Sign in first")
    headers = MappingProxyType({"WWW-Authenticate": "Bearer"})
    page = "/sign-in"


class FreshSignInNeeded(SignInNeeded):
    """The page needs a reader who has shown just now that their address is still theirs.

    People are redirected to the page where a link is mailed to it.
    """

    title = mark_message("Confirm it’s you")
    status = 403
    page = "/settings/confirm"


class Forbidden(PaperroundError):
    status = 403
    title = mark_message("Not allowed")


class TooMany(PaperroundError):
    status = 429
    title = mark_message("Too many at once")

    def __init__(self, detail: str, *, wait: timedelta) -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": str(int(wait.total_seconds()))}


def settings_of(request: Request) -> Settings:
    return cast(Settings, request.app.state.settings)


def database_of(request: Request) -> Database:
    return cast(Database, request.app.state.database)


def index_counter_of(request: Request) -> IndexCounter:
    return cast(IndexCounter, request.app.state.index_counter)


def query_encoder_of(request: Request) -> QueryEncoder:
    return cast(QueryEncoder, request.app.state.query_vectors)


def signer_of(request: Request) -> Signer:
    return cast(Signer, request.app.state.signer)


async def open_read_session(request: Request) -> AsyncIterator[ReadSession]:
    async with database_of(request).read_session() as session:
        yield session


async def open_write_session(request: Request) -> AsyncIterator[WriteSession]:
    """Open a session that commits when the route returns and rolls back when it raises."""
    async with database_of(request).write_session() as session:
        yield session


# Dependencies are `async` even where they wait for nothing: FastAPI runs others in a thread, which costs more
# than all that they do.


async def get_now() -> datetime:
    """Return the current time. It is a dependency, so that tests can set it."""
    return utc_now()


async def get_config(request: Request) -> Settings:
    return settings_of(request)


# "function": the connection goes back to the pool before the answer is sent, however slowly it is read, and
# what was written is committed before anybody is told that it was.
Read = Annotated[ReadSession, Depends(open_read_session, scope="function")]
Write = Annotated[WriteSession, Depends(open_write_session, scope="function")]
Now = Annotated[datetime, Depends(get_now)]
Config = Annotated[Settings, Depends(get_config)]


async def load_visit(request: Request, now: Now) -> sessions.SignedInVisit | None:
    """Load the session that the cookie names, if any.

    It is kept for the page and for an error page in its place.
    """
    token = cookies.read_session_token(request, signer_of(request), settings_of(request))
    found = await sessions.load_visit(database_of(request), token, now=now) if token else None
    request.state.visit = found
    chosen = found.reader.interface_language if found else None
    if chosen is not None and chosen in list_languages():
        set_language(chosen)
    return found


Visit = Annotated[sessions.SignedInVisit | None, Depends(load_visit)]


async def get_viewer(visit: Visit) -> Reader | None:
    return visit.reader if visit else None


async def require_reader(viewer: Annotated[Reader | None, Depends(get_viewer)]) -> Reader:
    if viewer is None:
        raise SignInNeeded(_("Sign in to see this page."))
    return viewer


async def require_signed_in_visit(visit: Visit) -> sessions.SignedInVisit:
    if visit is None:
        raise SignInNeeded(_("Sign in to see this page."))
    return visit


async def require_fresh_visit(
    visit: Annotated[sessions.SignedInVisit, Depends(require_signed_in_visit)], now: Now
) -> sessions.SignedInVisit:
    if not sessions.is_fresh(visit.session, now=now):
        raise FreshSignInNeeded(_("This needs a recent sign-in. Ask for a link to your address."))
    return visit


Viewer = Annotated[Reader | None, Depends(get_viewer)]
SignedIn = Annotated[Reader, Depends(require_reader)]
SignedInVisit = Annotated[sessions.SignedInVisit, Depends(require_signed_in_visit)]
FreshVisit = Annotated[sessions.SignedInVisit, Depends(require_fresh_visit)]


# Not HTTPBearer's own error: it knows neither problem+json nor 401.
bearer = HTTPBearer(
    auto_error=False, scheme_name="key", description="An API key from your settings: `Bearer pr_…`."
)
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


async def require_key(request: Request, given: Bearer, now: Now) -> api_keys.KeyHolder:
    found = await api_keys.find_holder(database_of(request), given.credentials, now=now) if given else None
    if found is None:
        raise SignInNeeded(_("Send a key from your settings as `Authorization: Bearer pr_…`."))
    count_key_request(request, found.key_id)
    return found


KeyHolder = Annotated[api_keys.KeyHolder, Depends(require_key)]


async def require_reading_key(holder: KeyHolder) -> Reader:
    return holder.reader


async def require_writing_key(holder: KeyHolder) -> Reader:
    if holder.scope is not Scope.write:
        raise Forbidden(_("This key may only read. Create one that may write in your settings."))
    return holder.reader


async def require_reader_or_key(request: Request, given: Bearer, visit: Visit, now: Now) -> Reader:
    """Return who is signed in in a browser, or else whose key was sent."""
    return visit.reader if visit else (await require_key(request, given, now)).reader


KeyReader = Annotated[Reader, Depends(require_reading_key)]
AnyReader = Annotated[Reader, Depends(require_reader_or_key)]
KeyWriter = Annotated[Reader, Depends(require_writing_key)]


def viewer_of(request: Request) -> Reader | None:
    """Return the signed-in reader, once a page's route has been reached."""
    visit: sessions.SignedInVisit | None = getattr(request.state, "visit", None)
    return visit.reader if visit else None


def is_signed_in(request: Request) -> bool:
    return viewer_of(request) is not None


def csrf_of(request: Request) -> str:
    """Return the form token of the signed-in reader, or ''."""
    visit: sessions.SignedInVisit | None = getattr(request.state, "visit", None)
    return cookies.make_form_token(signer_of(request), visit.session.id) if visit else ""


async def render_page(
    request: Request, session: ReadSession | None, template: str, *, status: int = 200, **shown: Any
) -> HTMLResponse:
    """Render `template` with what every page needs, such as the site's name and the viewer.

    Without a session, `sample` has to say whether the catalogue is the sample edition.
    """
    environment = cast(Environment, request.app.state.templates)
    settings, language = settings_of(request), get_language()
    if session is not None:
        shown["sample"] = await sample.is_shown(session)
    body = environment.get_template(template).render(
        request=request,
        section=find_section(request.url.path, is_search="q" in request.query_params),
        site_name=settings.site_name,
        site_byline=settings.site_byline,
        public_url=settings.address,
        viewer=viewer_of(request),
        csrf=csrf_of(request),
        language=language,
        direction=find_direction(language),
        interface_languages=tuple(list_languages().items()),
        reads_english_only=language != ENGLISH and not settings.embedding_model,
        **{"sample": False, **shown},
    )
    return HTMLResponse(body, status_code=status)
