"""Mail that comes back: reports as servers write them, and messages made to stop whoever reads them."""

from __future__ import annotations

from collections.abc import Iterator
from email.message import EmailMessage
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

from support.subscriptions import make_links


def build_report(
    delivery_id: int = 7,
    *,
    status: str = "5.1.1",
    action: str = "failed",
    diagnostic: str | None = None,
    to: str | None = None,
    returned: str = "",
) -> bytes:
    """A delivery report as Postfix writes it."""
    message = MIMEMultipart("report", report_type="delivery-status")
    message["From"] = "MAILER-DAEMON@mail.example.net"
    message["To"] = make_links(delivery_id).return_path if to is None else to
    message["Subject"] = "Undelivered Mail Returned to Sender"
    message["Auto-Submitted"] = "auto-replied"
    message.attach(MIMEText("The mail system could not deliver: user unknown 5.9.9"))
    told = f"smtp; 550 {status} what the server said" if diagnostic is None else diagnostic
    fields = (
        "Reporting-MTA: dns; mail.example.net\n\n"
        f"Final-Recipient: rfc822; ada@example.org\nAction: {action}\n"
        + (f"Status: {status}\n" if status else "")
        + (f"Diagnostic-Code: {told}\n" if told else "")
    )
    body, boundary = message.as_string(), message.get_boundary()
    part = f"--{boundary}\nContent-Type: message/delivery-status\n\n{fields}\n"
    if returned:
        part += (
            f"--{boundary}\nContent-Type: message/rfc822\n\nMessage-ID: <{returned}>\nSubject: x\n\nbody\n"
        )
    return body.replace(f"--{boundary}--", f"{part}--{boundary}--").encode()


def build_complaint(message_id: str, kind: str = "abuse") -> bytes:
    """As RFC 5965 has it."""
    outer = MIMEMultipart("report", report_type="feedback-report")
    outer["From"] = "feedback@mail.example.net"
    outer["To"] = "abuse@example.org"
    outer.attach(MIMEText("This is a complaint."))
    body, boundary = outer.as_string(), outer.get_boundary()
    part = f"--{boundary}\nContent-Type: message/feedback-report\n\nFeedback-Type: {kind}\nVersion: 1\n\n"
    inner = EmailMessage()
    inner["Message-ID"] = f"<{message_id}>"
    inner.set_content("digest")
    part += f"--{boundary}\n{MIMEMessage(inner).as_string()}\n"
    return body.replace(f"--{boundary}--", f"{part}--{boundary}--").encode()


def build_letter(subject: str, text: str = "Hello", **headers: str) -> bytes:
    """A message to the return path of delivery 7. In names of headers `_` stands for `-`."""
    message = EmailMessage()
    message["To"] = make_links(7).return_path
    message["From"] = "Ada <ada@example.org>"
    message["Subject"] = subject
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    return message.as_bytes()


def list_monsters() -> Iterator[tuple[str, bytes]]:
    """Yield messages that cost far more to read than to write, each with its name."""
    head = (
        f"To: {make_links(7).return_path}\nFrom: postmaster@mail.example.net\nSubject: Undelivered\n".encode()
    )
    nested = b"Content-Type: message/rfc822\n\n"
    yield "nested messages", head + nested * 60_000 + b"Subject: x\n\nx"
    yield (
        "nested multiparts",
        head
        + b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (depth, depth)
            for depth in range(1000)
        ),
    )
    yield (
        "multiparts within many lines",
        head
        + b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (depth, depth) for depth in range(90)
        )
        + b"\n"
        + b".\n" * 900_000,
    )
    yield "150,000 parts", head + b"Content-Type: multipart/report; boundary=B\n\n" + b"--B\n\nx\n" * 150_000
    report = b"Content-Type: message/delivery-status\n\n"
    yield "150,000 recipients", head + report + b"Action: delayed\nStatus: 4.0.0\n\n" * 150_000
    yield (
        "8,000 addresses",
        (
            b"To: "
            + b", ".join(b"Ada %d <a%d@example.org>" % (n, n) for n in range(8000))
            + b"\n"
            + head
            + b"\nx"
        ),
    )
    yield "1,000 brackets", b"To: " + b"<" * 1000 + b"(" * 1000 + b"\n" + head + b"\nx"
    yield "a header of brackets", head + b"Message-ID: " + b'[(<"' * 400_000 + b"\n\nx"
    yield "many headers", head + b"X: y\n" * 400_000 + b"\nx"
    yield "many of the same header", head + b"To: 7.0123456789abcdef0123\n" * 60_000 + b"\nx"
    yield "marks that are not ours", b"To: " + b"7.0123456789abcdef0123 " * 80_000 + b"\n\nx"
    yield "digits", b"To: " + b"7" * 1_900_000 + b"\n" + head + b"\nx"
    yield "a folded header", head + b"Content-Type: text/plain;\n" + b" a=b;\n" * 250_000 + b"\nx"
    yield "parameters", head + b"Content-Type: multipart/mixed" + b';a="\\";b*0*=' * 100_000 + b"\n\nx"
    yield "an endless line", head + b"\n" + b"x" * 5_000_000
    yield "line ends", head + b"\n" + b"\n" * 2_000_000
    yield "carriage returns", head + b"\n" + b"\r" * 2_000_000
    yield "blanks", head + b"\n" + b" \t" * 1_000_000 + b"x"
    yield "dashes", head + b"Content-Type: multipart/mixed; boundary=-\n\n" + b"-" * 1_000_000
    yield "zeros", b"\0" * 1_000_000
    yield "broken Base64", head + b"Content-Transfer-Encoding: base64\n\n" + b"A=A!" * 400_000
    yield "quoted-printable", head + b"Content-Transfer-Encoding: quoted-printable\n\n" + b"=\n" * 800_000
    yield "uuencode", head + b"Content-Transfer-Encoding: uuencode\n\nbegin 644 x\n" + b"M\xff\n" * 500_000
    yield "encoded words", head + b"Subject: " + b"=?x?q?=?=?b?" * 100_000 + b"\n\nx"
    yield "an unknown character set", head + b"Content-Type: text/plain; charset=\xff\n\n\xff\xfe"
    yield "addresses in the text", head + b"\n" + b"<a@example.org> 5.1.1 7.0123456789abcdef0123\n" * 40_000
    yield "a text without blanks", head + b"\nHi. This is the qmail\n" + b"<a@b>:" * 200_000
    yield "words", head + b"\nHi. This is the qmail-send\n\n<a@example.org>:\n" + b"mailbox user " * 100_000
