"""Parsing SMTP_URL."""

from __future__ import annotations

import pytest

from paperround.mail import MailSettingsError
from paperround.mail.smtp_url import SmtpServer


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.org", SmtpServer("mail.example.org", 587, "starttls")),
        (
            "smtp://ada%40x:p%2Fw@mail.example.org:2525",
            SmtpServer("mail.example.org", 2525, "starttls", "ada@x", "p/w"),
        ),
        ("smtps://mail.example.org", SmtpServer("mail.example.org", 465, "tls")),
        ("smtp://mail.example.org?tls=off", SmtpServer("mail.example.org", 25, "none")),
        ("smtp://localhost", SmtpServer("localhost", 25, "none")),
        ("smtp://[::1]:1025/", SmtpServer("::1", 1025, "none")),
        ("smtp://127.0.0.1:25?tls=required", SmtpServer("127.0.0.1", 25, "starttls")),
    ],
)
def test_a_url_gives_the_server_and_its_protection(url: str, server: SmtpServer) -> None:
    assert SmtpServer.parse(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.org",
        "http://mail.example.org",
        "smtp://",
        "smtp://mail.example.org:port",
        "smtp://mail.example.org/path",
        "smtp://mail.example.org?tls=maybe",
        "smtp://mail.example.org?starttls=0",
        "smtp://ada:secret@mail.example.org?tls=off",
        "smtps://mail.example.org?tls=off",
    ],
)
def test_an_invalid_url_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(MailSettingsError, match="SMTP_URL") as error:
        SmtpServer.parse(url)
    assert "secret" not in str(error.value)
