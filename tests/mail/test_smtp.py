"""Sending by SMTP: what the sender knows after each way in which a dialogue can end."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from itertools import count
from pathlib import Path
from ssl import SSLContext
from typing import Any

import pytest

from paperround.mail import (
    Envelope,
    MailError,
    MailServerUnreachable,
    MessageDeferred,
    MessageRefused,
    MessageUncertain,
    compose_message,
)
from paperround.mail.smtp import SmtpMailer, SmtpTimeouts, open_smtp
from paperround.mail.smtp_url import SmtpServer

from support.factories import utc
from support.forward_proxy import make_authority
from support.mail_sink import HANG_UP, SILENCE, MailSink

PATIENT = SmtpTimeouts(connect=60, command=60, outcome=60)
IMPATIENT = {"connect": replace(PATIENT, connect=0.3), "MAIL": replace(PATIENT, command=0.3),
             "body": replace(PATIENT, outcome=0.3)}  # fmt: skip


def message(subject: str = "Hello", text: str = "Good morning.\n") -> bytes:
    return compose_message(
        sender="Paperround <papers@example.org>",
        recipient="ada@example.org",
        subject=subject,
        text=text,
        now=utc("2026-03-02 08:00"),
    ).as_bytes()


def open_mailer_to(
    sink: MailSink, query: str = "", connections: int = 4, timeouts: SmtpTimeouts = PATIENT
) -> AbstractAsyncContextManager[SmtpMailer]:
    return open_smtp(SmtpServer.parse(sink.url + query), connections=connections, timeouts=timeouts)


async def send(
    mail: SmtpMailer,
    recipient: str = "ada@example.org",
    body: bytes | None = None,
    following: str | None = None,
) -> str:
    sender = "bounces@example.org"
    ahead = Envelope(sender, following) if following else None
    return await mail.send(body or message(), sender=sender, recipient=recipient, following=ahead)


def answer_at(stage: str, answer: str, *, once: bool = False, after: int = 0) -> Any:
    """Make the sink give this answer at one stage, either always or only once, the first time or later."""
    turns = count()

    def choose_answer(at_stage: str, argument: str) -> str | None:
        if at_stage != stage or (turn := next(turns)) < after or (once and turn > after):
            return None
        return answer

    return choose_answer


async def test_a_message_arrives_unchanged_with_its_envelope() -> None:
    text = "A line.\n.\n.hidden\n..two\nThe end.\n"
    async with MailSink().running() as sink, open_mailer_to(sink) as mail:
        response = await send(mail, body=message(text=text))

    assert response == "250 taken"
    (taken,) = sink.received
    assert (taken.sender, taken.recipient) == ("bounces@example.org", "ada@example.org")
    assert taken.message.get_content() == text.replace("\n", "\r\n")
    assert taken.message["Subject"] == "Hello"


@pytest.mark.parametrize(
    ("stage", "answer", "outcome", "code"),
    [
        ("connect", HANG_UP, MailServerUnreachable, None),
        ("connect", "554 no service", MailServerUnreachable, None),
        ("connect", SILENCE, MailServerUnreachable, None),
        ("EHLO", HANG_UP, MailServerUnreachable, None),
        ("MAIL", HANG_UP, MailServerUnreachable, None),
        ("MAIL", SILENCE, MailServerUnreachable, None),
        ("MAIL", "421 closing", MailServerUnreachable, 421),
        ("MAIL", "451 later", MessageDeferred, 451),
        ("MAIL", "550 not from you", MessageRefused, 550),
        ("RCPT", HANG_UP, MailServerUnreachable, None),
        ("RCPT", "450 mailbox busy", MessageDeferred, 450),
        ("RCPT", "550 5.1.1 nobody here", MessageRefused, 550),
        ("DATA", HANG_UP, MailServerUnreachable, None),
        ("DATA", "451 later", MessageDeferred, 451),
        ("DATA", "554 no", MessageRefused, 554),
        ("body", "451 4.3.0 later", MessageDeferred, 451),
        ("body", "421 closing", MessageDeferred, 421),
        ("body", "554 5.7.1 spam", MessageRefused, 554),
        ("body", HANG_UP, MessageUncertain, None),
        ("body", SILENCE, MessageUncertain, None),
        ("body", "nonsense", MessageUncertain, None),
        ("body", "000 what", MessageUncertain, 0),
        ("body", "150 wait", MessageUncertain, 150),
        ("body", "334 go on", MessageUncertain, 334),
        ("body", "354 go on", MessageUncertain, 354),
        ("body", "600 no", MessageUncertain, 600),
        ("body", "999 no", MessageUncertain, 999),
    ],
)
@pytest.mark.parametrize("pipelining", [False, True])
async def test_each_failure_raises_its_own_error(
    stage: str, answer: str, outcome: type[Any], code: int | None, pipelining: bool
) -> None:
    timeouts = IMPATIENT[stage] if answer is SILENCE else PATIENT
    sink = MailSink(answer_at(stage, answer), pipelining=pipelining)
    async with sink.running(), open_mailer_to(sink, timeouts=timeouts) as mail:
        with pytest.raises(outcome) as error:
            await send(mail)

    assert type(error.value) is outcome
    assert error.value.code == code
    if code:
        assert error.value.response == answer[4:]


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "body"])
@pytest.mark.parametrize("answer", ["451 later", "550 never", HANG_UP])
@pytest.mark.parametrize("pipelining", [False, True])
async def test_after_a_failure_the_next_message_goes_out(stage: str, answer: str, pipelining: bool) -> None:
    sink = MailSink(answer_at(stage, answer, once=True), pipelining=pipelining)
    async with sink.running(), open_mailer_to(sink, connections=1) as mail:
        with pytest.raises((MessageDeferred, MessageRefused, MailServerUnreachable, MessageUncertain)):
            await send(mail, "ada@example.org")
        await send(mail, "ben@example.org")

    assert sink.received[-1].recipient == "ben@example.org"
    assert [taken.recipient for taken in sink.received].count("ben@example.org") == 1


@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "body"])
@pytest.mark.parametrize("answer", ["421 closing", "451 later", "550 never", HANG_UP])
@pytest.mark.parametrize("pipelining", [False, True])
async def test_what_happens_to_an_envelope_that_went_ahead_is_no_other_messages_failure(
    stage: str, answer: str, pipelining: bool
) -> None:
    sink = MailSink(answer_at(stage, answer, once=True, after=1), pipelining=pipelining)
    async with sink.running(), open_mailer_to(sink, connections=1) as mail:
        assert await send(mail, "ada@example.org", following="ben@example.org") == "250 taken"
        try:
            is_sent = bool(await send(mail, "ben@example.org", following="cyn@example.org"))
        except MailError as error:
            is_sent = isinstance(error, MessageUncertain)
        assert await send(mail, "cyn@example.org", following="dee@example.org") == "250 taken"

    expected = ["ada", *(["ben"] if is_sent else ()), "cyn"]
    assert [taken.recipient for taken in sink.received] == [f"{name}@example.org" for name in expected]


async def test_an_envelope_that_went_ahead_brings_nothing_without_its_message() -> None:
    async with MailSink(pipelining=True).running() as sink, open_mailer_to(sink, connections=1) as mail:
        for name in ("ada", "ben", "cyn"):
            await send(mail, f"{name}@example.org", following="nobody@example.org")
        await send(mail, "dee@example.org", following="not an address")
        await send(mail, "eve@example.org")

    assert [taken.recipient[:3] for taken in sink.received] == ["ada", "ben", "cyn", "dee", "eve"]


async def test_the_next_envelope_goes_with_the_final_dot() -> None:
    """The server takes a message only when it has the next envelope too."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def read(end: bytes, answer: bytes) -> None:
            await reader.readuntil(end)
            writer.write(answer)

        writer.write(b"220 hi\r\n")
        await read(b"\r\n", b"250-sink\r\n250 PIPELINING\r\n")
        await read(b"DATA\r\n", b"250 ok\r\n250 ok\r\n354 go\r\n")
        await read(b"\r\n.\r\n", b"")
        await read(b"RCPT TO:<ben@example.org>\r\nDATA\r\n", b"250 one\r\n250 ok\r\n250 ok\r\n354 go\r\n")
        await read(b"\r\n.\r\n", b"250 two\r\n")
        await read(b"QUIT\r\n", b"221 bye\r\n")
        writer.transport.abort()
        has_ended.set()

    has_ended = asyncio.Event()
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    url = f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with open_smtp(SmtpServer.parse(url), connections=1, timeouts=PATIENT) as mail:
        assert await send(mail, "ada@example.org", following="ben@example.org") == "250 one"
        assert await send(mail, "ben@example.org") == "250 two"
    await has_ended.wait()
    server.close()


