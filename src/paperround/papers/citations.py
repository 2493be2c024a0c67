"""Renders papers as BibTeX and RIS, for reference managers. Text from feeds cannot break out of its field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from paperround.papers.readings import read_abstract, read_title
from paperround.papers.tables import Paper
from paperround.text.accents import fold_accents
from paperround.text.plain import to_plain_text
from paperround.text.reading import Reading, map_formulas

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
GROUP: Final = re.compile(
    r"\b(?:and|others|teams?|collaborations?|consortium|groups?|labs?|project|initiative|community|contributors"
    r"|research|institute|university)\b",
    re.I,
)
SMALL_WORDS: Final = re.compile(
    "a|an|and|are|as|at|be|by|can|do|does|for|from|how|in|into|is|it|its|not|of|on|or|over|the|to|towards?|under"
    "|via|we|what|when|where|why|with|without"
)


def arxiv_url(paper: Paper) -> str:
    """Build the URL of a paper on arXiv."""
    return f"https://arxiv.org/abs/{paper.id}"


def build_citation_key(paper: Paper) -> str:
    """Build a key such as `lindqvist2026patient`: first author, year, first significant word. It is ASCII.

    `arxiv` replaces an author, and the id a word, that has no Latin letters.
    """
    words = [word for word in _latin(read_title(paper).text) if not SMALL_WORDS.fullmatch(word)]
    word = next((word for word in words if len(word) > 1), None) or "".join(_latin(paper.id))
    return f"{_family(_names(paper)) or 'arxiv'}{_published(paper).year}{word}"


def _family(names: list[str]) -> str:
    """Guess the family name of the first author: the last word, or the first word of a group."""
    words = names[0].partition(",")[0].split() if names else []
    return "".join(_latin(words[0 if GROUP.search(names[0]) else -1])) if words else ""


def render_bibliography(papers: Iterable[tuple[Paper, str]], *, on_arxiv: bool = True) -> Iterator[str]:
    """Render an entry for each paper, given with its URL. A key that is already used gets the id appended."""
    used_keys: set[str] = set()
    for paper, url in papers:
        key = build_citation_key(paper)
        key = key if key not in used_keys else f"{key}{''.join(_latin(paper.id))}"
        used_keys.add(key)
        yield render_bibtex(paper, url=url, on_arxiv=on_arxiv, key=key)


def render_bibtex(paper: Paper, *, url: str, on_arxiv: bool = True, key: str = "") -> str:
    """Render one @misc entry in Unicode.

    `on_arxiv` is false for a paper of the sample edition, whose id does not exist on arXiv. `key` replaces
    the usual key.
    """
    fields = {
        "title": f"{{{_title(read_title(paper))}}}",  # the inner braces keep its capitals
        "author": " and ".join(map(_bibtex_author, _names(paper))),
        "year": str(_published(paper).year),
        **(_eprint(paper) if on_arxiv else {"note": "A sample, invented"}),
        **({"note": "Withdrawn"} if paper.withdrawn else {}),
        "doi": paper.doi or "",  # not escaped: managers look it up, and it has no sign that ends the field
        "url": _escape_url(url),
    }
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
    return f"@misc{{{key or build_citation_key(paper)},\n{lines}\n}}\n"


def _eprint(paper: Paper) -> dict[str, str]:
    primary = escape_latex(paper.categories[0]) if paper.categories else ""
    return {"eprint": paper.id, "archivePrefix": "arXiv", "primaryClass": primary}


def render_ris(paper: Paper, *, url: str) -> str:
    """Render one record. Formulas are in Unicode, every value is on one line, and lines end with CRLF."""
    published = _published(paper)
    lines: Iterable[tuple[str, str]] = [
        ("TY", "UNPB"),
        ("ID", build_citation_key(paper)),
        ("TI", read_title(paper).text),
        *(("AU", name) for name in _names(paper)),
        ("PY", f"{published:%Y}"),
        ("DA", f"{published:%Y/%m/%d}"),
        ("AB", read_abstract(paper).text),
        ("DO", paper.doi or ""),
        ("UR", url),
        ("N1", "Withdrawn" if paper.withdrawn else ""),
        ("ER", ""),
    ]
    return "".join(
        f"{tag}  - {line}\r\n" for tag, value in lines if (line := to_plain_text(value)) or tag == "ER"
    )


def escape_latex(text: str) -> str:
    """Escape plain text for LaTeX, so that it has no commands and cannot end a field."""
    return "".join(SPECIAL.get(sign, sign) for sign in to_plain_text(text))


def _title(title: Reading) -> str:
    """Write a title: formulas stay formulas, everything else is text."""
    return map_formulas(title, _escape_signs, _formula)


def _escape_signs(text: str) -> str:
    """Escape the signs of a part of a text, whose spaces stay."""
    return "".join(SPECIAL.get(sign, sign) for sign in text)


def _formula(latex: str) -> str:
    source = f"${latex}$"
    is_safe = latex and _is_balanced(latex) and not FORMULA_ENDING.search(latex)
    return source if is_safe else escape_latex(source)


def _is_balanced(latex: str) -> bool:
    """Tell whether braces are balanced for BibTeX, which also counts a brace after a backslash."""
    depth = 0
    for sign in latex:
        depth += (sign == "{") - (sign == "}")
        if depth < 0:
            return False
    return depth == 0


def _bibtex_author(name: str) -> str:
    """Put a name in braces where BibTeX would split it: groups, commas, `and`, signs."""
    safe = escape_latex(name)
    needs_braces = safe != name or "," in name or GROUP.search(name) or any(map(str.isdigit, name))
    return f"{{{safe}}}" if needs_braces else safe


def _names(paper: Paper) -> list[str]:
    return [name for name in map(to_plain_text, paper.author_names) if name]


def _published(paper: Paper) -> datetime:
    return paper.published_at.astimezone(UTC)


def _latin(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", fold_accents(text).replace("'", "").replace("’", ""))


def _escape_url(url: str) -> str:
    """Escape the signs of a URL that would end the field."""
    return url.replace("{", "%7B").replace("}", "%7D").replace("\\", "%5C")
