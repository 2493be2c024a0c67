"""Addresses of e-mail: read once at the edge, kept in one form. Asks no DNS."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email


class NotAnAddress(ValueError):
    """The text says what is wrong with it."""


def normalised(text: str) -> str:
    """The address in the one form that we keep: small letters, the domain in ASCII. Raises `NotAnAddress`.

    Letters before the @ may differ in size by the standard, but no provider that people use tells them
    apart, and `Ada@`, typed on a phone, is `ada@`. What isn't ASCII there is refused: few servers take it.
    """
    try:
        found = validate_email(text.strip(), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        raise NotAnAddress(str(error)) from error
    return f"{found.local_part.lower()}@{found.ascii_domain}"
