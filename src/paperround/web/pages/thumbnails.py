"""Our own small pictures of papers. An address has one content for good, so browsers keep it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path
from starlette.responses import Response

from paperround.i18n.messages import gettext as _
from paperround.pictures.thumbnails import load_picture
from paperround.web.assets import FOR_GOOD
from paperround.web.dependencies import NotFound, Read
from paperround.web.router import Router

router = Router(include_in_schema=False)


@router.get("/thumbnails/{name}.{kind}")
async def show_thumbnail(
    session: Read, name: Annotated[str, Path(max_length=16)], kind: Literal["webp", "jpg"]
) -> Response:
    """Give a thumbnail as WebP or JPEG, while a paper shows it."""
    content = await load_picture(session, name, as_webp=kind == "webp")
    if content is None:
        raise NotFound(_("There is no such picture, or no paper shows it any more."))
    media_type = "image/webp" if kind == "webp" else "image/jpeg"
    return Response(content, media_type=media_type, headers={"Cache-Control": FOR_GOOD})
