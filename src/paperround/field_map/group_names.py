"""Names groups of papers by the rarest phrases that many of a group share. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from math import log
from typing import Final

from paperround.topics.model.phrases import list_phrases

MIN_SHARE: Final = 0.15  # of a group that must have a phrase
MIN_PAPERS: Final = 3
PHRASES_A_NAME: Final = 2
MAX_NAME_LENGTH: Final = 60  # characters
# A phrase of several words tells more than its words.
WEIGHTS: Final = {1: 1.0, 2: 2.0, 3: 2.2}


def name_groups(texts: Sequence[str], groups: Sequence[int], count: int) -> list[str]:
    """Name each of `count` groups: at most two phrases without a word in common, as most texts write them."""
    phrases = [frozenset(list_phrases(text)) for text in texts]
    everywhere = Counter(phrase for of_text in phrases for phrase in of_text)
    names: list[str] = []
    taken: set[str] = set()
    for group in range(count):
        members = [place for place, of in enumerate(groups) if of == group]
        chosen = _choose(
            Counter(p for m in members for p in phrases[m]), everywhere, len(members), len(texts), taken
        )
        taken |= {*chosen}
        spelled = [_spell(phrase, [texts[m] for m in members]) for phrase in chosen]
        names.append(" · ".join(spelled)[:MAX_NAME_LENGTH] or "Other papers")
    return names


def _choose(
    inside: Counter[str], everywhere: Counter[str], members: int, papers: int, taken: set[str]
) -> list[str]:
    """Choose the phrases: rare in all, common within; none that another group is called."""
    needed = max(MIN_PAPERS, MIN_SHARE * members) if members > MIN_PAPERS else 1
    shared = [p for p, number in inside.items() if number >= needed and p not in taken and not p.isdigit()]

    def weigh(phrase: str) -> tuple[float, str]:
        excess = (
            inside[phrase] / members * log(papers * inside[phrase] / (members * everywhere[phrase]) + 1e-9)
        )
        return excess * WEIGHTS[phrase.count(" ") + 1], phrase

    chosen: list[str] = []
    words: set[str] = set()
    for phrase in sorted(shared, key=weigh, reverse=True):
        own = {word.rstrip("s") for word in phrase.split()}
        if words.isdisjoint(own) and len(chosen) < PHRASES_A_NAME:
            chosen.append(phrase)
            words |= own
    return chosen


def _spell(phrase: str, texts: Sequence[str]) -> str:
    """Spell a folded phrase as texts do most often, with a short word in between (mixture of experts)."""
    pattern = re.compile(
        r"\b" + r"(?:\s+\w{1,3})?[\s-]+".join(map(re.escape, phrase.split())) + r"\b", re.IGNORECASE
    )
    found = Counter(" ".join(spelled.split()) for text in texts for spelled in pattern.findall(text))
    return found.most_common(1)[0][0] if found else phrase
