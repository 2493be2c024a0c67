"""Security events: their names, and the one function that logs them. docs/operations.md explains each.

A line has the event, the reader by number and a pseudonym of the network, never an address or a token.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import structlog

logger = structlog.get_logger("paperround.security")


class SecurityEvent(StrEnum):
    """What is logged since it may matter to whoever looks into an incident.

    The name stands in the log, and the value is its description in the documentation.
    """

    # What readers and visitors do.
    signed_in = "A sign-in link was used."
    link_refused = "A link was used that was used before, is too old, or never existed."
    key_made = "A reader made an API key."
    key_revoked = "A reader revoked an API key."
    channel_added = "A channel was added, by a reader or by `channel add`."
    channel_removed = "A channel was removed, by its reader or by `channel remove`."
    key_refused = "A request came with a key that is none, or that may not do this."
    address_changed = "A reader's address was changed."
    address_change_undone = "A change of address was undone from the old address."
    account_deleted = "A reader deleted their account."
    form_refused = "A form came from another site, or without the token of its session."

    # The operator's own acts, on the command line.
    paper_removed = "`remove` took a paper out of the catalogue."
    paper_readmitted = "`remove --undo` let a paper come back."
    digests_resent = "`digest resend` queued uncertain digests again."
    database_restored = "`db restore` put a backup into the database."
    key_rotated = "`db rotate-key` made a new signing key."
    keys_dropped = "`db rotate-key --drop-old` forgot the earlier signing keys."


REFUSALS: Final = frozenset(
    {SecurityEvent.link_refused, SecurityEvent.key_refused, SecurityEvent.form_refused}
)


def record_security_event(
    event: SecurityEvent,
    *,
    reader: int | None = None,
    network: str | None = None,
    subject: str | int | None = None,
) -> None:
    """Log an event: a warning if something was refused, else information.

    `reader` is the reader's number. `network` is the pseudonym that `Signer.pseudonymise` makes of a network,
    None for the operator's own acts. `subject` is what was acted on: a paper's id, a key's number, a route.
    """
    facts = {"reader": reader, "network": network or "operator", "subject": subject}
    given = {name: value for name, value in facts.items() if value is not None}
    log = logger.warning if event in REFUSALS else logger.info
    log("security event", security_event=event.name, **given)
