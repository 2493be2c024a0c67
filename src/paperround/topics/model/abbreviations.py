"""Abbreviations that the catalogue itself defines, such as "large language models (LLMs)". Pure."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Final

from paperround.topics.model.phrases import STOP_WORDS, split_content_words
from paperround.topics.model.plurals import fold_plural

MAX_ABBREVIATIONS: Final = 2000  # the most used
MIN_PAPERS: Final = 3  # that must define one
MIN_SHARE: Final = 0.6  # of the papers that define it which must agree
MAX_SMALL_SHARE: Final = 0.2  # of the papers that have it which may write it in small letters
MAX_LETTERS: Final = 8
MIN_CAPITALS: Final = 2
MAX_CHARACTERS_BEFORE: Final = 120  # where the words that it stands for are looked for
MAX_CONTENT_WORDS: Final = 6
DEFINITION: Final = re.compile(r"[\w’')]\s?\(([A-Za-z][A-Za-z0-9-]{1,9})\)")
WORD: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")


@dataclass(frozen=True)
class Abbreviations:
    """Abbreviations in lower case and in the singular, with the words that they stand for, as these are
    written most often, in lower case. The most used abbreviation comes first."""

    words: Mapping[str, str]

    @cached_property
    def phrases(self) -> Mapping[str, str]:
        """The content words that each abbreviation stands for, folded and joined by single spaces."""
        return {short: " ".join(_fold(words)) for short, words in self.words.items()}

    @cached_property
    def by_phrase(self) -> Mapping[str, str]:
        """The abbreviation of each phrase. Of several the most used one."""
        return {phrase: short for short, phrase in reversed(list(self.phrases.items()))}

    def spell_out(self, text: str) -> str:
        """Put behind a text what its abbreviations stand for, where it doesn't say that itself."""
        folded = f" {' '.join(_fold(text))} "
        known = [word for word in dict.fromkeys(folded.split()) if word in self.words]
        added = [self.words[word] for word in known if f" {self.phrases[word]} " not in folded]
        return " ".join([text, *(f"({words})" for words in added)])

    def list_forms(self, folded: str) -> list[str]:
        """List a folded phrase with its other forms: all abbreviations spelled out, and all abbreviated."""
        words = folded.split()
        spelled = " ".join(self.phrases.get(word, word) for word in words)
        return list(dict.fromkeys([folded, spelled, " ".join(self._abbreviate(spelled.split()))]))

    def _abbreviate(self, words: Sequence[str]) -> list[str]:
        abbreviated, place = [], 0
        while place < len(words):
            for length in range(min(MAX_CONTENT_WORDS, len(words) - place), 1, -1):
                short = self.by_phrase.get(" ".join(words[place : place + length]))
                if short:
                    abbreviated.append(short)
                    place += length
                    break
            else:
                abbreviated.append(words[place])
                place += 1
        return abbreviated


NONE: Final = Abbreviations({})


def learn_abbreviations(texts: Sequence[str]) -> Abbreviations:
    """Learn the abbreviations that several papers define, where most of them agree.

    What is mostly written in small letters is a word, whatever some papers abbreviate by it: "ads", "tom".
    """
    definitions: dict[str, Counter[str]] = defaultdict(Counter)
    spellings: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for text in texts:
        found = {(short, " ".join(_fold(words))): words for short, words in _find_definitions(text)}
        for (short, phrase), words in found.items():
            definitions[short][phrase] += 1
            spellings[short, phrase][words] += 1
    agreed = []
    for short, phrases in definitions.items():
        [(phrase, papers)] = phrases.most_common(1)
        if papers >= MIN_PAPERS and papers >= MIN_SHARE * phrases.total():
            agreed.append((papers, short, spellings[short, phrase].most_common(1)[0][0]))
    agreed.sort(key=lambda one: (-one[0], one[1]))
    ordinary = _find_words_in_small_letters(texts, {short for _, short, _ in agreed})
    kept = {short: words for _, short, words in agreed if short not in ordinary}
    return Abbreviations(dict(islice(kept.items(), MAX_ABBREVIATIONS)))


def _find_words_in_small_letters(texts: Iterable[str], among: Collection[str]) -> Collection[str]:
    """Find those that papers write in small letters too often for an abbreviation."""
    small: Counter[str] = Counter()
    capital: Counter[str] = Counter()
    for text in texts:
        for word in set(WORD.findall(text)):
            folded = fold_plural(word.lower())
            if folded in among:
                (small if word.islower() else capital).update([folded])
    return {word for word in among if small[word] > MAX_SMALL_SHARE * (small[word] + capital[word])}


def _fold(text: str) -> list[str]:
    return [fold_plural(word) for word in split_content_words(text)]


def _find_definitions(text: str) -> Iterable[tuple[str, str]]:
    """Find abbreviations in brackets behind what they stand for."""
    for found in DEFINITION.finditer(text):
        short = found.group(1)
        if short.endswith("s") and short[-2].isupper():
            short = short[:-1]
        [folded, *others] = _fold(short) or [""]
        if others or len(short) > MAX_LETTERS or sum(map(str.isupper, short)) < MIN_CAPITALS:
            continue
        start = found.start(1) - 1
        words = find_words(short, text[max(0, start - MAX_CHARACTERS_BEFORE) : start])
        if 1 < len(split_content_words(words)) <= MAX_CONTENT_WORDS:
            yield folded, " ".join(words.lower().split())


def find_words(short: str, before: str) -> str:
    """Find the words that an abbreviation stands for, at the end of the text before it. '' if there are none.

    They are the last ones whose initials it has, stop words left out where they must be. Else its letters
    come in these words in this order, the first one at the start of a word (Schwartz and Hearst, 2003).
    """
    letters = [letter for letter in short.lower() if letter.isalnum()]
    starts = [(word.start(), word.group().lower()) for word in WORD.finditer(before)]
    return _find_initials(letters, starts, before) or _find_letters(letters, starts, before)


def _find_initials(letters: Sequence[str], starts: Sequence[tuple[int, str]], before: str) -> str:
    left = list(letters)
    for start, word in reversed(starts):
        if word[0] == left[-1]:
            left.pop()
        elif word not in STOP_WORDS:
            return ""
        if not left:
            return before[start:].strip()
    return ""


def _find_letters(letters: Sequence[str], starts: Sequence[tuple[int, str]], before: str) -> str:
    lowered = before.lower()
    earliest = starts[-min(len(starts), 2 * len(letters), len(letters) + 5)][0] if starts else 0
    firsts = {start for start, _ in starts}
    place = len(lowered) - 1
    for left, letter in reversed(list(enumerate(letters))):
        while place >= earliest and (lowered[place] != letter or (left == 0 and place not in firsts)):
            place -= 1
        if place < earliest:
            return ""
        place -= 1
    return before[place + 1 :].strip()
