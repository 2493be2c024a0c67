"""Blocks of templates that are kept as they were rendered: `{% keep name=value, … %} … {% endkeep %}`.

Most of a page's frame is the same on the next page. Such a block is rendered once for each language and each
value of its names, and it knows nothing else: a template whose block reads another name is refused when it is
compiled, so what is kept is always what would be rendered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

from jinja2 import Environment, TemplateAssertionError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from markupsafe import Markup

from paperround.i18n.languages import get_language
from paperround.kept_parts import KeptParts

MAX_KEPT: Final = 2_000_000  # characters
FOREIGN: Final[tuple[type[nodes.Node], ...]] = (
    nodes.Block,
    nodes.Extends,
    nodes.Include,
    nodes.Import,
    nodes.FromImport,
)


class KeepBlocks(Extension):
    """The tag `keep`. Macros that are called within must not be imported `with context`."""

    tags: set[str] = {"keep"}  # noqa: RUF012 (as Jinja declares it)

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._kept: KeptParts[Markup] = KeptParts(MAX_KEPT)

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        names: list[nodes.Expr] = []
        values: list[nodes.Expr] = []
        while parser.stream.current.type != "block_end":
            if names:
                parser.stream.expect("comma")
            names.append(parser.parse_assign_target(name_only=True))
            parser.stream.expect("assign")
            values.append(parser.parse_expression())
        body = parser.parse_statements(("name:endkeep",), drop_needle=True)
        self._refuse_others(body, {name.name for name in names if isinstance(name, nodes.Name)}, parser)
        own = [nodes.Name(name.name, "load") for name in names if isinstance(name, nodes.Name)]
        place = nodes.Const(f"{parser.name} {hashlib.sha256(repr(body).encode()).hexdigest()}")
        call = self.call_method(self._find_or_render.__name__, [place, nodes.Tuple(own, "load")])
        block = nodes.CallBlock(call, [], [], body).set_lineno(line)
        for name in names:
            name.set_ctx("param")
        return nodes.With(names, values, [block], lineno=line)

    def _refuse_others(self, body: Sequence[nodes.Node], own: set[str], parser: Parser) -> None:
        """Raise `TemplateAssertionError` where a block reads what it isn't kept under."""
        others = _list_read_names(body) - own
        if others:
            self._refuse(f"It reads {', '.join(sorted(others))}.", body[0].lineno, parser)
        for node in body:
            if isinstance(node, FOREIGN) or any(map(node.find, FOREIGN)):
                self._refuse("It holds another block.", node.lineno, parser)

    def _refuse(self, why: str, line: int, parser: Parser) -> NoReturn:
        told = f"A kept block may only read the names that it begins with. {why}"
        raise TemplateAssertionError(told, line, parser.name, parser.filename)

    def _find_or_render(self, place: str, values: tuple[Any, ...], caller: Callable[[], Markup]) -> Markup:
        key = (place, get_language(), values, *map(type, values))  # 1 == True, and a text equals its markup
        return self._kept.find_or_make(key, caller)


def _list_read_names(body: Sequence[nodes.Node]) -> set[str]:
    """List the names that a block reads, but for those that it sets and macros that it calls."""
    whole = nodes.Output(list(body))
    names = list(whole.find_all(nodes.Name))
    called = {id(call.node) for call in whole.find_all(nodes.Call)}
    set_here = {name.name for name in names if name.ctx in ("store", "param")}
    return {name.name for name in names if name.ctx == "load" and id(name) not in called} - set_here
