"""The encoder process, which serves the OpenAI embeddings protocol. Only this module imports torch."""

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
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from socket import AF_INET, AF_INET6, AF_UNIX, SOCK_STREAM, create_server
from socket import socket as Socket  # noqa: N812 - a type here; `socket` is the path that callers give
from typing import TYPE_CHECKING

import numpy as np
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from paperround import event_loop
from paperround.asgi import answer_stopped_requests
from paperround.embeddings import bundled_model
from paperround.embeddings.protocol import (
    Vectors,
    build_response,
    client_closed_response,
    openai_error_response,
    parse_request,
    read_body,
)
from paperround.errors import PaperroundError
from paperround.private_files import Purpose, open_private_file
from paperround.resources import usable_cores
from paperround.settings import Settings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

FORWARD_BATCH_SIZE = 16  # texts in one forward pass: on a CPU as fast as 32
MAX_QUESTION_LENGTH = 500  # characters; a single text up to this length may be a reader's question
MAX_CONCURRENT_REQUESTS = 32  # further requests get 503
RETRY_AFTER_SECONDS = 2  # seconds
MAX_REASON_LENGTH = 300  # characters


class ModelUnusable(PaperroundError):
    """The model of the settings is missing, damaged or of another kind."""

    title = "The model can't be used"
    advice = "Check PAPERROUND_EMBEDDING_MODEL, and download or copy the model again."


@dataclass(frozen=True)
class LoadedModel:
    """A loaded model. `encode` takes up to FORWARD_BATCH_SIZE texts and gives one unit row each.

    `encode_question` does the same for one short text, and may be called meanwhile in another thread.
    """

    name: str
    dimensions: int
    encode: Callable[[Sequence[str]], Vectors]
    encode_question: Callable[[Sequence[str]], Vectors]


# --- The model -------------------------------------------------------------------------------------------


def load_model(settings: Settings) -> LoadedModel:
    """Load the model of the settings, or else the packaged one.

    Raises ModelDamaged if the packaged one's files differ, and ModelUnusable for one that can't be loaded.
    """
    name = settings.embedding_model or bundled_model.NAME
    source = str(find_verified_model_folder()) if name == bundled_model.NAME else name
    if Path(source).is_dir():  # read when the hub's libraries are imported: no request at run time
        os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    # oneDNN keeps code for each length of text it met, 1,024 of them unless told: 300 MB more.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "32")
    from sentence_transformers import SentenceTransformer

    cores = usable_cores()
    try:
        transformer = SentenceTransformer(source, trust_remote_code=False).eval()
    except Exception as error:  # the libraries raise whatever a missing or damaged file makes them meet
        reason = " ".join(str(error).split())[:MAX_REASON_LENGTH]
        raise ModelUnusable(
            f"The model {name} can't be loaded ({type(error).__name__}: {reason})."
        ) from error
    encode, encode_question = (
        partial(_encode, model, cores=number)
        for model, number in ((transformer, cores), (_share_weights(transformer), 1))
    )
    return LoadedModel(name, encode(["warm-up"]).shape[1], encode, encode_question)


def _share_weights(transformer: SentenceTransformer) -> SentenceTransformer:
    """Copy a model for another thread, all but its weights: its tokenizer can't be used by two at once."""
    weights = (*transformer.parameters(), *transformer.buffers())
    return deepcopy(transformer, {id(tensor): tensor for tensor in weights})


def _encode(transformer: SentenceTransformer, texts: Sequence[str], *, cores: int) -> Vectors:
    import torch

    torch.set_num_threads(cores)  # of the thread that calls
    bf16 = transformer.device.type == "cpu" and supports_bfloat16()
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        rows = transformer.encode(
            list(texts), batch_size=FORWARD_BATCH_SIZE, normalize_embeddings=True, show_progress_bar=False
        )
    return np.asarray(rows, np.float32)


def find_verified_model_folder() -> Path:
    folder = bundled_model.find_folder()
    bundled_model.verify_files(folder)
    return folder


def supports_bfloat16() -> bool:
    """Tell whether this CPU has bfloat16 products: 1.7 to 2 times as fast, cosine to float32 over .9999."""
    import torch

    has: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # not in every torch we allow
    return bool(has.get("amx_bf16") or has.get("avx512_bf16"))


# --- Two threads, many requests --------------------------------------------------------------------------


