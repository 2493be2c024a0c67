"""Judging papers: off by default, ten a day of one's own topics, and what comes of it."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import func, select

from paperround.database import Database
from paperround.topics import corpus, judging
from paperround.topics.judgments import calibrate_model, parse_judgments
from paperround.topics.tables import ReaderJudgment

from support.commands import run_command
from support.factories import utc
from support.pages import TODAY, Page, opened
from support.people import ADA, BEN, CYN, Person, sign_in_browser
from support.topic_corpus import MODEL, add_three_subjects, add_vectors, subject_vector

DAY = "2026-03-10"
SUBJECTS = {"river deltas": 0, "honey bees": 1, "pendulum clocks": 2}


class InventedEncoder:
    name = MODEL

    async def encode(self, texts: Any) -> Any:
        return np.stack([subject_vector(text) for text in texts])


@pytest.fixture
async def browser(database_url: str, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    await add_three_subjects(database, day=DAY)
    await add_vectors(database)
    await corpus.measure_if_grown(database, now=utc(TODAY))
    async with opened(database_url, judging=True) as client:
        yield client


@pytest.fixture
async def ada(browser: httpx.AsyncClient, database: Database) -> Person:
    return await sign_in_browser(browser, database, ADA, now=utc(TODAY))


async def follow(browser: httpx.AsyncClient, who: Person, words: str) -> None:
    assert (await browser.post("/topics/new", data=who.form(words=words))).status_code == 303


def forms(answer: httpx.Response) -> list[tuple[str, str, str]]:
    """The pairs of a page: the topic's number and words, and the paper."""
    found = re.findall(
        r'name="topic" value="(\d+)">\s*<input type="hidden" name="paper" value="([\d.]+)">.*?'
        r"Does it fit “<bdi>(.*?)</bdi>”",
        answer.text,
        re.DOTALL,
    )
    return [(topic, words, paper) for topic, paper, words in found]


def is_about(paper: str, words: str) -> bool:
    return int(paper[-5:]) % 3 == SUBJECTS[words]


async def judge_all(browser: httpx.AsyncClient, who: Person) -> int:
    """Judge what the page asks, as somebody would who knows the subjects."""
    pairs = forms(await browser.get("/judge"))
    for topic, words, paper in pairs:
        grade = "2" if is_about(paper, words) else "0"
        answer = await browser.post("/judge", data=who.form(topic=topic, paper=paper, grade=grade))
        assert (answer.status_code, answer.headers["Location"]) == (303, "/judge")
    return len(pairs)


async def test_nobody_is_asked_unless_the_setting_says_so(database_url: str, database: Database) -> None:
    async with opened(database_url) as client:
        ada = await sign_in_browser(client, database, ADA, now=utc(TODAY))
        assert (await client.get("/judge")).status_code == 404
        assert (
            await client.post("/judge", data=ada.form(topic="1", paper="1", grade="0"))
        ).status_code == 404
        assert "/judge" not in Page(await client.get("/topics")).links()


async def test_it_takes_a_reader_with_topics_in_words(browser: httpx.AsyncClient, database: Database) -> None:
    assert (await browser.get("/judge")).headers["Location"].startswith("/sign-in")
    await sign_in_browser(browser, database, ADA, now=utc(TODAY))
    page = Page(await browser.get("/judge"))
    assert "against your own topics" in page.text
    assert "/topics/new" in page.links()
    assert "/judge" in Page(await browser.get("/topics")).links()


async def test_ten_pairs_a_day_are_asked_and_kept_and_an_answer_can_be_changed(
    browser: httpx.AsyncClient, ada: Person, database: Database
) -> None:
    await follow(browser, ada, "honey bees")
    answer = await browser.get("/judge")
    pairs = forms(answer)
    assert len(pairs) == len({paper for _, _, paper in pairs}) == 10
    assert any(is_about(paper, "honey bees") for _, _, paper in pairs)
    assert not re.search(r"Strong|Good match|Possible|0\.\d\d", answer.text), (
        "it doesn't tell what we believe"
    )

    topic, _, paper = pairs[0]
    assert (
        await browser.post("/judge", data=ada.form(topic=topic, paper=paper, grade="1"))
    ).status_code == 303
    assert forms(await browser.get("/judge")) == pairs[1:], "the others stay as they were"
    assert await judge_all(browser, ada) == 9
    page = Page(await browser.get("/judge"))
    assert "That is all for today" in page.text
    assert "You have judged 10 pairs" in page.text

    _, *others = {f"2603.{number:05}" for number in range(1, 61)} - {one for *_, one in pairs}
    too_many = await browser.post("/judge", data=ada.form(topic=topic, paper=others[0], grade="0"))
    assert too_many.status_code == 429
    again = await browser.post("/judge", data=ada.form(topic=topic, paper=paper, grade="2"))
    assert again.status_code == 303
    async with database.read_session() as session:
        query = select(ReaderJudgment.grade).where(ReaderJudgment.paper_id == paper)
        assert list(await session.scalars(query)) == [2]
    await browser.post("/judge/forget", data=ada.form())
    assert len(forms(await browser.get("/judge"))) == 10


