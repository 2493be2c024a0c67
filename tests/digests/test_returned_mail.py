"""Mail that comes back: what is read in it, whose it is, and that no message can stop its reader."""

from __future__ import annotations

import base64
import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.digests import bounces
from paperround.digests.bounce_rules import classify_status
from paperround.digests.returned_mail import ReportTooComplex, ReportUnreadable
from paperround.digests.tables import Bounce

from support.returned_mail import build_complaint, build_letter, build_report, list_monsters
from support.sender_child import LINKS
from support.subscriptions import make_links

MARK = make_links(7).message_id.partition("@")[0]
MONSTERS = dict(list_monsters())


@pytest.mark.parametrize("status", ["5.1.1", "5.2.2", "5.7.1"])
def test_a_report_is_matched_by_the_address_it_came_to(status: str) -> None:
    found = bounces.parse_report(build_report(status=status), LINKS)
    assert (found.delivery.id, found.bounce) == (7, classify_status(status))
    assert "what the server said" in found.explanation


def test_a_report_is_matched_by_the_message_that_returned() -> None:
    found = bounces.parse_report(
        build_report(to="papers@example.org", returned=make_links(8).message_id), LINKS
    )
    assert found.delivery.id == 8


def test_a_complaint_is_matched_by_the_message_that_returned() -> None:
    found = bounces.parse_report(build_complaint(make_links(9).message_id), LINKS)
    assert (found.delivery.id, found.bounce) == (9, Bounce.complaint)


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure"])
def test_feedback_that_is_no_complaint_changes_nothing(kind: str) -> None:
    with pytest.raises(ReportUnreadable):
        bounces.parse_report(build_complaint(make_links(9).message_id, kind), LINKS)


@pytest.mark.parametrize(
    ("status", "diagnostic", "bounce"),
    [
        ("5.0.0", "smtp; 550 5.1.1 no such user", Bounce.hard),
        ("5.0.0", "smtp; 550 no such user", Bounce.hard),
        ("5.0.0", "smtp; 552 Quota exceeded", Bounce.soft),
        ("5.0.0", "smtp; 554 blocked", Bounce.content),
        ("5.5.0", "smtp; 550 Requested action not taken: mailbox unavailable", Bounce.hard),
        ("5.0.0", "", Bounce.soft),
        ("", "smtp; 550 5.1.1 unknown", Bounce.hard),
        ("", "", Bounce.soft),
        ("5", "", Bounce.soft),
    ],
)
def test_the_server_s_words_decide_where_its_status_is_generic(
    status: str, diagnostic: str, bounce: Bounce
) -> None:
    assert bounces.parse_report(build_report(status=status, diagnostic=diagnostic), LINKS).bounce is bounce


@pytest.mark.parametrize("encoding", ["7bit", "base64", "quoted-printable"])
@pytest.mark.parametrize("kind", ["delivery-status", "global-delivery-status"])
def test_the_fields_of_a_report_may_be_encoded(encoding: str, kind: str) -> None:
    plain = build_report(status="5.1.1").decode()
    head, _, rest = plain.partition("Content-Type: message/delivery-status\n\n")
    fields, boundary, tail = rest.partition("\n--")
    if encoding == "base64":
        fields = base64.encodebytes(fields.encode()).decode()
    if encoding == "quoted-printable":
        fields = fields.replace("failed", "=66ailed")
    kinds = f"Content-Type: message/{kind}\nContent-Transfer-Encoding: {encoding}\n\n"
    body = f"{head}{kinds}{fields}{boundary}{tail}"
    assert bounces.parse_report(body.encode(), LINKS).bounce is Bounce.hard


QMAIL = """Hi. This is the qmail-send program at mail.example.net.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<ada@example.org>:
{reason}

--- Below this line is a copy of the message.

Return-Path: <{path}>
Message-ID: <{id}>
Subject: Spam that was blocked 5.7.1
"""
EXIM = """This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  ada@example.org
    {reason}
"""


