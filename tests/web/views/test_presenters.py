"""Dates, counts and papers in the words of a page."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from paperround.i18n import formats
from paperround.papers.heat import VoteCount
from paperround.papers.period import EditionPeriod, Period
from paperround.papers.vote_history import VoteHistory
from paperround.web.views import paper_cards, presenters

from support.factories import build_paper

TODAY = date(2026, 11, 24)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "words"),
    [
        (date(2026, 11, 24), "today"),
        (date(2026, 11, 23), "yesterday"),
        (date(2026, 11, 18), "6 days ago"),
        (date(2026, 11, 17), "on 17 Nov"),
        (date(2025, 11, 24), "on 24 Nov 2025"),
        (date(2026, 11, 25), "on 25 Nov"),
    ],
)
def test_how_long_ago_a_day_was(day: date, words: str) -> None:
    assert presenters.format_days_ago(day, today=TODAY) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (1, "1 hour"),
        (24, "24 hours"),
        (36.5, "36.5 hours"),
        (48, "2 days"),
        (168, "7 days"),
        (30, "30 hours"),
    ],
)
def test_hours(number: float, words: str) -> None:
    assert presenters.format_hours(number) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1k"),
        (1249, "1.2k"),
        (9949, "9.9k"),
        (12_345, "12k"),
        (123_456, "123k"),
    ],
)
def test_counts(number: int, words: str) -> None:
    assert formats.format_compact(number) == words


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(seconds=-5), "in less than a minute"),
        (timedelta(minutes=6), "6 minutes ago"),
        (timedelta(minutes=-61), "in 1 hour"),
        (timedelta(hours=47), "1 day ago"),
    ],
)
def test_moments(before: timedelta, words: str) -> None:
    assert presenters.format_age(NOON - before, now=NOON) == words


def test_no_moment_is_never() -> None:
    assert presenters.format_age(None, now=NOON) == "never"


@pytest.mark.parametrize(
    ("period", "day", "heading", "turning", "extent"),
    [
        (Period.day, date(2026, 11, 23), "Monday, 23 November", "Mon 23 Nov", ""),
        (Period.day, date(2025, 1, 1), "Wednesday, 1 January 2025", "Wed 1 Jan 2025", ""),
        (Period.week, date(2026, 11, 18), "Week 47", "Week 47", "16\u2009–\u200922 November"),
        (Period.week, date(2026, 10, 1), "Week 40", "Week 40", "28 September\u2009–\u20094 October"),
        (Period.week, date(2025, 12, 30), "Week 1", "Week 1", "29 December\u2009–\u20094 January"),
        (Period.month, date(2026, 10, 31), "October", "October", ""),
        (Period.month, date(2025, 10, 31), "October 2025", "October 2025", ""),
    ],
)
def test_editions_in_words(period: Period, day: date, heading: str, turning: str, extent: str) -> None:
    span = EditionPeriod.containing(period, day)
    assert presenters.write_heading(span, today=TODAY) == heading
    assert presenters.write_neighbour_label(span, today=TODAY) == turning
    assert presenters.write_extent(span) == extent


def test_addresses() -> None:
    assert [presenters.edition_address(EditionPeriod.containing(period, TODAY)) for period in Period] == [
        "/papers/date/2026-11-24",
        "/papers/week/2026-W48",
        "/papers/month/2026-11",
    ]


def test_from_a_month_the_way_to_a_day_leads_where_papers_are() -> None:
    month = EditionPeriod.containing(Period.month, date(2026, 10, 5))
    listed = [
        build_paper(listed_on=day) for day in (date(2026, 10, 2), date(2026, 10, 29), date(2026, 9, 30))
    ]
    assert presenters.choose_anchor_day(month, listed, today=TODAY) == date(2026, 10, 29)


@pytest.mark.parametrize(
    ("span", "day"),
    [
        (EditionPeriod.containing(Period.month, date(2026, 10, 5)), date(2026, 10, 31)),
        (EditionPeriod.containing(Period.month, TODAY), TODAY),
        (EditionPeriod.containing(Period.month, date(2027, 2, 5)), date(2027, 2, 1)),
        (EditionPeriod.containing(Period.day, date(1999, 1, 1)), date(1999, 1, 1)),
    ],
)
def test_without_papers_an_edition_is_looked_at_from_its_last_day_so_far(
    span: EditionPeriod, day: date
) -> None:
    assert presenters.choose_anchor_day(span, [], today=TODAY) == day


@pytest.mark.parametrize(
    ("text", "phrase", "address"),
    [
        ("flow matching", False, "/papers?q=flow+matching"),
        ("Ada Lindqvist", True, "/papers?q=%22Ada+Lindqvist%22"),
        ('C++ & "more" #1', False, "/papers?q=C%2B%2B+%26+more+%231"),
        ("either or -neither", False, "/papers?q=%22either+or+-neither%22"),
        ("x" * 600, True, f"/papers?q=%22{'x' * 480}%22"),
        ("大きさ", False, "/papers?q=%E5%A4%A7%E3%81%8D%E3%81%95"),
    ],
)
def test_searches_have_addresses(text: str, phrase: bool, address: str) -> None:
    assert presenters.search_address(text, phrase=phrase) == address


def test_an_organization_s_address_is_one_part_whatever_its_name() -> None:
    assert presenters.organization_address("a/b ?c") == "/organizations/a%2Fb%20%3Fc"


def test_an_entry_in_words() -> None:
    entry = paper_cards.build_paper_card(
        build_paper(comments=1, github_url="https://github.com/a/b", github_stars=1234), today=TODAY
    )
    assert (entry.url, entry.title, entry.votes) == ("/papers/2611.00001", "Patient Gradients", 7)
    assert (entry.who, entry.others) == ("Ada Lindqvist", "and 1 other")
    assert (entry.published_label, entry.listed_label) == ("22 Nov", "yesterday")
    assert (entry.comments, entry.stars) == ("1 comment", 1234)


def test_nothing_is_said_of_what_is_not_there() -> None:
    entry = paper_cards.build_paper_card(
        build_paper(abstract=" ", author_names=[], comments=0, github_stars=3), today=TODAY
    )
    assert entry.paragraphs == []
    assert (entry.who, entry.others) == ("", "")
    assert (entry.comments, entry.stars, entry.code_url, entry.project_url) == (None, None, None, None)


def test_an_organization_stands_for_its_authors() -> None:
    group = {"organization_name": "hi", "organization_full_name": "Harbour Institute"}
    entry = paper_cards.build_paper_card(build_paper(**group), today=TODAY)
    people = paper_cards.build_paper_card(build_paper(**group), today=TODAY, by_people=True)
    assert (entry.who, entry.who_url, entry.others) == ("Harbour Institute", "/organizations/hi", "2 authors")
    assert (people.who, people.who_url, people.others) == ("Ada Lindqvist", None, "and 1 other")


def test_the_people_are_named_beside_their_organization() -> None:
    group = {"organization_name": "hi", "organization_full_name": "Harbour Institute"}
    entry = paper_cards.build_paper_card(build_paper(**group), today=TODAY)
    assert entry.people == "Ada Lindqvist and 1 other"
    assert paper_cards.build_paper_card(build_paper(), today=TODAY).people == ""


def test_why_a_paper_trends() -> None:
    moved = VoteHistory(first_seen_at=NOON, steps=[VoteCount(NOON, 7)], today=3)
    entries = paper_cards.build_paper_cards([build_paper()], today=TODAY, moved={"2611.00001": moved})
    assert [paper_cards.explain_trending(entry) for entry in entries] == ["3 votes today · listed yesterday"]
    assert (
        paper_cards.explain_trending(paper_cards.build_paper_card(build_paper(), today=TODAY))
        == "listed yesterday"
    )


def test_texts_of_feeds_are_escaped() -> None:
    entry = paper_cards.build_paper_card(
        build_paper(title="<script>x</script>", abstract="<b>a</b>\n\nb & c"), today=TODAY
    )
    assert entry.title == "&lt;script&gt;x&lt;/script&gt;"
    assert entry.paragraphs == ["&lt;b&gt;a&lt;/b&gt;", "b &amp; c"]


@pytest.mark.parametrize(("number", "first", "rest"), [(1, 1, 0), (24, 24, 0), (25, 20, 5), (664, 20, 644)])
def test_many_authors_are_folded(number: int, first: int, rest: int) -> None:
    named = [f"Author {place}" for place in range(number)]
    shown_first, shown_rest = paper_cards.fold_authors(named)
    assert (len(shown_first), len(shown_rest)) == (first, rest)
    assert [*shown_first, *shown_rest] == named


def test_accounts_in_words() -> None:
    assert presenters.find_account_name({"name": "ada", "fullname": "Ada L."}) == "Ada L."
    assert presenters.find_account_name({"name": "ada"}) == "ada"
    assert presenters.find_account_name(None) is None
