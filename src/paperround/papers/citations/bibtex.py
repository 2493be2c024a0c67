"""Renders a paper as BibTeX. Text from feeds cannot break out of its field, nor be read as commands."""

from __future__ import annotations

import re
from typing import Final

from paperround.papers.citations.title_capitals import protect_capitals
from paperround.papers.citations.work import build_citation_key, build_note, list_authors, published_on
from paperround.papers.readings import read_title
from paperround.papers.rows import PaperRow
from paperround.text.person_name import PersonName, is_organization
from paperround.text.plain import to_plain_text
from paperround.text.reading import Reading

SPECIAL: Final = {
    **{sign: f"\\{sign}" for sign in "&%$#_"},
    "{": r"\textbraceleft{}",  # BibTeX counts braces, even escaped ones
    "}": r"\textbraceright{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
}
# Signs that would end a formula too early: a comment, a parameter, a dollar sign, or a backslash at its end.
FORMULA_ENDING: Final = re.compile(r"(?<!\\)(?:\\\\)*(?:[%#$]|\\\Z)")


def render_bibtex(paper: PaperRow, *, url: str, key: str = "") -> str:
    """Render one @misc entry in Unicode. `key` replaces the usual key."""
    fields = {
        "title": _write_title(read_title(paper)),
        "author": " and ".join(map(_write_author, list_authors(paper))),
        "year": str(published_on(paper).year),
        **({} if paper.invented else _eprint(paper)),
        "note": build_note(paper),
        "doi": paper.doi or "",  # not escaped: managers look it up, and it has no sign that ends the field
        "url": _escape_url(url),
    }
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
    return f"@misc{{{key or build_citation_key(paper)},\n{lines}\n}}\n"


def _eprint(paper: PaperRow) -> dict[str, str]:
    primary = escape_latex(paper.categories[0]) if paper.categories else ""
    return {"eprint": paper.id, "archivePrefix": "arXiv", "primaryClass": primary}


def escape_latex(text: str) -> str:
    """Escape plain text for LaTeX, so that it has no commands and cannot end a field."""
    return _escape_signs(to_plain_text(text))


def _escape_signs(text: str) -> str:
    return "".join(SPECIAL.get(sign, sign) for sign in text)


def _write_title(title: Reading) -> str:
    """Write a title: formulas stay formulas, the rest is text, with braces around capitals that must stay."""
    parts = [part if isinstance(part, str) else _write_formula(part.latex) for part in title.split()]
    texts = iter(protect_capitals(parts[::2], _escape_signs))
    return "".join(part if number % 2 else next(texts) for number, part in enumerate(parts))


def _write_formula(latex: str) -> str:
    """Write a formula, in braces if styles would write its letters small."""
    source = f"${latex}$"
    if not latex or not _is_balanced(latex) or FORMULA_ENDING.search(latex):
        return escape_latex(source)
    return f"{{{source}}}" if any(map(str.isupper, latex)) else source


def _is_balanced(latex: str) -> bool:
    """Tell whether braces are balanced for BibTeX, which also counts a brace after a backslash."""
    depth = 0
    for sign in latex:
        depth += (sign == "{") - (sign == "}")
        if depth < 0:
            return False
    return depth == 0


def _write_author(name: PersonName) -> str:
    """Write a name so that BibTeX and biber split it as we do.

    That is `Given Family` where they cannot err, else `particle Family, Suffix, Given`. They take words in
    lower case for a particle, so a family name with such words is in braces.
    """
    if name.literal:
        whole = escape_latex(name.literal)
        is_plain = whole == name.literal and not re.search(r"[\s,]", whole) and not is_organization(whole)
        return whole if is_plain else f"{{{whole}}}"
    family = _protect(name.family, is_split=any(map(_is_small, name.family.split())))
    given = _protect(name.given)
    particle = " ".join(map(_protect, name.particle.split()))
    is_simple = not (name.particle or name.suffix or " " in family or "{" in f"{family}{given}")
    if is_simple and not any(map(_is_small, given.split())):
        return f"{given} {family}".strip()
    full_family = f"{particle} {family}".strip()
    return ", ".join(part for part in (full_family, _protect(name.suffix), given) if part)


def _is_small(word: str) -> bool:
    letter = next(filter(str.isalpha, word), "A")
    return letter.islower()


def _protect(text: str, *, is_split: bool = False) -> str:
    escaped = escape_latex(text)
    return f"{{{escaped}}}" if is_split or escaped != text else escaped


def _escape_url(url: str) -> str:
    """Escape the signs of a URL that would end the field."""
    return url.replace("{", "%7B").replace("}", "%7D").replace("\\", "%5C")
