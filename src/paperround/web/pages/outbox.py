"""`/outbox`: the mail written to a folder while no server is set, shown to visitors on this machine."""

from __future__ import annotations

import re
from email.message import EmailMessage
from typing import Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup, escape

from paperround import mail
from paperround.mail.outbox import MessageNotFound, StoredMessage
from paperround.mail.smtp_url import is_loopback
from paperround.settings import Settings
from paperround.web.dependencies import Config, NotFound, Now, Read, render_page
from paperround.web.security.middleware import HEADERS

MAX_MESSAGES: Final = 100
SHOWN_HEADERS: Final = ("From", "To", "Date")
FORWARDING_HEADERS: Final = ("forwarded", "via", "x-real-ip")
LINK: Final = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)]")
FRAME_PAGE_HEADERS: Final = {
    "Content-Security-Policy": HEADERS["Content-Security-Policy"] + "; frame-src 'self'",
    "Cache-Control": "no-store",
}
# As strict as a mail program: no script, nothing loaded, links open in a new tab. `allow-same-origin` lets
# our own script measure the message's height; without `allow-scripts` the message itself runs nothing.
FRAMED_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'self'; form-action 'none'; "
        "frame-ancestors 'self'; "
        "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox"
    ),
    "Cache-Control": "no-store",
}


def is_local_visitor(request: Request, settings: Settings) -> bool:
    """Tell whether site, host name and visitor are all on this machine: mail has sign-in links in it."""
    forwarded = any(name in FORWARDING_HEADERS or name.startswith("x-forwarded-") for name in request.headers)
    requested_host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    hosts = (settings.host, urlsplit(settings.address).hostname or "", requested_host)
    return not settings.smtp_url and not forwarded and all(map(is_loopback, hosts))


def require_local_visitor(request: Request, settings: Config) -> None:
    if not is_local_visitor(request, settings):
        raise NotFound("There is no such page.")


router = APIRouter(
    prefix="/outbox",
    include_in_schema=False,
    default_response_class=HTMLResponse,
    dependencies=[Depends(require_local_visitor)],
)


@router.get("")
async def list_messages(request: Request, session: Read, settings: Config, now: Now) -> HTMLResponse:
    box = mail.open_outbox(settings)
    return await render_page(
        request,
        session,
        "outbox/list.html",
        messages=box.list_newest(MAX_MESSAGES),
        folder=box.folder,
        now=now,
        most=MAX_MESSAGES,
    )


@router.get("/{name}")
async def show_message(request: Request, session: Read, settings: Config, name: str) -> HTMLResponse:
    message = _read_message_or_404(settings, name).message
    response = await render_page(
        request,
        session,
        "outbox/message.html",
        name=name,
        subject=message["Subject"] or "(no subject)",
        headers=[(header, message[header]) for header in SHOWN_HEADERS if message[header]],
        others=[(header, str(value)) for header, value in message.items() if header not in SHOWN_HEADERS],
        text=_link_addresses(_extract_body(message, "plain")),
        has_html=bool(_extract_body(message, "html")),
    )
    response.headers.update(FRAME_PAGE_HEADERS)
    return response


@router.get("/{name}/html")
async def show_body(settings: Config, name: str) -> HTMLResponse:
    """Show the message's HTML, which stands in a frame."""
    html = _extract_body(_read_message_or_404(settings, name).message, "html")
    return HTMLResponse(html.replace("<head>", '<head><base target="_blank">', 1), headers=FRAMED_HEADERS)


def _read_message_or_404(settings: Config, name: str) -> StoredMessage:
    try:
        return mail.open_outbox(settings).read_message(name)
    except MessageNotFound as error:
        raise NotFound("The outbox has no such message.") from error


def _extract_body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part is not None else ""


def _link_addresses(text: str) -> Markup:
    """Turn plain text into HTML, with addresses as links."""
    parts: list[Markup] = []
    end = 0
    for link in LINK.finditer(text):
        address = escape(link[0])
        parts += [escape(text[end : link.start()]), Markup('<a href="{0}">{0}</a>').format(address)]
        end = link.end()
    return Markup("").join([*parts, escape(text[end:])])