async def test_an_answer_of_another_form_is_refused(
    subtests: pytest.Subtests,
    browser: httpx.AsyncClient,
    ada: Person,
) -> None:
    cases: list[str] = ["3", "-1", "", "x", "٣"]
    for grade in cases:
        with subtests.test(grade=grade):
            await follow(browser, ada, "honey bees")
            [(topic, _, paper), *_] = forms(await browser.get("/judge"))
            answer = await browser.post("/judge", data=ada.form(topic=topic, paper=paper, grade=grade))
            assert answer.status_code in (400, 422)


async def test_nobody_judges_for_anothers_topic_and_answers_go_with_the_account(
    browser: httpx.AsyncClient, ada: Person, database: Database, database_url: str
) -> None:
    await follow(browser, ada, "honey bees")
    [(topic, _, paper), *_] = forms(await browser.get("/judge"))
    await judge_all(browser, ada)
    async with opened(database_url, judging=True) as other:
        cyn = await sign_in_browser(other, database, CYN, now=utc(TODAY))
        answer = await other.post("/judge", data=cyn.form(topic=topic, paper=paper, grade="2"))
        assert answer.status_code == 404
    exported = (await browser.get("/settings/export.json")).json()
    assert len(exported["judgments"]) == 10
    assert exported["judgments"][0]["topic"] == "honey bees"
    assert (await browser.post("/settings/leave", data=ada.form(confirm=ADA))).status_code == 200
    async with database.read_session() as session:
        assert await session.scalar(select(func.count()).select_from(ReaderJudgment)) == 0


async def test_answers_of_several_days_and_readers_calibrate_the_fit(
    database: Database, database_url: str, browser: httpx.AsyncClient, tmp_path: Path
) -> None:
    for email in (ADA, BEN, CYN):
        for day in ("2026-03-10", "2026-03-11", "2026-03-12", "2026-03-13"):
            async with opened(database_url, now=f"{day} 12:00", judging=True) as client:
                who = await sign_in_browser(client, database, email, now=utc(f"{day} 12:00"))
                if day == DAY:
                    for words in SUBJECTS:
                        await follow(client, who, words)
                assert await judge_all(client, who) == 10
    done = run_command("judgments", folder=tmp_path, database_url=database_url)
    assert done.returncode == 0, done.stderr
    assert ADA not in done.stdout
    judged = parse_judgments(done.stdout.splitlines())
    assert len(judged) >= 50
    assert all(one.grade == 2 * is_about(one.id, one.topic) for one in judged)

    calibrated = await calibrate_model(database, InventedEncoder(), judged)
    assert (calibrated.topics, calibrated.unknown_papers) == (3, 0)


async def test_readers_who_differ_on_a_pair_give_their_mean(
    browser: httpx.AsyncClient, ada: Person, database: Database
) -> None:
    ben = await sign_in_browser(browser, database, BEN, now=utc(TODAY))
    grades = {"2603.00001": (2, 2), "2603.00002": (2, 1), "2603.00003": (2, 0), "2603.00004": (1, 0)}
    async with database.write_session() as session:
        for paper, given in grades.items():
            for who, grade in zip((ada, ben), given, strict=True):
                session.add(
                    ReaderJudgment(
                        reader_id=who.id, paper_id=paper, topic_hash="x", topic="bees", grade=grade,
                        judged_at=utc(TODAY),
                    )
                )  # fmt: skip
    async with database.read_session() as session:
        lines = [json.loads(line) async for line in judging.export_judgments(session)]
    assert {line["id"]: line["grade"] for line in lines} == {
        "2603.00001": 2, "2603.00002": 1, "2603.00003": 1, "2603.00004": 0,
    }  # fmt: skip
