"""Topics share the places of a digest, and a paper stands under the topic that it fits best."""

from __future__ import annotations

from paperround.digests.topic_matches import TopicMatch
from paperround.digests.topic_places import place_matches, take_turns


def match(topic: int, paper: str, band: str | None = "good") -> TopicMatch:
    return TopicMatch(paper, topic, f"Topic {topic}", band, ())


def test_each_topics_best_comes_before_any_topics_second_best() -> None:
    matches = [*(match(1, name) for name in "abcdef"), match(2, "x"), match(3, "p"), match(3, "q")]
    assert take_turns(place_matches(matches), {"b"}) == ["a", "x", "p", "c", "q", "d", "e", "f"]


def test_a_paper_of_several_topics_stands_under_the_one_that_it_fits_best() -> None:
    matches = [
        match(1, "a", "possible"), match(1, "b", "good"), match(1, "c", None),
        match(2, "a", "strong"), match(2, "b", "good"), match(2, "c", "possible"),
    ]  # fmt: skip
    placed = place_matches(matches)
    assert {paper: one.topic_id for paper, one in placed.items()} == {"a": 2, "b": 1, "c": 2}
    assert list(placed) == ["b", "a", "c"], "topic by topic, the best first"
