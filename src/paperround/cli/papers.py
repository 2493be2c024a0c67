"""`paperround remove`: take a paper out of the catalogue for good."""

from __future__ import annotations

from typing import Annotated

import typer

from paperround import event_loop
from paperround.cli.console import console, fail
from paperround.cli.context import load_settings, open_database
from paperround.database import utc_now
from paperround.papers import arxiv_id, removal
from paperround.security_events import SecurityEvent, record_security_event
from paperround.settings import Settings

app = typer.Typer()


@app.command(epilog="Example: paperround remove 2510.12345")
def remove(
    paper_id: Annotated[str, typer.Argument(metavar="ID", help="An arXiv id, or a paper's address.")],
    undo: Annotated[bool, typer.Option("--undo", help="Let feeds bring it back.")] = False,
) -> None:
    """Remove a paper with its votes, notes and ratings. No feed or reader can bring it back."""
    parsed_id = arxiv_id.parse_id_or_url(paper_id)
    if parsed_id is None:
        fail(f"{paper_id[:60]!r} is neither an arXiv id nor the address of a paper.")
    event_loop.run(_remove_paper, load_settings("remove"), parsed_id, undo=undo)


async def _remove_paper(settings: Settings, paper_id: str, *, undo: bool) -> None:
    async with (
        open_database(settings, "paperround remove", schema_rule="upgrade") as database,
        database.write_session() as session,
    ):
        if undo:
            was_removed = await removal.readmit_paper(session, paper_id)
            outcome = "may come back with the next reading" if was_removed else "had not been removed"
        else:
            was_there = await removal.remove_paper(session, paper_id, now=utc_now())
            outcome = "was removed, and stays away" if was_there else "wasn't here, and will be kept away"
    event = SecurityEvent.paper_readmitted if undo else SecurityEvent.paper_removed
    record_security_event(event, subject=paper_id)
    console.print(f"{paper_id} {outcome}.", markup=False)
