"""Formulas become valid MathML and one line of Unicode, or stay as they were written."""

from __future__ import annotations

import re
from itertools import product
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.text.mathml import render_formula
from paperround.text.reading import MAX_MATHML, read_latex

from support.mathml_core import find_faults


def mathml(latex: str, *, block: bool = False) -> str:
    formula = render_formula(latex, block)
    assert formula is not None, latex
    assert find_faults(formula.mathml) == []
    return formula.mathml


@pytest.mark.parametrize(
    ("latex", "line"),
    [
        (r"\mathop{\rm arg\,max}_x f", "arg maxₓ f"),
        (r"\operatorname*{arg\,max}_\theta", "arg max_θ"),
        (r"\mathop{\mathrm{argmin}}\limits_{x}", "arg minₓ"),
        (r"\arg\max_x, \underset{x}{\arg\min}", "arg maxₓ, arg minₓ"),
        (r"\operatorname*{\mathbb{E}}_x", "𝔼ₓ"),
        (r"\mathop{\mathbb{E}}_{x\sim p}", "𝔼_(x~p)"),
        (r"a \mathrel{\overset{d}{=}} b", "a =ᵈ b"),
        (r"\stackrel{\mathrm{def}}{=}", "=^(def)"),
        (r"\mathbin{\ast}\mathord{x}\mathopen{(}\mathclose{)}", "*x()"),
        (r"\not= \not\in \not\equiv \not<", "≠ ∉ ≢ ≮"),
        (r"\big| x \Big\lceil y \Bigr\rfloor", "|x⌈y⌋"),
        (r"\left. x \right|_{0}", "x|₀"),
        (r"x' y'' f'_i g'^2 x^{\prime\prime}", "x′y″fᵢ′g′²x′′"),
        (r"\lim_{n\to\infty}, \sum\limits_{i}^{n}, \max_x", "lim_(n→∞), ∑ᵢⁿ, maxₓ"),
        (r"\vec{x}, \hat{\vec x}, \vec{\hat x}, \overline{ab}", "x⃗, x⃗̂, x̂⃗, a̅b̅"),
        (r"\tilde{\mathcal{O}}(\sqrt{T})", "𝒪̃(√T)"),
        (r"\mathds{1}, \mathbbm{1}, \mathbb{1}, \mathbf{2}", "𝟙, 𝟙, 𝟙, 2"),
        (r"\lVert x \rVert, \Vert x\Vert, \langle x|y\rangle", "‖x‖, ‖x‖, ⟨x|y⟩"),
        (r"\tfrac12 \sfrac{1}{2} \nicefrac{a+b}{2}", "1/21/2(a+b)/2"),
        (r"{a+b}^2, \underbrace{a+b}_{n}", "(a+b)², (a+b)ₙ"),
        (r"P(w\mid w_{1:i-1}), x \coloneqq y", "P(w∣w_(1:i−1)), x ≔ y"),
        (r"\begin{aligned} a &= b \\ c &= d \end{aligned}", "a = b; c = d"),
        (r"\begin{cases} 1 & x \\ 2 & y \end{cases}", "{1, x; 2, y"),
        (r"\binom{n}{k}, \boxed{x}, 5\,\AA", "(n k), x, 5 Å"),
        (r"\mathcal{J}\&\mathcal{F}, 95%, 5\%", "𝒥&ℱ, 95%, 5%"),
        (r"\text{if $x$ then}, \textit{\textbf{A}}", "if x then, A"),
        (r"\,", ""),
    ],
)  # fmt: skip
def test_formulas_are_valid_and_lose_no_sign(latex: str, line: str) -> None:
    for block in (False, True):
        formula = render_formula(latex, block)
        assert formula is not None
        assert normalize("NFC", line) == formula.line.strip()
        assert find_faults(formula.mathml) == []


@pytest.mark.parametrize(
    "latex",
    [
        r"\SI{5}{\km}", r"\num{1e3}", r"\ang{45}", r"\E[x]", r"\abs{x}", r"\foo", r"x + \method y",
        r"\hat{\foo}", r"\cancel{x}", r"\frac{a", "a & b", r"\begin{foo}x\end{foo}", r"\left( x",
        "x^2^3",
    ],
)  # fmt: skip
def test_what_is_not_known_leaves_the_whole_source(latex: str) -> None:
    assert render_formula(latex, False) is None
    assert read_latex(f"so ${latex}$ here").text == f"so ${latex}$ here"


