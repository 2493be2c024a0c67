"""`paperround fit` and `paperround judgments`: calibrate what topics and searches show, from judged pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from paperround import event_loop
from paperround.cli.console import console
from paperround.cli.context import encoder_socket, load_settings, open_database
from paperround.embeddings.encoder_process import connect_encoder
from paperround.resources import use_one_thread_for_products
from paperround.search.absent_questions import ABSENT_QUESTIONS
from paperround.search.calibration import (
    MIN_JUDGED_RESULTS,
    SearchCalibration,
    ShownResults,
    calibrate_search,
)
from paperround.settings import Settings
from paperround.topics import judging
from paperround.topics.judgments import Calibration, calibrate_model, group_grades, parse_judgments
from paperround.topics.model.bands import Band
from paperround.topics.model.calibration import Prediction

app = typer.Typer()


@app.command(epilog="Example: paperround fit --judgments judgments.jsonl")
def fit(
    judgments: Annotated[
        Path,
        typer.Option(
            exists=True,
            dir_okay=False,
            readable=True,
            help='Lines such as {"topic": "speech recognition", "id": "2510.12345", "grade": 2}, '
            "with 0 for no, 1 for partly, 2 for fits.",
        ),
    ],
) -> None:
    """Calibrate what topics and searches show under the current model, from judged pairs.

    The constants are kept with the model. Topics are matched again with them in the next minutes, and
    searches use them at once: each topic is asked as a question too, beside some that nothing answers.
    """
    settings = load_settings("fit")
    use_one_thread_for_products()
    done, searches = event_loop.run(_calibrate, settings, judgments)
    console.print(
        f"{done.model} was calibrated on {len(done.after.grades):,} pairs of {done.topics:,} topics"
        + (f"; {done.unknown_papers:,} name papers that are not here." if done.unknown_papers else "."),
        markup=False,
    )
    for label, prediction in (("before", done.before), ("after", done.after)):
        console.print(f"{label}: {_describe(prediction)}", markup=False)
    if searches.after is None:
        console.print(
            f"Searches stay as they were: of the judged papers they find {searches.judged}; at least "
            f"{MIN_JUDGED_RESULTS} are needed, of which some fit and some don’t.",
            markup=False,
        )
        return
    console.print(
        f"Searches were calibrated on the {searches.judged:,} judged papers that they find.", markup=False
    )
    for label, shown in (("before", searches.before), ("after", searches.after)):
        console.print(f"{label}: {_describe_searches(shown)}", markup=False)


@app.command(epilog="Example: paperround judgments > judgments.jsonl")
def judgments() -> None:
    """Print what readers judged at /judge, in the form that `paperround fit --judgments` reads."""
    event_loop.run(_print_judgments, load_settings("judgments"))


async def _print_judgments(settings: Settings) -> None:
    async with (
        open_database(settings, "paperround judgments", schema_rule="upgrade") as database,
        database.read_session() as session,
    ):
        async for line in judging.export_judgments(session):
            typer.echo(line)


async def _calibrate(settings: Settings, path: Path) -> tuple[Calibration, SearchCalibration]:
    with path.open(encoding="utf-8", errors="replace") as lines:
        judged = parse_judgments(lines)
    async with (
        open_database(settings, "paperround fit", pool_size=2, schema_rule="upgrade") as database,
        connect_encoder(settings, encoder_socket(settings)) as encoder,
    ):
        await encoder.describe_model()
        of_topics = await calibrate_model(database, encoder, judged)
        return of_topics, await calibrate_search(database, encoder, group_grades(judged))


def _describe(prediction: Prediction) -> str:
    bands = []
    for band in Band:
        count, share = prediction.share_at_least_partly(band)
        bands.append(f"{band} {share:.0%} of {count} fit at least partly" if count else f"{band} none")
    return f"{'; '.join(bands)}; calibration error {prediction.calibration_error:.3f}"


def _describe_searches(shown: ShownResults) -> str:
    return (
        f"{shown.share_relevant:.0%} of {shown.papers} shown fit at least partly; {shown.absent} of "
        f"{len(ABSENT_QUESTIONS)} questions about nothing find something by meaning"
    )
