"""LaTeX of prose becomes text: accents, letters, signs, styles, lists, and what is none of it stays."""

from __future__ import annotations

import string
import unicodedata
from itertools import product
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.text.latex_symbols import DOTTED, LETTERS, SIGN_ACCENTS, WORD_ACCENTS
from paperround.text.reading import read_latex


def read(text: str) -> str:
    return read_latex(text).text


# Accents

SIGN_FORMS = [r"\AX", r"\A X", r"\A{X}", r"{\AX}", r"{\A{X}}", r"\A{ X }", r"\A {X}", r"{\A X}"]
WORD_FORMS = [form for form in SIGN_FORMS if r"\AX" not in form]
BASES = {letter: letter for letter in string.ascii_letters} | {r"\i": "i", r"\j": "j"}
ONE_LETTER_ACCENTS = {name: mark for name, mark in WORD_ACCENTS.items() if name != "t"}
AROUND = (("", ""), ("Ab", "-cd"), ("(", ") and"))


def test_every_accent_on_every_letter_in_every_form() -> None:
    wrong = []
    count = 0
    for accents, forms in ((SIGN_ACCENTS, SIGN_FORMS), (ONE_LETTER_ACCENTS, WORD_FORMS)):
        for (accent, mark), (source, base), form in product(accents.items(), BASES.items(), forms):
            latex = "".join({"A": accent, "X": source}.get(sign, sign) for sign in form)
            right = unicodedata.normalize("NFC", base + mark)
            for before, after in AROUND:
                count += 1
                if (got := read(before + latex + after)) != before + right + after:
                    wrong.append((before + latex + after, got))
    assert not wrong, (len(wrong), count, wrong[:10])
    assert count > 20_000


@pytest.mark.parametrize(("name", "letter"), LETTERS.items())
def test_letters_stand_in_words_and_alone(name: str, letter: str) -> None:
    for latex, right in {
        rf"\{name}": letter,
        rf"{{\{name}}}": letter,
        rf"\{name}{{}}": letter,
        rf"a\{name} b": f"a{letter}b",
        rf"a{{\{name}}}b": f"a{letter}b",
        rf"a\{name}{{}}b": f"a{letter}b",
        rf"a\{name}{{}} b": f"a{letter} b",
        rf"a\{name}\ b": f"a{letter} b",
        rf"a\{name}, b": f"a{letter}, b",
        rf"a\{name}-b": f"a{letter}-b",
    }.items():
        assert read(latex) == right, latex


def test_marks_on_marked_letters_keep_their_order() -> None:
    accents = {"^": "\u0302", '"': "\u0308", "=": "\u0304", "d ": "\u0323", "v ": "\u030c", "'": "\u0301"}
    for (inner, first), (outer, second) in product(accents.items(), repeat=2):
        right = unicodedata.normalize("NFC", "u" + first + second)
        assert read(rf"\{outer.strip()}{{\{inner}u}}") == right
        assert read(rf"{{\{outer.strip()} {{\{inner}{{u}}}}}}") == right


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\t{oo} and \t oo, k\t{ia}", "o͡o and o͡o, ki͡a"),
        (r"Czerwi\'nski, {\L}o\'s, Garc\'\i a, na\"\i ve", "Czerwiński, Łoś, García, naïve"),
        (r"Nguy\~{\^e}n, Ho\`ang, \.Istanbul, \DJ or\dj e", "Nguyễn, Hoàng, İstanbul, Đorđe"),
        (r"W\"olfflin\'s and the cat\'s query\'s", "Wölfflin's and the cat's query's"),
        (r"\'{} \^{} \~{} \`{}", "´ ^ ~ `"),
        (r"\r{ho} = 0.3, \k{appa} and \b{eta}-VAE, \c{opyright} 2024", "ρ = 0.3, κ and β-VAE, © 2024"),
        (r"regexes \d+, \b[a-z]\b, \w\s, \d{3}", r"regexes \d+, \b[a-z]\b, \w\s, \d{3}"),
        (r"\'1 \'{1} \"1 and \'\method", r"\'1 \'{1} \"1 and \'\method"),
    ],
)
def test_accents_of_names(latex: str, text: str) -> None:
    assert read(latex) == text


