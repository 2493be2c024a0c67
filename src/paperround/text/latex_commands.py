r"""The commands of LaTeX's prose: what `\'e`, `\ss`, `\emph{…}`, `\href{…}{…}`, `\cite{…}` or `\item` print.

A handler gets the reader and its command, and returns where the text goes on, or None if the command is to stay
as it was written.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from paperround.text import latex_symbols as symbols
from paperround.text.latex_reader import (
    Argument,
    Command,
    Handler,
    Piece,
    Reader,
    RenderFormula,
    unescape_address,
)

MAX_DEFINITION: Final = 40  # characters that a command of the author's own prints
MAX_DEFINITIONS: Final = 20

APOSTROPHE: Final = re.compile(r"'(?=(?:s|t|re|ve|ll|d|m)(?![A-Za-z]))")
WORD_BEFORE: Final = re.compile(r"(?:[^\W\d_]{4,}|(?<![^\W_])[a-z]{3})\Z")
# What arXiv makes of \rho, \kappa, \beta and \copyright: an accent over all letters but the first.
TORN_NAME: Final = re.compile(r"\{([A-Za-z]{2,})\}")
TIED: Final = re.compile(r"\s*([A-Za-z]{2})(?![A-Za-z])")
LINE_BREAK: Final = re.compile(r"\*?(?:\s*\[-?[\d.]+\s*[a-z]{2}\])?\s*")
SMALL: Final = re.compile(r"[0-9+−=()-]+")
RAISED: Final = str.maketrans("0123456789+−-=()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾")
LOWERED: Final = str.maketrans("0123456789+−-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎")
DEFINED: Final = re.compile(
    r"\*?\s*(?:\{\s*\\([A-Za-z]+)\s*\}|\\([A-Za-z]+))\s*(\[\d\])?(?:\[[^\[\]]{0,100}\])?\s*(?=\{)"
)


def read_prose(source: str, render: RenderFormula) -> list[Piece]:
    """Read a line of LaTeX into texts and formulas, in their order.

    `render` gets the LaTeX of a formula and whether it stands on a line of its own. What it gives None for stays
    as it was written.
    """
    reader = Reader(source, COMMANDS, render)
    reader.read(0, len(source))
    return join_texts(reader.pieces)


def join_texts(pieces: list[Piece]) -> list[Piece]:
    """Join neighbouring texts, and collapse the spaces that commands left behind."""
    joined: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and joined and isinstance(last := joined[-1], str):
            joined[-1] = last + piece
        elif piece:
            joined.append(piece)
    if joined and isinstance(first := joined[0], str):
        joined[0] = first.lstrip()
    if joined and isinstance(last := joined[-1], str):
        joined[-1] = last.rstrip()
    tidy = [_compose(piece) if isinstance(piece, str) else piece for piece in joined]
    return [piece for piece in tidy if piece]


def _compose(text: str) -> str:
    return unicodedata.normalize("NFC", re.sub(r"\s{2,}", " ", text))


def _plain(pieces: list[Piece]) -> str:
    return "".join(piece if isinstance(piece, str) else piece.line for piece in pieces)


# Accents


def put_accent(letters: str, mark: str) -> str:
    """Put a mark on the first of some letters, outside of the marks that it has already."""
    stop = 1
    while stop < len(letters) and unicodedata.combining(letters[stop]):
        stop += 1
    base = symbols.DOTTED.get(letters[:stop], letters[:stop])
    return unicodedata.normalize("NFC", base + mark) + letters[stop:]


def _read_accent(reader: Reader, command: Command) -> int | None:
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
        letters = _plain(reader.read_inside(argument).pieces).strip() if argument else "?"
        return (letters, argument.after) if argument and letters[:1].isalpha() == bool(letters) else None
    if first == "\\":
        inner, after = reader.read_one_command(start)
        letters = _plain(inner.pieces)
        return (letters, after) if inner.has_latex and letters[:1].isalpha() else None
    if not first.isalpha() or mark == symbols.TIE:
        return None
    after = start + 1
    while after < reader.end and unicodedata.combining(reader.source[after]):
        after += 1
    return reader.source[start:after], after


# Signs and letters


def _read_letter(reader: Reader, command: Command) -> int:
    """Read a letter such as \\o, which eats the space after it, as in `S\\o ren`."""
    return reader.put_read(symbols.LETTERS[command.name], reader.skip_name(command.stop, spaces=True))


def _read_prefix(reader: Reader, command: Command) -> int:
    return reader.put_read(symbols.PREFIXES[command.name], reader.skip_name(command.stop, spaces=True))


def _read_symbol(reader: Reader, command: Command) -> int:
    """Read a symbol such as \\times. The space after it stays, since abstracts are written to be read."""
    return reader.put_read(symbols.SYMBOLS[command.name], reader.skip_name(command.stop))


def _read_phrase(reader: Reader, command: Command) -> int:
    phrase, stop = symbols.PHRASES[command.name], reader.skip_name(command.stop)
    return reader.put_read(phrase, stop + (phrase[-1] == "." and reader.source.startswith(".", stop)))


def _read_escaped(reader: Reader, command: Command) -> int:
    return reader.put_read(command.name, command.stop)


def _read_space(reader: Reader, command: Command) -> int:
    return reader.put_read(" ", reader.skip_name(command.stop, spaces=True))


def _read_thin_space(reader: Reader, command: Command) -> int:
    return reader.put_read(" ", command.stop)


def _read_nothing(reader: Reader, command: Command) -> int:
    return reader.put_read("", command.stop)


def _read_declaration(reader: Reader, command: Command) -> int:
    return reader.put_read("", reader.skip_name(command.stop, spaces=True))


def _read_line_break(reader: Reader, command: Command) -> int:
    match = LINE_BREAK.match(reader.source, command.stop, reader.end)
    return reader.put_read(" ", match.end() if match else command.stop)


def _read_delimiter(reader: Reader, command: Command) -> int:
    return reader.read_formula(command.start)


# Commands with arguments


def _read_style(reader: Reader, command: Command) -> int | None:
    """Read what a style is about. Without braces only the command goes."""
    argument = reader.find_argument(command.stop)
    if not argument:
        return None if command.name in WORDS_TOO else _read_declaration(reader, command)
    reader.has_latex = True
    reader.pieces += reader.read_inside(argument).pieces
    return argument.after


def _read_second(reader: Reader, command: Command) -> int | None:
    """Read a command of which the second argument is shown, such as \\textcolor{red}{…}."""
    first = reader.find_argument(command.stop)
    second = first and reader.find_argument(first.after)
    if not first or not second:
        return None
    reader.has_latex = True
    reader.pieces += reader.read_inside(second).pieces
    return second.after


def _read_first(reader: Reader, command: Command) -> int | None:
    """Read a command of which the first argument is shown and the second is not, such as \\texorpdfstring."""
    first = reader.find_argument(command.stop)
    second = first and reader.find_argument(first.after)
    if not first or not second:
        return None
    reader.has_latex = True
    reader.pieces += reader.read_inside(first).pieces
    return second.after


def _read_one_dropped(reader: Reader, command: Command) -> int | None:
    """Read a command whose one argument prints nothing, such as \\color{red}."""
    argument = reader.find_argument(command.stop)
    return argument and reader.put_read("", argument.after)


def _read_gap(reader: Reader, command: Command) -> int | None:
    argument = reader.find_argument(command.stop)
    return argument and reader.put_read(" ", argument.after)


def _read_address(reader: Reader, command: Command) -> int | None:
    argument = reader.find_argument(command.stop)
    return argument and reader.put_read(_address(reader, argument), argument.after)


def _address(reader: Reader, argument: Argument) -> str:
    return unescape_address(reader.argument_text(argument).strip())


def _read_link(reader: Reader, command: Command) -> int | None:
    """Read an address and the words that lead there. The address follows the words."""
    first = reader.find_argument(command.stop)
    second = first and reader.find_argument(first.after)
    if not first or not second:
        return None
    words, address = reader.read_inside(second).pieces, _address(reader, first)
    shown = _plain(words).strip()
    reader.has_latex = True
    reader.pieces += words
    if address and "://" not in shown and shown != address:
        reader.pieces.append(f" ({address})")
    return second.after


def _read_quoted(reader: Reader, command: Command) -> int | None:
    argument = reader.find_argument(command.stop)
    if not argument:
        return None
    opening, closing = "‘’" if reader.quotes % 2 else "“”"
    reader.has_latex = True
    reader.pieces += [opening, *reader.read_inside(argument, quotes=1).pieces, closing]
    return argument.after


def _read_script(reader: Reader, command: Command) -> int | None:
    """Read \\textsuperscript or \\textsubscript: digits and signs are raised or lowered, words are not."""
    argument = reader.find_argument(command.stop)
    if not argument:
        return None
    text = _plain(reader.read_inside(argument).pieces).strip()
    small = RAISED if command.name == "textsuperscript" else LOWERED
    return reader.put_read(text.translate(small) if SMALL.fullmatch(text) else text, argument.after)


def _read_ensured_formula(reader: Reader, command: Command) -> int | None:
    argument = reader.find_argument(command.stop)
    return argument and reader.put_formula(
        reader.argument_text(argument).strip(" $"), False, command.start, argument.after
    )


def _read_dropped(reader: Reader, command: Command) -> int | None:
    """Drop a command with its arguments, and the punctuation that would be left without words."""
    argument = reader.find_argument(command.stop)
    if not argument and command.name not in symbols.DROPPED_BARE:
        return None
    stop = argument.after if argument else reader.skip_options(command.stop)
    reader.has_latex = True
    reader.drop_back()
    before, following = reader.look_back()[-1:], reader.skip_spaces(stop)
    after = reader.source[following : min(following + 1, reader.end)]
    if before and before + after in ("()", "[]"):
        reader.drop_back(before)
        reader.drop_back()
        return following + 1
    if before and before in ",;:" and after and after in ",;:.":
        reader.drop_back(before)
        return following
    return following if after and after in ",;:.)!?" else stop


def _read_definition(reader: Reader, command: Command) -> int | None:
    """Read \\newcommand{\\x}{…}. A command without parameters prints what it was defined as."""
    match = DEFINED.match(reader.source, command.stop, reader.end)
    argument = match and reader.find_argument(match.end())
    if not match or not argument:
        return None
    meaning = _plain(reader.read_inside(argument).pieces).strip()
    if not match[3] and len(meaning) <= MAX_DEFINITION and len(reader.definitions) < MAX_DEFINITIONS:
        reader.definitions[match[1] or match[2]] = meaning
    return reader.put_read("", reader.skip_spaces(argument.after))


# Environments and lists


def _read_begin(reader: Reader, command: Command) -> int | None:
    argument = reader.find_argument(command.stop)
    name = reader.argument_text(argument) if argument else ""
    if argument and name in symbols.FORMULA_ENVIRONMENTS:
        closing = f"\\end{{{name}}}"
        stop = reader.source.find(closing, argument.after, reader.end)
        if stop < 0:
            return None
        body = reader.source[argument.after : stop].strip()
        latex = _wrap_lines(name, body)
        return reader.put_formula(latex, name != "math", command.start, stop + len(closing))
    if not argument or name not in symbols.TEXT_ENVIRONMENTS:
        return None
    if any(part in name for part in ("itemize", "enum", "description")):
        reader.lists.append(0 if name in symbols.NUMBERED else -1)
    return reader.put_read(" ", reader.skip_options(argument.after))


def _wrap_lines(name: str, body: str) -> str:
    if name in symbols.WRAPPED_ENVIRONMENTS or "\\\\" in body or "&" in body:
        inner = name if name in symbols.WRAPPED_ENVIRONMENTS else "aligned"
        return f"\\begin{{{inner}}}{body}\\end{{{inner}}}"
    return body


def _read_end(reader: Reader, command: Command) -> int | None:
    argument = reader.find_argument(command.stop)
    name = reader.argument_text(argument) if argument else ""
    if not argument or name not in symbols.TEXT_ENVIRONMENTS:
        return None
    if any(part in name for part in ("itemize", "enum", "description")) and reader.lists:
        reader.lists.pop()
    return reader.put_read(" ", reader.skip_spaces(argument.after))


def _read_item(reader: Reader, command: Command) -> int:
    """Read \\item: a bullet, the number in an enumeration, or a label of its own."""
    stop = reader.skip_options(command.stop)
    label = reader.source[command.stop : stop].strip().strip("[]")
    if not label and reader.lists and reader.lists[-1] >= 0:
        reader.lists[-1] += 1
        label = f"({reader.lists[-1]})"
    return reader.put_read(f" {label or '•'} ", stop)


ACCENTS: Final = symbols.SIGN_ACCENTS | symbols.WORD_ACCENTS
WORDS_TOO: Final = frozenset("title part so section chapter caption text hl st".split())  # stay without braces


def _build_commands() -> dict[str, Handler]:
    handlers: dict[str, Handler] = dict.fromkeys(symbols.SYMBOLS, _read_symbol)
    for names, handler in (
        (symbols.STYLES, _read_style),
        (symbols.DECLARATIONS, _read_declaration),
        (symbols.SPACES, _read_space),
        (symbols.DROPPED, _read_dropped),
        (symbols.PHRASES, _read_phrase),
        (symbols.PREFIXES, _read_prefix),
        (symbols.LETTERS, _read_letter),
        (ACCENTS, _read_accent),
        ("%&#_${}", _read_escaped),
        (" ,;:>", _read_thin_space),
        ("!/-@", _read_nothing),
        ("\\", _read_line_break),
        ("([", _read_delimiter),
        (("url", "path", "nolinkurl", "verb"), _read_address),
        (("href", "hyperlink", "hyperref"), _read_link),
        (("textcolor", "colorbox", "scalebox", "resizebox", "foreignlanguage", "hypertarget"), _read_second),
        (("texorpdfstring",), _read_first),
        (("color", "selectlanguage", "fontsize", "pagecolor"), _read_one_dropped),
        (("hspace", "hskip"), _read_gap),
        (("enquote", "textquote"), _read_quoted),
        (("textsuperscript", "textsubscript"), _read_script),
        (("ensuremath",), _read_ensured_formula),
        (("newcommand", "renewcommand", "providecommand", "def"), _read_definition),
        (("begin",), _read_begin),
        (("end",), _read_end),
        (("item",), _read_item),
    ):
        handlers |= dict.fromkeys(names, handler)
    return handlers


COMMANDS: Final = _build_commands()
