r"""Rewrites the LaTeX of a formula into what latex2mathml reads: names of operators, aliases, lines."""

from __future__ import annotations

import re
from typing import Final

ALIASES: Final = {
    "Bar": r"\bar", "Vec": r"\vec", "Hat": r"\hat", "Tilde": r"\tilde", "textsc": r"\text",
    "textnormal": r"\text", "mathds": r"\mathbb", "mathbbm": r"\mathbb", "mathbbmss": r"\mathbb",
    "mathpzc": r"\mathcal", "bm": r"\boldsymbol", "sfrac": r"\frac", "nicefrac": r"\frac", "xspace": "",
    "ensuremath": "", "displaylimits": "", "nonumber": "", "notag": "", "allowbreak": "", "nobreak": "",
    "protect": "", "textdegree": r"^\circ", "dotsc": r"\ldots", "dotsb": r"\cdots", "ie": r"\text{i.e.}",
    "eg": r"\text{e.g.}", "textmu": r"\mu", "argmax": r"\arg\max", "argmin": r"\arg\min", "mathnormal": "",
    "hfill": r"\quad", "AA": r"\text{Å}", "S": r"\text{§}", "textsuperscript": r"^\text",
    "textsubscript": r"_\text", "textbar": r"\mid", "textless": "<", "textgreater": ">",
    "textendash": r"\text{–}",
}  # fmt: skip
# A bare per cent sign is meant as such, not as a comment.
NAMES: Final = "|".join(sorted(ALIASES, key=len, reverse=True))
REWRITTEN: Final = re.compile(rf"\\(?P<name>{NAMES})(?![A-Za-z])|(?P<kept>\\.)|(?P<percent>%)")
EXTREMUM: Final = re.compile(
    r"\\(?:arg|operatorname\*?\s*\{arg\})(?:\\[,;! ]|\s|~)*\\(max|min|sup|inf)(?![A-Za-z])(?:\s*\\limits)?"
)
ARG: Final = re.compile(r"\\arg(?![A-Za-z])")
# Names of operators in braces, in which commands for fonts and spaces may stand.
NAMED: Final = re.compile(
    r"\\(?P<command>operatorname\*?|operatornamewithlimits|mathop)\s*\{(?P<name>(?:[^{}]|\{[^{}]*\})*)\}(?:\s*\\limits)?"
)
FONT: Final = re.compile(
    r"\\(?:mathrm|mathsf|mathbf|mathit|mathtt|text[a-z]*|rm|bf|sf|it|tt|mbox)(?![A-Za-z])\s*"
)
GAP: Final = re.compile(r"\\[,;:! ]|~|\\(?:quad|thinspace)(?![A-Za-z])")
LINES: Final = re.compile(
    r"\\(begin|end)\{(?:aligned|align|alignat|alignedat|gather|gathered|multline|multlined|eqnarray|flalign)\*?\}"
    r"(?:\{\d\})?"
)
MIXED_TEXT: Final = re.compile(r"\\(?:text|mbox|textrm)\s*\{([^{}$]*)\$([^${}]*)\$([^{}$]*)\}")
ENVIRONMENT: Final = re.compile(
    r"\\begin\s*\{(?!(?:[pbBvV]?matrix\*?|smallmatrix|array|cases|split|substack)\})[^}]*\}"
)
SIZE: Final = re.compile(r"\\(?:tiny|small|scriptsize|footnotesize|normalsize|large|Large)(?![A-Za-z])\s*")
NESTED_TEXT: Final = re.compile(r"\\text[a-z]*\s*\{\s*\\(?:text[a-z]*|emph|underline)\s*\{([^{}]*)\}\s*\}")
LABEL: Final = re.compile(r"\\(?:label|tag)\*?\s*\{[^{}]*\}")


def prepare_source(latex: str) -> str:
    """Rewrite a formula. Raises ValueError for an environment that is not known."""
    source = LABEL.sub("", latex) if r"\label" in latex or r"\tag" in latex else latex
    source = NESTED_TEXT.sub(r"\\text{\1}", SIZE.sub("", source))
    source = LINES.sub(r"\\\1{split}", source)
    source = MIXED_TEXT.sub(r"\\text{\1}\2\\text{\3}", source)
    source = REWRITTEN.sub(_rewrite, source)
    source = EXTREMUM.sub(r"\\operatorname*{arg\1}", source)
    source = ARG.sub(r"\\operatorname{arg}", source)
    if unknown := ENVIRONMENT.search(source):
        raise ValueError(unknown[0])
    return NAMED.sub(_name_operator, source)


def _rewrite(match: re.Match[str]) -> str:
    if match["name"]:
        alias = ALIASES[match["name"]]
        return alias + " " if alias and alias[-1].isalpha() else alias
    return match["kept"] or r"\%"


def _name_operator(match: re.Match[str]) -> str:
    """Write an operator's name as plain letters, without the commands for fonts and spaces in it.

    latex2mathml knows names of letters alone, and a star of such names alone.
    """
    words = FONT.sub("", GAP.sub(" ", match["name"])).replace("{", "").replace("}", "").split()
    if not all(word.isascii() and word.isalnum() for word in words) or not words:
        return rf"\mathop{{{match['name']}}}"
    name = "".join(words)
    if name.isalpha() and (len(words) == 1 or words[0] == "arg"):
        return f"\\operatorname{'' if match['command'] == 'operatorname' else '*'}{{{name}}}"
    return rf"\text{{{' '.join(words)}}}"
