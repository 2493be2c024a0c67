"""`/outbox`: the mail that no server was there to take, shown to whoever sits at this machine."""

from __future__ import annotations

import re
from email.message import EmailMessage
from typing import Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup, escape

from paperround import mail
from paperround.mail.outbox import NoSuchMessage, Stored
from paperround.mail.smtp_url import is_loopback
from paperround.settings import Settings
from paperround.web.dependencies import Config, NotFound, Now, Read, page
from paperround.web.security.middleware import HEADERS

SHOWN: Final = 100
SHOWN_HEADERS: Final = ("From", "To", "Date")
FORWARDING: Final = ("forwarded", "via", "x-real-ip")
LINK: Final = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)]")
FRAMING: Final = {
    "Content-Security-Policy": HEADERS["Content-Security-Policy"] + "; frame-src 'self'",
    "Cache-Control": "no-store",
}
# As strict as a mail program: no script, nothing loaded, links open outside. `allow-same-origin` lets our own
# script see how high the letter is; without `allow-scripts` the letter itself runs nothing.
FRAMED: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'self'; form-action 'none'; "
        "frame-ancestors 'self'; "
        "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"
    ),
    "Cache-Control": "no-store",
}


def shown_to(request: Request, settings: Settings) -> bool:
    """Mail has sign-in links in it: only where site, name and visitor are all on this machine."""
    forwarded = any(name in FORWARDING or name.startswith("x-forwarded-") for name in request.headers)
    asked_for = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    hosts = (settings.host, urlsplit(settings.address).hostname or "", asked_for)
    return not settings.smtp_url and not forwarded and all(map(is_loopback, hosts))


def at_this_machine(request: Request, settings: Config) -> None:
    if not shown_to(request, settings):
        raise NotFound("There is no such page.")


router = APIRouter(
    prefix="/outbox",
    include_in_schema=False,
    default_response_class=HTMLResponse,
    dependencies=[Depends(at_this_machine)],
)


@router.get("")
async def listed(request: Request, session: Read, settings: Config, now: Now) -> HTMLResponse:
    box = mail.outbox(settings)
    return await page(
        request,
        session,
        "outbox/list.html",
        messages=box.newest(SHOWN),
        folder=box.folder,
        now=now,
        most=SHOWN,
    )


@router.get("/{name}")
async def one(request: Request, session: Read, settings: Config, name: str) -> HTMLResponse:
    message = _found(settings, name).message
    answer = await page(
        request,
        session,
        "outbox/message.html",
        name=name,
        subject=message["Subject"] or "(no subject)",
        headers=[(header, message[header]) for header in SHOWN_HEADERS if message[header]],
        others=[(header, str(value)) for header, value in message.items() if header not in SHOWN_HEADERS],
        text=_with_links(_body(message, "plain")),
        has_html=bool(_body(message, "html")),
    )
    answer.headers.update(FRAMING)
    return answer


@router.get("/{name}/html")
async def body(settings: Config, name: str) -> HTMLResponse:
    """The message's HTML, to stand in a frame."""
    html = _body(_found(settings, name).message, "html")
    return HTMLResponse(html.replace("<head>", '<head><base target="_blank">', 1), headers=FRAMED)


def _found(settings: Config, name: str) -> Stored:
    try:
        return mail.outbox(settings).read(name)
    except NoSuchMessage as error:
        raise NotFound("The outbox has no such message.") from error


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part is not None else ""


def _with_links(text: str) -> Markup:
    """Plain text as HTML, addresses made links."""
    parts: list[Markup] = []
    end = 0
    for link in LINK.finditer(text):
        address = escape(link[0])
        parts += [escape(text[end : link.start()]), Markup('<a href="{0}">{0}</a>').format(address)]
        end = link.end()
    return Markup("").join([*parts, escape(text[end:])])
