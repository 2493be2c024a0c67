"""An encoder of one command's own, for a model that no running encoder serves."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from paperround import supervisor
from paperround.embeddings import bundled_model
from paperround.embeddings.client import Encoder, EncoderError, EncoderMisconfigured, EncoderUnavailable
from paperround.settings import Settings, environment_with

START: Final = 600.0  # seconds; a model may have to be downloaded first
POLL: Final = 0.5


@asynccontextmanager
async def encoder_of(settings: Settings, socket: Path) -> AsyncIterator[Encoder]:
    """The encoder for the settings' model: the one at `ENCODER_URL`, the running one at `socket` if it serves
    that model, else a child that ends with us. Raises `EncoderError` when none can be had.
    """
    async with Encoder(settings, socket, patience=5) as running:
        served = await _serves(running)
    if served or settings.encoder_url:
        async with Encoder(settings, socket) as encoder:
            yield encoder
        return
    with tempfile.TemporaryDirectory(prefix="paperround-") as folder:
        own = Path(folder) / "encoder.sock"
        async with _child(settings, own) as ended, Encoder(settings, own) as encoder:
            await _started(encoder, ended)
            yield encoder


async def _serves(encoder: Encoder) -> bool:
    """Whether it answers for this model. At `ENCODER_URL` who can't is told so by the first real request."""
    try:
        await encoder.model()
    except (EncoderUnavailable, EncoderMisconfigured):
        return False
    return True


@asynccontextmanager
async def _child(settings: Settings, socket: Path) -> AsyncIterator[Callable[[], int | None]]:
    """`paperround encoder` at `socket`; yields what tells its exit code, None while it runs."""
    environment = environment_with(embedding_model=settings.embedding_model or bundled_model.NAME)
    child = await supervisor.spawn(["encoder", "--socket", str(socket)], environment)
    ended = asyncio.create_task(child.wait())
    try:
        yield lambda: child.returncode
    finally:
        await supervisor.end(child, ended)


async def _started(encoder: Encoder, exit_code: Callable[[], int | None]) -> None:
    async with asyncio.timeout(START):
        while not await _serves(encoder):
            if exit_code() is not None:
                raise EncoderError(
                    f"The encoder for {encoder.name} did not start; what it wrote above says why."
                )
            await asyncio.sleep(POLL)
