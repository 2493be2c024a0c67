"""Which mailbox an address leads to, by the rules of common providers.

This is for limits alone. Who somebody is, their whole address tells: two addresses that are one mailbox here
may still be two readers.
"""

from __future__ import annotations

from typing import Final

# Domains of one provider at which a name is the same mailbox.
SAME_DOMAINS: Final = {
    "googlemail.com": "gmail.com",
    "protonmail.com": "proton.me",
    "protonmail.ch": "proton.me",
    "pm.me": "proton.me",
    "me.com": "icloud.com",
    "mac.com": "icloud.com",
    **dict.fromkeys(("ya.ru", "yandex.com", "yandex.by", "yandex.kz"), "yandex.ru"),
}
# What a provider leaves out of a name when it compares it.
IGNORED_CHARACTERS: Final = {"gmail.com": ".", "proton.me": ".-_", "yandex.ru": ".-"}
# Where the part before this is the mailbox. A plus is taken so everywhere: providers without tags that have
# people with a plus in their names are few, and all that such people share is a limit.
TAG_SEPARATORS: Final = {"yahoo.com": "-", "ymail.com": "-", "rocketmail.com": "-"}
# Where `anything@name.provider` leads to `name@provider`.
SUBDOMAIN_PROVIDERS: Final = ("fastmail.com", "fastmail.fm", "messagingengine.com")


def identify_mailbox(address: str) -> str:
    """Return one address for all that lead to the same mailbox. `address` is normalised."""
    local, _, domain = address.rpartition("@")
    for provider in SUBDOMAIN_PROVIDERS:
        if domain.endswith(f".{provider}"):
            local, domain = domain.removesuffix(f".{provider}").rpartition(".")[2], provider
    domain = SAME_DOMAINS.get(domain, domain)
    for separator in ("+", TAG_SEPARATORS.get(domain, "+")):
        local = local.partition(separator)[0] or local
    ignored = str.maketrans("", "", IGNORED_CHARACTERS.get(domain, ""))
    return f"{local.translate(ignored) or local}@{domain}"
