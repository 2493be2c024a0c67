"""Keys by which the names of people are looked up, each within one name. These are pure functions.

The index of a paper has, for each of its authors, every word of the name (`@zhang`), every two words
(`@wei zhang`), every word with the initial of another (`@w zhang`), and the whole name (`@@wei zhang`). Words
within a key are sorted, so that `Zhang, Wei` is `Wei Zhang`.
"""

from __future__ import annotations

from itertools import combinations, permutations
from typing import Final, NamedTuple

from paperround.text.words import UMLAUT, UMLAUT_SPELLING, split_words, unify_characters

MAX_NAME_WORDS: Final = 6  # of one name; further words are left out
GENERATIONS: Final = frozenset({"jr", "sr", "ii", "iii", "iv"})  # behind a comma, these are no given names
MAX_INITIALS_LENGTH: Final = 3  # letters of initials that are written together, as in `Laan SM`


class NameQuery(NamedTuple):
    """Conditions on names as PostgreSQL's tsquery: one that may be meant, and one that is just this."""

    possible: str
    exact: str


def list_name_keys(name: str) -> set[str]:
    """List the keys of one name. With an umlaut there are also those of its German spelling."""
    spellings = [split_words(name)]
    if UMLAUT.search(unify_characters(name)):
        spellings.append(split_words(unify_characters(name).translate(UMLAUT_SPELLING)))
    keys: set[str] = set()
    for spelling in spellings:
        words = spelling[:MAX_NAME_WORDS]
        keys |= {f"@{word}" for word in words if len(word) > 1}
        keys |= {_pair_key(*pair) for pair in combinations(words, 2)}
        keys |= {_pair_key(given[0], family) for given, family in permutations(words, 2) if len(family) > 1}
        if words:
            keys.add(_whole_key(words))
    return keys


def build_name_key(name: str) -> str:
    """Build the key by which a whole name is the same as another: its words in their order.

    `Zhang, Wei` is `Wei Zhang`, but `Zhang Wei` may be somebody else. It is '' without letters and digits.
    """
    family, _, given = name.partition(",")
    words = split_words(given)
    is_turned = bool(words) and "," not in given and words[0] not in GENERATIONS
    return " ".join(([*words, *split_words(family)] if is_turned else split_words(name))[:MAX_NAME_WORDS])


def quote_name_key(key: str) -> str:
    """Write the key of a whole name as PostgreSQL's tsquery. It finds its words in any order."""
    return _quote(_whole_key(key.split()))


def parse_name_query(text: str) -> NameQuery | None:
    """Parse what may be a person's name, in any order, with initials. None if it cannot be one."""
    typed = unify_characters(text).replace(".", " ").replace(",", " ").split()
    words = [(word, is_initials(part)) for part in typed for word in split_words(part)]
    if not words or len(words) > MAX_NAME_WORDS:
        return None
    family = max((word for word, _ in words), key=len)
    rest = list(words)
    rest.remove(next(entry for entry in words if entry[0] == family))
    conditions = [_quote(f"@{family}")] if not rest else [_match_beside(family, *entry) for entry in rest]
    return NameQuery(" & ".join(conditions), _quote(_whole_key([word for word, _ in words])))


def is_initials(typed: str) -> bool:
    """Tell whether a word may be initials that are written together."""
    return typed.isalpha() and typed.isupper() and 2 <= len(typed) <= MAX_INITIALS_LENGTH


def _match_beside(family: str, word: str, may_be_initials: bool) -> str:
    together = _quote(_pair_key(word, family))
    if not may_be_initials:
        return together
    initials = " & ".join(_quote(_pair_key(letter, family)) for letter in word)
    return f"({together} | ({initials}))"


def _pair_key(first: str, second: str) -> str:
    return "@" + " ".join(sorted((first, second)))


def _whole_key(words: list[str]) -> str:
    return "@@" + " ".join(sorted(words))


def _quote(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"
