r"""The commands of LaTeX's prose and what they print. Symbols such as \times come from pylatexenc's table."""

from __future__ import annotations

import unicodedata
from typing import Final

from pylatexenc.latex2text import get_default_latex_context_db


def list_names(text: str) -> frozenset[str]:
    """List the names of commands that spaces separate."""
    return frozenset(text.split())


# Combining marks by the accent command that sets them over or under a letter.
SIGN_ACCENTS: Final = {
    "'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307",
}  # fmt: skip
WORD_ACCENTS: Final = {
    "c": "\u0327", "v": "\u030c", "u": "\u0306", "H": "\u030b", "k": "\u0328", "r": "\u030a", "b": "\u0331",
    "d": "\u0323", "t": "\u0361", "h": "\u0309", "G": "\u030f", "f": "\u0311", "textcommabelow": "\u0326",
    "textogonekcentered": "\u0328",
}  # fmt: skip
TIE: Final = "\u0361"  # stands between two letters
# What an accent prints that stands over nothing.
BARE_ACCENTS: Final = {"'": "´", '"': "¨", "=": "¯", ".": "˙", "v": "ˇ", "u": "˘", "c": "¸", "H": "˝"}

LETTERS: Final = {
    "ss": "ß", "SS": "ẞ", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "o": "ø", "O": "Ø", "l": "ł",
    "L": "Ł", "aa": "å", "AA": "Å", "dh": "ð", "DH": "Ð", "th": "þ", "TH": "Þ", "dj": "đ", "DJ": "Đ",
    "ng": "ŋ", "NG": "Ŋ", "i": "ı", "j": "ȷ", "ij": "ĳ", "IJ": "Ĳ", "ohorn": "ơ", "OHORN": "Ơ",
    "uhorn": "ư", "UHORN": "Ư",
}  # fmt: skip
DOTTED: Final = {"ı": "i", "ȷ": "j"}  # under an accent these are the letters that have it

PREFIXES: Final = {  # stand directly before a number
    "S": "§", "P": "¶", "pounds": "£", "textsection": "§", "textparagraph": "¶", "textsterling": "£",
    "texteuro": "€", "euro": "€", "textyen": "¥", "textnumero": "№",
}  # fmt: skip
PHRASES: Final = {
    "LaTeX": "LaTeX", "TeX": "TeX", "BibTeX": "BibTeX", "LaTeXe": "LaTeX2e", "eg": "e.g.", "ie": "i.e.",
    "etc": "etc", "etal": "et al.", "wrt": "w.r.t.",
}  # fmt: skip
MARKS: Final = {
    "deg": "°", "degree": "°", "textdegree": "°", "copyright": "©", "texttrademark": "™", "trademark": "™",
    "textregistered": "®", "registered": "®", "textgreater": ">", "textless": "<", "textbar": "|",
    "textbardbl": "‖", "textbraceleft": "{", "textbraceright": "}", "textunderscore": "_",
    "textpercent": "%", "textasciitilde": "~", "textasciicircum": "^", "textasciimacron": "¯",
    "textquotedbl": '"', "textdollar": "$", "textbullet": "•", "bullet": "•", "textperiodcentered": "·",
    "textcdot": "·", "textmu": "μ", "textohm": "Ω", "textendash": "–", "textemdash": "—",
    "textellipsis": "…", "ldots": "…", "dots": "…", "cdots": "⋯", "ddag": "‡", "ddagger": "‡", "lq": "‘",
    "rq": "’", "glqq": "„", "grqq": "“", "glq": "‚", "grq": "‘", "flqq": "«", "frqq": "»", "flq": "‹",
    "frq": "›", "textquotedblleft": "“", "textquotedblright": "”", "slash": "/", "textprime": "′",
    "textminus": "−", "star": "★", "textopenbullet": "◦", "sim": "~", "textcheckmark": "✓",
    "checkmark": "✓", "textsurd": "√", "hbar": "ℏ",
}  # fmt: skip

