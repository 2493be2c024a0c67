"""What codes and words of servers say about an address."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.digests.bounce_rules import (
    classify_failure,
    classify_refusal,
    classify_status,
    classify_words,
)
from paperround.digests.tables import Bounce

HARD = (
    "No such user", "User unknown", "unknown user: ada@example.org", "Recipient not found",
    "The email account that you tried to reach does not exist", "mailbox unavailable", "Invalid recipient",
    "Recipient address rejected: User unknown in virtual mailbox table", "no mailbox by that name is here",
    "This user doesn't have a example.org account", "Account disabled", "sorry, no mailbox here by that name",
    "The recipient's address ada@example.org is unknown", "unrouteable address", "Unknown local part",
    "mailbox not found", "this address no longer accepts mail", "Not a valid recipient", "addressee unknown",
    "That address has been deactivated", "account is inactive",
)  # fmt: skip
SOFT = (
    "Quota exceeded",
    "mailbox full", "The recipient's mailbox is full", "over quota", "mailbox is over quota",
    "user has exceeded the storage limit", "insufficient storage", "out of storage space", "Inbox is full",
    "The email account that you tried to reach is over quota. https://mail.example/policy/blocked",
)  # fmt: skip
CONTENT = (
    "Message blocked", "rejected as spam", "blocked by policy", "listed at zen.spamhaus.example",
    "poor reputation", "DMARC check failed",
    "SPF check failed for no such user", "message contains a virus", "Access denied",
    "message size exceeds the limit", "blacklisted", "relaying denied",
    "Client host rejected: on our blocklist",
    "unsolicited mail from this network", "sender address rejected",
)  # fmt: skip
GENERIC = ("5.0.0", "5.5.0", "5.3.0", "5.2.0", "5.4.0", "")
KINDS = ((HARD, Bounce.hard), (SOFT, Bounce.soft), (CONTENT, Bounce.content))
WORDS = [(words, bounce) for kind, bounce in KINDS for words in kind]


@pytest.mark.parametrize(
    ("status", "bounce"),
    [
        ("5.1.1", Bounce.hard), ("5.1.10", Bounce.hard), ("5.2.1", Bounce.hard), ("5.4.1", Bounce.hard),
        ("5.2.2", Bounce.soft), ("5.4.4", Bounce.soft), ("4.2.2", Bounce.soft), ("4.4.7", Bounce.soft),
        ("5.7.1", Bounce.content), ("4.7.1", Bounce.content), ("5.7.26", Bounce.content),
        ("5.6.0", Bounce.content), ("(#5.1.1).", Bounce.hard),
        ("5.1.8", Bounce.content), ("2.1.5", None), ("no code", None), ("192.5.1.1", None), ("5.1.1.7", None),
    ],
)  # fmt: skip
def test_what_a_status_says_of_the_address(status: str, bounce: Bounce | None) -> None:
    assert classify_status(status) is bounce


@pytest.mark.parametrize(("words", "bounce"), WORDS)
def test_what_words_say_of_the_address(words: str, bounce: Bounce) -> None:
    assert {classify_words(form) for form in (words, words.upper(), f"550 {words}\n\twith more")} == {bounce}


@pytest.mark.parametrize("status", GENERIC)
def test_words_decide_where_the_status_is_generic(status: str) -> None:
    for words, bounce in WORDS:
        for reply in ("550", "550-5.0.0", "554"):
            assert classify_failure(status, f"smtp; {reply} {words}") is bounce, (reply, words)


@pytest.mark.parametrize("status", GENERIC)
@pytest.mark.parametrize("finer", ["5.1.1", "5.2.1", "5.2.2", "5.7.1", "5.1.8", "5.4.4"])
def test_a_finer_code_decides_where_the_status_is_generic(status: str, finer: str) -> None:
    for words in ("blocked as spam", "no such user", "mailbox full", ""):
        assert classify_failure(status, f"smtp; 550 {finer} {words}") is classify_status(finer)


def test_a_status_that_says_something_decides_itself() -> None:
    for status, (words, _) in itertools.product(("5.1.1", "5.2.2", "5.7.1", "4.4.7"), WORDS):
        assert classify_failure(status, f"smtp; 550 5.9.9 {words}") is classify_status(status)


def test_what_failed_for_now_is_never_hard() -> None:
    for words, _ in WORDS:
        assert classify_failure("4.0.0", f"smtp; 450 {words}") is not Bounce.hard


@pytest.mark.parametrize(
    ("code", "words", "of_recipient", "bounce"),
    [
        (550, "no such user", True, Bounce.hard),
        (550, "no such user", False, Bounce.content),
        (552, "mailbox full", True, Bounce.soft),
        (552, "sorry", True, Bounce.soft),
        (550, "mailbox full", True, Bounce.soft),
        (550, "blocked by our policy", True, Bounce.content),
        (550, "5.7.1 blocked", True, Bounce.content),
        (550, "5.1.1 unknown", False, Bounce.hard),
        (550, "5.0.0 no such user", True, Bounce.hard),
        (550, "sorry", True, Bounce.hard),
    ],
)
def test_what_a_refusal_says_of_the_address(
    code: int, words: str, of_recipient: bool, bounce: Bounce
) -> None:
    assert classify_refusal(code, words, of_recipient=of_recipient) is bounce


@given(st.text(max_size=20), st.text(max_size=60))
def test_any_text_is_read(status: str, words: str) -> None:
    classify_failure(status, words)
    classify_refusal(None, words, of_recipient=True)
