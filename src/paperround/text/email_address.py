"""Validates email addresses and brings them into one form. It makes no DNS queries."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from email_validator import EmailNotValidError, validate_email

from paperround.errors import PaperroundError
from paperround.i18n.messages import gettext as _
from paperround.i18n.messages import mark_message

STAND_IN: Final = "example.com"  # a domain that is no longer than any of ours
MAX_DOMAIN_LENGTH: Final = 189  # with 64 characters before the @ that makes an address of 254
HOST_NAME: Final = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII
)
INTRANET: Final = re.compile(
    r"(?:.+\.)?(?:localhost|localdomain|local|internal|intranet|lan|home|corp|private|home\.arpa)|[^.]+"
)


class EmailAddressInvalid(PaperroundError):
    """The text is not an email address. The message says what is wrong with it."""

    title = mark_message("Not an address")
    status = 400


@dataclass(frozen=True)
class OwnDomains:
    """Domains that only networks of the operator's know, whose addresses are accepted as they are.

    `names` are such domains, with all below them. With `any_intranet` these are all that no public name can
    be: `localhost`, `.local`, `.internal`, `.home.arpa` and the like, and names without a dot.
    """

    names: Sequence[str] = ()
    any_intranet: bool = False

    def __contains__(self, domain: str) -> bool:
        if not HOST_NAME.fullmatch(domain) or len(domain) > MAX_DOMAIN_LENGTH:
            return False
        if any(domain == name or domain.endswith(f".{name}") for name in self.names):
            return True
        return self.any_intranet and INTRANET.fullmatch(domain) is not None


NO_DOMAINS: Final = OwnDomains()


def normalise_email_address(text: str, own: OwnDomains = NO_DOMAINS) -> str:
    """Normalise an address to lower case, with its domain in ASCII. Raises `EmailAddressInvalid`.

    By the standard the part before the @ is case-sensitive, but no common provider treats it so, and phones
    like to write `Ada@`. Letters beyond ASCII are rejected there, since few servers accept them.
    """
    local, _at, domain = text.strip().rpartition("@")
    domain = domain.lower().removesuffix(".")
    try:
        if domain in own:  # `email-validator` knows no such domains, so it looks at the rest
            stand_in = validate_email(
                f"{local}@{STAND_IN}", check_deliverability=False, allow_smtputf8=False, strict=True
            )
            return f"{stand_in.local_part.lower()}@{domain}"
        address = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise EmailAddressInvalid(_("This is not an email address. Check it for typing mistakes.")) from error
    return f"{address.local_part.lower()}@{address.ascii_domain}"
