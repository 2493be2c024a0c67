"""Starts an encoder for a single command if no running encoder serves its model."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from paperround import privileges, supervisor
from paperround.embeddings import bundled_model
from paperround.embeddings.client import EncoderClient, EncoderError, EncoderMisconfigured, EncoderUnavailable
from paperround.settings import Settings

START_TIMEOUT: Final = 600.0  # seconds; a model may have to be downloaded first
STARTUP_POLL_INTERVAL: Final = 0.5


@asynccontextmanager
async def connect_encoder(settings: Settings, socket: Path) -> AsyncIterator[EncoderClient]:
    """Connect to an encoder for the settings' model. Raises `EncoderError` if none can be started.

    This is the one at `ENCODER_URL`, the running one at `socket` if it serves that model, or else a child
    process that ends with this context.
    """
    async with EncoderClient(settings, socket, timeout=5) as running:
        served = await _serves(running)
    if served or settings.encoder_url:
        async with EncoderClient(settings, socket) as encoder:
            yield encoder
        return
    with tempfile.TemporaryDirectory(prefix="paperround-") as folder:
        privileges.hand_over_folder(Path(folder))
        child_socket = Path(folder) / "encoder.sock"
        async with (
            _run_child(settings, child_socket) as ended,
            EncoderClient(settings, child_socket) as encoder,
        ):
            await _wait_until_started(encoder, ended)
            yield encoder


async def _serves(encoder: EncoderClient) -> bool:
    """Tell whether it serves this model. At `ENCODER_URL`, the first real request reports why it doesn't."""
    try:
        await encoder.describe_model()
    except (EncoderUnavailable, EncoderMisconfigured):
        return False
    return True


@asynccontextmanager
async def _run_child(settings: Settings, socket: Path) -> AsyncIterator[Callable[[], int | None]]:
    """Run `paperround encoder` at `socket`. Yields a function for its exit code, None while it runs."""
    privileges.prepare_data_folder(settings)
    launch = privileges.plan_launch(
        settings,
        ["encoder", "--socket", str(socket)],
        embedding_model=settings.embedding_model or bundled_model.NAME,
    )
    child = await supervisor.spawn(launch)
    ended = asyncio.create_task(child.wait())
    try:
        yield lambda: child.returncode
    finally:
        await supervisor.stop_process(child, ended)


async def _wait_until_started(encoder: EncoderClient, exit_code: Callable[[], int | None]) -> None:
    async with asyncio.timeout(START_TIMEOUT):
        while not await _serves(encoder):
            if exit_code() is not None:
                raise EncoderError(
                    f"The encoder for {encoder.name} did not start; what it wrote above says why."
                )
            await asyncio.sleep(STARTUP_POLL_INTERVAL)
