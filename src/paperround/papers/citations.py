"""A paper as BibTeX and as RIS, for reference managers. Pure: what comes from feeds can't leave its field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from paperround.papers.tables import Paper
from paperround.text.markup import folded, pieces, plain, unicode_math

SPECIAL: Final = {
    **{sign: f"\\{sign}" for sign in "&%$#_"},
    "{": r"\textbraceleft{}",  # BibTeX counts braces and knows no \{
    "}": r"\textbraceright{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
}
# What would end a formula, or all of it after: a comment, a parameter, a dollar, a backslash before the end.
ENDING: Final = re.compile(r"(?<!\\)(?:\\\\)*(?:[%#$]|\\\Z)")
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
    return f"https://arxiv.org/abs/{paper.id}"


def key(paper: Paper) -> str:
    """`lindqvist2026patient`: first author, year, the title's first telling word. ASCII letters and digits.

    Without one of them in Latin letters `arxiv` and the id take its place.
    """
    words = [word for word in _latin(unicode_math(paper.title)) if not SMALL_WORDS.fullmatch(word)]
    word = next((word for word in words if len(word) > 1), None) or "".join(_latin(paper.id))
    return f"{_family(_names(paper)) or 'arxiv'}{_published(paper).year}{word}"


def _family(names: list[str]) -> str:
    """The last word of the first name, which is a guess; of a group the first."""
    words = names[0].partition(",")[0].split() if names else []
    return "".join(_latin(words[0 if GROUP.search(names[0]) else -1])) if words else ""


def bibliography(papers: Iterable[tuple[Paper, str]], *, on_arxiv: bool = True) -> Iterator[str]:
    """An entry for each paper, given with its address; keys that would be the same get the id behind them."""
    taken: set[str] = set()
    for paper, url in papers:
        name = key(paper)
        name = name if name not in taken else f"{name}{''.join(_latin(paper.id))}"
        taken.add(name)
        yield bibtex(paper, url=url, on_arxiv=on_arxiv, named=name)


def bibtex(paper: Paper, *, url: str, on_arxiv: bool = True, named: str = "") -> str:
    """One @misc entry, in Unicode. `on_arxiv`: whether arXiv knows the id; a sample's it doesn't.

    `named`: its key, where it isn't the usual one.
    """
    fields = {
        "title": f"{{{_title(paper.title)}}}",  # the inner braces keep its capitals
        "author": " and ".join(map(_author, _names(paper))),
        "year": str(_published(paper).year),
        **(_eprint(paper) if on_arxiv else {"note": "A sample, invented"}),
        "doi": paper.doi or "",  # as it is: managers look it up by that, and no sign in it ends the field
        "url": _address(url),
    }
    lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
    return f"@misc{{{named or key(paper)},\n{lines}\n}}\n"


def _eprint(paper: Paper) -> dict[str, str]:
    primary = escaped(paper.categories[0]) if paper.categories else ""
    return {"eprint": paper.id, "archivePrefix": "arXiv", "primaryClass": primary}


def ris(paper: Paper, *, url: str) -> str:
    """One record; formulas in Unicode, every value on one line. Lines end as the format says."""
    published = _published(paper)
    lines: Iterable[tuple[str, str]] = [
        ("TY", "UNPB"),
        ("ID", key(paper)),
        ("TI", unicode_math(paper.title)),
        *(("AU", name) for name in _names(paper)),
        ("PY", f"{published:%Y}"),
        ("DA", f"{published:%Y/%m/%d}"),
        ("AB", unicode_math(paper.abstract)),
        ("DO", paper.doi or ""),
        ("UR", url),
        ("ER", ""),
    ]
    return "".join(f"{tag}  - {one}\r\n" for tag, value in lines if (one := plain(value)) or tag == "ER")


def escaped(text: str) -> str:
    """Plain text as LaTeX: what would be a command or end a field is written out."""
    return "".join(SPECIAL.get(sign, sign) for sign in plain(text))


def _title(title: str) -> str:
    """Formulas stay formulas, all else is text."""
    return "".join(_prose_and_formulas(pieces(plain(title), _formula)))


def _prose_and_formulas(parts: list[str]) -> Iterator[str]:
    for place, part in enumerate(parts):
        # Without `plain`, which would take the spaces around a formula away.
        yield part if place % 2 else "".join(SPECIAL.get(sign, sign) for sign in part)


def _formula(latex: str, _block: bool) -> str:
    source = f"${latex}$"
    kept = latex and _is_balanced(latex) and not ENDING.search(latex)
    return source if kept else escaped(source)


def _is_balanced(latex: str) -> bool:
    """As BibTeX counts, to which a brace after a backslash is one too."""
    depth = 0
    for sign in latex:
        depth += (sign == "{") - (sign == "}")
        if depth < 0:
            return False
    return depth == 0


def _author(name: str) -> str:
    """As given; in braces where BibTeX would take it apart: groups, commas, `and`, signs."""
    safe = escaped(name)
    whole = safe != name or "," in name or GROUP.search(name) or any(map(str.isdigit, name))
    return f"{{{safe}}}" if whole else safe


def _names(paper: Paper) -> list[str]:
    return [name for name in map(plain, paper.author_names) if name]


def _published(paper: Paper) -> datetime:
    return paper.published_at.astimezone(UTC)


def _latin(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", folded(text).replace("'", "").replace("’", ""))


def _address(url: str) -> str:
    """No sign of an address may end the field."""
    return url.replace("{", "%7B").replace("}", "%7D").replace("\\", "%5C")
