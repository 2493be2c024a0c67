"""The commands of mail: preview a digest, send what is due, look into the outbox."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from paperround import event_loop, mail
from paperround.cli.console import console, fail, output
from paperround.cli.context import load_settings, open_database
from paperround.cli.outbox_link import make_outbox_link
from paperround.cli.status import format_time
from paperround.database import Database, utc_now
from paperround.digests import channel_run, delivery, ledger, preview
from paperround.digests.links import DigestLinks
from paperround.mail.recipients import normalise_recipient
from paperround.private_files import Purpose, open_private_file
from paperround.security_events import SecurityEvent, record_security_event
from paperround.settings import Settings
from paperround.tokens import load_signer

app = typer.Typer()
digest_app = typer.Typer(help="Digests by mail.", no_args_is_help=True)


@digest_app.command("preview", epilog="Example: paperround digest preview ada@example.org")
def preview_digest(
    address: Annotated[str, typer.Argument(help="Whose digest; one without a subscription will do.")],
    folder: Annotated[Path, typer.Option(help="Where digest.eml and digest.html are written.")] = Path(),
) -> None:
    """Write the digest that an address would get now, as a message and as a page. Nothing is sent."""
    settings = load_settings("digest")
    event_loop.run(_preview, settings, normalise_recipient(address, settings), folder)


async def _preview(settings: Settings, address: str, folder: Path) -> None:
    async with open_links(settings) as (database, links):
        rendered = await preview.render_preview(database, links, settings.site_name, address, now=utc_now())
    _write_preview(rendered, address, folder)


def _write_preview(rendered: preview.DigestPreview, address: str, folder: Path) -> None:
    if not rendered.has_subscription:
        console.print(f"{address} has no subscription: this is what a new one would get.", markup=False)
    folder.mkdir(parents=True, exist_ok=True)
    _write_private(folder / "digest.eml", rendered.message)
    _write_private(folder / "digest.html", rendered.page.encode())
    console.print(
        f"{folder / 'digest.eml'} and {folder / 'digest.html'} have {rendered.papers} papers.",
        markup=False,
    )


def _write_private(file: Path, content: bytes) -> None:
    """Write a file that nobody else may read: it holds a reader's address and links that are theirs."""
    file.unlink(missing_ok=True)  # it may be an older one that others can read
    with os.fdopen(open_private_file(file, Purpose.new), "wb") as output_file:
        output_file.write(content)


@digest_app.command("send-due", epilog="Example: paperround digest send-due")
def send_due() -> None:
    """Send every digest that is due now. Workers do so by themselves; several at once share the work."""
    event_loop.run(_send_due, load_settings("digest"))


async def _send_due(settings: Settings) -> None:
    async with (
        open_database(settings, "paperround digest", pool_size=8) as database,
        delivery.open_context(settings, database) as context,
        channel_run.open_channel_run(settings, database) as run,
    ):
        counts = await delivery.send_due_digests(context)
        counts += await run.send() if run is not None else Counter()
    summary = ", ".join(f"{number} {state.value}" for state, number in counts.items())
    console.print(f"Digests: {summary or 'none is due'}.")


@digest_app.command(epilog="Example: paperround digest resend 4711")
def resend(
    delivery: Annotated[int | None, typer.Argument(help="One of them, by its number.")] = None,
    send_all: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
) -> None:
    """Send uncertain digests again: those that may have arrived or not. Without an argument: list them."""
    if delivery is not None and send_all:
        fail("Give the number of one digest, or --all, not both.")
    settings = load_settings("digest")
    if delivery is None and not send_all:
        event_loop.run(_list_uncertain, settings)
    else:
        event_loop.run(_resend, settings, delivery)


async def _resend(settings: Settings, delivery_id: int | None) -> None:
    async with open_links(settings) as (database, _), database.write_session() as session:
        number = await ledger.resend(session, now=utc_now(), delivery_id=delivery_id)
    record_security_event(SecurityEvent.digests_resent, subject=delivery_id or "all")
    console.print(f"{number} uncertain {'digest is' if number == 1 else 'digests are'} queued again.")


async def _list_uncertain(settings: Settings) -> None:
    async with (
        open_database(settings, "paperround digest") as database,
        database.read_session() as session,
    ):
        for uncertain in await ledger.list_uncertain(session):
            console.print(
                f"{uncertain.id}  due {format_time(uncertain.due_at)}  {uncertain.smtp_response}",
                markup=False,
                soft_wrap=True,
            )


@app.command(epilog="Example: paperround outbox")
def outbox(
    name: Annotated[str | None, typer.Argument(help="A message's file, to be shown.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many are listed.")] = 20,
) -> None:
    """The mail that was written to the outbox folder because no server is set."""
    settings = load_settings("outbox")
    if name:
        _show_message(settings, name)
    else:
        _list_outbox(settings, limit)


def _list_outbox(settings: Settings, limit: int) -> None:
    box = mail.open_outbox(settings)
    messages = box.list_newest(limit)
    if not messages:
        output.print(f"No mail is in {box.folder}.", markup=False, soft_wrap=True)
        return
    table = Table("written", "to", "subject", "file", box=None)
    for stored in messages:
        message = stored.message
        table.add_row(format_time(stored.at), str(message["To"]), str(message["Subject"]), stored.name)
    output.print(table, soft_wrap=True)
    if settings.smtp_url is None:
        console.print(f"In a browser: {make_outbox_link(settings)}  (this link works once)", soft_wrap=True)


def _show_message(settings: Settings, name: str) -> None:
    message = mail.open_outbox(settings).read_message(name).message
    for header in ("From", "To", "Subject", "Date"):
        output.print(f"{header}: {message[header]}", markup=False, soft_wrap=True)
    body = message.get_body(("plain", "html"))
    output.print(f"\n{body.get_content() if body else ''}", markup=False, soft_wrap=True)


@asynccontextmanager
async def open_links(settings: Settings) -> AsyncIterator[tuple[Database, DigestLinks]]:
    """Open the database, and the links that are signed with its key."""
    async with open_database(settings, "paperround digest", pool_size=4) as database:
        yield database, DigestLinks.from_settings(settings, await load_signer(database, settings))
