"""The session's cookie and the token of its forms. This module queries no database."""

from __future__ import annotations

from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import Response

from paperround.accounts.sessions import SESSION_LIFETIME
from paperround.settings import Settings
from paperround.tokens import BadToken, Signer

COOKIE: Final = "paperround"
PURPOSE: Final = "session"
FORMS: Final = "form"


def is_secure(settings: Settings) -> bool:
    return settings.address.startswith("https://")


def cookie_name(settings: Settings) -> str:
    """Return the cookie's name. `__Host-` makes browsers accept it from this very host over https only."""
    return f"__Host-{COOKIE}" if is_secure(settings) else COOKIE


def read_session_token(request: HTTPConnection, signer: Signer, settings: Settings) -> str | None:
    """Return the session's token if the cookie is one that we signed."""
    cookie = request.cookies.get(cookie_name(settings))
    if not cookie:
        return None
    try:
        return str(signer.read(PURPOSE, cookie))
    except BadToken:
        return None


def set_session_cookie(response: Response, token: str, signer: Signer, settings: Settings) -> None:
    response.set_cookie(
        cookie_name(settings),
        signer.sign(PURPOSE, token),
        max_age=int(SESSION_LIFETIME.total_seconds()),
        path="/",
        secure=is_secure(settings),
        httponly=True,
        samesite="lax",
    )


def delete_session_cookie(response: Response, settings: Settings) -> None:
    response.delete_cookie(
        cookie_name(settings), path="/", secure=is_secure(settings), httponly=True, samesite="lax"
    )


def make_form_token(signer: Signer, session_id: int) -> str:
    """Return the value of the hidden field `csrf` in this session's forms."""
    return signer.sign(FORMS, session_id)


def is_form_token(signer: Signer, session_id: int, token: object) -> bool:
    try:
        return isinstance(token, str) and signer.read(FORMS, token) == session_id
    except BadToken:
        return False
