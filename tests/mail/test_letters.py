"""Every letter says the same as text and as HTML, and has what it leads to once in each."""

from __future__ import annotations

import html
import re

import pytest

from paperround import schema
from paperround.mail.templates import render_mail

SUBJECTS = (schema.project_file("templates") / "mail").glob("*.subject.txt")
LETTERS = sorted(path.name.removesuffix(".subject.txt") for path in SUBJECTS)
VALUES = {
    "site_name": "Paperround", "link": "https://papers.example.org/a/b", "email": "ada@example.org",
    "channel": "The lab", "host": "chat.example.org", "periods": 3, "is_gone": False, "reason": "410 Gone",
    "new": "ada@lab.example.org", "other": "ada@old.example.org", "minutes": 15, "days": 7,
}  # fmt: skip


def read(text: str) -> list[str]:
    """Its words, without what leads to the link, which each form has in its own way."""
    return re.sub(r"Or open this address: |https://papers\.example\.org/a/b|:$|:\n", "\n", text).split()


@pytest.mark.parametrize("name", LETTERS)
def test_text_and_html_say_the_same(name: str) -> None:
    letter = render_mail(name, **VALUES)
    body = letter.html.partition("</h1>")[2]
    shown = html.unescape(re.sub(r"<[^>]+>", "", re.sub(r"</p>", "\n", body)))
    assert read(shown) == read(letter.text)
    assert letter.text.count(str(VALUES["link"])) == 1
    assert f'href="{VALUES["link"]}"' in letter.html
    assert "\n" not in letter.subject
