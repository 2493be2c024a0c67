"""What fails every test during which a secret or an address is logged sees all logs, and can fail."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
import structlog

from paperround.accounts.api_keys import KEY_PREFIX
from paperround.tokens import Signer, generate_token

from support.log_watch import watch

SIGNER = Signer(["k" * 40])


def log_by_structlog(text: str) -> None:
    structlog.get_logger("paperround.example").info("event", value=text)


def log_by_logging(text: str) -> None:
    logging.getLogger("some.library").info("said %s", text)


def log_a_traceback(text: str) -> None:
    try:
        int(text)
    except ValueError:
        structlog.get_logger("paperround.example").exception("failed")
        logging.getLogger("some.library").exception("failed")


def write_in_another_process(text: str) -> None:
    watch.read_command(f'an answer to the operator\n{{"event": "{text}"}}\n')


WAYS = [log_by_structlog, log_by_logging, log_a_traceback, write_in_another_process]
SECRETS: dict[str, Callable[[], str]] = {
    "address": lambda: "ada@example.org",
    "encoded address": lambda: "/preferences?email=ada%40example.org",
    "token": lambda: f"/sign-in/{generate_token()}",
    "beginning of a token": lambda: generate_token()[:20],
    "key": lambda: KEY_PREFIX + generate_token(),
    "foreign key": lambda: "hf_" + "x" * 30,
    "header": lambda: "Authorization: Bearer abc",
    "signed link": lambda: SIGNER.sign("example", 5),
    "sealed address": lambda: SIGNER.seal("example", "5"),
    "address with a tag": lambda: "nobody+tag@sub.example.co.uk",
}


@pytest.mark.parametrize("log", WAYS, ids=lambda way: way.__name__)
def test_whatever_way_a_secret_is_logged_it_is_found(log: Callable[[str], None]) -> None:
    for name, make in SECRETS.items():
        secret = make()
        log(secret)
        leaks = watch.take_leaks()
        assert leaks, f"{name}: {secret} was not found"
        assert all("in the log line" in leak for leak in leaks)


@pytest.mark.parametrize("log", WAYS, ids=lambda way: way.__name__)
def test_what_is_no_secret_is_let_pass(log: Callable[[str], None]) -> None:
    pseudonym = SIGNER.pseudonymise("network", "192.0.2.0/24")
    for text in (
        "GET /papers/{paper_id}", "paperround@localhost", pseudonym, "2603.00001", "0" * 64,
        "http://127.0.0.1:8000/outbox/open/" + generate_token(),
    ):  # fmt: skip
        log(text)
        assert watch.take_leaks() == [], text
