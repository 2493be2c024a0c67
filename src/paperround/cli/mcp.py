"""`paperround mcp`: the tools of /mcp for an agent on this machine, over standard input and output."""

from __future__ import annotations

import signal
from contextlib import AsyncExitStack, nullcontext

import typer

from paperround import event_loop
from paperround.accounts import api_keys
from paperround.accounts.api_keys import KeyHolder
from paperround.cli.context import CommandNotPossible, encoder_socket, load_settings, open_database
from paperround.database import Database, utc_now
from paperround.embeddings.client import EncoderClient
from paperround.resources import use_one_thread_for_products
from paperround.search.query_vectors import QUERY_ENCODING_TIMEOUT, QueryEncoder, load_query_prefix
from paperround.settings import Settings

app = typer.Typer()


@app.command(epilog="Example: PAPERROUND_MCP_KEY=pr_… paperround mcp")
def mcp() -> None:
    """Serve an agent on this machine over standard input and output (Model Context Protocol).

    The agent starts this command itself. With a reader's API key in PAPERROUND_MCP_KEY, or its file in
    PAPERROUND_MCP_KEY_FILE, it acts in that reader's name.
    """
    settings = load_settings("mcp")
    # A thread of the SDK's waits for input, and nothing interrupts it. What a call has begun is rolled back.
    for stop in event_loop.STOP_SIGNALS:
        signal.signal(stop, signal.SIG_DFL)
    use_one_thread_for_products()
    event_loop.run(_serve, settings)


async def _serve(settings: Settings) -> None:
    from paperround.web.mcp.callers import Caller
    from paperround.web.mcp.server import build_server

    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings, "paperround mcp", pool_size=2))
        await _require_known_key(settings, database)
        encoder = await stack.enter_async_context(
            EncoderClient(settings, encoder_socket(settings), timeout=QUERY_ENCODING_TIMEOUT, attempts=1)
        )
        user = Caller(
            database=database,
            query_encoder=QueryEncoder(encoder, load_prefix=lambda model: load_query_prefix(database, model)),
            settings=settings,
            find_holder=lambda: _find_holder(settings, database),
            take_turn=nullcontext,
        )
        await build_server(settings, user).run_stdio_async()


async def _find_holder(settings: Settings, database: Database) -> KeyHolder | None:
    """Find whose key is set. It is looked up for each call, since a key can be taken back."""
    if settings.mcp_key is None:
        return None
    return await api_keys.find_holder(database, settings.mcp_key.get_secret_value(), now=utc_now())


async def _require_known_key(settings: Settings, database: Database) -> None:
    if settings.mcp_key is not None and await _find_holder(settings, database) is None:
        raise CommandNotPossible(
            "The key in PAPERROUND_MCP_KEY is not valid.",
            advice=f"Make another one at {settings.address}/settings, or set none.",
        )
