"""`/outbox`: the mail written to a folder while no server is set, shown to whoever runs the program.

Its mail has sign-in links, so nothing that a browser sends unsigned opens it. The operator gets a link that
works once from the terminal, and the browser then holds a signed cookie.
"""

from __future__ import annotations

import re
from email.message import EmailMessage
from typing import Annotated, Final

from fastapi import Depends, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from markupsafe import Markup, escape
from starlette.responses import Response

from paperround import mail
from paperround.errors import PaperroundError
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message
from paperround.mail import outbox_keys
from paperround.mail.outbox import MessageNotFound, StoredMessage
from paperround.web.dependencies import Config, NotFound, Now, Read, render_page, signer_of
from paperround.web.router import Router
from paperround.web.security import cookies
from paperround.web.security.middleware import HEADERS

MAX_MESSAGES: Final = 100
SHOWN_HEADERS: Final = ("From", "To", "Date")
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


class OutboxClosed(PaperroundError):
    """The browser has not opened the outbox with a key."""

    title = mark_message("Only for whoever runs this site")
    status = 403
    advice = mark_message(
        "Open the link that `paperround up` printed, or run `paperround outbox` for a new one."
    )


async def require_outbox(settings: Config) -> None:
    """Require that mail goes to the outbox at all."""
    if settings.smtp_url:
        raise NotFound(_("There is no such page."))


async def require_operator(request: Request) -> None:
    """Require the signed cookie of a browser that opened the outbox with a key. Raises `OutboxClosed`."""
    if not cookies.holds_outbox_cookie(request, signer_of(request)):
        raise OutboxClosed(
            _("The outbox holds everybody’s mail, so opening it takes a link from the terminal.")
        )


ForOperator = [Depends(require_operator)]
router = Router(
    prefix="/outbox",
    include_in_schema=False,
    default_response_class=HTMLResponse,
    dependencies=[Depends(require_outbox)],
)


@router.get("/open/{key}")
async def open_with_key(
    request: Request, settings: Config, now: Now, key: Annotated[str, Path(max_length=100)]
) -> Response:
    """Use a key from the terminal. The browser may look into the outbox from then on."""
    if not outbox_keys.use_key(mail.open_outbox(settings), key, now=now):
        raise OutboxClosed(_("This link was used already, or is more than a day old."))
    response = RedirectResponse("/outbox", 303, headers={"Cache-Control": "no-store"})
    cookies.set_outbox_cookie(response, signer_of(request), settings)
    return response


@router.get("", dependencies=ForOperator)
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


@router.get("/{name}", dependencies=ForOperator)
async def show_message(request: Request, session: Read, settings: Config, name: str) -> HTMLResponse:
    message = _read_message_or_404(settings, name).message
    response = await render_page(
        request,
        session,
        "outbox/message.html",
        name=name,
        subject=message["Subject"] or _("(no subject)"),
        headers=[(header, message[header]) for header in SHOWN_HEADERS if message[header]],
        others=[(header, str(value)) for header, value in message.items() if header not in SHOWN_HEADERS],
        text=_link_addresses(_extract_body(message, "plain")),
        has_html=bool(_extract_body(message, "html")),
    )
    response.headers.update(FRAME_PAGE_HEADERS)
    return response


@router.get("/{name}/html", dependencies=ForOperator)
async def show_body(settings: Config, name: str) -> HTMLResponse:
    """Show the message's HTML, which stands in a frame."""
    html = _extract_body(_read_message_or_404(settings, name).message, "html")
    return HTMLResponse(html.replace("<head>", '<head><base target="_blank">', 1), headers=FRAMED_HEADERS)


def _read_message_or_404(settings: Config, name: str) -> StoredMessage:
    try:
        return mail.open_outbox(settings).read_message(name)
    except MessageNotFound as error:
        raise NotFound(_("The outbox has no such message.")) from error


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
