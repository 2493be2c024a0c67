r"""Reads a line of LaTeX prose: signs, groups and formulas. `latex_commands.py` has the commands.

What cannot be read stays as it was written: an author's own `\method`, a brace of JSON, a path, a dollar of a
shell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from paperround.text.dollars import LOOK_BACK, find_formula, measure_run
from paperround.text.latex_pieces import (
    Argument,
    Command,
    Piece,
    RenderFormula,
    match_braces,
    unescape_address,
)

MAX_DEPTH: Final = 30  # of groups within groups; deeper ones stay as they were written

COMMAND_DEPTH: Final = 9  # what a command without braces counts for, of which hardly two follow each other
STEPS: Final = 4  # for each character, after which the rest stays as it was written


SPECIAL: Final = re.compile(r"[\\{}$~`'\"-]|https?://")
URL: Final = re.compile(r"https?://(?:[^\s{}$\\]|\\[_#%&~$](?:\{\})?)+")
COMMAND: Final = re.compile(r"\\(?:([A-Za-z]+)|(.))", re.DOTALL)
OPTIONS: Final = re.compile(r"(?:\s?\[[^\[\]]{0,200}\])*\s*")
DASHES: Final = re.compile(r"-{2,}")
CLOSING_QUOTES: Final = re.compile(r"``|''|(?<!\\)\"")
SINGLE_QUOTED: Final = re.compile(r"`(?=[\w$\\({])(?:[^`'\"]|'(?=\w)){1,200}(')(?!\w)")
BEFORE_DASH: Final = "_)]}%\"”’.…'"
AFTER_DASH: Final = '_(\\{$"“‘`'


class Reader:
    """Reads a part of a source into pieces.

    Methods get a position in the source and return the position where the text goes on.
    """

    def __init__(
        self,
        source: str,
        commands: Mapping[str, Handler],
        render: RenderFormula,
        parent: Reader | None = None,
    ) -> None:
        self.source = source
        self.pieces: list[Piece] = []
        self.has_latex = False
        self.end = len(source)
        self.depth: int = parent.depth + 1 if parent else 0
        self.quotes: int = parent.quotes if parent else 0  # within which this part stands
        self.lists: list[int] = parent.lists if parent else []  # the item of each open list; -1: not numbered
        self.definitions: dict[str, str] = parent.definitions if parent else {}
        self._commands = commands
        self._render = render
        self._braces: dict[int, int] = parent._braces if parent else match_braces(source)
        # What is read within something that is then kept as it was would be read twice at each depth.
        self._steps: Iterator[int] = parent._steps if parent else iter(range(STEPS * len(source)))
        self._closing_quotes: dict[int, str] = parent._closing_quotes if parent else {}

    def read(self, position: int, end: int) -> None:
        """Read the source between two positions."""
        self.end = end
        while position < end:
            has_steps = next(self._steps, None) is not None
            special = SPECIAL.search(self.source, position, end) if has_steps else None
            stop = special.start() if special else end
            if stop > position:
                self.pieces.append(self.source[position:stop])
            position = self._read_special(stop) if special else end

    def read_inside(self, argument: Argument, *, quotes: int = 0) -> Reader:
        """Read an argument with a reader of its own."""
        inner = Reader(self.source, self._commands, self._render, self)
        inner.quotes += quotes
        inner.read(argument.start, argument.end)
        return inner

    def read_one_command(self, position: int) -> tuple[Reader, int]:
        """Read the command at a position with a reader of its own."""
        inner = Reader(self.source, self._commands, self._render, self)
        inner.end = self.end
        inner.depth += COMMAND_DEPTH
        return inner, inner.read_command(position)

    def _read_special(self, position: int) -> int:
        match self.source[position]:
            case "\\":
                return self.read_command(position)
            case "{":
                return self.read_group(position)
            case "$":
                return self.read_formula(position)
            case "-":
                return self._read_dashes(position)
            case "`" | "'" | '"':
                return self._read_quotes(position)
            case "h":
                return self._read_url(position)
            case "~" if self._is_tie(position):
                return self.put(" ", position + 1)
            case sign:
                return self.put(sign, position + 1)

    # What was read so far

    def put(self, text: str, position: int) -> int:
        """Add text as it was written."""
        self.pieces.append(text)
        return position

    def put_read(self, text: str, position: int) -> int:
        """Add what a command prints."""
        self.has_latex = True
        return self.put(text, position)

    def look_back(self, characters: int = 20) -> str:
        """Return at least the last characters that were read. A formula looks like a letter."""
        before = ""
        for piece in reversed(self.pieces):
            before = (piece if isinstance(piece, str) else "x") + before
            if len(before) > characters:
                break
        return before

    def drop_back(self, characters: str | None = None) -> None:
        """Take the last characters away, which are spaces unless told otherwise."""
        while self.pieces and isinstance(last := self.pieces[-1], str):
            self.pieces[-1] = last.rstrip(characters)
            if self.pieces[-1]:
                return
            self.pieces.pop()

    # What comes next

    def skip_spaces(self, position: int) -> int:
        """Skip spaces."""
        while position < self.end and self.source[position].isspace():
            position += 1
        return position

    def skip_back(self, position: int) -> int:
        """Go back before the spaces that were skipped."""
        return len(self.source[:position].rstrip())

    def skip_name(self, position: int, *, spaces: bool = False) -> int:
        """Skip the star or the empty braces that end the name of a command, or the spaces if told to."""
        if self.source.startswith("*", position):
            position += 1
        if self.source.startswith("{}", position) and position + 2 <= self.end:
            return position + 2
        return self.skip_spaces(position) if spaces else position

    def skip_options(self, position: int) -> int:
        """Skip a star, options in brackets and spaces."""
        options = OPTIONS.match(self.source, position + self.source.startswith("*", position), self.end)
        return options.end() if options else position

    def find_argument(self, position: int) -> Argument | None:
        """Find the argument that comes next, after options in brackets."""
        start = self.skip_options(position)
        close = self._braces.get(start, self.end)
        return Argument(start + 1, close) if close < self.end and self.depth < MAX_DEPTH else None

    def argument_text(self, argument: Argument) -> str:
        """Return an argument as it was written."""
        return self.source[argument.start : argument.end]

    # Signs

    def _is_tie(self, position: int) -> bool:
        before, after = self.look_back()[-1:], self.source[position + 1 : position + 2]
        if not before or not after or after.isspace() or after == "~":
            return False
        if after.isdigit():
            return before.isalpha() or before == "."
        return before.isalnum() or before in "_.,;:)]}%”’"

    def _read_dashes(self, position: int) -> int:
        match = DASHES.match(self.source, position, self.end)
        if not match:
            return self.put("-", position + 1)
        before, after = self.look_back()[-1:], self.source[match.end() : match.end() + 1]
        joins = (before.isalnum() or before in BEFORE_DASH) and (after.isalnum() or after in AFTER_DASH)
        stands_alone = before.isspace() and after.isspace()
        if match[0] == "--" and before and after and (joins or stands_alone):
            return self.put("–", match.end())
        return self.put("—" if match[0] == "---" else match[0], match.end())

    def _read_quotes(self, position: int) -> int:
        source = self.source
        if closing := self._closing_quotes.get(position):
            return self.put(closing, position + (2 if source.startswith("''", position) else 1))
        if source.startswith("``", position):
            match = CLOSING_QUOTES.search(source, position + 2, min(position + 400, len(source)))
            if match and match[0] != "``" and match.start() > position + 2:
                self._closing_quotes[match.start()] = "”"
                return self.put("“", position + 2)
            return self.put("``", position + 2)
        match = SINGLE_QUOTED.match(source, position)
        if match and not self.look_back()[-1:].isalnum():
            self._closing_quotes[match.start(1)] = "’"
            return self.put("‘", position + 1)
        return self.put(source[position], position + 1)

    def _read_url(self, position: int) -> int:
        match = URL.match(self.source, position, self.end)
        return self.put(unescape_address(match[0]), match.end()) if match else self.put("h", position + 1)

    # Formulas and groups

    def read_formula(self, position: int) -> int:
        r"""Read the formula that opens here, or else the dollars or the `\(` as they are."""
        found = find_formula(self.source, position, self.end, self.look_back(LOOK_BACK))
        if found:
            return self.put_formula(found.latex, found.block, position, found.end)
        stop = position + (measure_run(self.source, position, self.end) or 2)
        return self.put(self.source[position:stop], stop)

    def put_formula(self, latex: str, block: bool, start: int, stop: int) -> int:
        """Add a formula. What cannot be rendered stays as it was written between the two positions."""
        formula = self._render(latex, block)
        self.has_latex = self.has_latex or formula is not None
        self.pieces.append(formula or self.source[start:stop])
        return stop

    def read_group(self, position: int, *, keeps_braces: bool = False) -> int:
        """Read what stands in braces. The braces go where LaTeX was read within them."""
        close = self._braces.get(position, self.end)
        if close >= self.end or self.depth >= MAX_DEPTH:
            return self.put("{", position + 1)
        group = Argument(position + 1, close)
        inner = self.read_inside(group)
        if not keeps_braces and (inner.has_latex or self._protects_capitals(group)):
            self.has_latex = True
            self.pieces += inner.pieces
        else:
            self.pieces += ["{", *inner.pieces, "}"]
        return group.after

    def _protects_capitals(self, group: Argument) -> bool:
        """Tell whether braces protect capitals, as in `{B}ayesian`, or a comma, as in `10{,}000`."""
        content = self.argument_text(group)
        touches = self.look_back()[-1:].isalpha() or self.source[group.after : group.after + 1].isalpha()
        return content == "," or (content.isalpha() and content[0].isupper() and touches)

    # Commands

    def read_command(self, position: int) -> int:
        """Read the command whose backslash stands here."""
        match = COMMAND.match(self.source, position, self.end)
        if not match:
            return self.put("\\", position + 1)
        command = Command(match[1] or match[2], position, match.end())
        if command.name in self.definitions:
            return self.put_read(self.definitions[command.name], self.skip_name(command.stop))
        handler = self._commands.get(command.name)
        after = handler(self, command) if handler else None
        return self._keep(command) if after is None else after

    def _keep(self, command: Command) -> int:
        """Keep an unknown command, with the braces of its arguments."""
        stop = self.put(self.source[command.start : command.stop], command.stop)
        while (
            command.name.isalpha() and self._braces.get(stop, self.end) < self.end and self.depth < MAX_DEPTH
        ):
            stop = self.read_group(stop, keeps_braces=True)
        return stop


Handler = Callable[[Reader, Command], int | None]
