r"""The accents of LaTeX's prose: `\'e`, `\c{c}`, `\H o`, `\~{\^e}`, `\"{\i}`, `\t{oo}`."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from paperround.text import latex_symbols as symbols
from paperround.text.latex_pieces import Command, to_line
from paperround.text.latex_reader import MAX_DEPTH, Reader

ACCENTS: Final = symbols.SIGN_ACCENTS | symbols.WORD_ACCENTS
APOSTROPHE: Final = re.compile(r"'(?=(?:s|t|re|ve|ll|d|m)(?![A-Za-z]))")
WORD_BEFORE: Final = re.compile(r"(?:[^\W\d_]{4,}|(?<![^\W_])[a-z]{3})\Z")
# What arXiv makes of \rho, \kappa, \beta and \copyright: an accent over all letters but the first.
TORN_NAME: Final = re.compile(r"\{([A-Za-z]{2,})\}")
TIED: Final = re.compile(r"\s*([A-Za-z]{2})(?![A-Za-z])")


def put_accent(letters: str, mark: str) -> str:
    """Put a mark on the first of some letters, outside of the marks that it has already."""
    stop = 1
    while stop < len(letters) and unicodedata.combining(letters[stop]):
        stop += 1
    base = symbols.DOTTED.get(letters[:stop], letters[:stop])
    return unicodedata.normalize("NFC", base + mark) + letters[stop:]


def read_accent(reader: Reader, command: Command) -> int | None:
    mark = ACCENTS[command.name]
    if (
        mark == ACCENTS["'"]
        and APOSTROPHE.match(reader.source, command.start + 1)
        and WORD_BEFORE.search(reader.look_back())
    ):
        return reader.put("'", command.stop)  # "the sheep\'s wool"
    torn = TORN_NAME.match(reader.source, command.stop, reader.end)
    if torn and (symbol := symbols.SYMBOLS.get(command.name + torn[1])):
        return reader.put_read(symbol, torn.end())
    found = _read_letters(reader, mark, command.stop)
    if found is None:
        return None
    letters, after = found
    bare = symbols.BARE_ACCENTS.get(command.name, "" if command.name.isalpha() else command.name)
    return reader.put_read(put_accent(letters, mark) if letters else bare, after)


def _read_letters(reader: Reader, mark: str, position: int) -> tuple[str, int] | None:
    """Read what stands under an accent: a letter, a group, or a command that prints a letter."""
    if mark == symbols.TIE and (tied := TIED.match(reader.source, position, reader.end)):
        return tied[1], tied.end()
    start = reader.skip_spaces(position)
    first = reader.source[start : min(start + 1, reader.end)]
    if first == "{":
        argument = reader.find_argument(start)
        letters = to_line(reader.read_inside(argument).pieces).strip() if argument else "?"
        return (letters, argument.after) if argument and letters[:1].isalpha() == bool(letters) else None
    if first == "\\" and reader.depth < MAX_DEPTH:
        inner, after = reader.read_one_command(start)
        letters = to_line(inner.pieces)
        return (letters, after) if inner.has_latex and letters[:1].isalpha() else None
    if not first.isalpha() or mark == symbols.TIE:
        return None
    after = start + 1
    while after < reader.end and unicodedata.combining(reader.source[after]):
        after += 1
    return reader.source[start:after], after