@given(st.text(alphabet="abcÉ \\{}'\"^~`vckio$", max_size=60))
def test_readings_are_composed_and_tidy(text: str) -> None:
    once = read(text)
    assert once == unicodedata.normalize("NFC", once)
    assert "  " not in once
    assert once == once.strip()


def test_dotless_letters_stay_dotless_without_an_accent() -> None:
    assert read(r"{\i} \j{} \i, x") == "ı ȷ ı, x"
    assert set(DOTTED) == {"ı", "ȷ"}


# Signs


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"95\% of Q\&A in C\# and a\_b for \$5 in \{x\}", "95% of Q&A in C# and a_b for $5 in {x}"),
        (r"\S3, \S 3, \P 4, \pounds 5, \copyright{} 2024", "§3, §3, ¶4, £5, © 2024"),
        (r"x\texttrademark, y\textregistered, z\dots{} w\ldots", "x™, y®, z… w…"),
        (r"a\textendash b\textemdash c \textbar{} \textasciitilde5", "a–b—c | ~5"),
        (
            r"\lq x\rq, \textquotedblleft y\textquotedblright{} and \guillemotleft z\guillemotright.",
            "‘x’, “y” and «z».",
        ),
        (r"3--5, a---b, so -- yes, --flag, i--;", "3–5, a—b, so – yes, --flag, i--;"),
        (r"Erd\H{o}s--R\'enyi--\'Elie", "Erdős–Rényi–Élie"),
        (r"``a'', `b', ``it's `c' here'' and `code` don't", "“a”, ‘b’, “it's ‘c’ here” and `code` don't"),
        (r"Fig.~1, ~20, \emph{Safe}~mode, ~/bin, A~B", "Fig. 1, ~20, Safe mode, ~/bin, A B"),
        (r"x\,y, soft\-hyphen, i.i.d.\@ a\/b, e.g.\ this", "x y, softhyphen, i.i.d. ab, e.g. this"),
        (r"10\times more, 360{\deg}, {\mu}m, p\approx0.1", "10× more, 360°, μm, p≈0.1"),
        (r"10{,}000 {B}ayesian Auto{ML} {1, 2} {x}", "10,000 Bayesian AutoML {1, 2} {x}"),
        (r"One \\ Two\\[2mm]Three\newline Four", "One Two Three Four"),
    ],
)
def test_signs(latex: str, text: str) -> None:
    assert read(latex) == text


# Commands with arguments


@pytest.mark.parametrize(
    "command",
    [
        "emph",
        "textbf",
        "textit",
        "texttt",
        "textsc",
        "textsf",
        "textsl",
        "textrm",
        "textup",
        "underline",
        "uline",
        "mbox",
        "text",
    ],
)
def test_styles_show_what_they_are_about(command: str) -> None:
    assert read(rf"a \{command}{{b}}c") == "a bc"
    assert read(rf"a \{command}{{b \{command}{{c}} d}} e") == "a b c d e"
    assert read(rf"\{command}{{Schr\"odinger}}") == "Schrödinger"


@pytest.mark.parametrize(
    "command", ["it", "bf", "em", "sc", "tt", "rm", "sl", "sf", "itshape", "bfseries", "small", "large"]
)
def test_declarations_vanish_with_their_braces(command: str) -> None:
    assert read(rf"a {{\{command} b c}} d") == "a b c d"
    assert read(rf"a {{\{command}{{}} b}}d") == "a bd".replace("a b", "a  b").replace("  ", " ")


