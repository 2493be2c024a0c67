"""Composed messages: their headers are right, whatever text goes into them."""

from __future__ import annotations

from email import message_from_bytes, policy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.mail import MailSettingsError, compose_message
from paperround.mail.message import parse_address, to_bytes

from support.factories import utc

NOW = utc("2026-03-02 08:00")


def compose_and_parse(**changes: Any) -> Any:
    arguments: dict[str, Any] = {
        "sender": "Paperround <papers@example.org>",
        "recipient": "ada@example.org",
        "subject": "Hello",
        "text": "Good morning.\n",
        "now": NOW,
    } | changes
    return message_from_bytes(to_bytes(compose_message(**arguments)), policy=policy.default)


def test_a_message_has_the_headers_of_automatic_mail() -> None:
    message = compose_and_parse(html="<p>Good morning.</p>\n", headers={"Reply-To": "ben@example.org"})

    assert message["From"] == "Paperround <papers@example.org>"
    assert message["To"] == "ada@example.org"
    assert message["Date"].datetime == NOW
    assert message["Message-ID"].endswith("@example.org>")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Reply-To"] == "ben@example.org"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert message.get_body(("plain",)).get_content() == "Good morning.\r\n"


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=2_000))
def test_no_text_becomes_a_header_or_a_long_line(subject: str, name: str, text: str) -> None:
    sender = f'"{name.replace(chr(34), "").replace(chr(92), "")}" <papers@example.org>'
    text = text.encode(errors="replace").decode()
    body = to_bytes(
        compose_message(
            sender=sender,
            recipient="ada@example.org",
            subject=f"{subject}\r\nBcc: eve@example.org",
            text=text,
            now=NOW,
        )
    )
    message = message_from_bytes(body, policy=policy.default)

    assert message["Bcc"] is None
    assert max(map(len, body.split(b"\r\n"))) <= 998
    assert body.isascii()
    assert b"\n" not in body.replace(b"\r\n", b"")
    assert not message.defects


@pytest.mark.parametrize(
    "sender", ["Paperround", "", "Paperround <>", "papers@", "Päper <päper@example.org>"]
)
def test_a_sender_without_an_address_is_refused(sender: str) -> None:
    with pytest.raises(MailSettingsError, match="MAIL_FROM"):
        parse_address(sender)
