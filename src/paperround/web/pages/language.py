"""Chooses the language of a browser's pages, from the foot of each. Readers have a setting."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, Request
from starlette.responses import Response

from paperround.i18n.languages import list_languages
from paperround.i18n.messages import gettext as _
from paperround.web.dependencies import BadRequest, Config
from paperround.web.language import set_language_cookie
from paperround.web.router import Router
from paperround.web.viewer import redirect_to_page

router = Router(include_in_schema=False)


@router.post("/language")
async def choose_language(
    request: Request, settings: Config, language: Annotated[str, Form(max_length=20)]
) -> Response:
    if language not in list_languages():
        raise BadRequest(_("There is no such language here. Choose one at the foot of a page."))
    response = redirect_to_page(request)
    set_language_cookie(response, language, settings)
    return response
