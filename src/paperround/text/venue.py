"""Finds where a paper appeared in what its authors tell arXiv: a conference or a journal. Pure functions.

arXiv has no field for it, only a comment in free words and the reference of a journal.
"""

from __future__ import annotations

import re
from typing import Final

from paperround.text.plain import to_plain_text

MAX_LENGTH: Final = 100  # characters of a name
MAX_TOLD: Final = 2_000  # characters that are read
# As their communities write them. Others are found by the brackets behind a conference's whole name.
KNOWN: Final = (
    "3DV", "AAAI", "AAMAS", "ACL", "ACSAC", "AISTATS", "ASPLOS", "ASRU", "ASSETS", "BMVC", "CAV", "CCS",
    "CHI", "CHIIR", "CIKM", "COLING", "COLM", "COLT", "CONCUR", "CRYPTO", "CSCW", "CVPR", "CoNLL",
    "CoRL", "DAC", "EACL", "ECAI", "ECCV", "ECIR", "ECML", "EMNLP", "ESOP", "EUROCRYPT", "Eurographics",
    "FAccT", "FOCS", "FSE", "FSTTCS", "ICALP", "ICAPS", "ICASSP", "ICCV", "ICDCS", "ICDE", "ICDM",
    "ICFP", "ICLR", "ICML", "ICPR", "ICRA", "ICSE", "ICST", "ICWSM", "IJCAI", "IJCNN", "INFOCOM",
    "INTERSPEECH", "IROS", "ISCA", "ISIT", "ISMIR", "ISSTA", "ISWC", "JMLR", "KDD", "KR", "LICS",
    "LREC", "MICCAI", "MICRO", "MLSys", "MSR", "MobiCom", "NAACL", "NDSS", "NSDI", "NeurIPS", "OOPSLA",
    "OSDI", "PAKDD", "PLDI", "PODC", "PODS", "POPL", "RecSys", "SANER", "SDM", "SIGCOMM", "SIGGRAPH",
    "SIGIR", "SIGMOD", "SODA", "SOSP", "STACS", "STOC", "TACL", "TACAS", "TMLR", "UAI", "UIST", "VLDB",
    "WACV", "WSDM", "WWW",
)  # fmt: skip
SPELLINGS: Final = {
    "NIPS": "NeurIPS",
    "Interspeech": "INTERSPEECH",
    "Neurips": "NeurIPS",
    "SIGGRAPH Asia": "SIGGRAPH",
}
YEAR: Final = r"(?:[\s,:-]*(?:['’]\d\d|(?:19|20)\d\d))"
NAME: Final = re.compile(
    rf"(?<![\w-])(?P<name>{'|'.join(map(re.escape, [*KNOWN, *SPELLINGS]))})(?P<year>{YEAR}?)(?![A-Za-z])"
)
BRACKETS: Final = re.compile(
    r"(?:Conference|Symposium)\b[^().;]{3,150}\((?:Proc\. )?(?P<name>[A-Z][A-Za-z]{2,11})"
    rf"{YEAR}?\)"
)
TOLD: Final = re.compile(
    r"\b(?:accepted|appear(?:s|ed|ing)?|publish(?:ed|ing)?|presented|presentation|proceedings|proc|oral|poster|spotlight|"
    r"highlight|camera[- ]ready|findings|main conference|long paper|short paper|best paper)\b",
    re.I,
)
NOT_YET: Final = re.compile(
    r"\b(?:submitted|submission|under review|in review|reject(?:ed|ion)?|withdrawn|resubmi\w+)\b",
    re.I,
)
WORKSHOP: Final = re.compile(r"\bworkshops?\b", re.I)
CLAUSE: Final = re.compile(r"[;|\n]|\.\s")
# A journal's name ends where its volume, issue, pages or year begin.
JOURNAL_END: Final = re.compile(
    r"[\s,(;:.]*(?:\bvol(?:ume|\.)?\b|\bno\.|\bissue\b|\bpp?\.|\(|\d).*", re.I | re.S
)
PROCEEDINGS: Final = re.compile(
    r"^(?:in\b|proc|in:|inproceedings)|\b(?:conference|symposium|workshops?|proceedings)\b", re.I
)


def find_venue(comment: str, journal: str) -> str | None:
    """Find the venue in an entry's comment and its journal's reference. None: neither tells a credible one.

    A workshop's is named by its conference: `ICML workshops`. What was only submitted is no venue.
    """
    comment, journal = (" ".join(to_plain_text(text[:MAX_TOLD]).split()) for text in (comment, journal))
    for text, is_told in ((journal, True), (comment, False)):
        for clause in CLAUSE.split(text):
            found = _find_in_clause(clause, is_told=is_told)
            if found:
                return found
    return _read_journal(journal)


def _find_in_clause(clause: str, *, is_told: bool) -> str | None:
    match = NAME.search(clause) or BRACKETS.search(clause)
    if match is None or NOT_YET.search(clause):
        return None
    has_year = match.re is BRACKETS or bool(match["year"])
    if not (is_told or has_year or TOLD.search(clause)):
        return None
    name = SPELLINGS.get(match["name"], match["name"])
    return f"{name} workshops" if WORKSHOP.search(clause) else name


def _read_journal(reference: str) -> str | None:
    """Read the name at the beginning of a journal's reference, such as `Phys. Rev. D 94, 1 (2016)`."""
    name = JOURNAL_END.sub("", reference).strip(" ,.;:-")
    is_name = 4 <= len(name) <= MAX_LENGTH and sum(map(str.isalpha, name)) > len(name) / 2
    return name if is_name and not PROCEEDINGS.search(name) else None
