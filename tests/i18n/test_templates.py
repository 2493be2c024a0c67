"""Each text of the templates is marked, so that the catalogues can have it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from jinja2 import Environment, nodes

from paperround.i18n.templates import install_messages
from paperround.web.kept_blocks import KeepBlocks

from support.unmarked_texts import find_unmarked_texts

TEMPLATES: Final = Path(__file__).parents[2] / "templates"
ALL: Final = sorted(
    str(file.relative_to(TEMPLATES)) for file in TEMPLATES.rglob("*") if file.suffix in (".html", ".txt")
)


@pytest.mark.parametrize("name", ALL)
def test_no_text_of_a_template_is_unmarked(name: str) -> None:
    assert find_unmarked_texts(TEMPLATES / name) == []


@pytest.mark.parametrize("name", ALL)
def test_what_a_template_translates_is_its_own_text(name: str) -> None:
    """A message counts as HTML, so texts from elsewhere would not be escaped; `translated` escapes them."""
    environment = Environment(extensions=[KeepBlocks])
    install_messages(environment)
    tree = environment.parse((TEMPLATES / name).read_text(encoding="utf-8"))
    calls = [
        call
        for call in tree.find_all(nodes.Call)
        if isinstance(call.node, nodes.Name) and call.node.name in ("_", "gettext", "pgettext", "ngettext")
    ]
    wanted = {"pgettext": 2, "ngettext": 2}
    for call in calls:
        told = call.args[: wanted.get(call.node.name, 1)]  # type: ignore[attr-defined]
        assert all(isinstance(one, nodes.Const) for one in told), f"line {call.lineno}"


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ("<p>Hello there</p>", ["Hello there"]),
        ("<p>{% trans %}Hello{% endtrans %} {{ name }}</p>", []),
        ('<a title="Go on" class="quiet" href="/papers">{{ _(\'Next\') }}</a>', ["Go on"]),
        ("{{ 'More' if more else 'Less' }}", ["More\ue000Less"]),
        ("{{ _('More') if more else none }}", []),
        ("{% if x %}<b>{{ count }} papers</b>{% endif %}", ["\ue000 papers"]),
        ("{{ field('email', 'Your address') }}", ["Your address\ue000"]),
        ('<meta name="viewport" content="width=device-width"><code>curl</code>', []),
    ],
)
def test_what_counts_as_unmarked(source: str, texts: list[str], tmp_path: Path) -> None:
    template = tmp_path / "one.html"
    template.write_text(source, encoding="utf-8")
    assert find_unmarked_texts(template) == texts
