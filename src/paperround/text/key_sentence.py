"""Finds the sentence of an abstract that says what was done, and where sentences end.

Abstracts begin with what was known before. What is new stands in a sentence such as "We propose …". These are
pure functions, take time linear in the text, and raise no error for any text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from paperround.text.reading import Reading

MAX_SEARCHED: Final = 5_000  # characters of an abstract; real ones are a third of it
MIN_SENTENCE: Final = 30  # characters; a shorter one, such as "We do.", says too little
END: Final = re.compile(r"(?<![.!?])[.!?]++[\"'”’)\]]*(?=\s)|\n\n")
# What a full stop after doesn't end a sentence: abbreviations, and initials such as "J."
ABBREVIATION: Final = re.compile(
    r"(?:\b(?:e\.?g|i\.?e|cf|vs|al|etc|resp|approx|Figs?|Eqs?|Secs?|Tabs?|Refs?|Nos?|Dr|Prof|St|w\.r\.t|a\.k\.a)"
    r"|(?<!\w)[A-Z])\Z"
)

US: Final = r"\b(?:we|our (?:work|paper|team|study|contributions?|approach|method|framework)|the authors)"
KIND: Final = (
    "paper|work|article|study|report|survey|thesis|note|chapter|letter|manuscript|tutorial|monograph|preprint|"
    "review|research"
)
THIS: Final = rf"\bth(?:is|e present) (?:\w+ ){{0,2}}?(?:{KIND})"
# Up to three words between who and what they did: "we then carefully propose". A negation is none of them.
BETWEEN: Final = r"(?:,? (?!not\b|never\b|don|do\b|can\b|cannot\b|could\b|that\b)[\w-]+,?){0,3}?"
MADE: Final = (
    r"(?:(?:propos|introduc|present|develop|design|devis|construct|creat|formulat|formali[sz]|unveil|contribut|"
    r"describ|offer|put forward|invent|pioneer|curat|synthesi[sz]|assembl|implement|train|extend|"
    r"generali[sz])(?:e|es|ed|s|ing)?|buil(?:d|ds|t))\b"
)
FOUND: Final = (
    r"(?:show|demonstrat|prov|reveal|find|found|stud[yi]|investigat|analy[sz]|explor|examin|evaluat|revisit|"
    r"argu|establish|deriv|report|address|aim|uncover|identif|measur|quantif|observ|compar|conduct|characteri[sz]|"
    r"review|survey|discuss|tackl|focus|solv|rethink|benchmark|disentangl|determin|discover|comput|consider|"
    r"complet|provid|perform|detect|suggest|obtain|bridg|take|ask)(?:e|es|ed|en|s|y|ies|ied|ing)?\b"
)
GIVEN_AWAY: Final = re.compile(
    r"\b(?:releas\w*|open-?sourc\w*|(?:publicly |freely )?available|accessible at|project page|https?://)",
    re.IGNORECASE,
)
AFTERTHOUGHT: Final = re.compile(
    r"\A(?:further|further\s?more|moreover|additionally|besides|finally|lastly|in addition|"
    r"to (?:evaluate|assess|validate|verify))\b"
    r"|\b(?:we|paper|work) (?:also|further|additionally)\b|\bas we (?:show|demonstrate)",
    re.IGNORECASE,
)
# Nearly every other sentence is told apart by this alone, which is quick.
MENTION: Final = re.compile(
    r"\b(?:[Ww]e|[Oo]ur|[Tt]his|[Tt]he (?:present|authors)|proposed|introduced|presented|developed)\b"
)
# The strongest first; the passive voice comes after what the authors say in their own person.
SIGNS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{US}{BETWEEN} {MADE}|{THIS}{BETWEEN} {MADE}",
        rf"{US}{BETWEEN} {FOUND}|{THIS}{BETWEEN} {FOUND}",
        r"\b(?:an?|new|novel)\b[^.]{0,120}? (?:is|are) (?:proposed|introduced|presented|developed)\b",
        rf"{THIS}\b|\A(?:here|to this end|to (?:address|solve|tackle|fill|bridge|overcome)[^.]*?),? we\b",
    )
)


def find_key_sentence(reading: Reading) -> Reading | None:
    """Return the sentence that says what was done, with its formulas. None if no sentence says so.

    One that is an afterthought is taken if there is no other; one that only says where the code is never is.
    """
    best: tuple[tuple[int, int], int, int] | None = None
    for start, end in split_sentences(reading):
        rank = _rank(reading.text[start:end])
        if rank and (best is None or rank < best[0]):
            best = (rank, start, end)
        if rank == (0, 0):
            break
    return reading.cut(best[1], best[2]) if best else None


def _rank(sentence: str) -> tuple[int, int] | None:
    """Rank a sentence, the best as (0, 0). None: it doesn't say what was done."""
    if not MENTION.search(sentence) or len(sentence) < MIN_SENTENCE or sentence.endswith("?"):
        return None
    strength = next((place for place, sign in enumerate(SIGNS) if sign.search(sentence)), None)
    if strength is None:
        return None
    return int(bool(AFTERTHOUGHT.search(sentence))), strength + bool(GIVEN_AWAY.search(sentence))


def split_sentences(reading: Reading) -> Iterator[tuple[int, int]]:
    """Yield where each sentence starts and ends. No formula is split, nor "e.g." or "et al."."""
    text, start = reading.text[:MAX_SEARCHED], 0
    formulas = iter(reading.formulas)
    formula = next(formulas, None)
    for mark in END.finditer(text):
        while formula and formula.end <= mark.start():
            formula = next(formulas, None)
        if formula and formula.start <= mark.start() < formula.end:
            continue
        if mark[0] == "." and ABBREVIATION.search(text, max(start, mark.start() - 12), mark.start()):
            continue
        if text[start : mark.end()].strip():
            yield _trim(text, start, mark.end())
        start = mark.end()
    if text[start:].strip() and len(reading.text) <= MAX_SEARCHED:
        yield _trim(text, start, len(text))


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - (len(piece) - len(piece.rstrip()))
