"""One text that a model is asked for: what the writer needs to know of it, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from paperround.database import WriteSession
from paperround.summaries.checks import Refusal
from paperround.summaries.prompt import Prompt


@dataclass(frozen=True)
class Inquiry:
    """What is asked. `find_refusal` tells why a tidied answer can't be shown.

    `read` are the columns that tell of what, and by which model, the text is made.
    """

    prompt: Prompt
    find_refusal: Callable[[str], Refusal | None]
    read: Mapping[str, Any]


@dataclass
class Outcome:
    """What the attempts for one text gave and cost. `refusal` is that of the last attempt."""

    content: str | None = None
    refusal: Refusal | None = None
    attempts: int = 0
    tokens_read: int = 0
    tokens_written: int = 0

    def to_row(self, inquiry: Inquiry, *, now: datetime) -> dict[str, Any]:
        """Return what a table of texts keeps of it, besides the key."""
        return {**inquiry.read, **vars(self), "made_at": now}


class TextTask(Protocol):
    """A text on a paper that is lacking."""

    @property
    def paper_id(self) -> str: ...

    @property
    def kind(self) -> str: ...

    async def prepare(self, session: WriteSession) -> Inquiry | None:
        """Load what is asked. None: the text isn't lacking any more."""

    async def store(
        self, session: WriteSession, inquiry: Inquiry, outcome: Outcome, *, now: datetime
    ) -> None:
        """Store what came of it."""


EXPLANATION_KIND: Final = "explanation"  # of why a paper matches a topic
