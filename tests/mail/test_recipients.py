"""Addresses of an intranet are accepted where the operator says so, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from paperround.mail.recipients import normalise_recipient
from paperround.settings import Settings
from paperround.text.email_address import EmailAddressInvalid

INTRANET = (
    "ada@localhost", "ada@nas.local", "ada@mail.lab.internal", "ada@box.home.arpa", "ada@home.arpa",
    "ada@server", "ada@mail.lan", "ada@a.corp", "ada@x.localhost", "ada@a-1.localdomain",
)  # fmt: skip
NEVER = (
    "ada@", "@localhost", "ada", "a b@localhost", "ada@local host", "ada@-a.local", "ada@a..local",
    "ada@[127.0.0.1]", "ada@127.0.0.1", "ada@x.invalid", "ada@x.test", "ada@x.onion", "a@b@localhost",
    "ada@1.0.0.127.in-addr.arpa", "ada@b\u00fccher.local", f"ada@{'a' * 64}.local", "\u00e4da@localhost",
    f"ada@{'a.' * 120}local", f"{'a' * 65}@localhost", "ada@local\u00adhost", "<ada@localhost>",
    "ada@localhost\r\nBcc: eve@example.org",
)  # fmt: skip


def accept(address: str, **settings: Any) -> str | None:
    """The address as it is kept, or None if it is refused."""
    try:
        return normalise_recipient(address, Settings(_env_file=None, **settings))
    except EmailAddressInvalid:
        return None


def test_addresses_of_an_intranet_are_refused_unless_somebody_says_so() -> None:
    relay = {"smtp_url": "smtp://mail.example.org:587"}
    unknown = [address for address in INTRANET if not accept(address)]
    assert set(INTRANET) - set(unknown) == {
        "ada@mail.lab.internal", "ada@mail.lan", "ada@a.corp", "ada@a-1.localdomain"}  # fmt: skip
    assert not any(accept(address, **relay) for address in unknown)
    assert accept("ada@localhost", mail_domains="lab.internal") is None


@pytest.mark.parametrize(
    "relay",
    ["smtp://localhost:25", "smtp://127.0.0.1:25", "smtp://10.0.0.5", "smtps://[fd00::5]", "smtp://mail.internal",
     "smtp://relay", "smtp://mail.lan:2525"],
)  # fmt: skip
def test_a_mail_server_of_an_intranet_makes_its_addresses_acceptable(relay: str) -> None:
    assert [address for address in INTRANET if accept(address, smtp_url=relay) != address] == []
    assert [address for address in NEVER if accept(address, smtp_url=relay)] == []
    assert accept(" Ada+X@NAS.Local. ", smtp_url=relay) == "ada+x@nas.local"
    assert accept("Ada@B\u00fccher.example", smtp_url=relay) == "ada@xn--bcher-kva.example"


@pytest.mark.parametrize("address", INTRANET)
def test_a_domain_that_is_named_is_accepted_with_all_below_it(address: str) -> None:
    domain = address.partition("@")[2]
    names = {"mail_domains": f"other.local, .{domain.upper()}"}
    assert accept(address, **names) == address
    assert accept(f"ada@sub.{domain}", **names) == f"ada@sub.{domain}"
    assert accept(f"ada@x{domain}", mail_domains=f"x-{domain}") == accept(f"ada@x{domain}")
    assert [each for each in NEVER if accept(each, **names)] == []