@pytest.mark.parametrize(
    ("reason", "bounce"),
    [
        ("Sorry, no mailbox here by that name. (#5.1.1)", Bounce.hard),
        ("no such user", Bounce.hard),
        ("The users mailfolder is over the allowed quota (size).", Bounce.soft),
        ("192.0.2.7 said: 554 blocked", Bounce.content),
        ("Nobody knows why.", Bounce.soft),
    ],
)
def test_reports_of_older_shapes_are_read(reason: str, bounce: Bounce) -> None:
    qmail = build_letter("failure notice", QMAIL.format(reason=reason, path="p@example.org", id="x"))
    exim = build_letter(
        "Mail delivery failed",
        EXIM.format(reason=reason),
        Auto_Submitted="auto-replied",
        X_Failed_Recipients="ada@example.org",
    )
    assert [bounces.parse_report(body, LINKS).bounce for body in (qmail, exim)] == [bounce, bounce]


def test_an_older_report_is_matched_by_what_it_quotes() -> None:
    text = QMAIL.format(reason="no such user", path="papers@example.org", id=make_links(8).message_id)
    body = build_letter("failure notice", text).replace(
        make_links(7).return_path.encode(), b"papers@example.org"
    )
    assert bounces.parse_report(body, LINKS).delivery.id == 8


@pytest.mark.parametrize(
    ("subject", "headers"),
    [
        ("unsubscribe", {}),
        ("Unsubscribe", {}),
        ("=?utf-8?b?dW5zdWJzY3JpYmU=?=", {}),
        (f"unsubscribe {MARK}", {}),
        (f"unsubscribe {MARK}", {"Auto_Submitted": "auto-replied", "X_Apple_Unsubscribe": "true"}),
        ("unsubscribe", {"Auto_Submitted": "auto-replied", "X_Apple_Unsubscribe": "true"}),
        (f"unsubscribe {MARK}", {"Auto_Submitted": "auto-generated"}),
        ("unsubscribe", {"Auto_Submitted": "no"}),
    ],
)
def test_a_subject_that_is_the_word_itself_unsubscribes(subject: str, headers: dict[str, str]) -> None:
    body = build_letter("SUBJECT", **headers).replace(b"SUBJECT", subject.encode())
    found = bounces.parse_report(body, LINKS)
    assert (found.delivery.id, found.bounce) == (7, None)


