"""Each text of the templates is marked, so that the catalogues can have it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from support.unmarked_texts import find_unmarked_texts

TEMPLATES: Final = Path(__file__).parents[2] / "templates"
ALL: Final = sorted(
    str(file.relative_to(TEMPLATES)) for file in TEMPLATES.rglob("*") if file.suffix in (".html", ".txt")
)
# Still to be marked.
UNMARKED: Final = frozenset(
    {
        "digests/asked.html",
        "digests/confirm.html",
        "digests/preferences.html",
        "digests/preferences_fields.html",
        "digests/rate.html",
        "digests/running.html",
        "digests/save.html",
        "digests/subscribe.html",
        "digests/unsubscribe.html",
        "digests/unsubscribed.html",
        "mail/address_asked.html",
        "mail/address_asked.subject.txt",
        "mail/address_asked.txt",
        "mail/address_changed.html",
        "mail/address_changed.subject.txt",
        "mail/address_changed.txt",
        "mail/address_confirmed.html",
        "mail/address_confirmed.subject.txt",
        "mail/address_confirmed.txt",
        "mail/address_undone.html",
        "mail/address_undone.subject.txt",
        "mail/address_undone.txt",
        "mail/already.html",
        "mail/already.subject.txt",
        "mail/already.txt",
        "mail/channel_stopped.html",
        "mail/channel_stopped.subject.txt",
        "mail/channel_stopped.txt",
        "mail/confirm.html",
        "mail/confirm.subject.txt",
        "mail/confirm.txt",
        "mail/digest.html",
        "mail/digest.txt",
        "mail/mentions.html",
        "mail/mentions.txt",
        "mail/new_address.html",
        "mail/new_address.subject.txt",
        "mail/new_address.txt",
        "mail/paper.html",
        "mail/paper.txt",
        "mail/rest.html",
        "mail/rest.txt",
        "mail/sign_in.html",
        "mail/sign_in.subject.txt",
        "mail/sign_in.txt",
    }
)


@pytest.mark.parametrize("name", ALL)
def test_no_text_of_a_template_is_unmarked(name: str) -> None:
    if name not in UNMARKED:
        assert find_unmarked_texts(TEMPLATES / name) == []


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
