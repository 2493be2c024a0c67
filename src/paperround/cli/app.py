"""`paperround`: the tree of commands. Each module beside this one has a group of them."""

from __future__ import annotations

import typer
from sqlalchemy.exc import DBAPIError

from paperround.cli import bounces, database, doctor, embed, ingest, mail, papers, processes, status
from paperround.cli.context import fail
from paperround.database import DatabaseUnavailable
from paperround.errors import PaperroundError

app = typer.Typer(
    help="The day's research papers, delivered.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for group in (processes, ingest, embed, mail, bounces, papers, status, doctor):
    app.add_typer(group.app)
app.add_typer(database.app, name="db")
app.add_typer(mail.digest_app, name="digest")


def main() -> None:
    """Run a command. What goes wrong in a way that we know is shown in one paragraph."""
    try:
        app()
    except PaperroundError as error:
        fail(error.detail)
    except DBAPIError as error:
        fail(DatabaseUnavailable.from_driver(error).detail)
