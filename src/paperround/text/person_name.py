"""Splits the names of authors into what citations need. These are pure functions.

Feeds write names as `Given Family`, whatever language they are from, and libraries as `Family, Given` too. A
name of one word, and that of an organisation, stays whole.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from paperround.text.accents import fold_accents

MAX_NAME_LENGTH: Final = 1_000  # characters; a longer one is no person's and stays whole
MAX_COMMAS: Final = 3  # of a person: Family, Given, and two suffixes


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Small words between given and family names, as they are written in lower case.
PARTICLES: Final = _words("""
    d' de' d’ de’ 'l 's 't ‘s ‘t ’s ’t abu af al am an ap auf aus av bar bat ben bin bint da dal dalla
    dalle das de degli dei del dela della delle dello delos den der des di do dos du el en het ibn il im
    in la las le les li lo los na op san st. te ten ter thor thoe to tom tor tot uit van vande vanden
    vander vd v.d. ver vom von zu zum zur zur.
""")
# Those that belong to the family name when they are capitalised, as in `Guy Van den Broeck`.
CAPITALISED_PARTICLES: Final = _words("""
    af al bin da dal dalla das de dei del dela della delle dello den der des di dos du el ibn la las le
    lo los saint san santa st. ten ter van vande vanden vander von zu zur
""")
# Syllables such as `Di` and `Van` are given names before these family names.
EAST_ASIAN_FAMILIES: Final = _words("""
    an bae bai bao bian bui cai cao chae chan chang chao chen cheng cheung chi chiang chiu cho choi chow
    chu chung cui dai dang deng ding dinh dong doan du duan duong fan fang feng fong fu gao ge geng gong
    gu guan guo ha hahn han hao he ho hoang hong hou hsieh hsu hu hua huang huo huynh hwang jang jeon
    jeong ji jia jiang jiao jin jo jung kang kim ko kong kuo kwok kwon lai lam lau le lee lei leung li
    liang liao lim lin ling liu long lou lu luo luong luu ly ma mai mao mei meng miao min mo mu nam ngo
    nguyen ni nie oh ouyang pan pang park peng pham phan phung qi qian qiao qin qiu qu quan ren rong
    ruan seo shao shen shi shih shin sim son song su suh sun tan tang tao tian to ton tong tran trieu
    trinh truong tsai tse tu vo vu wan wang wei wen weng wong wu xia xiang xiao xie xing xiong xu xue
    yan yang yao ye yeung yi yin ying yoo yoon you yu yuan yue yun zeng zhai zhan zhang zhao zheng zhong
    zhou zhu zhuang zou zuo
