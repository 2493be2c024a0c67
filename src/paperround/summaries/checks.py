"""Whether an answer may be shown as the summary of a paper. Pure functions.

A model can be wrong, and an abstract can hold instructions for it. So an answer is refused when it shows
signs of either, and what is shown is plain text in any case.
"""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from paperround.i18n.messages import mark_message
from paperround.summaries.held_formulas import MARK as HELD
from paperround.summaries.held_formulas import has_all_formulas
from paperround.summaries.languages import LANGUAGES, is_in_language
from paperround.summaries.prompt import EXPLANATION, HIDDEN, INSTRUCTIONS, MARK, TRANSLATION
from paperround.text.key_sentence import split_sentences
from paperround.text.reading import Reading

MAX_LENGTH: Final = 240  # characters
MAX_EXPLANATION_LENGTH: Final = 160
MIN_LENGTH: Final = 20  # characters of a language in Latin letters; others say as much with half of it
MIN_SHARED_WORDS: Final = 2
STEM_LENGTH: Final = 5  # letters in which two forms of a word agree
LEAK_LENGTH: Final = 5  # words in a row that stand in the instructions too


class Refusal(enum.StrEnum):
    """Why an answer is not taken."""

    empty = mark_message("empty")
    cut_off = mark_message("cut off")
    length = mark_message("too long")
    sentences = mark_message("not a sentence")
    link = mark_message("link")
    markup = mark_message("markup")
    hidden = mark_message("hidden text")
    prompt = mark_message("prompt")
    language = mark_message("language")
    numbers = mark_message("numbers")
    words = mark_message("other words")
    formulas = mark_message("formulas")
    server = mark_message("by the server")


LINK: Final = re.compile(
    r"https?:|www\.|\w@\w|\b[\w-]+\.(?:com|org|net|io|ai|dev|edu|gov|app|xyz|info|cn|de|uk|ru|me|ly)\b",
    re.IGNORECASE,
)
MARKUP: Final = re.compile(
    r"<[a-z!/?]|&(?:#?\w+);|\*\*|__\w|`|\]\(|!\[|\\[a-z{(\[]|\$[^$]*\\|\A(?:[#>|]|[-*+] |\d+[.)] )",
    re.IGNORECASE,
)
URL: Final = re.compile(r"(?:https?://|www\.)[^\s<>\"'()]+", re.IGNORECASE)
HTML: Final = re.compile(r"<[a-z!/?]|\*\*|```|\]\(|\\[a-z{(\[]", re.IGNORECASE)
MAX_GROWTH: Final = 2  # times the abstract's length
MAX_SHRINKING: Final = 6  # times shorter than the abstract: Chinese takes a third of the characters
ABOUT_ITSELF: Final = re.compile(
    r"\bas an? (?:ai|(?:large )?language model)\b|\bI (?:can(?:not|'t|’t)|am unable|"
    r"am sorry|apologi[sz]e)|\bI[’']m (?:sorry|unable)|"
    r"\A(?:sure|certainly|of course|okay|here(?:[’']s| is| are))\b|"
    r"\b(?:ignore|disregard|forget) (?:all |any |the |your )*(?:previous|prior|above|instructions)",
    re.IGNORECASE,
)
SYSTEM_PROMPT: Final = "system prompt"  # some papers are about those
LABEL: Final = re.compile(
    r"\A(?:(?:one[- ](?:line|sentence) )?summary|why(?: it fits)?|tl;?dr)\s*[:：]\s*", re.IGNORECASE
)
QUOTES: Final = ('""', "''", "“”", "‘’", "«»", "„“", "「」", "『』")
THOUGHTS: Final = re.compile(r"\A\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL | re.IGNORECASE)
FULL_WIDTH_END: Final = re.compile(r"[。！？](?=.)")
NUMBER: Final = re.compile(r"\d+(?:[.,\u00a0\u202f]\d+)*")
WORD: Final = re.compile(r"[^\W\d_]{4,}")
COUNTED: Final = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
)  # fmt: skip
MULTIPLES: Final = {"twice": "2", "double": "2", "doubling": "2", "half": "50", "halves": "50", "both": "2"}


def tidy_answer(answer: str) -> str:
    """Return an answer as one line, without a reasoning model's thoughts, a label and quotation marks."""
    answer = THOUGHTS.sub("", answer)
    line = LABEL.sub("", " ".join(answer.split()))
    for first, last in QUOTES:
        if len(line) > 1 and line[0] == first and line[-1] == last and first not in line[1:-1]:
            line = line[1:-1].strip()
    return unicodedata.normalize("NFC", line)


