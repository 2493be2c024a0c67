"""Handing over: what the sender knows after each way that a conversation can go."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext

import pytest

from paperround.mail import Deferred, Refused, Uncertain, Unreachable, compose
from paperround.mail.smtp import Patience, Smtp, smtp
from paperround.mail.smtp_url import SmtpServer

from support.factories import at
from support.mail_sink import HANG_UP, SILENCE, Sink

PATIENT = Patience(connect=60, command=60, outcome=60)
IMPATIENT = {"connect": replace(PATIENT, connect=0.3), "MAIL": replace(PATIENT, command=0.3),
             "body": replace(PATIENT, outcome=0.3)}  # fmt: skip


def message(subject: str = "Hello", text: str = "Good morning.\n") -> bytes:
    return compose(
        sender="Paperround <papers@example.org>",
        recipient="ada@example.org",
        subject=subject,
        text=text,
        now=at("2026-03-02 08:00"),
    ).as_bytes()


def connected(
    sink: Sink, query: str = "", connections: int = 4, patience: Patience = PATIENT
) -> AbstractAsyncContextManager[Smtp]:
    return smtp(SmtpServer.parse(sink.url + query), connections=connections, patience=patience)


async def send(mail: Smtp, recipient: str = "ada@example.org", body: bytes | None = None) -> str:
    return await mail.send(body or message(), sender="bounces@example.org", recipient=recipient)


def told(stage: str, answer: str, *, once: bool = False):
    """An answer for one stage; `once`: only for the first time it comes."""
    left = [1 if once else 10**9]

    def say(at_stage: str, argument: str) -> str | None:
        if at_stage != stage or not left[0]:
            return None
        left[0] -= 1
        return answer

    return say


async def test_a_message_arrives_as_it_was_with_its_envelope():
    text = "A line.\n.\n.hidden\n..two\nThe end.\n"
    async with Sink().running() as sink, connected(sink) as mail:
        words = await send(mail, body=message(text=text))

    assert words == "250 taken"
    (taken,) = sink.taken
    assert (taken.sender, taken.recipient) == ("bounces@example.org", "ada@example.org")
    assert taken.message.get_content() == text.replace("\n", "\r\n")
    assert taken.message["Subject"] == "Hello"


@pytest.mark.parametrize(
    ("stage", "answer", "outcome", "code"),
    [
        ("connect", HANG_UP, Unreachable, None),
        ("connect", "554 no service", Unreachable, None),
        ("connect", SILENCE, Unreachable, None),
        ("EHLO", HANG_UP, Unreachable, None),
        ("MAIL", HANG_UP, Unreachable, None),
        ("MAIL", SILENCE, Unreachable, None),
        ("MAIL", "421 closing", Unreachable, 421),
        ("MAIL", "451 later", Deferred, 451),
        ("MAIL", "550 not from you", Refused, 550),
        ("RCPT", HANG_UP, Unreachable, None),
        ("RCPT", "450 mailbox busy", Deferred, 450),
        ("RCPT", "550 5.1.1 nobody here", Refused, 550),
        ("DATA", HANG_UP, Unreachable, None),
        ("DATA", "451 later", Deferred, 451),
        ("DATA", "554 no", Refused, 554),
        ("body", "451 4.3.0 later", Deferred, 451),
        ("body", "421 closing", Deferred, 421),
        ("body", "554 5.7.1 spam", Refused, 554),
        ("body", HANG_UP, Uncertain, None),
        ("body", SILENCE, Uncertain, None),
        ("body", "nonsense", Uncertain, None),
    ],
)
@pytest.mark.parametrize("pipelining", [False, True])
async def test_each_way_to_fail_is_told_apart(stage, answer, outcome, code, pipelining):
    patience = IMPATIENT[stage] if answer is SILENCE else PATIENT
    sink = Sink(told(stage, answer), pipelining=pipelining)
    async with sink.running(), connected(sink, patience=patience) as mail:
        with pytest.raises(outcome) as error:
            await send(mail)

    assert type(error.value) is outcome
    assert error.value.code == code
    if code:
        assert error.value.words == answer[4:]


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "body"])
@pytest.mark.parametrize("answer", ["451 later", "550 never", HANG_UP])
@pytest.mark.parametrize("pipelining", [False, True])
async def test_after_a_failure_the_next_message_goes_out(stage, answer, pipelining):
    sink = Sink(told(stage, answer, once=True), pipelining=pipelining)
    async with sink.running(), connected(sink, connections=1) as mail:
        with pytest.raises((Deferred, Refused, Unreachable, Uncertain)):
            await send(mail, "ada@example.org")
        await send(mail, "ben@example.org")

    assert sink.taken[-1].recipient == "ben@example.org"
    assert [taken.recipient for taken in sink.taken].count("ben@example.org") == 1


async def test_a_connection_that_was_cut_off_before_the_dot_is_uncertain_about_nothing():
    """The server stops reading in the middle of a long message: it can't have taken it."""

    async def stop_reading(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hi\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            writer.write(b"354 go\r\n" if verb == b"DATA" else b"250 ok\r\n")
            if verb == b"DATA":
                await reader.read(1000)
                writer.transport.abort()
                return

    server = await asyncio.start_server(stop_reading, "127.0.0.1", 0, limit=4096)
    port = server.sockets[0].getsockname()[1]
    async with smtp(SmtpServer.parse(f"smtp://127.0.0.1:{port}"), patience=PATIENT) as mail:
        with pytest.raises(Unreachable):
            await send(mail, body=message(text="x" * 70 + "\n") + b"y\r\n" * 9_000_000)
    server.close()


async def test_connections_are_reused_and_bounded():
    async with Sink().running() as sink, connected(sink, connections=3) as mail:
        await asyncio.gather(*(send(mail, f"reader{n}@example.org") for n in range(40)))

    assert len(sink.taken) == 40
    assert sink.connections == sink.most_open == 3


async def test_a_connection_gone_stale_is_replaced_without_a_word():
    async with Sink().running() as first, connected(first, connections=1) as mail:
        await send(mail)
        port = first.port
        first.answer = told("MAIL", "421 idle too long", once=True)
        await send(mail, "ben@example.org")

    assert [taken.recipient for taken in first.taken] == ["ada@example.org", "ben@example.org"]
    assert first.connections == 2
    assert port


async def test_nobody_there_is_unreachable():
    mail_to_nobody = smtp(SmtpServer.parse("smtp://127.0.0.1:1"), patience=PATIENT)
    async with mail_to_nobody as mail:
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1 does not take our mail"):
            await send(mail)


@pytest.mark.parametrize(
    "address",
    ["a da@example.org", "ada@exa>mple.org", "ada@example.org\r\nRSET", "ädа@example.org", "ada", ""],
)
async def test_an_address_that_could_change_the_conversation_is_refused(address):
    async with Sink().running() as sink, connected(sink) as mail:
        with pytest.raises(Refused):
            await send(mail, address)
        assert sink.commands == []


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, SSLContext]]:
    """A certificate for 127.0.0.1 that vouches for itself, and a server's context with it."""
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "cert.pem"
    command = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=sink -addext subjectAltName=IP:127.0.0.1"
    subprocess.run(
        ["openssl", *command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True
    )
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return certificate, context


@pytest.mark.parametrize("implicit", [False, True])
async def test_mail_goes_out_over_tls_that_is_verified(authority, monkeypatch, implicit):
    certificate, context = authority
    async with Sink(tls=context, implicit_tls=implicit).running() as sink:
        url = f"smtps://127.0.0.1:{sink.port}" if implicit else f"{sink.url}?tls=required"
        async with smtp(SmtpServer.parse(url), patience=PATIENT) as mail:
            with pytest.raises(Unreachable, match="certificate"):
                await send(mail)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        async with smtp(SmtpServer.parse(url), patience=PATIENT) as mail:
            await send(mail)

    assert len(sink.taken) == 1
    assert ("STARTTLS" in sink.commands) is not implicit


async def test_a_server_without_tls_gets_nothing_where_tls_is_demanded():
    async with Sink().running() as sink, connected(sink, "?tls=required") as mail:
        with pytest.raises(Unreachable):
            await send(mail)

    assert "MAIL" not in sink.commands


async def test_a_server_that_refuses_our_password_is_unreachable_and_no_recipients_fault():
    async with Sink(told("AUTH", "535 5.7.8 wrong")).running() as sink:
        server = SmtpServer.parse(f"smtp://ada:secret@127.0.0.1:{sink.port}")
        async with smtp(server, patience=PATIENT) as mail:
            with pytest.raises(Unreachable, match="535"):
                await send(mail)
