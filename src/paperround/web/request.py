"""What routes ask for: a session to read with, the time, a page. And the errors that they raise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any, cast

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment

from paperround import sample
from paperround.database import Database, ReadSession, utc_now
from paperround.settings import Settings


class WebError(Exception):
    """WebError ── NotFound · BadRequest. Shown as a page to people, as problem+json to programs."""

    status = 500
    title = "Something went wrong"


class NotFound(WebError):
    status = 404
    title = "Not found"


class BadRequest(WebError):
    status = 400
    title = "Not understood"


def settings_of(request: Request) -> Settings:
    return cast(Settings, request.app.state.settings)


def database_of(request: Request) -> Database:
    return cast(Database, request.app.state.database)


async def reading(request: Request) -> AsyncIterator[ReadSession]:
    async with database_of(request).reading() as session:
        yield session


def now() -> datetime:
    """A dependency, so that tests can say what time it is."""
    return utc_now()


# "function": the connection goes back to the pool before the answer is sent, however slowly it is read.
Read = Annotated[ReadSession, Depends(reading, scope="function")]
Now = Annotated[datetime, Depends(now)]
Config = Annotated[Settings, Depends(settings_of)]


async def page(
    request: Request, session: ReadSession | None, template: str, *, status: int = 200, **shown: Any
) -> HTMLResponse:
    """The page `template` with what every page needs: the site's name and whether papers are samples."""
    environment = cast(Environment, request.app.state.templates)
    settings = settings_of(request)
    body = environment.get_template(template).render(
        request=request,
        site_name=settings.site_name,
        site_byline=settings.site_byline,
        public_url=settings.address,
        sample=await sample.is_shown(session) if session is not None else False,
        **shown,
    )
    return HTMLResponse(body, status_code=status)
