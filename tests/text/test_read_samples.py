"""Titles and abstracts as authors write them, and the text that everybody gets of them."""

from __future__ import annotations

import pytest

from paperround.text.reading import read_latex

from support.mathml_core import find_faults

SAMPLES = {
    r"Schr\"odinger Bridges and Erd\H{o}s--R\'enyi Priors": "Schrödinger Bridges and Erdős–Rényi Priors",
    r"The \v{C}ech Complex of G\"{o}del Machines": "The Čech Complex of Gödel Machines",
    r"M\o ller--Plesset in \AA ngstr\"om Units": "Møller–Plesset in Ångström Units",
    r"{\L}ojasiewicz and the Poincar{\'e} Map": "Łojasiewicz and the Poincaré Map",
    r"Czerwi\'nski, {\L}o\'s, \v Cech, \c c, Mi\c{s}": "Czerwiński, Łoś, Čech, ç, Miş",
    r"na\"{\i}ve, \d{s}, \b{b}, \^{\i}, \j, \r u": "naïve, ṣ, ḇ, î, ȷ, ů",
    r"Ho\`ang Nguy\~{\^e}n, \u{g}, \H o, \k{a}": "Hoàng Nguyễn, ğ, ő, ą",
    r"{\AE}sir, \OE uvre, \DJ or\dj e, \TH or, \dh, \ng": "Æsir, Œuvre, Đorđe, Þor, ð, ŋ",
    "It costs $5 ($n$ = 3), then $0.5/M or US$20.": "It costs $5 (n = 3), then $0.5/M or US$20.",
    "from $/PR to $/session; set $HOME; A$AP": "from $/PR to $/session; set $HOME; A$AP",
    r"One \\ Two: m\textsuperscript{2} \& \enquote{Safe}~\cite{a,b}": "One Two: m² & “Safe”",
    r"See \url{https://x.example/a_b}, {\sc Name}, \S3.": "See https://x.example/a_b, Name, §3.",
    r"A\\B: \texorpdfstring{$\alpha$}{alpha}-Net \thanks{Equal.} Two": "A B: α-Net Two",
    r"$\pi_0$ on H$_2$O with $\mu$P": "π₀ on H₂O with μP",
}
FORMULAS = (
    r"\mathop{\rm arg\,max}_x f", r"\mathop{\mathbb{E}}_{x\sim p}", r"\mathrm{arg\,min}_{x}",
    r"\mathrel{\overset{d}{=}}", r"\stackrel{\mathrm{def}}{=}", r"\underbrace{a+b}_{n}", r"\mathds{1}",
    r"\boldsymbol{\theta}", r"P(w\mid w_{1:i-1})", r"x \coloneqq y", r"\mathbbm{1}", r"\mathcal O(n)",
    r"\mathfrak{g}", r"\lVert x \rVert", r"\Vert x\Vert", r"\tfrac12", r"\sfrac{1}{2}", "x'", r"x^\top",
    r"\tilde{\mathcal{O}}(\sqrt{T})",
)  # fmt: skip
UNKNOWN = (r"$\SI{5}{\km}$", r"$\num{1e3}$", r"$\ang{45}$", r"$\E[x]$", r"$\abs{x}$")


@pytest.mark.parametrize("source", SAMPLES)
def test_a_text_is_read_as_its_author_meant_it(source: str) -> None:
    assert read_latex(source).text == SAMPLES[source]


@pytest.mark.parametrize("latex", FORMULAS)
def test_a_formula_is_valid_mathml(latex: str) -> None:
    (formula,) = read_latex(f"${latex}$").formulas
    assert find_faults(formula.mathml) == []


@pytest.mark.parametrize("source", UNKNOWN)
def test_a_formula_with_an_unknown_command_stays_whole(source: str) -> None:
    assert read_latex(source).text == source