""")
VIETNAMESE_FAMILIES: Final = _words("bui dang do duong hoang huynh le ngo nguyen pham phan tran vo vu")
SUFFIX: Final = re.compile(r"(?i:jr|sr|jnr|snr)\.?|III?|IV|VI{1,3}|[2-9](?:nd|rd|th)|Ph\.?\s?D\.?|Esq\.?")
# Where these follow a family name alone, they are initials.
SUFFIX_AFTER_NAME: Final = re.compile(rf"{SUFFIX.pattern}|V|IX|X|M\.?D\.?|M\.?Sc\.?|D\.?Sc\.?")

AGNOMINA: Final = _words("filho neto netto sobrinho junior")  # they end Portuguese family names
CONNECTORS: Final = _words("y e i")  # between two family names, as in `Ortega y Gasset`

ORGANIZATION: Final = re.compile(
    r"\b(?:and|others|et al|teams?|collaborations?|consorti(?:um|a)|groups?|labs?|laborator(?:y|ies)"
    r"|projects?|initiatives?|communit(?:y|ies)|contributors|research|institut(?:e|es|ion)?"
    r"|universit(?:y|ies|é|à|ät)"
    r"|authors|alliance|association|academy|agency|bureau|cent(?:er|re)|committee|company|council"
    r"|corp(?:oration)?|department|experiment|faculty|foundation|gmbh|inc|intelligence|llc|ltd"
    r"|members|ministry|network|observatory|organi[sz]ation|partnership|program(?:me)?|school|society|survey"
    r"|technolog(?:y|ies)|telescope|workshop"
    r"|alibaba|anthropic|baidu|bytedance|deepmind|deepseek|google|huawei|microsoft|nvidia|openai|tencent)\b"
    r"|\bon behalf of\b",
    re.I,
)
ARTIFICIAL: Final = re.compile(r"\bAI\b")  # a product of a company; the person is called Ai
DISAMBIGUATION: Final = re.compile(r"\s+\d{4}$")  # as DBLP tells people of one name apart
LETTER_OR_DIGIT: Final = re.compile(r"[^\W_]")


class PersonName(NamedTuple):
    """A name in its parts. Either `literal` is set, or `family` and whatever else there is.

    `particle` stands before the family name and is no part of how it sorts: `van der` of `Jan van der Berg`.
    """

    family: str = ""
    given: str = ""
    particle: str = ""
    suffix: str = ""
    literal: str = ""

    @property
    def sorted_form(self) -> str:
        """The name as `van der Berg, Jan, Jr.`, or whole."""
        if self.literal:
            return self.literal
        return ", ".join(filter(None, (self.full_family, self.given, self.suffix)))

    @property
    def full_family(self) -> str:
        return f"{self.particle} {self.family}".strip()


def is_organization(name: str) -> bool:
    """Tell whether a name is rather that of a team, a company or a project than of a person."""
    return bool(ORGANIZATION.search(name) or ARTIFICIAL.search(name) or any(map(str.isdigit, name)))


def split_name(text: str) -> PersonName | None:
    """Split a name that is plain text. None for one without a letter, such as a colon."""
    name = DISAMBIGUATION.sub("", " ".join(text.split()).strip(" ,;:"))
    if not LETTER_OR_DIGIT.search(name):
        return None
    parts = [part.strip() for part in name.split(",")]
    if is_organization(name) or len(parts) - 1 > MAX_COMMAS or len(name) > MAX_NAME_LENGTH or not all(parts):
        return PersonName(literal=name)
    if len(parts) == 1:
        return _split_given_first(parts[0].split())
    return _split_family_first(parts)


def _split_family_first(parts: list[str]) -> PersonName:
    """Split `Family, Given`, with a suffix at the end or between, or `Given Family, Suffix`."""
    family, *rest = parts
    is_whole = " " in family or len(rest) > 1  # so that what follows can be more than initials
    pattern = SUFFIX_AFTER_NAME if is_whole else SUFFIX
    suffixes = [part for part in rest if pattern.fullmatch(part)]
    others = [part for part in rest if part not in suffixes]
    if not others:
        split = _split_given_first(family.split())
        return (
            PersonName(literal=", ".join(parts))
            if split.literal
            else split._replace(suffix=" ".join(suffixes))
        )
    if len(others) > 1:
        return PersonName(literal=", ".join(parts))
    given_words, family_words = others[0].split(), family.split()
    suffixes += [  # `King Jr, Martin` and `King, Martin Jr`
        words.pop() for words in (family_words, given_words) if len(words) > 1 and SUFFIX.fullmatch(words[-1])
    ]
    start = _count_leading_particles(family_words)
    particle = family_words[:start]
    end = len(given_words)
    while end > 1 and given_words[end - 1] in PARTICLES:  # `Berg, Jan van der`
        end -= 1
    return PersonName(
        family=" ".join(family_words[start:]),
        given=" ".join(given_words[:end]),
        particle=" ".join([*given_words[end:], *particle]),
        suffix=" ".join(suffixes),
    )


def _split_given_first(words: list[str]) -> PersonName:
    suffix = ""
    if len(words) > 1 and SUFFIX.fullmatch(words[-1]):
        if len(words) == 2:
            return PersonName(literal=" ".join(words))
        *words, suffix = words
    if len(words) == 1:
        return PersonName(literal=words[0])
    leading = _count_leading_particles(words)
    if leading:  # a family name alone
        return PersonName(" ".join(words[leading:]), particle=" ".join(words[:leading]), suffix=suffix)
    start = _find_family(words)
    particles = _count_leading_particles(words[start:])
    return PersonName(
        family=" ".join(words[start + particles :]),
        given=" ".join(words[:start]),
        particle=" ".join(words[start : start + particles]),
        suffix=suffix,
    )


def _count_leading_particles(words: list[str]) -> int:
    """Count the particles that words begin with. The last word is none."""
    count = 0
    while count < len(words) - 1 and words[count] in PARTICLES:
        count += 1
    return count


def _find_family(words: list[str]) -> int:
    """Find at which word the family name begins, with its particles: at a particle, else the last word."""
    is_east_asian = (
        fold_accents(words[-1]) in EAST_ASIAN_FAMILIES or fold_accents(words[0]) in VIETNAMESE_FAMILIES
    )
    for place in range(1, len(words) - 1):
        word = words[place]
        is_capitalised_particle = word[:1].isupper() and word.lower() in CAPITALISED_PARTICLES
        if word in PARTICLES or (is_capitalised_particle and not is_east_asian):
            return place
    last = len(words) - 1
    if last > 2 and words[-2] in CONNECTORS:
        return last - 2
    if last > 1 and fold_accents(words[-1]) in AGNOMINA:
        return last - 1
    return last