WRAPPERS = [
    r"\mathop{X}", r"\mathrel{X}", r"\mathbin{X}", r"\mathord{X}", r"\mathopen{X}", r"\mathclose{X}",
    r"\mathpunct{X}", r"\mathinner{X}", r"\operatorname{X}", r"\operatorname*{X}", r"\mathrm{X}",
    r"\mathbf{X}", r"\mathbb{X}", r"\mathcal{X}", r"\mathfrak{X}", r"\mathsf{X}", r"\mathit{X}",
    r"\boldsymbol{X}", r"\text{X}", r"\hat{X}", r"\widetilde{X}", r"\vec{X}", r"\overline{X}",
    r"\underline{X}", r"\underbrace{X}", r"\sqrt{X}", r"\sqrt[3]{X}", r"\frac{X}{X}", r"\binom{X}{X}",
    r"\stackrel{X}{X}", r"\overset{X}{X}", r"\underset{X}{X}", r"\left(X\right)", r"\big|X\big|",
    r"\boxed{X}", r"\phantom{X}z", r"{X}^{X}", r"{X}_{X}^{X}", "{X}'", r"\not{X}", r"\xrightarrow{X}",
    r"\begin{matrix}X & X\\X & X\end{matrix}", r"\begin{cases}X & X\end{cases}", r"\substack{X\\X}",
    r"\tfrac{X}{X}",
]  # fmt: skip
CONTENTS = [r"\rm arg\,max", r"\overset{d}{=}"]


def test_every_command_within_every_other_is_valid_or_stays() -> None:
    read = 0
    for outer, inner, content in product(WRAPPERS, WRAPPERS, CONTENTS):
        formula = render_formula(outer.replace("X", inner.replace("X", content)), False)
        if formula:
            read += 1
            assert find_faults(formula.mathml) == [], (outer, inner, content)
            assert normalize("NFC", formula.line) == formula.line
    assert read > 2_500


PIECES = st.sampled_from(
    [*WRAPPERS, *CONTENTS, "_", "^", "{", "}", "&", r"\\", r"\not", r"\limits", "'", "|", r"\,"]
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_whatever_is_rendered_is_valid(latex: str) -> None:
    formula = render_formula(latex, True)
    assert formula is None or find_faults(formula.mathml) == []


def test_limits_stand_where_the_style_puts_them() -> None:
    assert '<munder><mo movablelimits="true">∑</mo>' in mathml(r"\sum_i x")
    assert '<munder><mo movablelimits="false">∑</mo>' in mathml(r"\sum\limits_i x")
    assert '<munder><mo movablelimits="true">arg\u2009max</mo>' in mathml(r"\operatorname*{arg\,max}_x f")
    assert "<msub><mi>x</mi>" in mathml("x_i")


def test_a_text_has_a_bounded_number_of_formulas() -> None:
    text = " ".join(rf"$\mathbf{{W}}_{{{n}}}^{{\prime}}$" for n in range(200))
    reading = read_latex(text)
    assert 10 < len(reading.formulas) < 150
    assert reading.text.endswith(r"$\mathbf{W}_{199}^{\prime}$")

    tall = " ".join(f"${'{a_b}^{c_d}' * 80}_{{{n}}}$" for n in range(5))
    assert sum(len(formula.mathml) for formula in read_latex(tall).formulas) <= MAX_MATHML


def test_the_validator_finds_what_breaks_the_rules() -> None:
    for broken in (
        "<math><mo><mrow><mi>a</mi></mrow></mo></math>",
        "<math><mi></mi></math>",
        "<math><msub><mi>x</mi></msub></math>",
        "<math><mrow>x</mrow></math>",
        "<math><mtable><mtd><mi>x</mi></mtd></mtable></math>",
        "<math><menclose><mi>x</mi></menclose></math>",
        '<math><mi mathvariant="bold">x</mi></math>',
        '<math><mo rspace="thick">x</mo></math>',
        "<math><mi>x</mi>y</math>",
        "<mrow><mi>x</mi></mrow>",
    ):
        assert find_faults(broken), broken
    assert find_faults("<math><mfrac><mn>1</mn><mrow></mrow></mfrac></math>") == []
    assert not re.search("menclose|mfenced", mathml(r"\boxed{x}\left(y\right)"))
