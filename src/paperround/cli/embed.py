"""`paperround embed`: fill a model's vectors, switch to it, or drop it."""

from __future__ import annotations

from typing import Annotated

import typer

from paperround import event_loop
from paperround.cli.console import console, fail
from paperround.cli.context import encoder_socket, load_settings, open_database
from paperround.database import utc_now
from paperround.embeddings import backfill, models
from paperround.embeddings.encoder_process import connect_encoder
from paperround.embeddings.prefixes import MAX_PREFIX_LENGTH
from paperround.embeddings.progress import EmbeddingProgress
from paperround.settings import Settings

app = typer.Typer()


@app.command(epilog="Example: paperround embed --model BAAI/bge-small-en-v1.5 --activate")
def embed(
    model: Annotated[
        str | None,
        typer.Option(help="A model by name or folder. Default: PAPERROUND_EMBEDDING_MODEL."),
    ] = None,
    activate: Annotated[bool, typer.Option(help="Switch to it when it is complete.")] = False,
    query_prefix: Annotated[
        str | None,
        typer.Option(
            help="What the model wants to read before a question, where it isn't a known one; kept with it."
        ),
    ] = None,
    drop: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Remove a model's vectors and index instead.")
    ] = None,
) -> None:
    """Fill a model's vectors beside the current one's. If interrupted, it resumes where it was."""
    if drop and (model or activate or query_prefix is not None):
        fail("Use --drop on its own.")
    if query_prefix is not None and len(query_prefix) > MAX_PREFIX_LENGTH:
        fail(f"--query-prefix has at most {MAX_PREFIX_LENGTH} characters.")
    settings = load_settings("embed")
    if model:
        settings = settings.model_copy(update={"embedding_model": model})
    if drop:
        event_loop.run(_drop_model, settings, drop)
    elif not event_loop.run(_embed, settings, activate=activate, query_prefix=query_prefix):
        raise SystemExit(1)


async def _embed(settings: Settings, *, activate: bool, query_prefix: str | None) -> bool:
    """Fill the vectors of the settings' model. Returns False where it could not be activated."""
    async with (
        open_database(settings, "paperround embed", pool_size=2, schema_rule="upgrade") as database,
        connect_encoder(settings, encoder_socket(settings)) as encoder,
    ):
        with EmbeddingProgress(console) as progress:
            model_id = await models.register(database, await encoder.describe_model(), now=utc_now())
            if query_prefix is not None:
                await models.set_query_prefix(database, encoder.name, query_prefix)
            async with database.read_session() as session:
                progress.total = await backfill.count_missing_vectors(session, model_id, now=utc_now())
            embedded = await backfill.backfill_vectors(database, encoder, on_progress=progress.update)
        console.print(f"{embedded:,} papers embedded with {encoder.name}.", markup=False)
        if not activate:
            return True
        is_active = await backfill.activate_if_complete(database, encoder.name, wait=True)
    console.print(
        f"{encoder.name} is the current model. Set PAPERROUND_EMBEDDING_MODEL to it and start Paperround "
        "again, so that new papers and questions are embedded with it too."
        if is_active
        else f"{encoder.name} still lacks papers: they came meanwhile, or another process embeds them. "
        "Try again.",
        markup=False,
    )
    return is_active


async def _drop_model(settings: Settings, name: str) -> None:
    async with open_database(settings, "paperround embed", schema_rule="upgrade") as database:
        vectors = await models.drop(database, name)
    console.print(f"{name} is gone, with its index and {vectors:,} vectors.", markup=False)
