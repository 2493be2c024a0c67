"""An entry of arXiv's → a paper: both forms, ids, categories, authors, what is withdrawn."""

from __future__ import annotations

from datetime import date

import pytest

from paperround.feeds.arxiv import record, xml
from paperround.feeds.arxiv.feed import each_once
from paperround.feeds.http import FeedUnreadable
from paperround.papers.record import FeedPaper, Kind, Unreadable

from support.arxiv_server import Submission, announcement, atom, error, found, results, rss
from support.factories import at

DAY = "2026-03-03"
KIND = "application/atom+xml"


def announced(paper: Submission, kind: str = "new") -> FeedPaper:
    answer = xml.announcements(atom(DAY, announcement(paper, kind, DAY)), KIND)
    return record.read(answer.entries[0], ["cs.CL"])


def queried(paper: Submission, asked: str = "cs.CL") -> FeedPaper:
    return record.read(xml.page(results(1, 0, found(paper)), KIND).entries[0], [asked])


@pytest.mark.parametrize("kind", list(Kind))
def test_an_announcement_says_how_the_paper_is_new(kind):
    paper = announced(Submission(version=2), kind)
    assert (paper.id, paper.version) == ("2603.00001", 2)
    assert (paper.listing.kind, paper.listing.presumed) == (kind, False)
    assert paper.abstract == "We wait for gradients and they come."
    assert [author.name for author in paper.authors] == ["Ada Lindqvist", "Benedikt Åström"]
    assert (paper.published_at, paper.revised_at) == (None, at("2026-03-03 05:00"))


def test_rss_tells_the_same_as_atom():
    paper = Submission(title="On <b> and $a<b$ &lt;", abstract="Where <think> a < b & c, x &lt; y.")
    entries = xml.announcements(rss(DAY, (paper, "cross")), "application/rss+xml").entries
    assert record.read(entries[0], []) == announced(paper, "cross")
    assert announced(paper).title == paper.title
    assert announced(paper).abstract == paper.abstract


def test_an_answer_of_the_query_api_tells_times_and_a_presumed_day():
    paper = queried(Submission(version=3, revised="2026-03-05T01:00:00", submitted="2026-03-02T10:00:00"))
    assert (paper.published_at, paper.revised_at) == (at("2026-03-02 10:00"), at("2026-03-05 01:00"))
    assert (paper.listing.kind, paper.listing.presumed) == (Kind.new, True)
    assert queried(Submission(), "cs.AI").listing.kind is Kind.cross
    assert queried(Submission()).revised_at is None


@pytest.mark.parametrize("paper_id", ["astro-ph/0601001", "math.GT/0309136", "2603.00001", "0704.0001"])
def test_ids_of_all_forms_are_read_without_their_version(paper_id):
    assert announced(Submission(paper_id, version=12)).id == paper_id
    assert queried(Submission(paper_id, version=12)).version == 12


@pytest.mark.parametrize(("broken", "reason"), [
    ({"id": "oai:arXiv.org:nonsense"}, "id: 'nonsense'"),
    ({"id": ...}, "id: Field required"),
    ({"id": 26}, "id: "),
    ({"title": ["x"]}, "title: "),
    ({"title": " "}, "title: missing"),
    ({"tags": "cs.CL"}, "tags: "),
    ({"arxiv_announce_type": "resurrected"}, "announce_type: 'resurrected'"),
])  # fmt: skip
def test_what_cannot_be_read_says_why(broken, reason):
    entry = dict(xml.announcements(atom(DAY, announcement(Submission(), "new", DAY)), KIND).entries[0])
    entry |= {key: value for key, value in broken.items() if value is not ...}
    if broken.get("id") is ...:
        del entry["id"]
    with pytest.raises(Unreadable, match=reason):
        record.read(entry, [])


def test_classes_of_mathematics_and_computing_are_no_categories():
    terms = ("cs.CL", "astro-ph.CO", "cond-mat.str-el", "68T07; 68T05", "I.2.7", "F.2.2; I.2.7", "hep-th")
    kept = ("cs.CL", "astro-ph.CO", "cond-mat.str-el", "hep-th")
    assert announced(Submission(categories=terms)).categories == kept


def test_the_primary_category_comes_first():
    body = found(Submission(categories=("cs.LG", "cs.CL"))).replace(
        'primary_category term="cs.LG"', 'primary_category term="cs.CL"'
    )
    entry = xml.page(results(1, 0, body), KIND).entries[0]
    assert record.read(entry, []).categories == ("cs.CL", "cs.LG")


