"""Refuses requests that another site's page made a browser send."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers
from starlette.responses import Response

from paperround.accounts import sessions
from paperround.i18n.messages import find_message, mark_message
from paperround.security_events import SecurityEvent
from paperround.settings import Settings
from paperround.web import errors
from paperround.web.dependencies import Forbidden, Now, Visit, database_of, settings_of, signer_of
from paperround.web.security import cookies
from paperround.web.security.bodies import SAFE_METHODS, is_form
from paperround.web.security.events import record_event

EXEMPT_PATHS: Final = ("/unsubscribe/",)  # one click in a mail program; its token says all

CROSS_SITE: Final = mark_message("This came from another site’s page. Use the form on this site’s own page.")
OLD_FORM: Final = mark_message("This form belongs to another session. Reload the page, then try again.")


def is_own_origin(headers: Headers, settings: Settings) -> bool:
    """Tell whether a page of ours sent this, according to the browser. True for programs, which do not say.

    Browsers send `Sec-Fetch-Site` only over https and from loopback. Elsewhere a POST has an `Origin`.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is None:
        return True
    ours = {settings.address, f"http://{headers.get('host')}", f"https://{headers.get('host')}"}
    told = _parse_origin(origin)
    return told is not None and told in {_parse_origin(address) for address in ours}


def _parse_origin(address: str) -> tuple[str, str, int | None] | None:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    return parts.scheme, parts.hostname or "", port or {"http": 80, "https": 443}.get(parts.scheme)


async def refuse_cross_site(request: Request) -> Response | None:
    """Refuse what another site sent and would change something."""
    if request.method in SAFE_METHODS or request.url.path.startswith(EXEMPT_PATHS):
        return None
    if is_own_origin(request.headers, settings_of(request)):
        return None
    record_event(request, SecurityEvent.form_refused)
    return await errors.build_error_response(request, 403, find_message(CROSS_SITE), Forbidden.title)


async def require_form_token(request: Request, visit: Visit, now: Now) -> None:
    """Require the token of the session's own forms in what a signed-in browser sends to change something.

    Programs with a key have no cookie, so this does not concern them. It also renews the token of a session.
    """
    if visit is None or request.method in SAFE_METHODS or request.url.path.startswith(EXEMPT_PATHS):
        return
    sent = (await request.form()).get("csrf") if is_form(request) else None
    if not cookies.is_form_token(signer_of(request), visit.session.id, sent):
        raise Forbidden(find_message(OLD_FORM))
    async with database_of(request).write_session() as session:
        request.state.renewed = await sessions.renew_token(session, visit.session, now=now)
