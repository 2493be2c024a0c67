"""What macros make of what they are given."""

from __future__ import annotations

from datetime import date

from jinja2 import Environment

from paperround.web.templates import load_templates
from paperround.web.views import paper_cards
from paperround.web.views.paper_card import PaperCard
from paperround.web.views.viewer_state import PaperState, ViewerState

from support.factories import build_paper


def rendered(source: str, **context: object) -> str:
    environment: Environment = load_templates()
    return environment.from_string(source).render(**context)


ENTRY = "{{ paper|entry(marks=marks) }}"


def an_entry() -> PaperCard:
    return paper_cards.build_paper_card(build_paper(), today=date(2026, 11, 24))


def test_without_a_reader_votes_are_a_number_and_nothing_can_be_sent() -> None:
    html = rendered(ENTRY, paper=an_entry(), marks=None)

    assert "<form" not in html
    assert 'name="csrf"' not in html
    assert '<p class="votes">' in html


def test_a_reader_votes_and_saves_through_the_one_form_of_the_page() -> None:
    mark = PaperState(upvoted=True, saved=False, token="t<1>")
    form = '{% from "macros/marks.html" import marking_form %}{{ marking_form(marks) }}'
    paper = an_entry()
    html = rendered(form + ENTRY, paper=paper, marks=ViewerState({paper.id: mark}, token=mark.token))

    assert html.count("<form") == html.count('<form id="mark"') == 1
    assert html.count('name="csrf" value="t&lt;1&gt;"') == 1
    assert 'form="mark" formaction="/papers/2611.00001/upvote"' in html
    assert 'form="mark" formaction="/papers/2611.00001/save"' in html
    assert [part[:4] for part in html.split('aria-pressed="')[1:]] == ["fals", "true"]


def test_what_the_body_gives_stands_with_the_actions() -> None:
    source = '{% from "macros/paper.html" import entry %}{% call entry(paper) %}<b>more</b>{% endcall %}'

    assert '<div class="actions">' in (html := rendered(source, paper=an_entry()))
    assert html.index("<b>more</b>") > html.index("actions")


FIELD = """{% from "macros/forms.html" import described, field %}
{% call field("email", "Your address", hint="Nobody sees it.", error=error) %}
<input id="email"{{ described("email", "Nobody sees it.", error) }}>{% endcall %}"""


def test_a_field_is_described_by_its_hint_and_by_its_error_if_there_is_one() -> None:
    assert 'aria-describedby="email-hint"' in rendered(FIELD, error="")
    assert 'aria-invalid="true" aria-describedby="email-error"' in rendered(FIELD, error="Not an address.")
