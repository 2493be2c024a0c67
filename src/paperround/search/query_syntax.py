"""Reading what stands in the search box: words, "phrases", -not, or. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from paperround.papers.search_column import searchable
from paperround.text.markup import folded, plain

LONGEST: Final = 500  # characters of a question that are read

# Of a text in UTF-8, where other signs have no byte below 128: many times as fast as `str.translate`.
SIGNS: Final = bytes(code if code > 127 or chr(code).isalnum() else 32 for code in range(256))
PIECE: Final = re.compile(r'(?P<not>(?<!\S)-(?=[\w"]))?(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))')


@dataclass(frozen=True)
class Question:
    """A question in parts. `wanted`, `phrases` and `banned` are in the syntax of websearch_to_tsquery."""

    text: str
    words: str  # all that is sought, folded, without signs
    wanted: str
    phrases: str
    banned: str
    either: bool  # it says `or`


def read(value: str) -> Question:
    """Never fails; what can't be a word is left out."""
    text = plain(value[: 4 * LONGEST].encode("utf-8", "ignore").decode())[:LONGEST].strip()
    words, wanted, phrases, banned = [], [], [], []
    for piece in PIECE.finditer(text):
        found = searchable(piece["phrase"] if piece["phrase"] is not None else piece["word"])
        if not found:
            continue
        if piece["not"]:
            banned.append(f'-"{found}"')
        elif piece["phrase"] is not None:
            words.append(found)
            phrases.append(f'"{found}"')
            wanted.append(f'"{found}"')
        elif found == "or":
            wanted.append(found)
        else:  # `and/or` is no operator
            words += (plain_words := [word for word in found.split() if word != "or"])
            wanted += plain_words
    either = "or" in wanted
    return Question(
        text=text,
        words=" ".join(words),
        wanted=" ".join(wanted),
        phrases="" if either else " ".join(phrases),
        banned=" ".join(banned),
        either=either,
    )


def literal(text: str) -> str:
    """Folded words between spaces, cut at every sign: what is looked for in a text, and the text. Fast."""
    return f" {folded(text).encode().translate(SIGNS).decode()} "


def meaning(question: Question) -> str:
    """What to encode: all as written, but for what was excluded."""
    return question.words if question.banned else question.text
