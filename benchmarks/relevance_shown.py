"""How good what is shown of a topic is: by judged pairs of topic and paper, a week at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from relevance_measures import auc
from relevance_rankers import Ours
from relevance_sets import Pool

from paperround.topics.model.bands import BAND_FLOORS, Band
from paperround.topics.model.calibration import Prediction
from paperround.topics.model.scorer import RARITIES
from search import KeptEncoder, records

A_DAY = 5  # papers a day are enough
MIN_JUDGED = 3  # pairs of a topic in a week, so that something can be said of what is shown
BEST_TWENTIETH = RARITIES.index(0.05)
MIN_SCORE = 1.0  # standard deviations

Numbers = np.ndarray[Any, Any]
BY_RANK = "by rank: the best twentieth"  # what decided before fits did


class JudgedWeek(NamedTuple):
    """A topic in a week: its papers by place in the pool, and the grades of those that were judged."""

    topic: str
    papers: Numbers
    grades: Mapping[int, int]


class Rated(NamedTuple):
    """What is known of every paper of the pool for a topic."""

    scores: Numbers
    strengths: Numbers
    ranks: Numbers
    fits: Numbers
    threshold: float


def week_of(day: str) -> tuple[int, int]:
    year, week, _ = date.fromisoformat(day).isocalendar()
    return year, week


def weeks_of(grades: Mapping[str, Mapping[int, int]], papers: Pool) -> list[JudgedWeek]:
    by_week: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, day in enumerate(papers.days):
        by_week[week_of(day)].append(place)
    weeks = []
    for topic, of_topic in grades.items():
        judged: dict[tuple[int, int], dict[int, int]] = defaultdict(dict)
        for place, grade in of_topic.items():
            judged[week_of(papers.days[place])][place] = grade
        weeks += [
            JudgedWeek(topic, np.array(by_week[week]), found)
            for week, found in judged.items()
            if len(found) >= MIN_JUDGED
        ]
    return weeks


def show(week: JudgedWeek, rated: Rated, papers: Pool, passes: Numbers) -> list[int]:
    """What the topic would show: of each day the best of those that pass."""
    taken: dict[str, int] = defaultdict(int)
    shown = []
    for place in week.papers[np.argsort(-rated.ranks[week.papers], kind="stable")].tolist():
        if passes[place] and taken[papers.days[place]] < A_DAY:
            taken[papers.days[place]] += 1
            shown.append(place)
    return shown


def shown_figures(
    weeks: Sequence[JudgedWeek], rated: Mapping[str, Rated], papers: Pool
) -> tuple[Sequence[str], Mapping[str, Sequence[float]]]:
    """Figures of shown sets, of what was judged in them, by the rule that decides."""
    rules: dict[str, Callable[[Rated], Numbers]] = {BY_RANK: lambda one: one.scores >= one.threshold}
    for band in reversed(Band):
        rules[f"fits: {band} and better"] = lambda one, band=band: one.fits >= BAND_FLOORS[band]  # type: ignore[misc]
    rows = {}
    for name, rule in rules.items():
        shown = [show(week, rated[week.topic], papers, rule(rated[week.topic])) for week in weeks]
        grades = [
            week.grades[place]
            for week, places in zip(weeks, shown, strict=True)
            for place in places
            if place in week.grades
        ]
        everything = [grade for week in weeks for grade in week.grades.values()]
        silent = [
            not places
            for week, places in zip(weeks, shown, strict=True)
            if not any(week.grades.values()) and _is_judged(week, places)
        ]
        missed = [
            not places for week, places in zip(weeks, shown, strict=True) if max(week.grades.values()) == 2
        ]
        precision = _share(grades, 1, len(grades))
        recall = _share(grades, 1, sum(grade > 0 for grade in everything))
        rows[name] = [
            sum(map(len, shown)),
            len(grades),
            precision,
            _share(grades, 2, len(grades)),
            recall,
            _share(grades, 2, sum(grade == 2 for grade in everything)),
            2 * precision * recall / max(precision + recall, 1e-9),
            float(np.mean(silent)) if silent else 1.0,
            float(np.mean(missed)) if missed else 0.0,
        ]
    columns = ("shown", "of them judged", "fit at least partly", "fit", "recall, partly", "recall, fit",
               "F1, partly", "silent, nothing fits", "silent, one fits")  # fmt: skip
    return columns, rows


def _is_judged(week: JudgedWeek, places: Sequence[int]) -> bool:
    """Of papers that nobody judged it can't be said that nothing should have been shown."""
    return not places or any(place in week.grades for place in places)


def _share(grades: Sequence[int], least: int, whole: int) -> float:
    return sum(grade >= least for grade in grades) / max(whole, 1)


def pair_figures(grades: Mapping[str, Mapping[int, int]], rated: Mapping[str, Rated]) -> None:
    """Pooled over all topics: whether what is said of pairs is what was judged."""
    pairs = [(topic, place, grade) for topic, found in grades.items() for place, grade in found.items()]
    judged = np.array([grade for *_, grade in pairs])
    for name in ("strengths", "scores", "fits"):
        told = np.array([getattr(rated[topic], name)[place] for topic, place, _ in pairs])
        print(f"- pooled AUC of {name}: {auc(told[judged > 0], told[judged == 0]):.3f}")
    prediction = Prediction(np.array([rated[topic].fits[place] for topic, place, _ in pairs]), judged)
    print(f"- calibration error, of pairs with a fit from .1: {prediction.calibration_error:.3f}")
    for band in Band:
        count, share = prediction.share_at_least_partly(band)
        print(f"- {band}: {share:.2f} of {count} pairs fit at least partly")


async def judged_figures(
    folder: Path,
    papers: Pool,
    ours: Ours,
    encoder: KeptEncoder,
    half: Callable[[str], bool],
    table: Callable[..., None],
) -> None:
    grades: dict[str, dict[int, int]] = defaultdict(dict)
    for record in records(folder / "pairs.jsonl"):
        if half(record["topic"]) and record["id"] in papers.places:
            grades[record["topic"]][papers.places[record["id"]]] = record["grade"]
    rated = {}
    for topic in grades:
        [vector] = await encoder.encode([ours.spell_out(topic)])
        matched = ours.match_words(topic, vector)
        threshold = max(float(matched.direction.score_quantiles[BEST_TWENTIETH]), MIN_SCORE)
        rated[topic] = Rated(
            matched.scores,
            matched.direction.compute_strengths(np.zeros(len(matched.scores), int), matched.scores),
            matched.ranks,
            matched.fits,
            threshold,
        )
    weeks = weeks_of(grades, papers)
    columns, rows = shown_figures(weeks, rated, papers)
    count = sum(len(found) for found in grades.values())
    table(f"{folder.name}: {len(grades)} topics, {count} pairs, {len(weeks)} weeks of a topic", columns, rows)
    print()
    pair_figures(grades, rated)