async def test_a_connection_lost_before_the_final_dot_leaves_no_doubt() -> None:
    """The server stops reading in the middle of a long message, so it can't have accepted it."""

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
    async with open_smtp(SmtpServer.parse(f"smtp://127.0.0.1:{port}"), timeouts=PATIENT) as mail:
        with pytest.raises(MailServerUnreachable):
            await send(mail, body=message(text="x" * 70 + "\n") + b"y\r\n" * 9_000_000)
    server.close()


async def test_connections_are_reused_and_bounded() -> None:
    async with MailSink().running() as sink, open_mailer_to(sink, connections=3) as mail:
        await asyncio.gather(*(send(mail, f"reader{n}@example.org") for n in range(40)))

    assert len(sink.received) == 40
    assert sink.connections == sink.max_open_connections == 3


async def test_a_stale_connection_is_replaced_silently() -> None:
    async with MailSink().running() as first, open_mailer_to(first, connections=1) as mail:
        await send(mail)
        port = first.port
        first.answer = answer_at("MAIL", "421 idle too long", once=True)
        await send(mail, "ben@example.org")

    assert [taken.recipient for taken in first.received] == ["ada@example.org", "ben@example.org"]
    assert first.connections == 2
    assert port


async def test_no_server_is_unreachable() -> None:
    mail_to_nobody = open_smtp(SmtpServer.parse("smtp://127.0.0.1:1"), timeouts=PATIENT)
    async with mail_to_nobody as mail:
        with pytest.raises(MailServerUnreachable, match=r"127\.0\.0\.1:1 does not take our mail"):
            await send(mail)


