"""Phrases: the runs of one to three words that every part of matching reads of a text. Pure."""

from __future__ import annotations

import re
from typing import Final

from paperround.text.accents import fold_accents

MAX_PHRASE_WORDS: Final = 3
MAX_CHARACTERS: Final = 20_000  # of a text that is read
WORD: Final = re.compile(r"\w\w+")
# English words that say nothing about a subject.
STOP_WORD_LIST: Final = """
    about above across after again against all almost alone along already also although always am among an and
    another any anyone anything anywhere are around as at be became because become becomes been before behind
    being below between beyond both but by can cannot could did do does doing done down due during each either
    else elsewhere enough etc even ever every everyone everything everywhere except few for former found from
    full further furthermore get give go had has have having he hence her here hereby herein hers herself him
    himself his how however if in indeed instead into is it its itself just keep last latter least less made
    many may me meanwhile might mine more moreover most mostly much must my myself namely neither never
    nevertheless next no nobody none nor not nothing now nowhere of off often on once one only onto or other
    others otherwise our ours ourselves out over own part per perhaps please put rather same see seem seemed
    seeming seems several shall she should show since so some somehow someone something sometimes somewhere
    still such take than that the their theirs them themselves then thence there thereafter thereby therefore
    therein these they this those though through throughout thus to together too toward towards under until up
    upon us very via was we well were what whatever when whenever where whereas whereby wherein whether which
    while who whoever whole whom whose why will with within without would yet you your yours yourself
    yourselves ain aren couldn didn doesn don hadn hasn haven isn ll mightn mustn needn re shan shouldn ve
    wasn weren won wouldn
"""
STOP_WORDS: Final = frozenset(STOP_WORD_LIST.split())


def split_content_words(text: str) -> list[str]:
    """List the folded words of two letters or more, in order, without stop words."""
    return [word for word in WORD.findall(fold_accents(text[:MAX_CHARACTERS])) if word not in STOP_WORDS]


def list_phrases(text: str) -> list[str]:
    """List every run of one to three words, as often as it occurs. Stop words do not interrupt a run."""
    words = split_content_words(text)
    return [
        " ".join(words[start : start + length])
        for length in range(1, MAX_PHRASE_WORDS + 1)
        for start in range(len(words) - length + 1)
    ]