def find_refusal(
    line: str, *, title: str, abstract: str, language: str, max_length: int = MAX_LENGTH
) -> Refusal | None:
    """Return why a tidied answer is no sentence on the paper in the language, or None where it is one."""
    source = f"{title}\n{abstract}"
    for refusal, is_wrong in WRONG.items():
        if is_wrong(line):
            return refusal
    if len(line) > max_length:
        return Refusal.length
    if SYSTEM_PROMPT in line.casefold() and SYSTEM_PROMPT not in source.casefold():
        return Refusal.prompt
    if not _is_one_sentence(line, language):
        return Refusal.sentences
    if not is_in_language(line, language):
        return Refusal.language
    if not _numbers_of(line) <= _numbers_of(source) | _spelled_numbers(source):
        return Refusal.numbers
    if language == "en" and not _shares_words(line, source):
        return Refusal.words
    return None


def find_translation_refusal(line: str, *, held: str, language: str) -> Refusal | None:
    """Return why a tidied answer is no translation of an abstract. Both have marks for the formulas."""
    wrong = {refusal: WRONG[refusal] for refusal in (Refusal.empty, Refusal.hidden, Refusal.prompt)}
    for refusal, is_wrong in wrong.items():
        if is_wrong(line):
            return refusal
    plain = HELD.sub(" ", line)
    if not {*URL.findall(line)} <= {*URL.findall(held)}:
        return Refusal.link
    if HTML.search(plain):
        return Refusal.markup
    if len(line) > MAX_GROWTH * len(held) + MAX_LENGTH or MAX_SHRINKING * len(line) < len(held):
        return Refusal.length
    if not has_all_formulas(line, held):
        return Refusal.formulas
    if not is_in_language(plain, language):
        return Refusal.language
    source = HELD.sub(" ", held)
    if not _numbers_of(plain) <= _numbers_of(source) | _spelled_numbers(source):
        return Refusal.numbers
    return None


def _is_one_sentence(line: str, language: str) -> bool:
    shortest = MIN_LENGTH if LANGUAGES[language].words else MIN_LENGTH // 2
    return (
        len(line) >= shortest
        and not FULL_WIDTH_END.search(line)
        and sum(1 for _ in split_sentences(Reading(line))) == 1
    )


def _has_hidden_text(line: str) -> bool:
    return any(unicodedata.category(character) in HIDDEN for character in line)


def _is_about_instructions(line: str) -> bool:
    return bool(MARK.search(line) or ABOUT_ITSELF.search(line)) or _repeats_instructions(line)


def _repeats_instructions(line: str) -> bool:
    words = re.findall(r"\w+", line.casefold())
    told = " ".join(re.findall(r"\w+", f"{INSTRUCTIONS} {TRANSLATION} {EXPLANATION}".casefold()))
    runs = (" ".join(words[start : start + LEAK_LENGTH]) for start in range(len(words) - LEAK_LENGTH + 1))
    return any(run in told for run in runs)


def _numbers_of(text: str) -> set[str]:
    """The numbers of a text as they are counted, so that 1,000 is 1000 and 0,5 is 0.5."""
    return {_normalise_number(found) for found in NUMBER.findall(text)}


def _normalise_number(found: str) -> str:
    digits = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in found)
    digits = digits.replace("\u00a0", "").replace("\u202f", "")
    if re.fullmatch(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?", digits):
        digits = digits.replace(",", "")
    whole, dot, rest = digits.replace(",", ".").partition(".")
    whole, rest = whole.lstrip("0") or "0", rest.rstrip("0") if "." not in rest else rest
    return f"{whole}.{rest}" if dot and rest else whole


def _spelled_numbers(text: str) -> set[str]:
    words = set(re.findall(r"[a-z]+", text.casefold()))
    spelled = {str(number) for number, word in enumerate(COUNTED) if word in words}
    return spelled | {number for word, number in MULTIPLES.items() if word in words}


def _shares_words(line: str, source: str) -> bool:
    known = set(_stems(source))
    own = set(_stems(line))
    return len(own & known) >= min(MIN_SHARED_WORDS, len(own)) and bool(own & known)


def _stems(text: str) -> Iterator[str]:
    return (word[:STEM_LENGTH] for word in WORD.findall(text.casefold()))


# What is wrong whatever the paper says, in the order in which it is told.
WRONG: Final[Mapping[Refusal, Callable[[str], object]]] = {
    Refusal.empty: lambda line: not line,
    Refusal.hidden: _has_hidden_text,
    Refusal.prompt: _is_about_instructions,
    Refusal.link: LINK.search,
    Refusal.markup: MARKUP.search,
    Refusal.length: lambda line: len(line) > MAX_LENGTH,
}
