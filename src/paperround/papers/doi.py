"""DOIs in one form: lower case, without what is written around them. Pure."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

LONGEST: Final = 200  # characters; longer ones aren't believed
# Visible ASCII; another one begins after a comma or semicolon.
FORM: Final = re.compile(r"10\.\d{4,9}(?:\.\d{1,9}){0,3}/(?:(?![,;]10\.\d)[!-~])+", re.ASCII)
TEX: Final = str.maketrans("", "", "\\{}")  # as in `10.1007/978-3-030{\_}1`; none is part of a DOI


def named(text: str) -> str | None:
    """The first DOI in a text, which may be its address; None where there is none that can be believed."""
    found = FORM.search(text.translate(TEX))
    doi = found[0].rstrip(".,;/").lower() if found else ""
    return doi if "/" in doi and len(doi) <= LONGEST else None


def address(doi: str) -> str:
    """Where it leads to."""
    return f"https://doi.org/{quote(doi, safe='/:;()')}"