SPACES: Final = list_names(
    """
    quad qquad space enspace thinspace enskip newline linebreak par hfill hfil hrulefill bigskip
    medskip smallskip newpage pagebreak clearpage break nobreakspace tabularnewline
    """
)
# Commands that print nothing, and those that print nothing but whose arguments do.
DECLARATIONS: Final = list_names(
    """
    it bf em sc tt rm sl sf up md cal itshape bfseries scshape ttfamily rmfamily sffamily slshape
    upshape mdseries normalfont normalsize tiny scriptsize footnotesize small large Large LARGE huge
    Huge noindent indent centering raggedright raggedleft xspace protect relax maketitle today sloppy
    null allowbreak ignorespaces unskip nolinebreak nopagebreak selectfont textcompwordmark
    """
)
STYLES: Final = list_names(
    """
    emph textbf textit texttt textsc textsf textsl textrm textup textmd textnormal textlf textmed text
    underline uline uuline uwave sout dashuline mbox hbox fbox makebox framebox parbox raisebox
    textulc textls lowercase MakeLowercase uppercase MakeUppercase textscale section subsection
    subsubsection paragraph subparagraph chapter part title caption textquote textelp hl st ul so
    texorpdfstring boldmath unboldmath centerline foreignlanguage selectlanguage textlatin textgreek
    """
)
# Commands of which nothing is left: citations, references, notes, and what only sets a page.
DROPPED: Final = list_names(
    """
    cite citep citet citealp citealt citeauthor citeyear citeyearpar citenum parencite textcite
    autocite footcite fullcite nocite Citep Citet Cite ref eqref pageref autoref nameref cref Cref
    vref label footnote footnotemark footnotetext thanks tablefootnote marginpar index vspace
    pagestyle thispagestyle vskip input include includegraphics bibliography bibliographystyle
    phantomsection hypersetup usepackage documentclass pagenumbering setcounter addtocounter setlength
    addtolength keywords date
    """
)
DROPPED_BARE: Final = frozenset(("footnotemark",))  # needs no argument
TEXT_ENVIRONMENTS: Final = list_names(
    """
    abstract center quote quotation quoting verse flushleft flushright itemize enumerate description
    document small footnotesize sloppypar minipage spacing singlespace compactitem compactenum
    inparaenum enumerate* itemize* description* theorem lemma proof proposition corollary definition
    remark keywords
    """
)
NUMBERED: Final = frozenset(("enumerate", "compactenum", "inparaenum", "enumerate*"))
FORMULA_ENVIRONMENTS: Final = list_names(
    """
    equation equation* align align* gather gather* multline multline* eqnarray eqnarray* displaymath
    math alignat* flalign flalign* split aligned cases
    """
)
WRAPPED_ENVIRONMENTS: Final = frozenset(("split", "aligned", "cases"))  # part of the formula

# Names that authors give their own things, and that stand in pylatexenc's table for something else.
AUTHORS_OWN: Final = list_names(
    """
    gemini mercury venus saturn jupiter uranus neptune pluto aries taurus cancer leo virgo libra
    scorpio sagittarius capricornus aquarius pisces male recorder original image id Ident hint hints
    between estimates because natural sharp flat smile frown square homothetic eth today prime
    backslash
    """
)


def _read_symbols() -> dict[str, str]:
    """Read the commands of pylatexenc's table that print one character or a function's name."""
    symbols = {}
    for spec in get_default_latex_context_db().iter_macro_specs():
        name, printed = spec.macroname, spec.simplify_repl
        if not (isinstance(printed, str) and name.isalpha() and printed.strip()) or "%" in printed:
            continue
        is_sign = len(printed) == 1 and not unicodedata.combining(printed) and printed.isprintable()
        if (is_sign or printed == name) and name not in AUTHORS_OWN:
            symbols[name] = printed
    return symbols


SYMBOLS: Final = _read_symbols() | {"epsilon": "ε", "phi": "φ", "backslash": "\\", "prime": "′"} | MARKS
