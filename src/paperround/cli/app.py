"""`paperround`: the tree of commands. Each module beside this one has a group of them."""

from __future__ import annotations

import typer

from paperround.cli import bounces, database, doctor, embed, fit, ingest, mail, papers, processes, status, up
from paperround.cli.bugs import report_bug
from paperround.cli.context import fail
from paperround.failures import explain

app = typer.Typer(
    help="The day's research papers, delivered.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for group in (up, processes, ingest, embed, fit, mail, bounces, papers, status, doctor):
    app.add_typer(group.app)
app.add_typer(database.app, name="db")
app.add_typer(mail.digest_app, name="digest")


def main() -> None:
    """Run a command. Nobody sees a traceback.

    What goes wrong in a way that we know is shown in one paragraph. Anything else is a bug: it is shown as
    one line with a number, under which a file has the traceback.
    """
    try:
        app()
    except Exception as error:  # noqa: BLE001 (nothing is swallowed: it is told, and recorded if it is a bug)
        explanation = explain(error)
        fail(explanation.detail if explanation else report_bug(error))
