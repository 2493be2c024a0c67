"""The root of every error that Paperround raises on purpose. Knows nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar


class PaperroundError(Exception):
    """What went wrong, with what, and what to do about it, in words for the person who meets it.

    The text says what was wrong and with what. `title` names the kind of problem in a few words. `status` is
    the HTTP status of an answer on the web. `advice` says what to do next; it is empty where the text says so
    already. `headers` go with the answer. The web and the command line read these and keep no list of errors.
    """

    title: ClassVar[str] = "Something went wrong"
    status: ClassVar[int] = 500
    advice: str = ""
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(self, text: str = "", *, advice: str | None = None) -> None:
        super().__init__(text)
        if advice is not None:
            self.advice = advice

    @property
    def detail(self) -> str:
        """The text followed by the advice."""
        return f"{self} {self.advice}".strip()
