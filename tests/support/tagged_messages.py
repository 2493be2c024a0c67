"""Catalogues in which each message names its language, whatever the real ones have by now."""

from __future__ import annotations

import gettext as catalogues

import pytest

from paperround.i18n import messages
from paperround.i18n.languages import ENGLISH


class TaggedCatalogue(catalogues.NullTranslations):
    """Translates each message into itself within `[de:` and `]`."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self._language = language

    def gettext(self, message: str) -> str:
        return f"[{self._language}:{message}]"

    def pgettext(self, context: str, message: str) -> str:
        return self.gettext(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)


def tag_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every language but English have such a catalogue."""

    def load(language: str) -> catalogues.NullTranslations:
        return catalogues.NullTranslations() if language == ENGLISH else TaggedCatalogue(language)

    monkeypatch.setattr(messages, "load_catalogue", load)
