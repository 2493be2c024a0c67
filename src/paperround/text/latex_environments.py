r"""Environments, lists and definitions in LaTeX's prose: `\begin{itemize}`, `\item`, `\newcommand`."""

from __future__ import annotations

import re
from typing import Final

from paperround.text import latex_symbols as symbols
from paperround.text.latex_pieces import Command, to_line
from paperround.text.latex_reader import Reader

MAX_DEFINITION: Final = 40  # characters that a command of the author's own prints
MAX_DEFINITIONS: Final = 20
DEFINED: Final = re.compile(
    r"\*?\s*(?:\{\s*\\([A-Za-z]+)\s*\}|\\([A-Za-z]+))\s*(\[\d\])?(?:\[[^\[\]]{0,100}\])?\s*(?=\{)"
)


def read_definition(reader: Reader, command: Command) -> int | None:
    """Read \\newcommand{\\x}{…}. A command without parameters prints what it was defined as."""
    match = DEFINED.match(reader.source, command.stop, reader.end)
    argument = match and reader.find_argument(match.end())
    if not match or not argument:
        return None
    meaning = to_line(reader.read_inside(argument).pieces).strip()
    if not match[3] and len(meaning) <= MAX_DEFINITION and len(reader.definitions) < MAX_DEFINITIONS:
        reader.definitions[match[1] or match[2]] = meaning
    return reader.put_read("", reader.skip_spaces(argument.after))


def read_begin(reader: Reader, command: Command) -> int | None:
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


def read_end(reader: Reader, command: Command) -> int | None:
    argument = reader.find_argument(command.stop)
    name = reader.argument_text(argument) if argument else ""
    if not argument or name not in symbols.TEXT_ENVIRONMENTS:
        return None
    if any(part in name for part in ("itemize", "enum", "description")) and reader.lists:
        reader.lists.pop()
    return reader.put_read(" ", reader.skip_spaces(argument.after))


def read_item(reader: Reader, command: Command) -> int:
    """Read \\item: a bullet, the number in an enumeration, or a label of its own."""
    stop = reader.skip_options(command.stop)
    label = reader.source[command.stop : stop].strip().strip("[]")
    if not label and reader.lists and reader.lists[-1] >= 0:
        reader.lists[-1] += 1
        label = f"({reader.lists[-1]})"
    return reader.put_read(f" {label or '•'} ", stop)
