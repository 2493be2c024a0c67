"""What a server's codes (RFC 3463) and words say about an address. Pure; knows no message and no table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from paperround.digests.tables import Bounce

STATUS_CODE: Final = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?!\.?\d)")
# What permanent failures are about, by their second number, or both: the address, the mailbox, the way there;
# all else is about what was sent, or about us.
BOUNCE_BY_STATUS: Final[Mapping[str, Bounce]] = {
    "0": Bounce.soft, "1": Bounce.hard, "2": Bounce.hard, "4": Bounce.soft,
    "1.7": Bounce.content, "1.8": Bounce.content,  # our own address
    "2.2": Bounce.soft, "2.3": Bounce.content,  # full; too long for it
    "4.1": Bounce.hard,  # what Exchange says of addresses that it doesn't know
}  # fmt: skip
# Second numbers under which servers put everything that they have no better code for.
GENERIC_SUBJECTS: Final = frozenset({"0", "3", "5"})
WEB_ADDRESS: Final = re.compile(r"https?://\S+")
# In this order: a mailbox that is full is there, and who is blocked learns nothing about the address.
BOUNCE_BY_WORDS: Final[tuple[tuple[re.Pattern[str], Bounce], ...]] = (
    (
        re.compile(
            r"quota|(mailbox|inbox|mail ?box|account|storage|disk|folder)\b[^;]{0,40}\b(full|exceed)"
            r"|full (mailbox|inbox)|over ?quota|out of (storage|space|disk)|storage (limit|allocation)"
            r"|insufficient (system |disk )?(storage|space)|(too|has too) many messages in",
            re.IGNORECASE,
        ),
        Bounce.soft,
    ),
    (
        re.compile(
            r"\bspam|junk mail|\bblock(ed|ing|s)?\b|\b(block|black|deny|reject) ?list|\bRBL\b|\bDNSBL\b"
            r"|spamhaus|reputation|\bpolic(y|ies)\b|\bvirus|malware|phish|\bcontent\b"
            r"|\bDMARC\b|\bDKIM\b|\bSPF\b|authenticat|not authori[sz]ed|access denied|relay(ing)? "
            r"|administratively|prohibited|banned|unsolicited|too (large|big)|size limit|message size"
            r"|sender (address )?rejected|rate limit|too many (connections|recipients|errors)",
            re.IGNORECASE,
        ),
        Bounce.content,
    ),
    (
        re.compile(
            r"(no such|unknown|invalid|nonexist[ea]nt|non-exist[ea]nt|bad|illegal|unrouteable|undeliverable)"
            r" (local )?(e-?mail |destination )?(user|recipient|mailbox|mail ?box|address|account|addressee"
            r"|person|local[ -]part|alias|destination)"
            r"|(user|recipient|mailbox|mail ?box|address|account|addressee|alias|local[ -]part)\b[^;]{0,60}?"
            r"\b(unknown|not (be )?(found|exist|known|listed|valid|recogni[sz]ed|available|active)"
            r"|(does|do|did) ?n[o'’]t exist|n[o'’]t exist|does not have|is invalid"
            r"|unavailable|inactive|disabled|closed|suspended|deactivated|deleted|terminated|expired"
            r"|no longer|rejected)"
            r"|(does ?n[o'’]t|does not) have an? [^;]{0,40}account"
            r"|no (mailbox|mail ?box|account|user|one|recipient)\b[^;]{0,20}"
            r"\b(here|by that name|with that|found|of that)"
            r"|not a (valid|known) (user|recipient|mailbox|address|account)"
            r"|no valid recipient|no longer (works|employed|with us|at this|in use|valid|active|available)"
            r"|(user|recipient) not (local|on)|not our customer|has moved|moved to new address",
            re.IGNORECASE,
        ),
        Bounce.hard,
    ),
)


class _Code(NamedTuple):
    """An enhanced status code: its class (2, 4 or 5), its subject and its detail."""

    kind: str
    subject: str
    detail: str

    @property
    def is_generic(self) -> bool:
        return self.subject in GENERIC_SUBJECTS or self.detail == "0"

    def classify(self) -> Bounce | None:
        if self.kind == "2":
            return None
        permanent = BOUNCE_BY_STATUS.get(f"{self.subject}.{self.detail}") or BOUNCE_BY_STATUS.get(
            self.subject, Bounce.content
        )
        return _soften(permanent) if self.kind == "4" else permanent


def classify_status(text: str) -> Bounce | None:
    """What the first `5.1.1` or the like within a text says about an address; None without one."""
    code = next(_find_codes(text), None)
    return code.classify() if code else None


def classify_words(words: str) -> Bounce | None:
    """What a server's words say about an address; None where they say nothing that we know."""
    plain = WEB_ADDRESS.sub(" ", " ".join(words.split()))
    return next((bounce for pattern, bounce in BOUNCE_BY_WORDS if pattern.search(plain)), None)


def classify_failure(status: str, diagnostic: str) -> Bounce | None:
    """What a delivery report's `Status` and `Diagnostic-Code` say; None where nothing failed.

    Where the status is generic (5.0.0, 5.5.0), a finer code within the diagnostic counts, and then its words.
    """
    told = next(_find_codes(status), None)
    if told and (told.kind == "2" or not told.is_generic):
        return told.classify()
    codes = [code for code in _find_codes(diagnostic) if code.kind != "2"]
    finer = next((code.classify() for code in codes if not code.is_generic), None)
    generic = told or next(iter(codes), None)
    bounce = finer or classify_words(diagnostic) or (generic.classify() if generic else None)
    if bounce is not None and generic is not None and generic.kind == "4":
        return _soften(bounce)
    return bounce


def classify_refusal(code: int | None, words: str, *, of_recipient: bool) -> Bounce:
    """What a server's 5xx says about the address. Its words count only in its answer to RCPT."""
    if not of_recipient:
        return classify_status(words) or Bounce.content
    finer = classify_failure("", words)
    if finer is not None:
        return finer
    return Bounce.soft if code == 552 else Bounce.hard


def _find_codes(text: str) -> Iterator[_Code]:
    return (_Code(*found.groups()) for found in STATUS_CODE.finditer(text))


def _soften(bounce: Bounce) -> Bounce:
    """What failed for now says nothing for good about the address."""
    return bounce if bounce is Bounce.content else Bounce.soft
