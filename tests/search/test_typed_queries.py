"""Searches as people type them: quotes of all kinds, signs, symbols, names, spellings, whole titles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest

from paperround.database import Database
from paperround.search import word_counts
from paperround.search.engine import search
from paperround.search.query_syntax import parse_query
from paperround.search.query_vectors import QueryVector
from paperround.text.words import APOSTROPHES, GREEK_NAMES, HYPHENS, QUOTES

from .test_query import ask, asked, embedded, paper
from support.databases import read_only_database
from support.factories import store_listing

CASES = {
    "2603.01001": ("Fast containers in C++", "We compare hash tables.", ["Wei Zhang", "Li Chen"]),
    "2603.01002": ("Records in C#", "Value types, measured on .NET and elsewhere.", ["Chen Wei", "Zhang Li"]),
    "2603.01003": ("Planning with A* on grids", "RRT* is compared, and D* Lite.", ["Jörg Müller"]),
    "2603.01004": ("β-VAE revisited", "R²-Gen and π0 drink H₂O; TD(λ) too.", ["W. Zhang"]),
    "2603.01005": ("A k-NN baseline for GPT-4o", "We fine-tune in 3D, with o1 as a judge.", ["Ana de Souza"]),
    "2603.01006": ("Row your boat", "Gently down the stream.", ["Stefan Marius de Bruyn Laan"]),
    "2603.01007": ("Rows of boats", "Down many streams, gently rowing.", ["Wei Li", "Anna Zhang"]),
    "2603.01008": ("Finetuning without tears", "Kernels and state-of-the-art cells.", ["Sean O’Brien"]),
    "2603.01009": ("On the Straße", "Größe, naïve façades and an ångström.", ["Erdős Pál"]),
}


async def store_cases(database: Database) -> None:
    records = [paper(key, title, abstract, *names) for key, (title, abstract, names) in CASES.items()]
    await store_listing(database, "2026-03-02", *records)
    await word_counts.refresh_word_counts(database)


@pytest.fixture(scope="module")
def shelf_url(server: str) -> Iterator[str]:
    with read_only_database(server, store_cases) as url:
        yield url


@pytest.fixture
async def shelf(shelf_url: str) -> AsyncIterator[Database]:
    """The papers of `CASES`, for looking."""
    async with Database(shelf_url) as database:
        yield database


@pytest.fixture
async def own_shelf(database: Database) -> Database:
    """The same papers, for changing."""
    await store_cases(database)
    return database


async def find(shelf: Database, typed: str) -> list[str]:
    return [result.paper_id[-1] for result in (await ask(shelf, typed)).results]


@pytest.mark.parametrize(
    ("typed", "papers"),
    [
        ("C++", "1"), ("c++", "1"), ("C#", "2"), ("c#", "2"), ("C♯", "2"), (".NET", "2"), (".net", "2"),
        ("A*", "3"), ("a*", "3"), ("RRT*", "3"), ("rrt*", "3"), ("D*", "3"),
        ("β-VAE", "4"), ("beta-VAE", "4"), ("beta vae", "4"), ("𝛽-VAE", "4"),
        ("R2-Gen", "4"), ("R²-Gen", "4"), ("π0", "4"), ("pi0", "4"), ("H2O", "4"), ("H₂O", "4"),
        ("TD(λ)", "4"), ("TD(lambda)", "4"),
        ("k-NN", "5"), ("kNN", "5"), ("KNN", "5"), ("k‑NN", "5"), ("GPT-4o", "5"), ("GPT4o", "5"),
        ("3D", "5"), ("o1", "5"), ("ｏ１", "5"),
        ("finetuning", "85"), ("fine-tuning", "85"), ("fine‐tuning", "85"),
        ("Mueller", "3"), ("Müller", "3"), ("Muller", "3"), ("Strasse", "9"), ("Straße", "9"),
        ("Groesse", "9"), ("Grösse", "9"), ("naive", "9"), ("angstrom", "9"), ("facades", "9"),
        ("O'Brien", "8"), ("O’Brien", "8"), ("OBrien", "8"), ("OʼBrien", "8"), ("state of the art", "8"),
        ("state‑of‑the‑art", "8"), ("Erdös", "9"), ("Erdos", "9"),
    ],
)  # fmt: skip
async def test_words_are_found_however_they_are_typed(shelf: Database, typed: str, papers: str) -> None:
    found = await find(shelf, typed)
    assert found[0] in papers
    assert set(found) <= set(papers)


@pytest.mark.parametrize(
    ("typed", "papers"),
    [
        ('"row your boat"', ["6"]),
        ("“row your boat”", ["6"]),
        ("„row your boat“", ["6"]),
        ("«row your boat»", ["6"]),
        ("「row your boat」", ["6"]),
        ("＂row your boat＂", ["6"]),
        ('"rows of boats"', ["7"]),
        ('"row of boats"', []),
        ('"rows boats"', []),
        ('"down the stream"', ["6"]),
        ("boat -“row your boat”", ["7"]),
        ("boats -«rows of boats»", ["6"]),
        ('"wei zhang"', ["1"]),
        ('"de Bruyn Laan"', ["6"]),
    ],
)
async def test_phrases_hold_word_for_word(shelf: Database, typed: str, papers: list[str]) -> None:
    assert await find(shelf, typed) == papers


@pytest.mark.parametrize(
    ("typed", "papers"),
    [
        ("Wei Zhang", ["1"]),
        ("Zhang, Wei", ["1"]),
        ("zhang wei", ["1"]),
        ("W. Zhang", ["4", "1"]),
        ("Zhang W", ["4", "1"]),
        ("de Bruyn Laan, S M", ["6"]),
        ("S. M. de Bruyn Laan", ["6"]),
        ("de Bruyn Laan SM", ["6"]),
        ("Laan, Stefan", ["6"]),
        ("Jörg Müller", ["3"]),
        ("Joerg Mueller", ["3"]),
        ("J. Muller", ["3"]),
        ("Pal Erdos", ["9"]),
        ("O'Brien, Sean", ["8"]),
        ("Souza, A. de", ["5"]),
    ],
)
async def test_a_name_is_matched_within_one_author_the_exact_one_first(
    shelf: Database, typed: str, papers: list[str]
) -> None:
    assert await find(shelf, typed) == papers


@pytest.mark.parametrize("title", [title for title, _, _ in CASES.values()])
async def test_a_pasted_title_comes_first(shelf: Database, title: str) -> None:
    key = next(key for key, (other, _, _) in CASES.items() if other == title)
    assert (await find(shelf, title))[0] == key[-1]


async def test_titles_full_of_signs_come_first_too(database: Database) -> None:
    titles = [
        "Who Waits: Do Gradients Care?", "The \"Quiet\" Layers of Speech Models",
        "Ten Ways # to Fail & Learn…", "What If? A Study", "Attention (Sometimes) Is Enough!",
        "[Short] Notes on Decoding; or, Beam's End", "Learning/Unlearning: 50% of the Data?",
        "Is 1 + 1 = 2 for Language Models?", "C# Refactoring with Trees", "R Packages for Trees",
        "Why o1 Thinks", "3D Scenes from One View", ".NET Assemblies Decompiled",
        "The Pile: Eight Hundred Gigabytes", "F# and Q# for Proofs", "Learning to Learn in Ponds",
        "Learned or Learns", "Erdős Numbers at Scale", "Čech Nerve Descent", "Łukasiewicz Logic Layers",
        "$\\beta$-VAE in the Garden", "Ångström-Scale Diffusion", "Naïve Façades: Über-Models",
    ]  # fmt: skip
    keys = [f"2603.{n:05}" for n in range(1, len(titles) + 1)]
    records = [
        paper(key, title, "About something else entirely.", "Ada Lindqvist")
        for key, title in zip(keys, titles, strict=True)
    ]
    await store_listing(database, "2026-03-02", *records)
    await word_counts.refresh_word_counts(database)
    found = [(await ask(database, title)).results for title in titles]
    assert [
        results[0].paper_id if results else title for results, title in zip(found, titles, strict=True)
    ] == keys


@pytest.mark.parametrize(
    "typed", ["the", "of the", '"of the"', "的", "量子", "привет мир", "🤖", "???", "qzxv"]
)
async def test_what_is_not_there_brings_nothing(shelf: Database, typed: str) -> None:
    assert await find(shelf, typed) == []


async def test_what_is_far_in_meaning_and_shares_no_word_is_left_out(own_shelf: Database) -> None:
    await embedded(own_shelf, {"2603.01001": [1, 0], "2603.01002": [0.2, 0.98], "2603.01003": [0, 1]})
    query = parse_query("nothing alike")
    async with own_shelf.read_session() as session:
        results = await search(session, query, asked(1, 0))
    assert [result.paper_id for result in results.results] == ["2603.01001"]


@pytest.mark.parametrize("hyphen", sorted(HYPHENS))
def test_every_hyphen_is_a_hyphen(hyphen: str) -> None:
    assert parse_query(f"self{hyphen}play").parts == parse_query("self-play").parts


@pytest.mark.parametrize("apostrophe", sorted(APOSTROPHES))
def test_every_apostrophe_is_an_apostrophe(apostrophe: str) -> None:
    assert parse_query(f"O{apostrophe}Brien").parts == parse_query("O'Brien").parts


@pytest.mark.parametrize("quote", sorted(QUOTES))
def test_every_quote_makes_a_phrase_and_an_exclusion(quote: str) -> None:
    plain = parse_query('boats -"slow rivers" "white water"')
    typed = parse_query(f"boats -{quote}slow rivers{quote} {quote}white water{quote}")
    assert (typed.phrases, typed.excluded_phrases) == (plain.phrases, plain.excluded_phrases)


@pytest.mark.parametrize(("letter", "name"), sorted(GREEK_NAMES.items()))
def test_a_greek_letter_is_its_name(letter: str, name: str) -> None:
    for typed in (letter, letter.upper()):
        assert parse_query(f"{typed}-test").words == f"{name} test"


def test_a_greek_word_stays_greek() -> None:
    assert parse_query("λόγος").words == "λόγος"


def test_the_words_are_told_as_they_were_typed() -> None:
    assert parse_query("Müller C++ rivers").as_typed == {
        "muller": "Müller",
        "mueller": "Müller",
        "cplusplus": "C++",
    }


@pytest.mark.parametrize("prefix", ["2603.0100", "x"])
async def test_vectors_alone_do_not_bring_back_what_a_phrase_excludes(
    own_shelf: Database, prefix: str
) -> None:
    await embedded(own_shelf, {key: [1, 0] for key in CASES})
    async with own_shelf.read_session() as session:
        vector = QueryVector("fake", np.array([1, 0], np.float32)) if prefix == "x" else asked(1, 0)
        results = await search(session, parse_query('"row your boat"'), vector)
    assert [result.paper_id for result in results.results] == ["2603.01006"]
