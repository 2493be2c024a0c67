"""Papers as BibTeX can be read by reference managers, whatever text the feeds have."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.papers.citations.bibtex import render_bibtex
from paperround.papers.rows import PaperRow
from paperround.text.person_name import split_name
from paperround.text.plain import to_plain_text

from support.citation_records import CITED_URL as URL
from support.citation_records import cited_paper as paper


def parsed(entry: str) -> tuple[str, dict[str, str]]:
    """Parses the key and fields of one @misc entry, counting braces as BibTeX does."""
    head = re.match(r"@misc\{([^,\s{}]+),", entry)
    assert head
    fields, at = {}, head.end()
    while match := re.compile(r"\s*(\w+) = \{").match(entry, at):
        start = at = match.end()
        depth = 1
        while depth:
            depth += {"{": 1, "}": -1}.get(entry[at], 0)
            at += 1
        fields[match[1]] = entry[start : at - 1]
        if entry[at] == ",":
            at += 1
    assert entry[at:] == "\n}\n"
    return head[1], fields


def people(author: str) -> list[str]:
    """Splits names as BibTeX does: at `and` between spaces and outside of braces."""
    names, depth, start = [], 0, 0
    for at, sign in enumerate(author):
        depth += (sign == "{") - (sign == "}")
        if depth == 0 and author.startswith(" and ", at):
            names.append(author[start:at])
            start = at + 5
    return [*names, author[start:]]


def bibtex(given_paper: PaperRow) -> tuple[str, dict[str, str]]:
    return parsed(render_bibtex(given_paper, url=URL))


def test_a_paper_in_bibtex() -> None:
    given_paper = paper("Ada Lindqvist", "Benedikt Åström", categories=["cs.LG", "cs.CL"])
    assert render_bibtex(given_paper, url=URL) == (
        "@misc{lindqvist2026patient,\n"
        "  title = {Patient Gradients},\n"
        "  author = {Ada Lindqvist and Benedikt Åström},\n"
        "  year = {2026},\n"
        "  eprint = {2603.00001},\n"
        "  archivePrefix = {arXiv},\n"
        "  primaryClass = {cs.LG},\n"
        "  url = {https://arxiv.org/abs/2603.00001}\n"
        "}\n"
    )


def test_the_publishers_doi_is_cited_as_it_is() -> None:
    published = paper("Ada Lindqvist", doi="10.1000/a_b%20#c&d")
    assert bibtex(published)[1]["doi"] == published.doi


def test_without_categories_there_is_no_primary_class() -> None:
    assert "primaryClass" not in bibtex(paper("Ada Lindqvist"))[1]


def test_a_sample_paper_has_no_arxiv_id_in_bibtex() -> None:
    written = render_bibtex(paper("Ada Lindqvist", id="0000.00001"), url="http://127.0.0.1:8000/p")
    fields = parsed(written)[1]
    assert fields["note"] == "A sample, invented"
    assert "eprint" not in fields


@pytest.mark.parametrize(
    ("title", "written"),
    [
        ("50% & $5 #1_a", r"50\% \& \$5 \#1\_a"),
        ("A } Brace {", r"A \textbraceright{} Brace \textbraceleft{}"),
        (r"A \nosuchword Here", r"A \textbackslash{}nosuchword Here"),
        (r"The $O(n \log n)$ Barrier", r"The {$O(n \log n)$} Barrier"),
        (r"Sets $\{a_1, b\}$ and \(x^2\)", r"Sets $\{a_1, b\}$ and $x^2$"),
        (r"Open $\langle a \}$", r"Open \$\textbackslash{}langle a \textbackslash{}\textbraceright{}\$"),
        (r"Off by $50%$", r"Off by \$50\%\$"),
        (r"A \(x\ \) Space", r"A \$x\textbackslash{}\$ Space"),
        (r"\emph{Schr\"odinger} Nets", "Schrödinger Nets"),
        (r"Small $\alpha$ and $\beta_A$", r"Small $\alpha$ and {$\beta_A$}"),
        ("GPT-4 Meets BERT: A Survey", "{GPT}-4 Meets {BERT}: A Survey"),
        ("DeepSeek-R1 on iPhone", "{DeepSeek}-{R1} on {iPhone}"),
        ("Attention is enough for Bayesian models", "Attention is enough for {Bayesian} models"),
        ("Waiting in Markov Chains", "Waiting in {Markov} Chains"),
        ("Is A Picture Worth More Than I Say?", "Is A Picture Worth More Than {I} Say?"),
        ("Plan B with C++, C# and A* in 3D", r"Plan {B} with {C}++, {C}\# and {A}* in {3D}"),
        ("O'Brien’s k-NN: 16x16 Words", "{O'Brien’s} k-{NN}: 16x16 Words"),
        ("Hello", "Hello"),
        ("Größe 大きさ", "Größe 大きさ"),
    ],
)
def test_titles_as_latex(title: str, written: str) -> None:
    assert bibtex(paper(title=title))[1]["title"] == written


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Ada Lindqvist", "Ada Lindqvist"),
        ("Ludwig van der Berg", "van der Berg, Ludwig"),
        ("Guy Van den Broeck", "{Van den Broeck}, Guy"),
        ("Martin Luther King Jr.", "King, Jr., Martin Luther"),
        ("bell hooks", "{hooks}, bell"),
        ("DeepSeek-AI", "{DeepSeek-AI}"),
        ("Lindqvist, Ada", "Ada Lindqvist"),
        ("Tide Team", "{Tide Team}"),
        ("Search and Rescue", "{Search and Rescue}"),
        ("others", "{others}"),
        ("AT&T", r"{AT\&T}"),
        ("a~b^c\\d", r"{a\textasciitilde{}b\textasciicircum{}c\textbackslash{}d}"),
        ("Anders Andersson", "Anders Andersson"),
        ("王小明", "王小明"),
    ],
)
def test_names_that_bibtex_would_split_are_in_braces(name: str, written: str) -> None:
    assert bibtex(paper(name))[1]["author"] == written


@pytest.mark.parametrize(
    ("name", "title", "key"),
    [
        ("Benedikt Åström", "On the Ökonomie of Tides", "astrom2026okonomie"),
        ("Lindqvist, Ada", "The 7 Tides", "lindqvist2026tides"),
        ("Maeve O'Brien-Kato", "GPT-4 Waits", "obrienkato2026gpt"),
        ("Martin King Jr.", "Waiting", "king2026waiting"),
        ("Tide Team", r"$\alpha$ Waves", "tide2026waves"),
        ("王小明", "大きさ", "arxiv2026260300001"),
    ],
)
def test_keys_are_stable_and_ascii(name: str, title: str, key: str) -> None:
    assert bibtex(paper(name, title=title))[0] == key


def test_all_of_many_authors_are_there() -> None:
    names = [f"Ada Lindqvist-{'x' * number}" for number in range(1, 665)]
    given_paper = paper(*names)
    assert people(bibtex(given_paper)[1]["author"]) == names


def test_a_paper_without_authors_has_none() -> None:
    key, fields = bibtex(paper())
    assert key == "arxiv2026patient"
    assert "author" not in fields


LATEX = st.text(alphabet='{}\\$%#&_^~@", anx(0)[]\n\u2028\x85\r', max_size=40)
TEXTS = st.one_of(st.text(max_size=60), LATEX)


@given(title=TEXTS, names=st.lists(TEXTS, max_size=5))
def test_bibtex_of_any_texts_can_be_parsed(title: str, names: list[str]) -> None:
    key, fields = bibtex(paper(*names, title=title))
    split_names = [name for name in names if split_name(to_plain_text(name))]
    assert re.fullmatch("[a-z0-9]+", key)
    assert len(people(fields["author"])) == len(split_names) if split_names else "author" not in fields
    assert set(fields) <= {"title", "author", "year", "eprint", "archivePrefix", "url"}
    title = fields.get("title", "")
    unescaped = re.sub(r"\\\\|\\[%#]", "", title + fields.get("author", ""))
    assert not re.search("[%#]", unescaped)
    assert len(re.findall(r"(?<!\\)\$", re.sub(r"\\\\", "", title))) % 2 == 0
