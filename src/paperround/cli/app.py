"""`paperround`: each command reads the settings and calls one function."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console
from sqlalchemy.exc import DBAPIError

from paperround import schema
from paperround.backups import BackupError
from paperround.cli import mail, processes
from paperround.cli import status as cli_status
from paperround.cli.context import console, database, fail, ready, with_database
from paperround.cli.database import database_app
from paperround.embeddings.client import EncoderError
from paperround.embeddings.models import ModelNotDroppable
from paperround.feeds.schedule import FutureDay
from paperround.mail import MailSettingsError
from paperround.mail.outbox import NoSuchMessage
from paperround.papers import arxiv_id
from paperround.postgres import PostgresError
from paperround.settings import FeedName
from paperround.text.email_address import NotAnAddress, normalised

app = typer.Typer(
    help="The day's research papers, delivered.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(database_app, name="db")
digest_app = typer.Typer(help="Digests by mail.", no_args_is_help=True)
app.add_typer(digest_app, name="digest")

Lifeline = Annotated[bool, typer.Option("--lifeline", hidden=True, help="End when the input closes.")]
FORMATS = ["%Y-%m-%d"]
DAY = "YYYY-MM-DD"


def main() -> None:
    """Run a command; what goes wrong in a way that we know is said in one paragraph."""
    try:
        app()
    except (
        PostgresError,
        BackupError,
        schema.SchemaError,
        processes.CannotRun,
        FutureDay,
        EncoderError,
        ModelNotDroppable,
        MailSettingsError,
        NotAnAddress,
    ) as error:
        fail(str(error))
    except NoSuchMessage as error:
        fail(f"The outbox has no message {error}. `paperround outbox` lists them.")
    except ValidationError as error:
        faults = "\n".join(f"PAPERROUND_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors())
        fail(f"These settings can't be used:\n{faults}")
    except DBAPIError as error:
        fail(f"The database can't be used: {str(error.orig).strip()}\nCheck PAPERROUND_DATABASE_URL.")


@app.command(epilog="Example: PAPERROUND_PORT=9000 paperround up")
def up() -> None:
    """Run everything on this machine: database, encoder, worker, clock and web."""
    processes.everything(ready("up"), console)


@app.command(epilog="Example: PAPERROUND_DATABASE_URL=postgresql://db/papers paperround web")
def web(lifeline: Lifeline = False) -> None:
    """Serve the pages and the API."""
    settings = ready("web", lifeline=lifeline)
    with database(settings) as url:
        processes.web(settings, url)


@app.command(epilog="Example: PAPERROUND_DATABASE_URL=postgresql://db/papers paperround worker")
def worker(lifeline: Lifeline = False) -> None:
    """Read feeds and embed papers. Any number may run, on any number of hosts."""
    settings = ready("worker", lifeline=lifeline)
    with database(settings) as url:
        asyncio.run(processes.worker(settings, url))


@app.command(epilog="Example: PAPERROUND_DATABASE_URL=postgresql://db/papers paperround clock")
def clock(lifeline: Lifeline = False) -> None:
    """Say when: put what is due on the queue. One is enough, two do no harm."""
    settings = ready("clock", lifeline=lifeline)
    with database(settings) as url:
        asyncio.run(processes.clock(url))


@app.command(epilog="Example: paperround encoder --host 0.0.0.0 --port 8100")
def encoder(
    host: Annotated[str | None, typer.Option(help="Listen on an address instead of a Unix socket.")] = None,
    port: Annotated[int, typer.Option(help="The port, with --host.")] = 8100,
    socket: Annotated[Path | None, typer.Option(hidden=True, help="Another Unix socket.")] = None,
    lifeline: Lifeline = False,
) -> None:
    """Turn text into vectors: for this machine on a Unix socket, or for others on an address."""
    processes.encoder(ready("encoder", lifeline=lifeline), host, port, socket)


@app.command(epilog="Example: paperround ingest --feed arxiv --from 2026-10-01 --to 2026-10-31")
def ingest(
    feed: Annotated[FeedName, typer.Option(help="The feed to read.")] = "huggingface",
    date: Annotated[datetime | None, typer.Option(help="One day.", formats=FORMATS, metavar=DAY)] = None,
    from_: Annotated[
        datetime | None, typer.Option("--from", help="The first day.", formats=FORMATS, metavar=DAY)
    ] = None,
    to: Annotated[
        datetime | None, typer.Option(help="The last day, else today.", formats=FORMATS, metavar=DAY)
    ] = None,
) -> None:
    """Read days of a feed now. Without a day: those that are due."""
    settings = ready("ingest")
    days = processes.days_between(date, from_, to)
    with database(settings) as url:
        schema.upgrade(url)
        missing = asyncio.run(processes.ingest(settings, url, feed, days, console))
    if missing:
        raise SystemExit(1)


@app.command(epilog="Example: paperround embed --model BAAI/bge-small-en-v1.5 --activate")
def embed(
    model: Annotated[
        str | None, typer.Option(help="A model by name or folder; else that of PAPERROUND_EMBEDDING_MODEL.")
    ] = None,
    activate: Annotated[bool, typer.Option(help="Switch to it when it is complete.")] = False,
    drop: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Remove a model's vectors and index instead.")
    ] = None,
) -> None:
    """Fill a model's vectors beside the current one's. Interrupted, it goes on where it was."""
    if drop and (model or activate):
        fail("Give --drop alone.")
    settings = ready("embed")
    if model:
        settings = settings.model_copy(update={"embedding_model": model})
    with database(settings) as url:
        schema.upgrade(url)
        if drop:
            asyncio.run(processes.drop_model(url, drop, console))
        elif not asyncio.run(processes.embed(settings, url, activate=activate, console=console)):
            raise SystemExit(1)


@app.command(epilog="Example: paperround outbox")
def outbox(
    name: Annotated[str | None, typer.Argument(help="A message's file, to be shown.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many are listed.")] = 20,
) -> None:
    """The mail that was written to the outbox folder, since no server is set."""
    settings = ready("outbox")
    out = Console(highlight=False)
    if name:
        cli_status.show_message(settings, name, out)
    else:
        cli_status.show_outbox(settings, out, limit=limit)


@app.command(epilog="Example: paperround remove 2510.12345")
def remove(
    paper_id: Annotated[str, typer.Argument(metavar="ID", help="An arXiv id, or a paper's address.")],
    undo: Annotated[bool, typer.Option("--undo", help="Let feeds bring it back.")] = False,
) -> None:
    """Take a paper out with its votes, notes and ratings. No feed or reader brings it back."""
    named = arxiv_id.named(paper_id)
    if named is None:
        fail(f"{paper_id[:60]!r} is no arXiv id and no address of a paper.")
    settings = ready("remove")
    with database(settings) as url:
        schema.upgrade(url)
        asyncio.run(processes.remove_paper(url, named, undo=undo, console=console))


@app.command(epilog="Example: paperround status")
def status() -> None:
    """How reading, embedding and the queue go."""
    settings = ready("status")
    out = Console(highlight=False)
    with database(settings) as url:
        asyncio.run(with_database(url, lambda found: cli_status.show_status(settings, found, out)))


@app.command(epilog="Example: paperround doctor")
def doctor(
    database_address: Annotated[
        bool, typer.Option("--database-address", help="Only the database's address, for pg_dump and psql.")
    ] = False,
) -> None:
    """The settings in force, secrets hidden, and whether the database can be used."""
    settings = ready("doctor")
    out = Console(highlight=False)
    if database_address:
        with database(settings) as url:
            out.print(url.replace("postgresql+psycopg:", "postgresql:"), markup=False, soft_wrap=True)
        return
    for name, value in settings:
        out.print(f"PAPERROUND_{name.upper()} = {value}", markup=False, soft_wrap=True)
    with database(settings) as url:
        asyncio.run(with_database(url, lambda found: cli_status.check_database(found, out)))


@digest_app.command(epilog="Example: paperround digest preview ada@example.org")
def preview(
    address: Annotated[str, typer.Argument(help="Whose digest; one without a subscription will do.")],
    folder: Annotated[Path, typer.Option(help="Where digest.eml and digest.html are written.")] = Path(),
) -> None:
    """Write the digest that an address would get now, as a message and as a page. Nothing is sent."""
    settings = ready("digest")
    with database(settings) as url:
        asyncio.run(mail.preview(settings, url, normalised(address), folder, console))


@digest_app.command("send-due", epilog="Example: paperround digest send-due")
def send_due() -> None:
    """Send every digest that is due now. Workers do so by themselves; several at once share the work."""
    settings = ready("digest")
    with database(settings) as url:
        asyncio.run(mail.send_due(settings, url, console))


@digest_app.command(epilog="Example: paperround digest resend 4711")
def resend(
    delivery: Annotated[int | None, typer.Argument(help="One of them, by its number.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
) -> None:
    """Send uncertain digests again: those that may have arrived or not. Without an argument: list them."""
    settings = ready("digest")
    with database(settings) as url:
        if delivery is None and not everything:
            asyncio.run(mail.uncertain(url, console))
        else:
            asyncio.run(mail.resend(settings, url, delivery, console))


@app.command(epilog="Example: paperround bounces < message.eml")
def bounces(
    folder: Annotated[
        Path | None, typer.Argument(help="A folder of messages, such as a Maildir's new.")
    ] = None,
) -> None:
    """Read mail that came back: from the input, or all of a folder. What doesn't work is mailed no more."""
    settings = ready("bounces")
    with database(settings) as url:
        asyncio.run(mail.take_bounces(settings, url, folder, console))
