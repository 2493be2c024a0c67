"""Entries of arXiv are parsed into papers: both forms, ids, categories, authors and withdrawals."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from paperround.feeds.arxiv import record, xml
from paperround.feeds.arxiv.feed import remove_duplicates
from paperround.feeds.http import FeedUnreadable
from paperround.papers.record import AnnouncementKind, FeedPaper, RecordUnreadable

from support.arxiv_server import (
    ArxivPaper,
    announcement,
    atom_announcements,
    query_entry,
    query_error,
    query_response,
    rss_announcements,
)
from support.factories import utc

DAY = "2026-03-03"
KIND = "application/atom+xml"


def announced(paper: ArxivPaper, kind: str = "new") -> FeedPaper:
    answer = xml.parse_announcements(atom_announcements(DAY, announcement(paper, kind, DAY)), KIND)
    return record.parse_record(answer.entries[0], ["cs.CL"])


def queried(paper: ArxivPaper, asked: str = "cs.CL") -> FeedPaper:
    return record.parse_record(
        xml.parse_query_page(query_response(1, 0, query_entry(paper)), KIND).entries[0], [asked]
    )


@pytest.mark.parametrize("kind", list(AnnouncementKind))
def test_an_announcement_says_how_the_paper_is_new(kind: AnnouncementKind) -> None:
    paper = announced(ArxivPaper(version=2), kind)
    assert (paper.id, paper.version) == ("2603.00001", 2)
    assert (paper.listing.kind, paper.listing.presumed) == (kind, False)
    assert paper.abstract == "We wait for gradients and they come."
    assert [author.name for author in paper.authors] == ["Ada Lindqvist", "Benedikt Åström"]
    assert (paper.published_at, paper.revised_at) == (None, utc("2026-03-03 05:00"))


def test_rss_and_atom_give_the_same_paper() -> None:
    paper = ArxivPaper(title="On <b> and $a<b$ &lt;", abstract="Where <think> a < b & c, x &lt; y.")
    entries = xml.parse_announcements(rss_announcements(DAY, (paper, "cross")), "application/rss+xml").entries
    assert record.parse_record(entries[0], []) == announced(paper, "cross")
    assert announced(paper).title == paper.title
    assert announced(paper).abstract == paper.abstract


def test_a_query_answer_has_times_and_a_presumed_day() -> None:
    paper = queried(ArxivPaper(version=3, revised="2026-03-05T01:00:00", submitted="2026-03-02T10:00:00"))
    assert (paper.published_at, paper.revised_at) == (utc("2026-03-02 10:00"), utc("2026-03-05 01:00"))
    assert (paper.listing.kind, paper.listing.presumed) == (AnnouncementKind.new, True)
    assert queried(ArxivPaper(), "cs.AI").listing.kind is AnnouncementKind.cross
    assert queried(ArxivPaper()).revised_at is None


@pytest.mark.parametrize("paper_id", ["astro-ph/0601001", "math.GT/0309136", "2603.00001", "0704.0001"])
def test_ids_of_all_forms_are_read_without_their_version(paper_id: str) -> None:
    assert announced(ArxivPaper(paper_id, version=12)).id == paper_id
    assert queried(ArxivPaper(paper_id, version=12)).version == 12


@pytest.mark.parametrize(("broken", "reason"), [
    ({"id": "oai:arXiv.org:nonsense"}, "id: 'nonsense'"),
    ({"id": ...}, "id: Field required"),
    ({"id": 26}, "id: "),
    ({"title": ["x"]}, "title: "),
    ({"title": " "}, "title: missing"),
    ({"tags": "cs.CL"}, "tags: "),
    ({"arxiv_announce_type": "resurrected"}, "announce_type: 'resurrected'"),
])  # fmt: skip
def test_an_unreadable_entry_says_why(broken: dict[str, Any], reason: str) -> None:
    announced = xml.parse_announcements(atom_announcements(DAY, announcement(ArxivPaper(), "new", DAY)), KIND)
    assert isinstance(announced.entries[0], dict)
    entry = dict(announced.entries[0])
    entry |= {key: value for key, value in broken.items() if value is not ...}
    if broken.get("id") is ...:
        del entry["id"]
    with pytest.raises(RecordUnreadable, match=reason):
        record.parse_record(entry, [])


def test_msc_and_acm_classes_are_not_categories() -> None:
    terms = ("cs.CL", "astro-ph.CO", "cond-mat.str-el", "68T07; 68T05", "I.2.7", "F.2.2; I.2.7", "hep-th")
    kept = ("cs.CL", "astro-ph.CO", "cond-mat.str-el", "hep-th")
    assert announced(ArxivPaper(categories=terms)).categories == kept


def test_the_primary_category_comes_first() -> None:
    body = query_entry(ArxivPaper(categories=("cs.LG", "cs.CL"))).replace(
        'primary_category term="cs.LG"', 'primary_category term="cs.CL"'
    )
    entry = xml.parse_query_page(query_response(1, 0, body), KIND).entries[0]
    assert record.parse_record(entry, []).categories == ("cs.CL", "cs.LG")


@pytest.mark.parametrize(("creator", "names"), [
    ("Ada Lindqvist, Cyn Okoro, Jr., Bo Li", ["Ada Lindqvist", "Cyn Okoro, Jr.", "Bo Li"]),
    ("Ada L. (Umeå, Sweden), Bo Li", ["Ada L. (Umeå, Sweden)", "Bo Li"]),
    ("Glass Team, :, Bo Li", ["Glass Team", "Bo Li"]),
    (r"Andr\'e Bj\"ork, Bo Li", ["André Björk", "Bo Li"]),
])  # fmt: skip
def test_a_list_of_authors_is_split_at_its_commas(creator: str, names: list[str]) -> None:
    assert [author.name for author in announced(ArxivPaper(authors=(creator,))).authors] == names


@pytest.mark.parametrize(("abstract", "comment", "withdrawn"), [
    ("This paper has been withdrawn by the authors.", "", True),
    ("We wait.", "This submission has been withdrawn by arXiv administrators", True),
    ("We wait.", "Withdrawn: Lemma 2 is wrong", True),
    ("We wait.", "12 pages. Paper withdrawn due to an error", True),
    ("We show how offers were withdrawn. The paper was long.", "12 pages, 3 figures", False),
    ("We study this paper has been withdrawn notices.", "", False),
    ("We wait.", "Code for withdrawn bank notes at example.org", False),
])  # fmt: skip
def test_withdrawal_is_read_from_comment_or_abstract(abstract: str, comment: str, withdrawn: bool) -> None:
    assert queried(ArxivPaper(abstract=abstract, comment=comment, version=2)).withdrawn is withdrawn


def test_an_announcement_without_a_notice_leaves_withdrawal_unknown() -> None:
    assert announced(ArxivPaper()).withdrawn is None
    assert announced(ArxivPaper(abstract="This paper has been withdrawn.")).withdrawn is True


@pytest.mark.parametrize(("written", "told"), [
    ("10.1000/Patience.7", "10.1000/patience.7"),
    ("10.1000/first, 10.1000/second", "10.1000/first"),
    ("", None),
    ("to appear", None),
    ("javascript:alert(1)", None),
    ("10.1000/" + "x" * 5_000, None),
])  # fmt: skip
def test_all_forms_of_an_entry_have_the_publishers_doi(written: str, told: str | None) -> None:
    paper = ArxivPaper(doi=written)
    items = xml.parse_announcements(rss_announcements(DAY, (paper, "new")), "application/rss+xml").entries
    for read in (announced(paper), queried(paper), record.parse_record(items[0], [])):
        assert read.doi == told


def test_the_strongest_of_several_announcements_counts() -> None:
    kinds = ["replace-cross", "cross", "new", "replace"]
    entries = [announcement(ArxivPaper(), kind, DAY) for kind in kinds]
    (only,) = remove_duplicates(
        list(xml.parse_announcements(atom_announcements(DAY, *entries), KIND).entries)
    )
    assert record.parse_record(only, []).listing.kind is AnnouncementKind.new


@pytest.mark.parametrize(("at_midnight", "day"), [
    ("2026-03-03T04:30:00+00:00", date(2026, 3, 2)),
    ("2026-03-03T05:00:00+00:00", date(2026, 3, 3)),
    ("2026-07-03T03:59:00+00:00", date(2026, 7, 2)),
    ("2026-07-03T04:00:00+00:00", date(2026, 7, 3)),
])  # fmt: skip
def test_the_day_begins_at_midnight_in_us_eastern_time(at_midnight: str, day: date) -> None:
    body = atom_announcements(DAY).replace(b"2026-03-03T05:00:00+00:00", at_midnight.encode())
    assert xml.parse_announcements(body, KIND).day == day


BOMB = b"""<?xml version="1.0"?><!DOCTYPE feed [<!ENTITY a "aaaaaaaaaa">%s<!ENTITY x SYSTEM "file:///etc/hostname">]>
<feed xmlns="http://www.w3.org/2005/Atom"><updated>2026-03-03T05:00:00Z</updated><title>&x;&j;</title></feed>"""
BOMB %= b"".join(b'<!ENTITY %c "%s">' % (n + 1, b"&%c;" % n * 10) for n in range(ord("a"), ord("j")))
WHOLE = atom_announcements(DAY, announcement(ArxivPaper(), "new", DAY))


@pytest.mark.parametrize("body", [
    b"", b"{}", b"<!doctype html><title>Just a moment...</title>", b"<html><body>x</body></html>",
    WHOLE[: len(WHOLE) // 2], WHOLE.replace(b"</title>", b"</titel>", 1),
    BOMB, b"<!--" + b" " * 5000 + b"-->" + BOMB.partition(b"?>")[2],
])  # fmt: skip
def test_an_incomplete_feed_is_unreadable(body: bytes) -> None:
    for parse in (xml.parse_announcements, xml.parse_query_page):
        with pytest.raises(FeedUnreadable):
            parse(body, "text/html")


@pytest.mark.parametrize("parse", [xml.parse_announcements, xml.parse_query_page])
def test_an_entry_has_none_of_the_fields_that_feedparser_adds(parse: Any) -> None:
    paper = ArxivPaper(revised="2026-03-05T01:00:00")
    body = (
        query_response(1, 0, query_entry(paper))
        if parse is xml.parse_query_page
        else atom_announcements(DAY, announcement(paper, "new", DAY))
    )
    (entry,) = parse(body, KIND).entries
    assert {"id", "title", "published"} <= set(entry)
    assert [name for name in entry if name.endswith(("_parsed", "_detail"))] == []


def test_an_error_entry_of_arxiv_is_unreadable() -> None:
    with pytest.raises(FeedUnreadable, match="incorrect id format for abc"):
        xml.parse_query_page(query_error("incorrect id format for abc"), KIND)


def test_a_feed_of_announcements_is_not_a_query_answer() -> None:
    with pytest.raises(FeedUnreadable, match="query API"):
        xml.parse_query_page(WHOLE, KIND)


def test_where_a_paper_appeared_is_read_from_its_authors_comment() -> None:
    assert queried(ArxivPaper(comment="12 pages, accepted at ICML 2026")).venue == "ICML"
    assert queried(ArxivPaper(comment="Submitted to ICML 2026")).venue is None
    assert announced(ArxivPaper()).venue is None
    entry = xml.parse_query_page(query_response(1, 0, query_entry(ArxivPaper())), KIND).entries[0]
    assert isinstance(entry, dict)
    with_journal = record.parse_record(entry | {"arxiv_journal_ref": "Phys. Rev. D 94, 1 (2016)"}, [])
    assert with_journal.venue == "Phys. Rev. D"
