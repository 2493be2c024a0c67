r"""Finds formulas in a text: `$…$`, `$$…$$`, `\(…\)` and `\[…\]`.

A dollar opens a formula only where it closes as one. Prices (`$5 ($n$ = 3)`, `US$20`), names of shells
(`$HOME and $PATH`) and names of people (`A$AP`) are text. These are pure functions.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class FoundFormula(NamedTuple):
    """The LaTeX between two delimiters, whether it has a line of its own, and where the text goes on."""

    latex: str
    block: bool
    end: int


# No formula holds its own opening delimiter, so that searching takes linear time.
DELIMITED: Final = re.compile(
    r"\\\((?P<round>(?:[^\\]|\\[^()]){1,2000}+)\\\)|\\\[(?P<square>(?:[^\\]|\\[^\[\]]){1,2000}+)\\\]"
)
DOUBLE: Final = re.compile(r"\$\$((?:[^\\$]|\\.){1,2000}+)\$\$(?!\$)")
SINGLE: Final = re.compile(r"\$((?:[^\\$]|\\.){1,2000}+)\$")

COMMANDS: Final = re.compile(r"\\[A-Za-z]+\s*(?:\{[^{}]*\})*|\\.|\{[^{}]*\}")
PROSE: Final = re.compile(r"[A-Za-z]{2,}[,;:]? [A-Za-z]{2,}")
PRICE: Final = re.compile(r"\d.*(?:[A-Za-z]{3}|\s[A-Za-z]{2})")
# What is written in formulas alone: commands of theirs, powers, indices of one letter or in braces.
MATHEMATICS: Final = re.compile(
    r"\\(?!(?:url|href|cite[a-z]*|footnote|ref|item)\b)[A-Za-z]|\\[{}|,;:!]|\^|_\{|(?<![A-Za-z]{2})_"
)
SHELL_NAME: Final = re.compile(r"\{\w+\}|[A-Za-z]\w*_\w{2,}")
FOREIGN: Final = re.compile(r"[`\"“”‘’–—?@#&~]|\.{2}|https?:")
WRITTEN_AS_FORMULA: Final = re.compile(r"(?:i\. ?e|e\. ?g)\.,?|@[A-Za-z0-9]+")  # "Pass$@k$"
BRACES: Final = re.compile(r"\\.|([{}])")
JUXTAPOSED: Final = re.compile(r"[A-Za-z]{2,},?\s+\w|\w\s+[A-Za-z]{2,}|\d\s+\w|^\d.*\w\s+\w")
CURRENCY: Final = re.compile(r"(?:US|AU|CA|NZ|HK|SG|NT|MX)\Z")
AMOUNT: Final = (
    r"[-+~]?(?:\d[\d.,]*|\.\d+)(?:\s?(?:[kKMBT]|bn|mn|thousand|million|billion|trillion))?\+?(?:/\w{1,12})?"
)
# Between two prices of one range or list: "$5 and", "US$5 to", "5$ or even", "$5/h, $6/h and".
JOINT: Final = (
    r"(?:\s*[,;/&–—-]+\s*|\s+\(?)(?:(?:and|or|to|vs\.?|versus|than|through|until|up|over|even|only|about|around|"
    r"nearly|almost|roughly|under|below|above|at|most|least|a|maximum|from|not|just)\s+){0,4}(?:[A-Z][A-Za-z]{0,2}\s?|[~(-])?"
)
PRICE_BEFORE: Final = re.compile(rf"(?:\$\s?{AMOUNT}|(?<![\w.,]){AMOUNT}\s?\$){JOINT}\Z")
PRICE_AFTER: Final = re.compile(rf"{JOINT}(?P<dollar>\$)\s?{AMOUNT}(?!\w)")
PLAIN_AMOUNT: Final = re.compile(AMOUNT)
MAX_PRICES_AHEAD: Final = 8
LOOK_BACK: Final = 60  # characters of what was read that may be the beginning of a range of prices
DANGLING: Final = "-+*/=<>,;:.(["  # signs after which a formula goes on


def find_formula(
    text: str, start: int, end: int, said: str = "", ahead: int = MAX_PRICES_AHEAD
) -> FoundFormula | None:
    r"""Find the formula that opens at `start`, with a dollar, `\(` or `\[`, and ends before `end`.

    `said` is what was read before it, at least `LOOK_BACK` characters of it: dollars in it are prices.
    `ahead` is how many of the prices that may follow are looked at.
    """
    if text[start] == "\\":
        match = DELIMITED.match(text, start, end)
        return match and FoundFormula(
            match[match.lastgroup or 0].strip(), match.lastgroup == "square", match.end()
        )
    run = measure_run(text, start, end)
    if run > 2:
        return None
    if run == 2:
        match = DOUBLE.match(text, start, end)
        if match and _is_formula(match[1].strip(), "", ""):
            return FoundFormula(match[1].strip(), True, match.end())
        return None
    match = SINGLE.match(text, start, end)
    if match and _is_formula(
        match[1], text[max(start - 12, 0) : start], text[match.end() : match.end() + 12]
    ):
        if PLAIN_AMOUNT.fullmatch(match[1]) and _is_among_prices(text, start, match.end(), end, said, ahead):
            return None
        return FoundFormula(match[1].strip(), False, match.end())
    return None


def _is_among_prices(text: str, start: int, after: int, end: int, said: str, ahead: int) -> bool:
    """Tell whether a number between two dollars is the next price of some: "between $5 and $10$"."""
    if text[after : after + 1] == "-" and text[after + 1 : after + 2].isalpha():  # "$10$-shot"
        return False
    earlier = text.rfind("$", 0, start)
    is_escaped = text[max(earlier - 1, 0)] == "\\"  # who writes \$5 writes $10$ as a formula
    if not is_escaped and PRICE_BEFORE.search(said[-LOOK_BACK:]):
        return True
    following = PRICE_AFTER.match(text, after, end) if ahead else None
    return bool(following and find_formula(text, following.start("dollar"), end, ahead=ahead - 1) is None)


def measure_run(text: str, start: int, end: int) -> int:
    """Count the dollars that stand together from `start`."""
    run = start
    while run < end and text[run] == "$":
        run += 1
    return run - start


def _is_formula(body: str, before: str, after: str) -> bool:
    """Tell whether what stands between two dollars is a formula. `before` and `after` stand around them."""
    bare = COMMANDS.sub("", body)
    if WRITTEN_AS_FORMULA.fullmatch(body):
        return True
    if not body.strip() or PROSE.search(bare) or PRICE.match(bare) or after[:1] in ("^", "_"):
        return False
    touches = before[-1:].isalnum() or after[:1].isalnum()
    if MATHEMATICS.search(body) and not SHELL_NAME.match(body):
        is_spaced = body[0].isspace() != body[-1].isspace()
        return _closes_braces(body) and not (is_spaced and (touches or bare.strip()[:1].isdigit()))
    if body[0] == body[-1] == " " and re.fullmatch(r"[^\W\d_](?:\([^\W\d_]\))?", body.strip()):  # "$ n $"
        return not touches
    if body[0].isspace() or body[-1].isspace() or FOREIGN.search(body) or JUXTAPOSED.search(body):
        return False
    if not any(map(str.isalnum, body)):  # "$>$10"
        return True
    return _is_whole(body, after) and _stands_apart(body, before, after, touches)


def _closes_braces(body: str) -> bool:
    braces = [match[1] for match in BRACES.finditer(body)]
    return braces.count("{") == braces.count("}")


def _is_whole(body: str, after: str) -> bool:
    """Tell whether a formula without commands begins and ends with a term, with its brackets closed."""
    if sum(map(body.count, "([{")) != sum(map(body.count, ")]}")) or body[0] in "/*,;:.)]}!":
        return False
    core = body[:-1]
    if body.count("|") % 2 and "|" in (body[0], body[-1]):
        return False
    if body[-1] not in DANGLING:
        return True
    if body[-1] == "-":  # "$n-$dimensional", but not "$5-$10"
        return len(core) == 1 and after[:1].isalpha() and "$" not in after[:4]
    is_short = re.fullmatch(r"[^\W\d_]\w?(?:\([^\W\d_]\))?|\d+", core) is not None
    if body[-1] in "=<>":  # "$n=$ 10"
        return is_short and not core.isdigit()
    return body[-1] in ",.:" and is_short and not after[:1].isalnum()  # "$x,$ and $y.$"


def _stands_apart(body: str, before: str, after: str, touches: bool) -> bool:
    """Tell whether the dollars around a formula without commands are no part of the words beside them."""
    if re.match(r"\.?\d", after) and body[-1] not in "=<>":
        return False
    if re.search(r"[A-Za-z]{2,}", body) and touches:  # "A$AP and B$AP"
        return False
    if after[:1].isalpha() and re.search(r"\s", body):  # "$5 A$AP"
        return False
    if re.search(r"\d[kKMB]?\Z", before) and re.match(r"[-+]{0,3}\.?\d", body):  # "10$-20$"
        return False
    return not (CURRENCY.search(before) and body[0].isdigit())