@pytest.mark.parametrize(("creator", "names"), [
    ("Ada Lindqvist, Cyn Okoro, Jr., Bo Li", ["Ada Lindqvist", "Cyn Okoro, Jr.", "Bo Li"]),
    ("Ada L. (Umeå, Sweden), Bo Li", ["Ada L. (Umeå, Sweden)", "Bo Li"]),
    ("Glass Team, :, Bo Li", ["Glass Team", "Bo Li"]),
    (r"Andr\'e Bj\"ork, Bo Li", ["André Björk", "Bo Li"]),
])  # fmt: skip
def test_authors_in_one_text_come_apart_at_its_commas(creator, names):
    assert [author.name for author in announced(Submission(authors=(creator,))).authors] == names


@pytest.mark.parametrize(("abstract", "comment", "withdrawn"), [
    ("This paper has been withdrawn by the authors.", "", True),
    ("We wait.", "This submission has been withdrawn by arXiv administrators", True),
    ("We wait.", "Withdrawn: Lemma 2 is wrong", True),
    ("We wait.", "12 pages. Paper withdrawn due to an error", True),
    ("We show how offers were withdrawn. The paper was long.", "12 pages, 3 figures", False),
    ("We study this paper has been withdrawn notices.", "", False),
    ("We wait.", "Code for withdrawn bank notes at example.org", False),
])  # fmt: skip
def test_a_withdrawn_paper_says_so_in_comment_or_abstract(abstract, comment, withdrawn):
    assert queried(Submission(abstract=abstract, comment=comment, version=2)).withdrawn is withdrawn


def test_an_announcement_without_the_words_tells_nothing_of_withdrawal():
    assert announced(Submission()).withdrawn is None
    assert announced(Submission(abstract="This paper has been withdrawn.")).withdrawn is True


@pytest.mark.parametrize(("written", "told"), [
    ("10.1000/Patience.7", "10.1000/patience.7"),
    ("10.1000/first, 10.1000/second", "10.1000/first"),
    ("", None),
    ("to appear", None),
    ("javascript:alert(1)", None),
    ("10.1000/" + "x" * 5_000, None),
])  # fmt: skip
def test_the_publishers_doi_is_told_by_all_forms(written, told):
    paper = Submission(doi=written)
    items = xml.announcements(rss(DAY, (paper, "new")), "application/rss+xml").entries
    for read in (announced(paper), queried(paper), record.read(items[0], [])):
        assert read.doi == told


def test_the_strongest_of_several_announcements_counts():
    kinds = ["replace-cross", "cross", "new", "replace"]
    entries = [announcement(Submission(), kind, DAY) for kind in kinds]
    (only,) = each_once(list(xml.announcements(atom(DAY, *entries), KIND).entries))
    assert record.read(only, []).listing.kind is Kind.new


@pytest.mark.parametrize(("at_midnight", "day"), [
    ("2026-03-03T04:30:00+00:00", date(2026, 3, 2)),
    ("2026-03-03T05:00:00+00:00", date(2026, 3, 3)),
    ("2026-07-03T03:59:00+00:00", date(2026, 7, 2)),
    ("2026-07-03T04:00:00+00:00", date(2026, 7, 3)),
])  # fmt: skip
def test_the_day_begins_at_midnight_in_us_eastern_time(at_midnight, day):
    body = atom(DAY).replace(b"2026-03-03T05:00:00+00:00", at_midnight.encode())
    assert xml.announcements(body, KIND).day == day


BOMB = b"""<?xml version="1.0"?><!DOCTYPE feed [<!ENTITY a "aaaaaaaaaa">%s<!ENTITY x SYSTEM "file:///etc/hostname">]>
<feed xmlns="http://www.w3.org/2005/Atom"><updated>2026-03-03T05:00:00Z</updated><title>&x;&j;</title></feed>"""
BOMB %= b"".join(b'<!ENTITY %c "%s">' % (n + 1, b"&%c;" % n * 10) for n in range(ord("a"), ord("j")))
WHOLE = atom(DAY, announcement(Submission(), "new", DAY))


@pytest.mark.parametrize("body", [
    b"", b"{}", b"<!doctype html><title>Just a moment...</title>", b"<html><body>x</body></html>",
    WHOLE[: len(WHOLE) // 2], WHOLE.replace(b"</title>", b"</titel>", 1),
    WHOLE.replace(b"We wait", b"\x01 wait"),
    WHOLE.replace(b"\xc3\x85", b"\xc5"), BOMB, b"<!--" + b" " * 5000 + b"-->" + BOMB.partition(b"?>")[2],
])  # fmt: skip
def test_what_is_not_a_whole_feed_is_unreadable(body):
    for parse in (xml.announcements, xml.page):
        with pytest.raises(FeedUnreadable):
            parse(body, "text/html")


def test_an_entry_titled_error_is_arxivs_way_to_say_no():
    with pytest.raises(FeedUnreadable, match="incorrect id format for abc"):
        xml.page(error("incorrect id format for abc"), KIND)


def test_a_feed_of_announcements_is_no_answer_to_a_query():
    with pytest.raises(FeedUnreadable, match="query API"):
        xml.page(WHOLE, KIND)
