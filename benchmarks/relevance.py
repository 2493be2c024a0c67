"""How well papers match topics: the product's own scorer against what others do.

    python benchmarks/relevance.py FOLDER [--tune | --all]

FOLDER holds labelled sets: `relevance` (papers.jsonl.gz, readers.jsonl, topics.jsonl), `relevance_curated`,
`relevance_judgments` (pairs.jsonl), `relevance_reviewers`, `relevance_csfcube`, those that are there; or it
is itself one of `relevance`'s form, or of `relevance_judgments`' beside a `relevance`.
Readers and topics are split by a hash of their name: figures are of the half that nothing was chosen on,
with `--tune` of the other, with `--all` (and for a single set) of both. Vectors come from the real encoder
and are kept in the temporary folder (TMPDIR).
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from relevance_measures import Found, bootstrap, days_of, found, ndcg, wrong_pairs
from relevance_rankers import ByExample, Others, Ours
from relevance_rating import rating_figures
from relevance_sets import Pool, Subject, pool, readers_of, subjects_of
from relevance_shown import judged_figures

from search import KeptEncoder, records, tuned_on

KNOWN = (1, 3, 5, 10)
OURS = "ours"
FIGURES = ("MRR", "day AUC", "hit@3", "nDCG@50", "later AUC")

Numbers = np.ndarray[Any, Any]
Half = Callable[[str], bool]


def table(title: str, columns: Sequence[str], rows: Mapping[str, Sequence[float]]) -> None:
    print(f"\n{title}\n\n| | {' | '.join(columns)} |\n|{' --- |' * (len(columns) + 1)}")
    for name, figures in rows.items():
        print(f"| {name} | {' | '.join(f'{figure:.3f}' for figure in figures)} |")


def compared(label: str, figures: Mapping[str, Sequence[float]]) -> None:
    """Ours against the best of the others by this figure."""
    best = max((name for name in figures if name != OURS), key=lambda name: float(np.mean(figures[name])))
    apart = bootstrap(figures[OURS], figures[best])
    print(
        f"- {label}: ours less {best}: {apart.mean:+.3f} ({apart.low:+.3f} to {apart.high:+.3f}), "
        f"ahead in {apart.ahead:.0%} of resamples"
    )


def readers_figures(folder: Path, papers: Pool, rankers: Mapping[str, ByExample], half: Half) -> None:
    readers = [reader for reader in readers_of(folder, papers) if half(reader.name)]
    days = days_of(papers)
    for known in KNOWN:
        all_found: dict[str, list[Found]] = defaultdict(list)
        for reader in readers:
            for name, rank in rankers.items():
                if len(reader.papers) > known:
                    one = found(rank(reader.papers[:known]), reader, papers, days, known)
                    if one:
                        all_found[name].append(one)
        if not all_found:
            continue
        rows = {name: np.mean(figures, axis=0).tolist() for name, figures in all_found.items()}
        table(f"{len(all_found[OURS])} readers, {known} known papers", FIGURES, rows)
        print()
        for place, label in enumerate(FIGURES):
            compared(label, {name: [one[place] for one in figures] for name, figures in all_found.items()})


async def subjects_figures(
    name: str, subjects: Sequence[Subject], papers: Pool, ours: Ours, others: Others, encoder: KeptEncoder
) -> None:
    """From words alone, against the others; then whether rating makes the list better."""
    figures: dict[str, list[float]] = defaultdict(list)
    dated = np.array(papers.days)
    for subject in subjects:
        own, vector = await encoder.encode([ours.spell_out(subject.words), " ".join(subject.words.split())])
        figures[OURS].append(subject_ndcg(ours.by_words(subject.words, own), subject, dated))
        for ranker, rank in others.by_words.items():
            figures[ranker].append(subject_ndcg(rank(subject.words, vector), subject, dated))
    rows = {ranker: [float(np.mean(values))] for ranker, values in figures.items()}
    table(f"{name}: {len(subjects)} subjects in words", ["nDCG@10"], rows)
    print()
    compared("nDCG@10", figures)
    await rating_figures(subjects, papers, ours, encoder)


def subject_ndcg(scores: Numbers, subject: Subject, dated: Numbers) -> float:
    ranked = np.flatnonzero(dated <= subject.until)
    return ndcg(scores[ranked], np.isin(ranked, subject.papers).astype(float), 10)


def reviewers_figures(folder: Path, papers: Pool, rankers: Mapping[str, ByExample]) -> None:
    """How expert researchers rated themselves in papers, by their own."""
    wrong: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for record in records(folder / "readers.jsonl"):
        known = papers.known([paper["id"] for paper in record["papers"]])
        rated = [one for one in record["rated"] if one["id"] in papers.places]
        places = papers.known([one["id"] for one in rated])
        ratings = np.array([one["rating"] for one in rated], float)
        for name, rank in rankers.items():
            wrong[name].append(wrong_pairs(np.asarray(rank(known))[places], ratings))
    rows = {name: [float(np.divide(*np.sum(pairs, axis=0)))] for name, pairs in wrong.items()}
    table(f"reviewers ({len(wrong[OURS])}), every paper known", ["pairs in the wrong order"], rows)
    print()
    shares = {name: [-one / (whole or 1) for one, whole in pairs] for name, pairs in wrong.items()}
    compared("pairs in the right order, by reviewer", shares)


def csfcube_figures(folder: Path, papers: Pool, rankers: Mapping[str, ByExample]) -> None:
    figures: dict[str, list[float]] = defaultdict(list)
    for record in records(folder / "queries.jsonl"):
        judged = [
            one for one in record["judged"] if one["id"] in papers.places and one["id"] != record["query"]
        ]
        places = papers.known([one["id"] for one in judged])
        gains = np.array([one["grade"] for one in judged], float)
        for name, rank in rankers.items():
            scores = np.asarray(rank(papers.known([record["query"]])))[places]
            figures[name].append(ndcg(scores, gains, 20))
    rows = {name: [float(np.mean(values))] for name, values in figures.items()}
    table(f"CSFCube, {len(figures[OURS])} queries by one paper", ["nDCG@20"], rows)
    print()
    compared("nDCG@20", figures)


async def measured(folder: Path, papers: Path, encoder: KeptEncoder, half: Half) -> None:
    """One set by what it holds; `papers` is where its pool is."""
    held = await pool(papers, encoder)
    encoder.keep()
    ours, others = Ours(held), Others(held)
    rankers: dict[str, ByExample] = {OURS: ours.by_example, **others.by_example}
    if (folder / "readers.jsonl").exists():
        if "rated" in records(folder / "readers.jsonl")[0]:
            reviewers_figures(folder, held, rankers)
        else:
            readers_figures(folder, held, rankers, half)
    if (folder / "topics.jsonl").exists():
        subjects = [subject for subject in subjects_of(folder, held) if half(subject.words)]
        await subjects_figures(folder.name, subjects, held, ours, others, encoder)
    if (folder / "pairs.jsonl").exists():
        await judged_figures(folder, held, ours, encoder, half, table)
    if (folder / "queries.jsonl").exists():
        csfcube_figures(folder, held, rankers)
    encoder.keep()


async def main(folder: Path, options: Sequence[str]) -> None:
    encoder = KeptEncoder()
    single = (folder / "papers.jsonl.gz").exists() or (folder / "pairs.jsonl").exists()
    whole = single or "--all" in options
    half: Half = (lambda _: True) if whole else lambda name: tuned_on(name) == ("--tune" in options)
    names = ("relevance", "relevance_curated", "relevance_judgments", "relevance_reviewers",
             "relevance_csfcube")  # fmt: skip
    sets = [folder] if single else [folder / name for name in names if (folder / name).is_dir()]
    for one in sets:
        own = (one / "papers.jsonl.gz").exists()
        print(f"\n### {one.name}")
        others = folder.parent if single else folder
        await measured(one, one if own else others / "relevance", encoder, half)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2:]))
