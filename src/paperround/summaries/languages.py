"""The languages that summaries can be in, and whether a sentence is in one of them. Pure functions.

A library that names the language of a text is unsure about one sentence full of English terms. Here the
question is easier: is it in the language that was asked for, and not in another?
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from paperround.settings import Settings

MIN_SHARE_OF_SCRIPT: Final = 0.3  # of the letters: names and terms stay in Latin letters
MAX_FOREIGN_SHARE: Final = 0.2  # of the letters in a text in Latin letters; Greek ones are mathematics
MIN_WORDS_TO_TELL: Final = 7  # fewer may hold no word that tells the language
WORD: Final = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Language:
    """`scripts` are how Unicode's names of its letters begin. `words` are frequent ones, if it is Latin."""

    name: str
    own_name: str
    scripts: tuple[str, ...] = ("LATIN",)
    words: frozenset[str] = frozenset()
    required: str = ""  # a script of which some letters must be there


def _latin(name: str, own_name: str, words: str) -> Language:
    return Language(name, own_name, words=frozenset(words.split()))


LANGUAGES: Final = {
    "en": _latin("English", "English",
                 "the of and to a in that is for with on by as an are from this be it we which or "
                 "its while without than using can into their them has have these both across"),
    "de": _latin("German", "Deutsch",
                 "der die das und ein eine einen einem einer von mit für auf den dem des ist im zu "
                 "wird werden durch als bei aus nicht sich auch oder wie ohne über sind kann sowie"),
    "fr": _latin("French", "Français",
                 "le la les de des du un une et en que pour dans par sur est avec au aux qui plus "
                 "sans ce cette ou sont ses leur comme d l tout"),
    "es": _latin("Spanish", "Español",
                 "el la los las de del un una y en que para por con se es al como más sin su sus "
                 "lo o son este esta entre mediante"),
    "it": _latin("Italian", "Italiano",
                 "il lo la i gli le di del della dei un una e in che per con da si è al come più "
                 "senza su nel nella sono questo o tra"),
    "pt": _latin("Portuguese", "Português",
                 "o a os as de do da dos das um uma e em que para por com se é ao como mais "
                 "sem seu sua no na são este esta ou entre"),
    "nl": _latin("Dutch", "Nederlands",
                 "de het een van en in op te dat is voor met door aan zijn bij uit niet ook of als "
                 "zonder over worden wordt deze die naar"),
    "sv": _latin("Swedish", "Svenska",
                 "och en ett som för att av med på den det är till i inte eller från kan utan hur "
                 "samt genom mellan där"),
    "pl": _latin("Polish", "Polski",
                 "i w na z do że się jest dla przez oraz od nie jak który która które po za bez "
                 "przy lub tym są"),
    "tr": _latin("Turkish", "Türkçe",
                 "ve bir bu için ile de da olarak daha en olan gibi çok üzerinde ya veya sonra "
                 "kadar ancak göre"),
    "zh": Language("Simplified Chinese", "简体中文", ("CJK",), required="CJK"),
    "ja": Language("Japanese", "日本語", ("HIRAGANA", "KATAKANA", "CJK"), required="HIRAGANA"),
    "ko": Language("Korean", "한국어", ("HANGUL", "CJK"), required="HANGUL"),
    "ru": Language("Russian", "Русский", ("CYRILLIC",), required="CYRILLIC"),
    "uk": Language("Ukrainian", "Українська", ("CYRILLIC",), required="CYRILLIC"),
    "ar": Language("Arabic", "العربية", ("ARABIC",), required="ARABIC"),
    "he": Language("Hebrew", "עברית", ("HEBREW",), required="HEBREW"),
    "hi": Language("Hindi", "हिन्दी", ("DEVANAGARI",), required="DEVANAGARI"),
    "el": Language("Greek", "Ελληνικά", ("GREEK",), required="GREEK"),
}  # fmt: skip


def list_reader_languages(settings: Settings) -> Mapping[str, str]:
    """List the languages that a reader may choose besides the site's: their codes with their own names."""
    if settings.summary_url is None:
        return {}
    return {code: LANGUAGES[code].own_name for code in settings.summary_languages[1:]}


def is_in_language(text: str, code: str) -> bool:
    """Tell whether a text is in the language, as far as its letters and frequent words tell."""
    language = LANGUAGES[code]
    scripts = Counter(_script_of(letter) for letter in text if letter.isalpha())
    letters = scripts.total()
    if not letters:
        return False
    own = sum(scripts[script] for script in language.scripts)
    if language.required:
        kana = scripts["HIRAGANA"] + scripts["KATAKANA"]
        is_japanese = kana and code == "zh"
        return bool(scripts[language.required]) and own >= MIN_SHARE_OF_SCRIPT * letters and not is_japanese
    if letters - own - scripts["GREEK"] > MAX_FOREIGN_SHARE * letters:
        return False
    return _has_frequent_words(text, code)


def _script_of(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]


def _has_frequent_words(text: str, code: str) -> bool:
    words = WORD.findall(text.casefold())
    counts = {
        other: sum(word in language.words for word in words)
        for other, language in LANGUAGES.items()
        if language.words
    }
    if len(words) < MIN_WORDS_TO_TELL:
        return counts[code] >= max(counts.values()) or not max(counts.values())
    return counts[code] > 0 and counts[code] >= max(counts.values())
