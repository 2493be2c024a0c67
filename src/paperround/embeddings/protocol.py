"""What the encoder reads and answers: the OpenAI embeddings protocol, every size bounded. Knows no torch."""

from __future__ import annotations

import base64
from typing import Annotated, Literal, TypeAlias

import numpy as np
from pydantic import AfterValidator, BaseModel, Field, StringConstraints, ValidationError, field_validator
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

MAX_TEXTS = 256  # in one request
MAX_CHARACTERS = 100_000  # in one text
MAX_BODY = 8 * 2**20  # bytes

Vectors: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.float32]]


def not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("text is blank")
    return text


Text = Annotated[str, StringConstraints(max_length=MAX_CHARACTERS), AfterValidator(not_blank)]


class Ask(BaseModel):
    """The body of POST /v1/embeddings; what else other clients send is passed over."""

    model: str
    input: Annotated[list[Text], Field(min_length=1, max_length=MAX_TEXTS)]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None

    @field_validator("input", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value


async def bounded_body(request: Request) -> bytes:
    """The whole body; 413 as soon as it is known to be over MAX_BODY bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            raise HTTPException(413, f"a request holds at most {MAX_BODY} bytes")
    return bytes(body)


def understand(body: bytes, *, model: str, dimensions: int) -> Ask:
    """400 for a body of another shape or over a limit, 404 for a model that isn't loaded."""
    try:
        ask = Ask.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        raise HTTPException(400, f"{place}: {first['msg']}") from None
    if ask.model != model:
        raise HTTPException(404, f"the model here is {model!r}, not {ask.model[:200]!r}")
    if ask.dimensions not in (None, dimensions):
        raise HTTPException(400, f"dimensions: {model!r} gives {dimensions}")
    return ask


def as_answer(ask: Ask, rows: Vectors) -> dict[str, object]:
    """Usage is zero: nobody pays for tokens here, and to count them is to cut every text up twice."""
    data = [
        {
            "object": "embedding",
            "index": i,
            "embedding": in_base64(row) if ask.encoding_format == "base64" else row.tolist(),
        }
        for i, row in enumerate(rows)
    ]
    return {
        "object": "list",
        "data": data,
        "model": ask.model,
        "usage": {"prompt_tokens": 0, "total_tokens": 0},
    }


def in_base64(row: np.ndarray[tuple[int], np.dtype[np.float32]]) -> str:
    return base64.b64encode(row.astype("<f4").tobytes()).decode("ascii")


async def as_openai_error(_: Request, error: Exception) -> Response:
    status, words, headers = 500, "the encoder failed; its log says why", None
    if isinstance(error, HTTPException):
        status, words, headers = error.status_code, error.detail, error.headers
    kind = "invalid_request_error" if status < 500 else "server_error"
    body = {"error": {"message": words, "type": kind, "param": None, "code": None}}
    return JSONResponse(body, status, headers)


async def nobody_there(_: Request, __: Exception) -> Response:
    return Response(status_code=499)