class EncodingQueue:
    """One thread encodes batches and one encodes questions, so no reader waits for a batch.

    Requests with many texts take turns after each forward pass. A question is encoded on one core: threads
    would wait for each other longer than they save, and leave no core to the others.
    """

    def __init__(self, model: LoadedModel) -> None:
        self.model = model
        self.waiting = 0
        self.thread = ThreadPoolExecutor(1, "encoder")
        self.question_thread = ThreadPoolExecutor(1, "questions")

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one of the places for requests; 503 if all are taken."""
        if self.waiting >= MAX_CONCURRENT_REQUESTS:
            raise HTTPException(503, "too many requests wait", {"Retry-After": str(RETRY_AFTER_SECONDS)})
        self.waiting += 1
        try:
            yield
        finally:
            self.waiting -= 1

    async def encode(self, texts: Sequence[str], is_disconnected: Callable[[], Awaitable[bool]]) -> Vectors:
        """Encode texts to rows in their order. Raises ClientDisconnect if the client is gone."""
        if len(texts) == 1 and len(texts[0]) <= MAX_QUESTION_LENGTH:
            return await self.encode_question(texts)
        by_length = sorted(
            range(len(texts)), key=lambda i: len(texts[i])
        )  # texts of similar length need little padding
        rows = np.empty((len(texts), self.model.dimensions), np.float32)
        for start in range(0, len(texts), FORWARD_BATCH_SIZE):
            if await is_disconnected():
                raise ClientDisconnect
            batch = by_length[start : start + FORWARD_BATCH_SIZE]
            rows[batch] = await self.encode_batch([texts[i] for i in batch])
        return rows

    async def encode_batch(self, texts: Sequence[str]) -> Vectors:
        return await asyncio.get_running_loop().run_in_executor(self.thread, self.model.encode, texts)

    async def encode_question(self, texts: Sequence[str]) -> Vectors:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.question_thread, self.model.encode_question, texts)


# --- The server ------------------------------------------------------------------------------------------


def create_app(model: LoadedModel, *, key: str | None = None) -> Starlette:
    """The ASGI app. With a `key`, every address except /health requires it as a Bearer token."""
    queue = EncodingQueue(model)

    def check_key(request: Request) -> None:
        authorization = request.headers.get("authorization", "")
        if key and not hmac.compare_digest(authorization.encode(), f"Bearer {key}".encode()):
            raise HTTPException(401, "this encoder requires its key", {"WWW-Authenticate": "Bearer"})

    async def embeddings(request: Request) -> Response:
        check_key(request)
        with queue.slot():
            body = parse_request(await read_body(request), model=model.name, dimensions=model.dimensions)
            return JSONResponse(build_response(body, await queue.encode(body.input, request.is_disconnected)))

    async def models(request: Request) -> Response:
        check_key(request)
        entry = {"id": model.name, "object": "model", "created": 0, "owned_by": "paperround"}
        return JSONResponse({"object": "list", "data": [entry | {"dimensions": model.dimensions}]})

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok", "model": model.name, "waiting": queue.waiting})

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await queue.encode_batch(["warm-up"])  # the threads start their own helpers at their first pass
        await queue.encode_question(["warm-up"])
        yield
        for thread in (queue.thread, queue.question_thread):
            thread.shutdown(cancel_futures=True)

    return Starlette(
        routes=[
            Route("/v1/embeddings", embeddings, methods=["POST"]),
            Route("/v1/models", models),
            Route("/health", health),
        ],
        exception_handlers={
            HTTPException: openai_error_response,
            ClientDisconnect: client_closed_response,
            Exception: openai_error_response,
        },
        lifespan=lifespan,
    )


# --- The process -----------------------------------------------------------------------------------------


class EncoderAlreadyRunning(PaperroundError):
    """Another process serves this socket."""

    title = "An encoder is running already"


@contextmanager
def open_listener(path: Path) -> Iterator[Socket]:
    """A Unix socket for this user only, bound, but refusing connections until uvicorn listens.

    A lock beside it is held as long, so that of two encoders the second is refused
    (EncoderRunning) and never takes the first one's address away.
    """
    lock_file = open_private_file(path.with_name(f"{path.name}.lock"), Purpose.lock)
    with os.fdopen(lock_file, "w") as lock, Socket(AF_UNIX, SOCK_STREAM) as listener:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EncoderAlreadyRunning(f"another encoder serves {path}") from None
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
    listener_context = open_listener(socket) if socket else create_server((host, port), family=family)
    with contextlib.suppress(KeyboardInterrupt), listener_context as listener:
        key = settings.encoder_key
        app = create_app(load_model(settings), key=key.get_secret_value() if key else None)
        # uvicorn raises the signal again when it is done: as an exception, our own leaving runs too.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        config = uvicorn.Config(
            answer_stopped_requests(app),
            log_config=None,
            access_log=False,
            ws="none",
            timeout_graceful_shutdown=1,
        )
        event_loop.run(uvicorn.Server(config).serve, sockets=[listener])
