"""Decides which capitals of a title must stay when a BibTeX style writes titles in lower case.

Styles keep the first letter of a title and those after a colon. What is in braces stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)*")
SENTENCE_END: Final = re.compile(r"[:?!.–—]\s+\W*$")
MAX_SENTENCE_END: Final = 10  # characters before a word that are looked at
MIN_SIGNIFICANT: Final = 4  # letters; shorter words are small in titles of any style
SIGNS_OF_NAMES: Final = ("+", "#", "*")  # as in `C++`, `C#` and `A*`
PROPER_NAMES: Final = re.compile(
    r"(?:banach|bayes|bernoulli|boltzmann|brownian|cauchy|chebyshev|dirichlet|einstein|erdős|euclid|euler|fourier"
    r"|gauss|gibbs|hamilton|hausdorff|hebb|hilbert|hölder|jacobi|jensen|kalman|kolmogorov|krylov|lagrang|langevin"
    r"|laplac|lebesgue|lévy|lipschitz|lyapunov|mahalanobis|markov|minkowski|monte|carlo|nash|newton|pareto|pearson"
    r"|poincaré|poisson|rademacher|rényi|riemann|schrödinger|shannon|shapley|sinkhorn|sobolev|stiefel|thompson|turing"
    r"|voronoi|wasserstein|weierstra(?:ß|ss)|wiener|zipf"
    r"|african|africa|americ|arab|asia|british|britain|chin[ae]|english|england|europ|french|german|greek|hindi"
    r"|india|italy|italian|japan|korea|latin|portug|russia|spain|spanish|swahili|turk|urdu|vietnam|yoruba"
    r"|github|google|linux|python|reddit|twitter|wikipedia)[a-zé]{0,5}(?:['’]s)?",
    re.I,
)


def protect_capitals(texts: Sequence[str], escape: Callable[[str], str]) -> list[str]:
    """Put the words of a title whose capitals must stay in braces, and escape the rest.

    The texts are those around the formulas of one title; `escape` writes a text for LaTeX.
    """
    names_alone = _is_sentence_case(texts)
    written = []
    for number, text in enumerate(texts):
        parts, end = [], 0
        for word, begins in _split_words(text, is_first=number == 0):
            protected = _must_stay(word[0], text[word.end() : word.end() + 1], begins, names_alone)
            parts += [
                escape(text[end : word.start()]),
                f"{{{escape(word[0])}}}" if protected else escape(word[0]),
            ]
            end = word.end()
        written.append("".join([*parts, escape(text[end:])]))
    return written


def _split_words(text: str, *, is_first: bool) -> Iterator[tuple[re.Match[str], bool]]:
    """Yield the words, each with whether a title or a sentence begins with it."""
    for number, word in enumerate(WORD.finditer(text)):
        before = text[max(word.start() - MAX_SENTENCE_END, 0) : word.start()]
        yield word, (is_first and number == 0) or bool(SENTENCE_END.search(before))


def _must_stay(word: str, following: str, begins: bool, names_alone: bool) -> bool:
    """Tell whether a word's capitals must stay. `names_alone`: the title has those of names only."""
    if any(map(str.isupper, word[1:])):
        return True
    if begins or not word[0].isupper():
        return False
    if len(word) == 1:
        return word != "A" or following in SIGNS_OF_NAMES
    return names_alone or any(map(str.isdigit, word)) or bool(PROPER_NAMES.fullmatch(word))


def _is_sentence_case(texts: Sequence[str]) -> bool:
    """Tell whether a title is written like a sentence: most of its longer words are in lower case."""
    words = [
        word[0]
        for number, text in enumerate(texts)
        for word, begins in _split_words(text, is_first=number == 0)
        if len(word[0]) >= MIN_SIGNIFICANT and not begins
    ]
    return 2 * sum(word[0].isupper() for word in words) < len(words)
