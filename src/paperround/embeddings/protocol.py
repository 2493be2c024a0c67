"""The server's side of the OpenAI embeddings protocol, with every size bounded and without torch."""

from __future__ import annotations

import base64
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, ValidationError, field_validator
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paperround.arrays import np

MAX_TEXTS = 256  # in one request
MAX_CHARACTERS = 100_000  # in one text
MAX_BODY_BYTES = 8 * 2**20  # bytes

Vectors: TypeAlias = "np.ndarray[tuple[int, int], np.dtype[np.float32]]"


def not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("text is blank")
    return text


Text = Annotated[str, StringConstraints(max_length=MAX_CHARACTERS), AfterValidator(not_blank)]


class EmbeddingsRequestBody(BaseModel):
    """The body of POST /v1/embeddings; other fields are ignored."""

    model: str
    input: Annotated[list[Text], Field(min_length=1, max_length=MAX_TEXTS)]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None

    @field_validator("input", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value


async def read_body(request: Request) -> bytes:
    """The whole body; 413 as soon as it exceeds MAX_BODY bytes."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, f"a request holds at most {MAX_BODY_BYTES} bytes")
    return bytes(body)


def parse_request(body: bytes, *, model: str, dimensions: int) -> EmbeddingsRequestBody:
    """Parse a request. Raises 400 for a malformed or too large body, 404 for another model."""
    try:
        request_body = EmbeddingsRequestBody.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "body"
        raise HTTPException(400, f"{place}: {first['msg']}") from None
    if request_body.model != model:
        raise HTTPException(404, f"the model here is {model!r}, not {request_body.model[:200]!r}")
    if request_body.dimensions not in (None, dimensions):
        raise HTTPException(400, f"dimensions: {model!r} gives {dimensions}")
    return request_body


def build_response(request_body: EmbeddingsRequestBody, rows: Vectors) -> dict[str, object]:
    """Build the JSON response. Usage is zero, because counting tokens would tokenize every text twice."""
    data = [
        {
            "object": "embedding",
            "index": i,
            "embedding": encode_base64(row) if request_body.encoding_format == "base64" else row.tolist(),
        }
        for i, row in enumerate(rows)
    ]
    return {
        "object": "list",
        "data": data,
        "model": request_body.model,
        "usage": {"prompt_tokens": 0, "total_tokens": 0},
    }


def encode_base64(row: np.ndarray[tuple[int], np.dtype[np.float32]]) -> str:
    return base64.b64encode(row.astype("<f4").tobytes()).decode("ascii")


async def openai_error_response(_: Request, error: Exception) -> Response:
    status, words, headers = 500, "the encoder failed; its log says why", None
    if isinstance(error, HTTPException):
        status, words, headers = error.status_code, error.detail, error.headers
    kind = "invalid_request_error" if status < 500 else "server_error"
    body = {"error": {"message": words, "type": kind, "param": None, "code": None}}
    return JSONResponse(body, status, headers)


async def client_closed_response(_: Request, __: Exception) -> Response:
    return Response(status_code=499)
