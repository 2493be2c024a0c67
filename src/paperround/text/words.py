"""Splits texts into words as search and topics compare them: folded, without accents and signs.

A text and a query become the same words however they are typed: letters and digits of any form (NFKC),
quotes, hyphens and apostrophes of any kind, Greek letters as their names. Names that are made of signs are
words of their own, so that C++ is not C#. These are pure functions.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from paperround.text.accents import fold_accents

MAX_TEXT_LENGTH: Final = 50_000  # characters; the rest of a longer text is ignored
MAX_JOINED_PARTS: Final = 4
MAX_ABBREVIATION_PART: Final = 3  # characters between `/` or `&`, as in A/B and Q&A
WORD: Final = re.compile(r"[^\W_]+(?:\.[0-9]+)*")

HYPHENS: Final = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d\u2043\u30a0"
APOSTROPHES: Final = "\u2018\u2019\u201a\u201b\u02bb\u02bc\u02bd\u02b9\u02ca\u02cb\u2032\u00b4\uff07\ua78c"
QUOTES: Final = (
    "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033\u2036\u301d\u301e\u301f\uff02\u275d\u275e"
    "\u300c\u300d\u300e\u300f"
)
INVISIBLE: Final = "\u00ad\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff\u200e\u200f"
ONE_FORM: Final = str.maketrans(
    {
        **dict.fromkeys(HYPHENS, "-"),
        **dict.fromkeys(APOSTROPHES, "'"),
        **dict.fromkeys(QUOTES, '"'),
        **dict.fromkeys(INVISIBLE, ""),
        "\u266f": "#",  # the sharp of music
    }
)

GREEK_NAMES: Final = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta",
    "θ": "theta", "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "ο": "omicron",
    "π": "pi", "ρ": "rho", "σ": "sigma", "ς": "sigma", "τ": "tau", "υ": "upsilon", "φ": "phi", "χ": "chi",
    "ψ": "psi", "ω": "omega",
}  # fmt: skip
# A letter that stands alone; several of them are a Greek word.
GREEK_SYMBOL: Final = re.compile("(?<![α-ωά-ώ])[α-ω](?![α-ωά-ώ])")

SIGNED_NAME: Final = re.compile(
    r"(?P<plus>(?<=[A-Za-z0-9])\+\+(?!\+))"
    r"|(?P<sharp>(?<![A-Za-z0-9])[A-Za-z]#(?![A-Za-z0-9#]))"
    r"|(?P<star>(?<![A-Za-z0-9*])(?:[A-Z]{1,5}|[a-z])\*(?![A-Za-z0-9*]))"
    r"|(?P<dot>(?<![\w.)])\.(?:[A-Z]{2,}|[a-z]{2,})(?![\w.]))"
)

JOINED: Final = re.compile(r"(?<![^\W_])[^\W_]++(?:[-'/&][^\W_]++)+")  # linear in a long word
# Bounded: thousands of letters with dots would be begun at each of them.
INITIALISM: Final = re.compile(r"(?<![^\W_])(?:[^\W\d_]\.){2,12}[^\W\d_]?(?![^\W_])")
UMLAUT: Final = re.compile("[äöüåøÄÖÜÅØ]")
UMLAUT_SPELLING: Final = str.maketrans(
    {
        "ä": "ae",
        "ö": "oe",
        "ü": "ue",
        "å": "aa",
        "ø": "oe",
        "Ä": "ae",
        "Ö": "oe",
        "Ü": "ue",
        "Å": "aa",
        "Ø": "oe",
    }
)


def unify_characters(text: str) -> str:
    """Replace each letter, digit, quote, hyphen and apostrophe by its plain form. ASCII stays as it is."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFKC", text.translate(ONE_FORM)).translate(ONE_FORM)


def fold_text(text: str) -> str:
    """Fold a text: lower case, no accents, Greek letters and names made of signs as words.

    `C++`, `C#`, `A*` and `.NET` become `cplusplus`, `csharp`, `astar` and `dotnet`, and `β` becomes `beta`.
    """
    text = unify_characters(text)
    if "++" in text or "#" in text or "*" in text or " ." in text or "(." in text or text.startswith("."):
        text = SIGNED_NAME.sub(_spell_sign, text)
    folded = fold_accents(text)
    return folded if folded.isascii() else GREEK_SYMBOL.sub(lambda letter: GREEK_NAMES[letter[0]], folded)


def _spell_sign(name: re.Match[str]) -> str:
    kind = name.lastgroup
    if kind == "plus":
        return "plusplus "
    if kind == "sharp":
        return f"{name[0][:-1]}sharp"
    if kind == "star":
        return f"{name[0][:-1]}star"
    return f"dot{name[0][1:]}"


def split_words(text: str) -> list[str]:
    """Split a text into folded words.

    PostgreSQL would take `-4` in `GPT-4` for a number and `a/b` for a path.
    """
    return WORD.findall(fold_text(text[:MAX_TEXT_LENGTH]))


def normalise_words(text: str) -> str:
    """Fold a text and join its words with single spaces."""
    return " ".join(split_words(text))


def list_indexed_words(text: str) -> list[str]:
    """List the words of a text, then the other spellings under which they are looked for."""
    text = text[:MAX_TEXT_LENGTH]
    folded = fold_text(text)
    return [*WORD.findall(folded), *_list_variants(text, folded)]


def list_spelling_variants(text: str) -> list[str]:
    """List other spellings under which words of a text are looked for, folded, each once.

    `k-NN` is `knn` too, `A/B` is `ab`, `i.i.d.` is `iid`, and `Müller` is `mueller`.
    """
    text = text[:MAX_TEXT_LENGTH]
    return _list_variants(text, fold_text(text))


def _list_variants(text: str, folded: str) -> list[str]:
    variants = list(_join_parts(folded))
    if not text.isascii():
        composed = unicodedata.normalize("NFC", unify_characters(text))
        variants += [
            fold_accents(word.translate(UMLAUT_SPELLING))
            for word in WORD.findall(composed)
            if UMLAUT.search(word)
        ]
    return list(dict.fromkeys(variants))


def _join_parts(folded: str) -> Iterable[str]:
    # Most words have no sign within them, and need not be looked through for one.
    signed = " ".join(word for word in folded.split() if not word.isalnum())
    for joined in JOINED.findall(signed):
        parts = re.split(r"[-'/&]", joined)
        is_abbreviation = max(map(len, parts)) <= MAX_ABBREVIATION_PART
        is_word = "/" not in joined and "&" not in joined
        if parts[-1] != "s" and len(parts) <= MAX_JOINED_PARTS and (is_word or is_abbreviation):
            yield "".join(parts)
    for initialism in INITIALISM.findall(signed):
        yield initialism.replace(".", "")
