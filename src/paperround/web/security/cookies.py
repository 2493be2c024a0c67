"""The session's cookie with the token of its forms, and the outbox's. This module queries no database."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import Response

from paperround.accounts.sessions import SESSION_LIFETIME
from paperround.settings import Settings
from paperround.tokens import BadToken, Signer

COOKIE: Final = "paperround"
PURPOSE: Final = "session"
FORMS: Final = "form"
OUTBOX: Final = "outbox"
OUTBOX_COOKIE_LIFETIME: Final = timedelta(days=30)


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


def set_outbox_cookie(response: Response, signer: Signer, settings: Settings) -> None:
    """Let a browser look into the outbox. The cookie goes to its pages alone, and never from another site."""
    response.set_cookie(
        f"{COOKIE}-{OUTBOX}",
        signer.sign(OUTBOX, OUTBOX),
        max_age=int(OUTBOX_COOKIE_LIFETIME.total_seconds()),
        path="/outbox",
        secure=is_secure(settings),
        httponly=True,
        samesite="strict",
    )


def holds_outbox_cookie(request: HTTPConnection, signer: Signer) -> bool:
    """Tell whether a browser has opened the outbox with a key."""
    try:
        return (
            signer.read(OUTBOX, request.cookies.get(f"{COOKIE}-{OUTBOX}", ""), max_age=OUTBOX_COOKIE_LIFETIME)
            == OUTBOX
        )
    except BadToken:
        return False
