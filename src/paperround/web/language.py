"""Which language a page is in: its reader's own, or what the browser chose here, or what it prefers.

Answers for programs are in English (`negotiation.is_for_people`).
"""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from http.cookies import CookieError, SimpleCookie
from typing import Final

from starlette.responses import Response

from paperround.i18n.languages import ENGLISH, choose_language, list_languages
from paperround.settings import Settings
from paperround.web.negotiation import is_for_people
from paperround.web.security.cookies import is_secure

COOKIE: Final = "language"
COOKIE_LIFETIME: Final = timedelta(days=365)


def find_language(path: str, cookie: str, accept_language: str) -> str:
    """Find the language of an answer, as far as its request tells it by these two headers."""
    if not is_for_people(path):
        return ENGLISH
    return read_language_cookie(cookie) or choose_language(accept_language)


@lru_cache(maxsize=100)
def read_language_cookie(cookie: str) -> str | None:
    """Read the language that a browser chose here from its `Cookie` header, if it did."""
    if COOKIE not in cookie:
        return None
    try:
        chosen = SimpleCookie(cookie).get(COOKIE)
    except CookieError:
        return None
    return chosen.value if chosen is not None and chosen.value in list_languages() else None


def is_language_cookie(cookie: str) -> bool:
    """Tell whether a `Cookie` header says nothing but a language of ours."""
    name, _, value = cookie.partition("=")
    return name == COOKIE and value in list_languages()


def set_language_cookie(response: Response, language: str, settings: Settings) -> None:
    response.set_cookie(
        COOKIE,
        language,
        max_age=int(COOKIE_LIFETIME.total_seconds()),
        path="/",
        secure=is_secure(settings),
        httponly=True,
        samesite="lax",
    )
