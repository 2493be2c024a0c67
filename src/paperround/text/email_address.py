"""Validates email addresses and brings them into one form. It makes no DNS queries."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email

from paperround.errors import PaperroundError


class EmailAddressInvalid(PaperroundError):
    """The text is not an email address. The message says what is wrong with it."""

    title = "Not an address"
    status = 400


def normalise_email_address(text: str) -> str:
    """Normalise an address to lower case, with its domain in ASCII. Raises `EmailAddressInvalid`.

    By the standard the part before the @ is case-sensitive, but no common provider treats it so, and phones
    like to write `Ada@`. Letters beyond ASCII are rejected there, since few servers accept them.
    """
    try:
        address = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise EmailAddressInvalid(str(error)) from error
    return f"{address.local_part.lower()}@{address.ascii_domain}"
