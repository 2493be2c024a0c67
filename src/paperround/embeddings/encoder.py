"""The encoder process: text → vectors behind the OpenAI embeddings protocol. Alone imports torch."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hmac
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import AF_INET, AF_INET6, AF_UNIX, SOCK_STREAM, create_server
from socket import socket as Socket  # noqa: N812 - a type here; `socket` is the path that callers give

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from paperround.embeddings import bundled_model
from paperround.embeddings.protocol import (
    Vectors,
    as_answer,
    as_openai_error,
    bounded_body,
    nobody_there,
    understand,
)
from paperround.resources import usable_cores
from paperround.settings import Settings

BATCH = 16  # texts in one forward pass: on a CPU as fast as 32, and a search waits half as long
QUESTION = 500  # characters; one text that is no longer is encoded on one core
MAX_WAITING = 32  # requests at once; the next is told to come back
COME_BACK = 2  # seconds


@dataclass(frozen=True)
class Model:
    """A loaded model. `encode` takes up to BATCH texts and gives one unit row each."""

    name: str
    dimensions: int
    encode: Callable[[Sequence[str]], Vectors]


# --- The model -------------------------------------------------------------------------------------------


def load(settings: Settings) -> Model:
    """The packaged model, checked, or the one that the settings name. ModelDamaged: files differ."""
    name = settings.embedding_model or bundled_model.NAME
    where = str(packaged_folder()) if name == bundled_model.NAME else name
    if Path(where).is_dir():  # read when the hub's libraries are imported: no request at run time
        os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    # oneDNN keeps code for each length of text it met, 1,024 of them unless told: 300 MB more.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "32")
    import torch
    from sentence_transformers import SentenceTransformer

    cores = usable_cores()
    transformer = SentenceTransformer(where, trust_remote_code=False).eval()
    bf16 = transformer.device.type == "cpu" and multiplies_bfloat16()

    def encode(texts: Sequence[str]) -> Vectors:
        # Threads wait for each other longer than they save on a question, and leave no core to the others.
        torch.set_num_threads(1 if len(texts) == 1 and len(texts[0]) <= QUESTION else cores)
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
            rows = transformer.encode(
                list(texts), batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False
            )
        return np.asarray(rows, np.float32)

    return Model(name, encode(["warm-up"]).shape[1], encode)


def packaged_folder() -> Path:
    folder = bundled_model.folder()
    bundled_model.check(folder)
    return folder


def multiplies_bfloat16() -> bool:
    """Whether this CPU has bfloat16 products: 1.7 to 2 times as fast, cosine to float32 over .9999."""
    import torch

    has: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # not in every torch we allow
    return bool(has.get("amx_bf16") or has.get("avx512_bf16"))


# --- One thread, many requests ---------------------------------------------------------------------------


class Queue:
    """One thread that encodes. Requests take turns after each forward pass, so a reader's search
    waits for one pass of a big batch and not for all of it."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.waiting = 0
        self.thread = ThreadPoolExecutor(1, "encoder")

    @contextmanager
    def place(self) -> Iterator[None]:
        """Counts a request in; 503 when too many are in."""
        if self.waiting >= MAX_WAITING:
            raise HTTPException(503, "too many requests wait", {"Retry-After": str(COME_BACK)})
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    async def encode(self, texts: Sequence[str], gone: Callable[[], Awaitable[bool]]) -> Vectors:
        """Rows in the order of `texts`. ClientDisconnect: `gone` came true between two passes."""
        by_length = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # alike lengths: little padding
        rows = np.empty((len(texts), self.model.dimensions), np.float32)
        for start in range(0, len(texts), BATCH):
            if await gone():
                raise ClientDisconnect
            taken = by_length[start : start + BATCH]
            rows[taken] = await self.run([texts[i] for i in taken])
        return rows

    async def run(self, texts: Sequence[str]) -> Vectors:
        return await asyncio.get_running_loop().run_in_executor(self.thread, self.model.encode, texts)


# --- The server ------------------------------------------------------------------------------------------


def create_app(model: Model, *, key: str | None = None) -> Starlette:
    """The ASGI app. With a `key`, every address but /health asks for it as a Bearer token."""
    queue = Queue(model)

    def admit(request: Request) -> None:
        given = request.headers.get("authorization", "")
        if key and not hmac.compare_digest(given.encode(), f"Bearer {key}".encode()):
            raise HTTPException(401, "this encoder asks for its key", {"WWW-Authenticate": "Bearer"})

    async def embeddings(request: Request) -> Response:
        admit(request)
        with queue.place():
            ask = understand(await bounded_body(request), model=model.name, dimensions=model.dimensions)
            return JSONResponse(as_answer(ask, await queue.encode(ask.input, request.is_disconnected)))

    async def models(request: Request) -> Response:
        admit(request)
        entry = {"id": model.name, "object": "model", "created": 0, "owned_by": "paperround"}
        return JSONResponse({"object": "list", "data": [entry | {"dimensions": model.dimensions}]})

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok", "model": model.name, "waiting": queue.waiting})

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await queue.run(["warm-up"])  # the thread starts its own helpers at its first pass
        yield
        queue.thread.shutdown(cancel_futures=True)

    return Starlette(
        routes=[
            Route("/v1/embeddings", embeddings, methods=["POST"]),
            Route("/v1/models", models),
            Route("/health", health),
        ],
        exception_handlers={
            HTTPException: as_openai_error,
            ClientDisconnect: nobody_there,
            Exception: as_openai_error,
        },
        lifespan=lifespan,
    )


# --- The process -----------------------------------------------------------------------------------------


class EncoderRunning(RuntimeError):
    """Another process serves this socket."""


@contextmanager
def listener_at(path: Path) -> Iterator[Socket]:
    """A Unix socket for this user only, bound but deaf (callers are refused) until uvicorn listens.

    A lock beside it is held as long, so that of two encoders the second is refused
    (EncoderRunning) and never takes the first one's address away.
    """
    with path.with_name(f"{path.name}.lock").open("w") as lock, Socket(AF_UNIX, SOCK_STREAM) as listener:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EncoderRunning(f"another encoder serves {path}") from None
        if path.is_socket():
            path.unlink()  # left by a killed one
        listener.bind(str(path))
        path.chmod(0o600)
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


def serve(
    settings: Settings, *, socket: Path | None = None, host: str = "127.0.0.1", port: int = 8100
) -> None:
    """Serve on the Unix socket `socket`, else on `host` and `port`, until SIGTERM or Ctrl-C.

    Answers from the moment the model is loaded and warm. The socket's folder must exist; its path
    may have 107 bytes. Raises ModelDamaged, EncoderRunning, OSError for the address.
    """
    os.umask(0o077)
    family = AF_INET6 if ":" in host else AF_INET
    at = listener_at(socket) if socket else create_server((host, port), family=family)
    with contextlib.suppress(KeyboardInterrupt), at as listener:
        key = settings.encoder_key
        app = create_app(load(settings), key=key.get_secret_value() if key else None)
        # uvicorn raises the signal again when it is done: as an exception, our own leaving runs too.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        config = uvicorn.Config(
            app, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=1
        )
        uvicorn.Server(config).run(sockets=[listener])