@pytest.mark.parametrize(
    "command", ["cite", "citep", "citet", "ref", "eqref", "cref", "autoref", "label", "footnote", "thanks"]
)
def test_citations_references_and_notes_are_dropped(command: str) -> None:
    assert read(rf"as in~\{command}{{a,b}}, yes") == "as in, yes"
    assert read(rf"as in \{command}{{a}} here \{command}{{b}}.") == "as in here."
    assert read(rf"so (\{command}{{a}}) and [\{command}{{b}}] end") == "so and end"
    assert read(rf"see \{command}{{a}}, \{command}{{b}}, c") == "see, c"
    assert read(rf"\{command}{{a}}, \{command}{{b}}, c") == "c"


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"m\textsuperscript{2}, H\textsubscript{2}O, 5\textsuperscript{th}", "m², H₂O, 5th"),
        (r"\enquote{a \enquote{b} c}", "“a ‘b’ c”"),
        (r"\url{https://a.b/x_y~z--w}, https://a.b/c\_d--e", "https://a.b/x_y~z--w, https://a.b/c_d--e"),
        (r"\href{https://a.b/\%20}{the \emph{code}}", "the code (https://a.b/%20)"),
        (r"\textcolor{red}{hot} {\color{blue}cold}", "hot cold"),
        (r"\begin{itemize}\item one\item two\end{itemize} end", "• one • two end"),
        (r"\begin{enumerate} \item a \item b \end{enumerate}", "(1) a (2) b"),
        (r"\begin{description}\item[x] a\end{description}", "x a"),
        (r"\newcommand{\x}{\"ubung} \x, {\x}s and \y", r"übung, übungs and \y"),
        (r"\noindent We \paragraph{Result.} ok \vspace{2mm} x \hspace{1em}y", "We Result. ok x y"),
        (r"A \footnotemark[1] B \citep[see][]{k} C \thanks{x} D", "A B C D"),
        (r"\method{\emph{x}} and {\method} and {\ours}s", r"\method{x} and {\method} and {\ours}s"),
        (r"C:\Users\ada, \begin{foo}x\end{foo}", r"C:\Users\ada, \begin{foo}x\end{foo}"),
        (r"\eg this, \ie that, \etc.", "e.g. this, i.e. that, etc."),
    ],
)
def test_commands_print_what_they_mean(latex: str, text: str) -> None:
    assert read(latex) == text


def test_definitions_do_not_make_a_text_grow_without_bound() -> None:
    doubling = "".join(
        rf"\newcommand{{\{chr(97 + n)}x}}{{\{chr(96 + n)}x\{chr(96 + n)}x}}" for n in range(1, 20)
    )
    assert len(read(r"\newcommand{\ax}{xxxxxxxx}" + doubling + r"\tx" * 500)) < 20_000


def test_paragraphs_stay_apart() -> None:
    reading = read_latex("First \\emph{one} $x$.\n\n$y_1$ is\nSecond.")
    assert reading.text == "First one x.\n\ny₁ is Second."
    assert [part.text for part in reading.paragraphs()] == ["First one x.", "y₁ is Second."]
    assert [f.latex for part in reading.paragraphs() for f in part.formulas] == ["x", "y_1"]
    second = reading.paragraphs()[1]
    assert second.text[second.formulas[0].start : second.formulas[0].end] == "y₁"


@pytest.mark.parametrize(
    "text",
    [
        r"\'" * 4_000,
        r"\c " * 3_000,
        r"\foo{\'{" * 14 + "1" + "}" * 28,
        r"\'{" * 25 + "1" + "}" * 25,
        r"\emph{" * 29 + r"\'{1}" * 300 + "}" * 29,
        "``a" * 3_000,
        r"(\cite{a}" * 900,
        r"{\it " * 2_000 + "}" * 2_000,
    ],
)
def test_hostile_texts_are_read_in_time_and_end(text: str) -> None:
    start = thread_time()
    read(text)
    assert thread_time() - start < 3
