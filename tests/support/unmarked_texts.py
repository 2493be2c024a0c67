"""Finds texts in templates that no catalogue can translate, because they aren't marked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

from jinja2 import Environment, nodes

from paperround.i18n.templates import install_messages
from paperround.web.kept_blocks import KeepBlocks

SHOWN_ATTRIBUTES: Final = frozenset(
    {"alt", "aria-label", "content", "label", "placeholder", "summary", "title"}
)
NOT_SHOWN: Final = frozenset({"script", "style", "code", "kbd", "pre"})
LETTERS: Final = re.compile(r"[^\W\d_]{2,}")
ATTRIBUTE: Final = re.compile(
    r"\b(?!aria-label|title|alt|placeholder)[\w-]+=\"[^\"]*\""
)  # of a macro that writes some
ADDRESS: Final = re.compile(r"https?://\S+|(?<!\S)/[a-z]\S*")
PLACE: Final = "\ue000"  # stands for what an expression gives
# Names, which are the same in every language.
NAMES: Final = re.compile(
    r"\b(?:AI|API|Apprise|arXiv|alphaXiv|Atom|BibTeX|CSL JSON|Discord|DOI|GitHub|HTML|Hugging Face|JSON"
    r"|Markdown|MCP|OpenAPI|Paperround|PDF|RIS|Semantic Scholar|Slack|Telegram|UTC|Zotero)\b"
)


def list_shown_attributes(attrs: list[tuple[str, str | None]]) -> list[str]:
    """List what an element's attributes show or tell people."""
    is_shown = dict(attrs).get("name") == "description"  # what a meta element holds
    shown = SHOWN_ATTRIBUTES if is_shown else SHOWN_ATTRIBUTES - {"content"}
    return [value for name, value in attrs if name in shown and value]


class _Texts(HTMLParser):
    """Collects the texts that people see or hear."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in NOT_SHOWN
        self.found += list_shown_attributes(attrs)

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in NOT_SHOWN

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.found.append(data)


def find_unmarked_texts(template: Path) -> list[str]:
    """Find the texts of a template that are shown as they stand in it."""
    environment = Environment(trim_blocks=True, lstrip_blocks=True, extensions=[KeepBlocks])
    install_messages(environment)
    source = "".join(_write_outputs(environment.parse(template.read_text(encoding="utf-8"))))
    if template.suffix == ".html":
        reader = _Texts()
        reader.feed(source)
        reader.close()
        texts = [ADDRESS.sub("", ATTRIBUTE.sub("", text)) for text in reader.found]
    else:
        texts = ADDRESS.sub("", re.sub("<!--.*-->", "", source)).splitlines()
    return [text.strip() for text in texts if LETTERS.search(NAMES.sub("", text.replace(PLACE, " ")))]


def _write_outputs(node: nodes.Node) -> Iterator[str]:
    """Write what a template puts out, in its order: its own texts, and the constants of its expressions."""
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.Output):
            for one in child.nodes:
                yield one.data if isinstance(one, nodes.TemplateData) else _write_constants(one)
        elif isinstance(child, nodes.Stmt):
            yield from _write_outputs(child)
            yield "\n" if isinstance(child, nodes.Block | nodes.Macro) else ""


def _write_constants(node: nodes.Node) -> str:
    """Write the texts that an expression may give as they stand."""
    match node:
        case nodes.Const(value=str() as value):
            return value
        case nodes.CondExpr(expr1=first, expr2=second):
            return _write_constants(first) + PLACE + (_write_constants(second) if second else "")
        case nodes.Or(left=first, right=second) | nodes.And(left=first, right=second):
            return _write_constants(first) + PLACE + _write_constants(second)
        case nodes.Concat(nodes=parts):
            return PLACE.join(map(_write_constants, parts))
        case nodes.Add(left=first, right=second):
            return _write_constants(first) + PLACE + _write_constants(second)
        case nodes.Filter(node=inner) if inner is not None:
            return _write_constants(inner)
        case nodes.Getitem(node=nodes.Dict() as table):
            return PLACE.join(_write_constants(pair.value) for pair in table.items)
        case nodes.Call(node=nodes.Name(name=name), args=args) if name not in (
            "_",
            "gettext",
            "ngettext",
            "pgettext",
        ):
            told = (_write_constants(one) for one in args)
            return PLACE.join(text for text in told if " " in text or not text.islower()) + PLACE
    return PLACE