@pytest.mark.parametrize(
    "address",
    ["a da@example.org", "ada@exa>mple.org", "ada@example.org\r\nRSET", "ädа@example.org", "ada", ""],
)
async def test_an_address_that_could_inject_commands_is_refused(address: str) -> None:
    async with MailSink().running() as sink, open_mailer_to(sink) as mail:
        with pytest.raises(MessageRefused):
            await send(mail, address)
        assert sink.commands == []


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SSLContext]:
    """A self-signed certificate for 127.0.0.1, and a server's context with it."""
    return make_authority(tmp_path_factory.mktemp("tls"), "127.0.0.1")


@pytest.mark.parametrize("implicit", [False, True])
async def test_mail_is_sent_over_verified_tls(
    authority: tuple[Path, SSLContext], monkeypatch: pytest.MonkeyPatch, implicit: bool
) -> None:
    certificate, context = authority
    async with MailSink(tls=context, implicit_tls=implicit).running() as sink:
        url = f"smtps://127.0.0.1:{sink.port}" if implicit else f"{sink.url}?tls=required"
        async with open_smtp(SmtpServer.parse(url), timeouts=PATIENT) as mail:
            with pytest.raises(MailServerUnreachable, match="certificate"):
                await send(mail)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        async with open_smtp(SmtpServer.parse(url), timeouts=PATIENT) as mail:
            await send(mail)

    assert len(sink.received) == 1
    assert ("STARTTLS" in sink.commands) is not implicit


async def test_a_server_without_tls_gets_nothing_if_tls_is_required() -> None:
    async with MailSink().running() as sink, open_mailer_to(sink, "?tls=required") as mail:
        with pytest.raises(MailServerUnreachable):
            await send(mail)

    assert "MAIL" not in sink.commands


async def test_a_refused_password_counts_as_an_unreachable_server() -> None:
    async with MailSink(answer_at("AUTH", "535 5.7.8 wrong")).running() as sink:
        server = SmtpServer.parse(f"smtp://ada:secret@127.0.0.1:{sink.port}")
        async with open_smtp(server, timeouts=PATIENT) as mail:
            with pytest.raises(MailServerUnreachable, match="535"):
                await send(mail)
