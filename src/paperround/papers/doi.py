"""Finds DOIs in texts and writes them in one form: lower case and without a prefix.

These are pure functions.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

MAX_DOI_LENGTH: Final = 200  # characters; a longer match is not a real DOI
# A DOI is visible ASCII. Another DOI may follow after a comma or a semicolon.
PATTERN: Final = re.compile(r"10\.\d{4,9}(?:\.\d{1,9}){0,3}/(?:(?![,;]10\.\d)[!-~])+", re.ASCII)
TEX: Final = str.maketrans(
    "", "", "\\{}"
)  # these signs of TeX, as in `10.1007/978-3-030{\_}1`, are never part of a DOI


def find_doi(text: str) -> str | None:
    """Find the first DOI in a text, which may be a URL. Returns None if there is no credible one."""
    match = PATTERN.search(text.translate(TEX))
    doi = match[0].rstrip(".,;/").lower() if match else ""
    return doi if "/" in doi and len(doi) <= MAX_DOI_LENGTH else None


def doi_url(doi: str) -> str:
    """Build the URL that resolves a DOI."""
    return f"https://doi.org/{quote(doi, safe='/:;()')}"
