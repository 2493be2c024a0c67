"""The page of past matches, and a topic's weeks as a chart with its numbers."""

from __future__ import annotations

import re

import httpx

from paperround.database import Database
from paperround.topics import corpus, reader_topics
from paperround.topics.drafts import TopicDraft
from paperround.topics.edition_matches import match_latest, match_past
from paperround.topics.model.bands import Band

from support.factories import store_listing, utc
from support.pages import TODAY, Page
from support.people import Person
from support.topic_corpus import add_three_subjects, paper_id, subject_record

DAYS = [f"2026-02-{day:02}" for day in range(10, 28, 2)]


async def test_past_matches_stand_by_day_and_weeks_as_a_chart_with_words(
    browser: httpx.AsyncClient, ada: Person, database: Database
) -> None:
    assert "Nothing was matched yet" in Page(await browser.get("/topics/history")).text
    await add_three_subjects(database, day="2026-03-10")
    for number, day in enumerate(DAYS):
        await store_listing(database, day, subject_record(101 + number, "bees"))
    await corpus.measure_if_grown(database, now=utc(TODAY))
    draft = TopicDraft(
        name="<b>Bees</b>", words="honey bees", examples=(paper_id(1),), min_band=Band.possible
    )
    async with database.write_session() as session:
        topic = await reader_topics.create_topic(session, ada.id, draft, now=utc(TODAY))
    await match_latest(database, None)
    await match_past(database, None, now=utc(TODAY))

    first = Page(await browser.get("/topics/history"))
    assert "Tuesday, 10 March" in first.text
    assert "<b>Bees</b>" in first.text
    earlier = next(link for link in first.links() if "before=" in link)
    second = Page(await browser.get(earlier))
    assert "/topics/history" in second.links()
    assert len({*first.papers()} | {*second.papers()}) >= len(DAYS)
    assert (await browser.get("/topics/history?before=yesterday")).status_code == 400

    answer = await browser.get(f"/topics/{topic.id}")
    told = re.search(r'role="img" aria-label="([^"]+)"', answer.text)
    assert told
    numbers = [int(number) for number in re.findall(r": (\d+) match", told[1])]
    assert answer.text.count("<rect") == 8
    assert len(numbers) == 4
    assert told[1].count("not matched") == 4
    assert re.findall(r"<td>\d+ \w+</td><td>(\d+)</td>", answer.text) == [str(number) for number in numbers]
    assert "/topics/history" in Page(answer).links()
