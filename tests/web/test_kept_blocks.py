"""What `{% keep %}` keeps, and which blocks it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
from jinja2 import Environment, TemplateAssertionError, nodes
from markupsafe import Markup

from paperround.i18n.languages import using_language
from paperround.i18n.templates import install_messages
from paperround.web.kept_blocks import KeepBlocks

TEMPLATES: Final = Path(__file__).parents[2] / "templates"


@pytest.fixture
def environment() -> Environment:
    environment = Environment(autoescape=True, extensions=[KeepBlocks])
    install_messages(environment)
    return environment


class Counted:
    """A value that counts how often it is written. All are the same to whoever compares them."""

    def __init__(self) -> None:
        self.written = 0

    def __str__(self) -> str:
        self.written += 1
        return "text"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counted)

    def __hash__(self) -> int:
        return 1


def test_a_block_is_rendered_once_for_the_same_values(environment: Environment) -> None:
    template = environment.from_string("{% keep x=value, y=2 %}<b>{{ x }}{{ y }}</b>{% endkeep %}")
    value = Counted()
    assert [template.render(value=value) for _ in range(3)] == ["<b>text2</b>"] * 3
    assert value.written == 1


@pytest.mark.parametrize(
    ("first", "second", "texts"),
    [
        (1, 2, ["1", "2"]),
        (1, True, ["1", "True"]),
        ("<i>", Markup("<i>"), ["&lt;i&gt;", "<i>"]),
        (None, "", ["None", ""]),
    ],
)
def test_other_values_are_rendered_anew(
    environment: Environment, first: Any, second: Any, texts: list[str]
) -> None:
    template = environment.from_string("{% keep x=x %}{{ x }}{% endkeep %}")
    assert [template.render(x=first), template.render(x=second)] == texts


def test_blocks_at_other_places_and_in_other_languages_are_kept_apart(environment: Environment) -> None:
    template = environment.from_string(
        "{% keep x=1 %}{{ _('Search') }}{% endkeep %}\n{% keep x=1 %}b{% endkeep %}"
    )
    assert template.render() == "Search\nb"
    with using_language("de"):
        assert template.render() == "Suche\nb"
    assert environment.from_string("{% keep x=1 %}c{% endkeep %}").render() == "c"


@pytest.mark.parametrize(
    "source",
    [
        "{% keep x=x %}{{ y }}{% endkeep %}",
        "{% keep x=x %}{% if viewer %}a{% endif %}{% endkeep %}",
        "{% keep x=x %}{{ call(y) }}{% endkeep %}",
        "{% keep x=x.y %}{{ x }}{% for a in b %}{{ a }}{% endfor %}{% endkeep %}",
        "{% keep x=x %}{% block a %}{% endblock %}{% endkeep %}",
        "{% keep x=x %}{% if x %}{% include 'a' %}{% endif %}{% endkeep %}",
    ],
)
def test_a_block_that_reads_what_it_is_not_kept_under_is_refused(
    environment: Environment, source: str
) -> None:
    with pytest.raises(TemplateAssertionError, match="may only read"):
        environment.from_string(source)


def test_a_block_may_set_names_and_call_macros(environment: Environment) -> None:
    source = (
        "{% macro twice(a) %}{{ a }}{{ a }}{% endmacro %}"
        "{% keep x=x %}{% set z = x %}{% for a in [z] %}{{ twice(a) }}{% endfor %}{% endkeep %}"
    )
    assert environment.from_string(source).render(x="o") == "oo"


def test_no_kept_block_calls_a_macro_that_knows_the_page() -> None:
    """A macro that is imported `with context` may read what the block isn't kept under."""
    environment = Environment(extensions=["jinja2.ext.i18n", KeepBlocks])
    seen = 0
    for file in TEMPLATES.rglob("*.html"):
        tree = environment.parse(file.read_text(encoding="utf-8"))
        knowing = {
            name if isinstance(name, str) else name[1]
            for imported in tree.find_all(nodes.FromImport)
            if imported.with_context
            for name in imported.names
        }
        for block in tree.find_all(nodes.CallBlock):
            if isinstance(block.call.node, nodes.ExtensionAttribute):
                seen += 1
                names = (call.node for call in block.find_all(nodes.Call))
                called = {name.name for name in names if isinstance(name, nodes.Name)}
                assert not called & knowing, file
    assert seen >= 6
