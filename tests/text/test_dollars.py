"""A dollar opens a formula only where it closes as one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.text.reading import read_latex


def formulas(text: str) -> list[str]:
    return [formula.latex for formula in read_latex(text).formulas]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It costs $5 ($n$ = 3 runs), then $0.5/M; ($k$-shot) for US$20.", ["n", "k"]),
        ("Priced at $3.50 (with $m=2$ seeds) and $10; $p$. Total: $1,200 ($x$).", ["m=2", "p", "x"]),
        ("between $5 and $10, $n$ runs", ["n"]),
        ("from $1M to $2M ($x$)", ["x"]),
        ("$5-$10 and $x$", ["x"]),
        ("from $/PR to $/session; set $HOME and $PATH; A$AP; 10$^{-3}$", ["^{-3}"]),
        ("$5/$10, US$5-US$6, $5|$10, $5:$10 and $x$", ["x"]),
        ("${HOME}/bin:${PATH} and $LD_PATH to $MY_VAR, $i$", ["i"]),
        ("$$ for cheap, $$$ for dear", []),
        (r"\$5 and $x$ and \$6", ["x"]),
        (r"10$\times$ faster, $\sim$20 ms, $>$10, $<$5", [r"\times", r"\sim", ">", "<"]),
        ("R$^2$, CO$_2$, H$2$O and $k$th, $n$s", ["^2", "_2", "2", "k", "n"]),
        ("$n-$dimensional, $2-$fold, $N=$10, $x,$ and $y.$", ["n-", "2-", "N=", "x,", "y."]),
        ("$SU(2)$, $[0, 1)$, $|S|$, $I(X; Y)$, $1, 2, 3$", ["SU(2)", "[0, 1)", "|S|", "I(X; Y)", "1, 2, 3"]),
        (r"$[0, 1)^d$ and $\{1,2\}$ and $ n $ and $ x^2 $", ["[0, 1)^d", r"\{1,2\}", "n", "x^2"]),
        ("$a$$b$ and $$E=mc^2$$", ["a", "b", "E=mc^2"]),
        ("Pass$@k$ and $e.g.$", ["@k", "e.g."]),
        ("$5$ runs, $95%$ and $1,000$", ["5", "95%", "1,000"]),
        (r"a \(x\) b \[y\] c", ["x", "y"]),
        (r"\begin{equation} x = 1 \end{equation} and \ensuremath{\alpha}", ["x = 1", r"\alpha"]),
    ],
)
def test_formulas_beside_money_and_names(text: str, found: list[str]) -> None:
    assert formulas(text) == found


AMOUNTS = st.builds(
    "{}${}{}{}".format,
    st.sampled_from(["", "US", "AU", "C"]),
    st.integers(0, 999),
    st.sampled_from(["", ".5", ".25", ",000"]),
    st.sampled_from(["", "k", "K", "M", "B", "bn", "/M", "/h", "/PR"]),
)
AFTER = st.integers(0, 999).map("{}$".format)
NAMES = st.sampled_from(
    [
        "$HOME",
        "$PATH",
        "$MY_VAR",
        "${HOME}",
        "A$AP",
        "Ke$ha",
        "$/PR",
        "$/session",
        "$HOME/bin",
        "$USER",
        "Micro$oft",
    ]
)
WORDS = st.sampled_from(
    [
        "costs",
        "and",
        "to",
        "for",
        "per",
        "query",
        "the",
        "from",
        "about",
        "more",
        "(or",
        "vs.",
        "between",
        "total:",
        "set",
        "is",
    ]
)
SIGNS = st.sampled_from([", ", "; ", " - ", " (", ") ", ": ", " / ", "–", " to ", " and ", ". "])


@given(st.lists(st.one_of(AMOUNTS, NAMES, WORDS), min_size=1, max_size=12), st.data())
def test_a_text_without_formulas_keeps_all_its_dollars(pieces: list[str], data: st.DataObject) -> None:
    text = pieces[0]
    for piece in pieces[1:]:
        text += data.draw(SIGNS | st.just(" ")) + piece
    text = " ".join(text.split())

    reading = read_latex(text)
    assert reading.formulas == ()
    assert reading.text == text


@given(st.lists(st.one_of(AMOUNTS, AFTER, WORDS), min_size=1, max_size=8))
def test_prices_before_and_after_their_number_keep_their_dollars(pieces: list[str]) -> None:
    text = " ".join(pieces)
    assert read_latex(text).text == text


FORMULAS = st.sampled_from(["$x$", "$n=3$", r"$\alpha$", "$x_i$", "$f(x)$", "$k^2$"])


@given(st.lists(st.one_of(AMOUNTS, FORMULAS, WORDS), min_size=1, max_size=10))
def test_formulas_between_prices_are_all_found(pieces: list[str]) -> None:
    expected = [piece.strip("$") for piece in pieces if piece.count("$") == 2]
    assert formulas(" ".join(pieces)) == expected


@given(st.text(alphabet="$ab5 .,(){}_^/", max_size=80))
def test_a_dollar_is_lost_only_to_a_formula(text: str) -> None:
    reading = read_latex(text)
    around = "".join(part for part in reading.split() if isinstance(part, str))
    lost = text.count("$") - around.count("$")
    assert 2 * len(reading.formulas) <= lost <= 4 * len(reading.formulas)


CURRENCIES = ("", "US", "A", "C", "R", "S", "HK", "NZ", "Mex", "USD ", "~", "-", "(", "about ")
PRICES = (
    "5",
    "10",
    "0.99",
    ".99",
    "1,000",
    "1,000,000",
    "20k",
    "20K",
    "1.5M",
    "3bn",
    "2 million",
    "5/h",
    "5/month",
    "5+",
)
JOINTS = (
    " and ",
    " to ",
    " or ",
    ", ",
    "; ",
    ", and ",
    " or even ",
    "-",
    "--",
    "–",
    "/",
    " vs. ",
    " up to ",
    " than ",
)
COUNTS = (
    r"$10$-shot",
    "$5$",
    "$n$",
    "$O(n)$",
    "$k$-NN",
    "$1,000$",
    "$0.5$",
    "$95%$",
    "$-1$",
    "$10\\%$",
    "$2k$",
)


@pytest.mark.parametrize("joint", JOINTS)
def test_prices_that_belong_together_keep_their_dollars_wherever_they_stand(joint: str) -> None:
    for currency in CURRENCIES:
        for first, last in zip(PRICES, PRICES[1:] + PRICES[:1], strict=True):
            trailing = first if first[-1] in "0123456789kKM" else "5"
            for text in (
                f"It costs {currency}${first}{joint}{currency}${last}.",
                f"It costs {currency}${first}{joint}${last}$ with $n$ runs.",
                f"It costs {currency}${first}$ {joint.strip()} ${last}.",
                f"It costs {trailing}${joint}{last}$ with $n$ runs.",
            ):
                reading = read_latex(text)
                assert {formula.latex for formula in reading.formulas} <= {"n"}, text
                assert reading.text.count("$") == text.replace("$n$", "n").count("$")


@pytest.mark.parametrize("joint", JOINTS)
def test_numbers_that_are_written_as_formulas_stay_formulas(joint: str) -> None:
    for first in COUNTS:
        for last in COUNTS:
            for text in (
                f"We use {first}{joint}{last} of these.",
                f"It costs $7 per run, for {first}{joint}{last} of these.",
                rf"It costs \$7{joint}{last} of $N=$7 and {first}.",
            ):
                assert len(formulas(text)) == (3 if "N=" in text else 2), text
