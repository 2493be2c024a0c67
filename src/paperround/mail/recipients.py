"""Which addresses mail may go to: public ones, and those of networks that the operator says are their own."""

from __future__ import annotations

from paperround.mail.smtp_url import SmtpServer
from paperround.outbound.addresses import is_public_host
from paperround.settings import Settings
from paperround.text.email_address import OwnDomains, normalise_email_address


def normalise_recipient(text: str, settings: Settings) -> str:
    """Normalise the address of a reader. Raises `EmailAddressInvalid`.

    Addresses of an intranet are accepted in `MAIL_DOMAINS`, and where the mail server is one of an intranet
    itself.
    """
    relay = settings.smtp_url and SmtpServer.parse(settings.smtp_url.get_secret_value()).host
    own = OwnDomains(settings.mail_domains, any_intranet=bool(relay) and not is_public_host(relay or ""))
    return normalise_email_address(text, own)
