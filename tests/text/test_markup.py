"""Text from outside is made safe: titles, abstracts and formulas, both hostile and harmless."""

import re
from collections import Counter
from html.parser import HTMLParser
from time import thread_time
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.text.accents import fold_accents
from paperround.text.links import normalise_github_url, normalise_http_url
from paperround.text.markup import render_html, render_unicode, write_html_paragraphs
from paperround.text.mathml import ATTRIBUTES, ELEMENTS
from paperround.text.plain import to_plain_paragraphs, to_plain_text
from paperround.text.reading import read_latex

from support.mathml_core import find_faults


class Seen(HTMLParser):
    """Parses HTML like a browser into its tags and the visible text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(str(page))  # a slice of Markup would escape what is added to it
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ELEMENTS, tag
        for name, value in attrs:
            assert (name, tag) in ATTRIBUTES or (name, value) == ("mathvariant", "normal"), (tag, name, value)
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    handle_decl = handle_pi = unknown_decl = handle_comment  # type: ignore[assignment]


# Lines and paragraphs


def test_a_title_is_one_line_without_control_characters() -> None:
    assert to_plain_text("  Deep\n  Sheep\t\x00in \u202eRust\u2066\u200b \x85 ") == "Deep Sheep in Rust"
    assert to_plain_text("Mu\u0308ller \ud800\ufeff") == "Müller"
    assert to_plain_text("👩\u200d🔬 lab") == "👩\u200d🔬 lab"


def test_an_abstract_keeps_only_blank_lines() -> None:
    assert to_plain_paragraphs("One\nline.\r\n \r\n\n\nAnother\none.\n") == "One line.\n\nAnother one."
    assert write_html_paragraphs(read_latex("a < b\n\n$x$"))[0] == "a &lt; b"


@given(st.text())
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert to_plain_text(to_plain_text(text)) == to_plain_text(text)
    assert to_plain_paragraphs(to_plain_paragraphs(text)) == to_plain_paragraphs(text)
    to_plain_text(text).encode()


# Links


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        (" https://example.org/a\n b?c=d#e ", "https://example.org/ab?c=d#e"),
        ("HTTP://Example.org:8080/", "http://Example.org:8080/"),
        ("http://[::1]:80/x", None),
        ("javascript:alert(1)", None),
        ("java\nscript:alert(1)", None),
        ("data:text/html,x", None),
        ("//example.org/x", None),
        ("/avatars/x.png", None),
        ("https:///x", None),
        ("https://", None),
        ("http://[", None),
        ("http://a:99999/", None),
        ("https://ada:secret@example.org/", None),
        ("https://example.org\\@evil.example/", None),
        ("https://example.org/\x00x", None),
        ("https://exam<b>ple.org/", None),
        ("https://example.org/" + "x" * 2_000, None),
        ("", None),
        (None, None),
    ],
)
def test_only_absolute_http_links_pass(dirty: str | None, clean: str | None) -> None:
    assert normalise_http_url(dirty) == clean


def test_a_path_is_resolved_against_the_base_url() -> None:
    assert (
        normalise_http_url("/avatars/x.png", base="https://hub.example/api/")
        == "https://hub.example/avatars/x.png"
    )
    assert normalise_http_url("avatars/x.png", base="https://hub.example/") is None
    assert normalise_http_url("javascript:x", base="https://hub.example/") is None


@pytest.mark.parametrize(
    "dirty",
    ["", "/", ".git", "/tree/main/src", "/blob/main/a.py#L3", "?tab=readme-ov-file", "#readme", "//", "\n"],
)
def test_all_urls_of_a_repository_become_one(dirty: str) -> None:
    for start in ("https://github.com/", "http://www.github.com/", "github.com/", "https://GitHub.com/"):
        assert normalise_github_url(f"{start}ada/sheep.rs{dirty}") == "https://github.com/ada/sheep.rs"


def test_a_link_to_no_repository_is_unchanged() -> None:
    for link in ("https://gitlab.com/ada/sheep/", "https://github.com/ada", "https://github.com/orgs/ada/x"):
        assert normalise_github_url(link) == link
    assert normalise_github_url("javascript:github.com/ada/sheep") is None
    assert (
        normalise_github_url("https://evil.example/github.com/a/b") == "https://evil.example/github.com/a/b"
    )
    assert normalise_github_url(None) is None


@given(st.text(alphabet="htps:/.@[]\\\n#?ab%-\0é") | st.text())
def test_any_text_is_a_valid_link_or_none(text: str) -> None:
    for link in (
        normalise_http_url(f"https://{text}"),
        normalise_http_url(text, base="https://a.b/"),
        normalise_github_url(text),
    ):
        assert link is None or link.startswith(("http://", "https://"))


# Searching


def test_latin_accents_are_folded_and_others_kept() -> None:
    assert (
        fold_accents("Müller Łukasz Søren Straße Æsir Đặng İx") == "muller lukasz soren strasse aesir dang ix"
    )
    assert fold_accents("x\u030c ﬁne") == "x fine"
    assert fold_accents("深層学習が ΆΛΦΑ й 한국") == "深層学習が άλφα й 한국"


# Formulas


def test_formulas_become_mathml_and_unicode() -> None:
    seen = Seen(render_html(r"Runs in $\mathcal{O}(n \log n)$, \(x_1 \le \alpha\) and \[\frac{a}{b}\]."))
    assert seen.tags.count("math") == 3
    assert "mfrac" in seen.tags
    assert "≤" in seen.text
    assert "α" in seen.text


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"$\mathcal{O}(n \log n)$", "𝒪(n log n)"),
        (r"10$\times$ faster, $\sim$20 ms, 512$\times$512", "10× faster, ~20 ms, 512×512"),
        (r"$x \in \mathbb{R}^d$", "x ∈ ℝᵈ"),
        (r"CO$_2$ and R$^{2}$", "CO₂ and R²"),
        (r"$\sum_{i=1}^n \hat{x}_i$", "∑ᵢ₌₁ⁿx̂ᵢ"),
        (r"$\frac{1}{n+1}$ and $\sqrt{2}$", "1/(n+1) and √2"),
        (r"$\mathbf{w}^\top$ at $95\%$ or $95%$", "w^⊤ at 95% or 95%"),
        (r"$x_{\text{max}}'$", "xₘₐₓ′"),
        (r"$\theta$ and θ", "θ and θ"),
        (r"a $\unicode{x2014}$ b", "a — b"),
    ],
)
def test_formulas_are_rendered_in_unicode(latex: str, text: str) -> None:
    assert render_unicode(latex) == normalize("NFC", text)


@pytest.mark.parametrize(
    "text",
    [
        "It costs $5 and $10 per run.",
        "From $5/$10 to $20-$30, or $1,500",
        "Only $5M and AU$6 more",
        "US$ 5 or 10$ a day",
        "$5 and gains 10$",
        "worth $3 trillion ($2.5 billion in 2020)",
    ],
)
def test_amounts_of_money_are_not_formulas(text: str) -> None:
    assert str(render_html(text)) == text
    assert render_unicode(text) == text


def test_a_price_does_not_hide_the_formula_after_it() -> None:
    assert render_unicode(r"costs $5, while $\alpha$ is \$3") == "costs $5, while α is $3"


@pytest.mark.parametrize("source", [r"$\foo{x}$", r"$\frac{a$", r"$x^2^3$", r"$\begin{a}$", r"$\left( x$"])
def test_unreadable_latex_stays_as_it_was(source: str) -> None:
    assert render_unicode(f"so {source} here") == f"so {source} here"
    assert Seen(render_html(f"so {source} here")).text == f"so {source} here"


# LaTeX outside formulas


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\textbf{\emph{Sheep}} {\em and} \texttt{goat} at 95\% Q\&A", "Sheep and goat at 95% Q&A"),
        (r"\textbf{S$_1$heep}", "S₁heep"),
        (r"see \url{https://a.b/x_y~z--w}", "see https://a.b/x_y~z--w"),
        (r"\href{https://a.b}{the code} \href{https://a.b}{https://a.b}", "the code (https://a.b) https://a.b"),
        (r"``quoted'' 3--5 a---b, with --flag", "“quoted” 3–5 a—b, with --flag"),
        (r"Erd\H{o}s, M\"{u}ller, na\"{\i}ve, {\'E}va, \c{c}a, S\o ren, \AA{}", "Erdős, Müller, naïve, Éva, ça, Søren, Å"),  # noqa: E501
        (r"the sheep\'s wool", "the sheep's wool"),
        (r"Figure~1 of RTX~5090, ~20 and 5~8", "Figure 1 of RTX 5090, ~20 and 5~8"),
        (r"10\times more, 360{\deg}, p\approx0.1 \eg this", "10× more, 360°, p≈0.1 e.g. this"),
        (r"we call it \method{} or \ours{\'e}", r"we call it \method{} or \ours{é}"),
    ],
)  # fmt: skip
def test_latex_in_prose_is_rendered_as_text(latex: str, text: str) -> None:
    assert render_unicode(latex) == text
    assert normalize("NFKC", Seen(render_html(latex)).text) == normalize("NFKC", text)


def test_html_in_a_text_is_escaped() -> None:
    assert str(render_html("a <think> b & <a href=x>")) == "a &lt;think&gt; b &amp; &lt;a href=x&gt;"


# Hostile formulas

HOSTILE = [
    r"\text{<script>alert(1)</script>}",
    r"\text{&#x3c;script&#x3e;alert(1)&#60;/script&#62;}",
    r"\mbox{&lt;img src=x onerror=alert(1)&gt;}",
    r"\href{javascript:alert(1)}{x}",
    r"\class{evil}{x} \style{position:fixed}{x}",
    r'\color{"onload="alert(1)}{x}',
    r'\hspace{1em" onclick="alert(1)}',
    r"\hspace{99999em}\raise{-50em}{x}\rule{90em}{90em}",
    r"\unicode{x3c}script\unicode{x3e}\unicode{x202e}\unicode{x0}",
    r"\begin{<script>}\end{<script>}",
    r"\verb|<script>|",
    r"\operatorname{a}\tag{<b>}\fbox{<b>}\colorbox{red}{<b>}",
    r"\mathop{<b>}\mathord{x}",
    "<!--<style><script>-->]]><![CDATA[x]]>",
    "{" * 60 + "x" + "}" * 60,
    r"\frac" * 300,
    r"\sqrt{" * 49 + "x" + "}" * 49,
    r"\def\a{\a\a}\a",
    r"\sideset{_1}{_1}{" * 40 + "x" + "}" * 40,
    "{{{x",
    "x}}}",
    "x" * 100_000,
    "x_" * 900,
]


@pytest.mark.parametrize("formula", HOSTILE)
@pytest.mark.parametrize("around", ["${}$", "$${}$$", r"\({}\)", r"\[{}\]", "{}"])
def test_hostile_formulas_give_harmless_tags_in_time(formula: str, around: str) -> None:
    start = thread_time()
    text = around.replace("{}", formula)
    seen = Seen(render_html(text))
    render_unicode(text)
    for formula in re.findall("<math.*?</math>", str(render_html(text)), re.DOTALL):
        assert find_faults(formula) == []
    assert thread_time() - start < 2
    assert "\u202e" not in seen.text


def test_lengths_in_formulas_are_limited() -> None:
    page = str(render_html(r"$\hspace{99999em}\hspace{-2em}\raise{2em}{x}\rule{9em}{1em}\hspace{1em}$"))
    assert 'width="1em"' in page
    assert "99999" not in page
    assert "-2em" not in page
    assert "voffset" not in page
    assert "9em" not in page


@pytest.mark.parametrize(
    "mark", ["$", "$$", r"\(", r"\[", "{", "\\", "$x", r"\emph{", "``", "~", "--", "$x$ "]
)
def test_long_runs_of_delimiters_are_rendered_quickly(mark: str) -> None:
    start = thread_time()
    render_html(mark * (100_000 // len(mark)))
    render_html(mark * (10_000 // len(mark)))
    assert thread_time() - start < 2


PIECES = [
    *r"${}<>&\^_~`'\"-()[]# %",
    "$$",
    r"\(",
    r"\)",
    r"\[",
    r"\]",
    r"\frac",
    r"\text{",
    r"\alpha",
    r"\begin{",
]
LATEX = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=40).map("".join)


@given(LATEX | st.text())
def test_any_text_is_rendered_without_an_error(text: str) -> None:
    Seen(render_html(text))
    for paragraph in write_html_paragraphs(read_latex(text)):
        Seen(paragraph)
    render_unicode(text)
    fold_accents(text)


# No letter follows a backslash here: a command is there to vanish.
WORDS = st.lists(
    st.sampled_from(
        [*"${}<>&^_ ()", "$$", "x", "of", "Sheep", r"\(", r"\)", r"\[", r"\]", r"\&", "n < 5", "β"]
    )
).map(" ".join)


def letters(text: str) -> Counter[str]:
    return Counter(c for c in normalize("NFKC", text) if c.isalpha())


@given(WORDS)
def test_every_letter_stays_visible(text: str) -> None:
    assert letters(Seen(render_html(text)).text) == letters(text)
    assert letters(render_unicode(text)) == letters(text)


def test_functions_are_separated_from_their_arguments() -> None:
    spaced = str(render_html(r"$O(n \log n)$ and $\log(n)$"))
    assert '<mi>n</mi><mo lspace=".17em" rspace=".17em">log</mo><mi>n</mi>' in spaced
    assert '<mo lspace=".17em" rspace="0">log</mo>' in spaced
