"""Reads all that is logged while the tests run, and finds what must never be in a log.

That is addresses, and tokens, keys and signatures that were made meanwhile. They are noted where they are
made: by the function that makes random ones, and by the signer.
"""

from __future__ import annotations

import logging
import re
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import Any

from paperround import logs
from paperround.tokens import Signer

# What persons send has these shapes. Without a dot in its host it is no person's: `paperround@localhost`.
ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+")
KEY = re.compile(r"\b(?:pr_|hf_)[A-Za-z0-9_-]{20,}|\bBearer\s+\S+|\b(?:paperround_)?session=[\w.-]{20,}")
WORD = re.compile(r"[A-Za-z0-9_-]{16,}")
NOTED_LENGTH = 16  # characters of a secret by which it is known, also where it was cut off

# Reviewed: what may be logged though it looks like a secret or an address, each with its reason.
ALLOWED = (
    re.compile(r"/outbox/open/[\w-]+"),  # the link that works once, which `up` prints for the operator
)


class LogWatch(logging.Handler):
    """Takes log lines of this process, and what other processes wrote, and keeps those that leak."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
        self._noted: set[str] = set()
        self._leaks: list[str] = []
        self._guard = threading.Lock()

    def install(self) -> None:
        """Note secrets from now on, and read what the libraries log, as loudly as the program has it."""
        _wrap(secrets, "token_urlsafe", self.note)
        for name in ("sign", "seal"):
            _wrap(Signer, name, self.note_signed)
        logs.quieten_libraries()
        self.attach()

    def attach(self) -> None:
        """Read the root logger, from which a test may have taken all handlers."""
        root = logging.getLogger()
        if self not in root.handlers:
            root.addHandler(self)
        root.setLevel(min(root.level or logging.INFO, logging.INFO))

    def emit(self, record: logging.LogRecord) -> None:
        self.read(self.format(record))

    def process(self, _logger: object, _method: str, line: Any) -> str:
        """Read a finished line of structlog's; the last of its processors."""
        self.read(str(line))
        return str(line)

    def note(self, secret: str) -> None:
        """Remember a secret that was made."""
        if len(secret) >= NOTED_LENGTH:
            with self._guard:
                self._noted.add(secret[:NOTED_LENGTH])

    def note_signed(self, token: str) -> None:
        """Remember a signed value by its signature, since what was signed may be in others too."""
        self.note(token.rpartition(".")[2])

    def read(self, text: str) -> None:
        """Look at log lines, of ours or of another process."""
        for line in text.splitlines():
            found = [*self._find(line)]
            if found:
                with self._guard:
                    self._leaks.append(f"{', '.join(found)} in the log line\n    {line[:1000]}")

    def read_command(self, text: str) -> None:
        """Look at what a command wrote to standard error: its log lines are JSON, the rest is its answer."""
        self.read("\n".join(line for line in text.splitlines() if line.startswith("{")))

    def take_leaks(self) -> list[str]:
        """Return what leaked since the last call."""
        with self._guard:
            leaks, self._leaks = self._leaks, []
        return leaks

    def _find(self, line: str) -> Iterator[str]:
        for allowed in ALLOWED:
            line = allowed.sub("", line)
        yield from (f"the address {address!r}" for address in ADDRESS.findall(line))
        yield from (f"the key {key!r}" for key in KEY.findall(line))
        for word in WORD.findall(line):
            if any(part in self._noted for part in _parts(word)):
                yield f"the secret {word!r}"


def _parts(word: str) -> Iterable[str]:
    return (word[start : start + NOTED_LENGTH] for start in range(len(word) - NOTED_LENGTH + 1))


def _wrap(owner: Any, name: str, note: Callable[[str], None]) -> None:
    """Have a function tell `note` of what it returns."""
    original = getattr(owner, name)

    @wraps(original)
    def told(*arguments: Any, **options: Any) -> Any:
        made = original(*arguments, **options)
        note(made)
        return made

    setattr(owner, name, told)


watch = LogWatch()
