"""OpenAI's two protocols for text: chat completions, which nearly every server speaks, and responses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel, ValidationError

from paperround.errors import PaperroundError
from paperround.summaries.prompt import Prompt

Api = Literal["chat", "responses"]
PATHS: Final[Mapping[Api, str]] = {"chat": "chat/completions", "responses": "responses"}
TEXT_TYPES: Final = frozenset({"text", "output_text"})


class AnswerUnreadable(PaperroundError):
    """A server's answer has another shape than its protocol says."""

    title = "The text server's answer can't be read"


@dataclass(frozen=True)
class Answer:
    """What a model wrote, and how many tokens it read and wrote. `is_whole`: it came to an end."""

    text: str
    is_whole: bool
    tokens_read: int
    tokens_written: int


def build_body(api: Api, model: str, prompt: Prompt, extra: Mapping[str, Any]) -> bytes:
    """Build a request's body. `extra` may add and replace anything but what is asked."""
    if api == "chat":
        messages = [
            {"role": "system", "content": prompt.instructions},
            {"role": "user", "content": prompt.data},
        ]
        asked: dict[str, Any] = {"model": model, "messages": messages}
    else:
        asked = {"model": model, "instructions": prompt.instructions, "input": prompt.data}
    return json.dumps({"temperature": 0, **extra, **asked, "stream": False}).encode()


def parse_answer(api: Api, body: bytes) -> Answer:
    """Parse an answer. Raises `AnswerUnreadable`."""
    try:
        return (_ChatAnswer if api == "chat" else _ResponsesAnswer).model_validate_json(body).read()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise AnswerUnreadable(f"{where}: {first['msg']}") from error


class _Part(BaseModel):
    type: str = "text"
    text: str | None = None


def _join(parts: str | list[_Part] | None) -> str:
    if isinstance(parts, str):
        return parts
    return "".join(part.text or "" for part in parts or () if part.type in TEXT_TYPES)


class _ChatUsage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _ChatMessage(BaseModel):
    content: str | list[_Part] | None = None


class _ChatChoice(BaseModel):
    message: _ChatMessage
    finish_reason: str | None = None


class _ChatAnswer(BaseModel):
    choices: list[_ChatChoice]
    usage: _ChatUsage | None = None

    def read(self) -> Answer:
        usage = self.usage or _ChatUsage()
        choice = self.choices[0] if self.choices else _ChatChoice(message=_ChatMessage())
        return Answer(
            _join(choice.message.content),
            choice.finish_reason != "length",
            max(usage.prompt_tokens, 0),
            max(usage.completion_tokens, 0),
        )


class _ResponsesUsage(BaseModel):
    input_tokens: int = 0
    output_tokens: int = 0


class _ResponsesItem(BaseModel):
    type: str
    content: str | list[_Part] | None = None


class _ResponsesAnswer(BaseModel):
    output: list[_ResponsesItem]
    status: str | None = None
    usage: _ResponsesUsage | None = None

    def read(self) -> Answer:
        usage = self.usage or _ResponsesUsage()
        text = "".join(_join(item.content) for item in self.output if item.type == "message")
        return Answer(
            text, self.status != "incomplete", max(usage.input_tokens, 0), max(usage.output_tokens, 0)
        )
