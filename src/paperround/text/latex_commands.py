r"""The commands of LaTeX's prose: what `\'e`, `\ss`, `\emph{…}`, `\href{…}{…}`, `\cite{…}` or `\item` print.

A handler gets the reader and its command, and returns where the text goes on, or None if the command is to
stay as it was written.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from paperround.text import latex_symbols as symbols
from paperround.text.latex_accents import ACCENTS, read_accent
from paperround.text.latex_environments import read_begin, read_definition, read_end, read_item
from paperround.text.latex_pieces import Argument, Command, Piece, RenderFormula, to_line, unescape_address
from paperround.text.latex_reader import Handler, Reader

LINE_BREAK: Final = re.compile(r"\*?(?:\s*\[-?[\d.]+\s*[a-z]{2}\])?\s*")
JOINING: Final = frozenset("–—“‘„‚«‹")
SMALL: Final = re.compile(r"[0-9+−=()-]+")
RAISED: Final = str.maketrans("0123456789+−-=()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾")
LOWERED: Final = str.maketrans("0123456789+−-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎")


def read_prose(source: str, render: RenderFormula) -> list[Piece]:
    """Read a line of LaTeX into texts and formulas, in their order.

    `render` gets the LaTeX of a formula and whether it has a line of its own. What it gives None for stays as
    it was written.
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


# Signs and letters


def _read_letter(reader: Reader, command: Command) -> int:
    """Read a letter such as \\o, which eats the space after it, as in `S\\o ren`."""
    return reader.put_read(symbols.LETTERS[command.name], reader.skip_name(command.stop, spaces=True))


def _read_prefix(reader: Reader, command: Command) -> int:
    return reader.put_read(symbols.PREFIXES[command.name], reader.skip_name(command.stop, spaces=True))


def _read_symbol(reader: Reader, command: Command) -> int:
    """Read a symbol such as \\times. The space after it stays, since abstracts are written to be read.

    A dash or an opening quote joins what follows.
    """
    symbol = symbols.SYMBOLS[command.name]
    return reader.put_read(symbol, reader.skip_name(command.stop, spaces=symbol in JOINING))


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
    shown = to_line(words).strip()
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
    text = to_line(reader.read_inside(argument).pieces).strip()
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
    stop = argument.after if argument else reader.skip_back(reader.skip_options(command.stop))
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
    if not before and after and after in ",;:":
        return reader.skip_spaces(following + 1)
    return following if after and after in ",;:.)!?" else stop


WORDS_TOO: Final = frozenset(
    ["title", "part", "so", "section", "chapter", "caption", "text", "hl", "st"]
)  # stay without braces


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
        (ACCENTS, read_accent),
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
        (("newcommand", "renewcommand", "providecommand", "def"), read_definition),
        (("begin",), read_begin),
        (("end",), read_end),
        (("item",), read_item),
    ):
        handlers |= dict.fromkeys(names, handler)
    return handlers


COMMANDS: Final = _build_commands()