@pytest.mark.parametrize(
    "subject",
    [
        "Unsubscribe me not: papers for you", "Re: unsubscribe", "unsubscribed", "How do I unsubscribe?",
        "please unsubscribe", "unsubscribe 7.0123456789abcdef0123 now", "Papers for you", "",
    ],
)  # fmt: skip
def test_any_other_subject_is_left_alone(subject: str) -> None:
    with pytest.raises(ReportUnreadable):
        bounces.parse_report(build_letter(subject), LINKS)


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"}, {"Auto_Submitted": "auto-generated; owner=x"},
        {"X_Autoreply": "yes"}, {"X_Auto_Response_Suppress": "All"}, {"Precedence": "auto_reply"},
        {"Auto_Submitted": "auto-replied", "Return_Path": "<>"},
        {"Auto_Submitted": "auto-replied", "Return_Path": "<postmaster@example.org>"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("subject", ["Automatic reply: papers", "unsubscribe", "failure notice"])
def test_automatic_replies_change_nothing(subject: str, headers: dict[str, str]) -> None:
    text = "I am away. Status: 5.1.1 in jest.\n\n" + QMAIL.format(reason="5.1.1", path="p@x.org", id="x")
    with pytest.raises(ReportUnreadable):
        bounces.parse_report(build_letter(subject, text, **headers), LINKS)


@pytest.mark.parametrize(
    "body",
    [
        build_report(action="delayed", status="4.4.1"),
        build_report(action="relayed", status="2.0.0"),
        build_report(to="bounces+7.0123456789abcdef0123@example.org"),
        build_report(to="papers@example.org"),
        b"Subject: Out of office\r\n\r\nI am away. 5.1.1 user unknown",
        b"",
        b"\xff\xfe\x00",
    ],
)
def test_what_is_no_failure_or_not_ours_is_left_alone(body: bytes) -> None:
    with pytest.raises(ReportUnreadable):
        bounces.parse_report(body, LINKS)


def test_a_report_within_an_enclosed_message_is_not_of_us() -> None:
    enclosed = b"Content-Type: message/rfc822\n\n" + build_report()
    with pytest.raises(ReportUnreadable):
        bounces.parse_report(f"To: {make_links(7).return_path}\n".encode() + enclosed, LINKS)


def test_what_a_server_said_can_be_stored_on_one_line() -> None:
    body = build_report(status="5.1.1", diagnostic="smtp; 550 5.1.1 a\0b\n \x1b[31mc \udcff".encode(
        "utf-8", "surrogateescape"
    ).decode("latin-1"))  # fmt: skip
    explanation = bounces.parse_report(body, LINKS).explanation
    assert explanation.isprintable()
    assert len(bounces.parse_report(build_report(diagnostic="550 " + "x" * 9000), LINKS).explanation) <= 500


@given(st.binary(max_size=400), st.integers(0, 600))
def test_no_message_makes_it_stumble(noise: bytes, place: int) -> None:
    whole = build_report()
    for body in (noise, whole[:place] + noise + whole[place:], whole[:place]):
        with contextlib.suppress(ReportUnreadable):
            bounces.parse_report(body, LINKS)


LINES = rb"""Content-Type: message/rfc822
Content-Type: message/delivery-status
Content-Type: multipart/report; boundary=B
Content-Type: multipart/mixed; boundary=
Content-Type: text/plain; charset=utf-7
Content-Type: message/feedback-report
Content-Transfer-Encoding: base64
Action: failed
Status: 5.0.0
Diagnostic-Code:
Subject: =?utf-8?b?=?=
Auto-Submitted: no
Message-ID: <>
Feedback-Type:
From:
To:
--B
--B--"""
PIECES = st.sampled_from([*LINES.splitlines(), b"", b"\n", b"\r", b"\0", b"\xff", b"<", b";"])


@given(st.lists(PIECES, max_size=60))
def test_no_pieces_of_messages_make_it_stumble(pieces: list[bytes]) -> None:
    head = f"To: {make_links(7).return_path}\n".encode()
    with contextlib.suppress(ReportUnreadable):
        bounces.parse_report(head + b"\n".join(pieces), LINKS)


@pytest.mark.parametrize("name", MONSTERS)
def test_no_monster_keeps_it_for_long(name: str) -> None:
    began = time.process_time()
    with contextlib.suppress(ReportUnreadable):
        bounces.parse_report(MONSTERS[name], LINKS)
    assert time.process_time() - began < 5  # they took minutes


@pytest.mark.parametrize(
    "name", ["nested messages", "nested multiparts", "150,000 parts", "150,000 recipients"]
)
def test_a_message_of_too_many_parts_is_not_read(name: str) -> None:
    with pytest.raises(ReportTooComplex, match="more than 100 parts"):
        bounces.parse_report(MONSTERS[name], LINKS)


def test_a_long_message_is_read_as_far_as_it_matters() -> None:
    picture = "iVBORw0KGgo" * 7
    letter = build_letter("unsubscribe", f"{picture}\n" * 60_000)
    assert bounces.parse_report(letter, LINKS).bounce is None
    report = build_report() + f"{picture}\n".encode() * 60_000
    assert bounces.parse_report(report, LINKS).bounce is Bounce.hard


def test_a_reader_of_mail_that_fails_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounces, "list_parts", lambda message: 1 / 0)
    with pytest.raises(ReportTooComplex, match="ZeroDivisionError"):
        bounces.parse_report(build_report(), LINKS)


FILES = Path(__file__).parent / "returned_files"
OUTCOMES = {
    "apple-unsubscribe": None,  # a request, though it calls itself automatic
    "dsn-500-diag-511": Bounce.hard,
    "dsn-500-nouser": Bounce.hard,
    "dsn-500-quota": Bounce.soft,
    "dsn-511": Bounce.hard,
    "dsn-522": Bounce.soft,
    "dsn-550": Bounce.hard,
    "dsn-571": Bounce.content,
    "dsn-delayed": ReportUnreadable,
    "ooo-from-postmaster": ReportUnreadable,
    "ooo-m365": ReportUnreadable,
    "ooo-subject-unsubscribe-word": ReportUnreadable,
}


@pytest.mark.parametrize("name", sorted(file.stem for file in FILES.iterdir()))
def test_a_whole_message_that_comes_back_is_judged_by_all_that_it_says(name: str) -> None:
    body = (FILES / f"{name}.eml").read_bytes().replace(b"TOKEN", MARK.strip("<").encode())
    outcome = OUTCOMES[name]
    if outcome is ReportUnreadable:
        with pytest.raises(ReportUnreadable):
            bounces.parse_report(body, LINKS)
        return
    report = bounces.parse_report(body, LINKS)
    assert (report.delivery.id, report.bounce) == (7, outcome)
