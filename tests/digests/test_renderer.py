"""A digest as it is read: by mail programs, by people, by relays that count characters."""

from __future__ import annotations

import json
import quopri
import re
from dataclasses import replace
from datetime import date
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paperround.digests.channel_message import build_channel_digest
from paperround.digests.digest import Digest
from paperround.digests.items import DigestItem, shorten
from paperround.digests.overview import Overview, TopicTotal
from paperround.digests.renderer import DigestRenderer
from paperround.digests.selection import Selection
from paperround.digests.tables import Cadence, LinkTarget
from paperround.digests.templates import RenderedBlock
from paperround.mail.mime import HeaderInvalid, assemble_message, encode_header, quote_printable
from paperround.papers.highlights import Highlight

from support.factories import utc
from support.sender_child import LINKS
from support.subscriptions import TARGET

NOW = utc("2026-03-02 07:00")
WRITER = DigestRenderer(LINKS, "Paperround")


def paper(number: int = 1, **changes: Any) -> DigestItem:
    given: dict[str, Any] = {
        "id": f"2603.{number:05}",
        "title": f"Patient Gradients, Part {number}",
        "author_names": ("Ada Lindqvist", "Benedikt Åström", "Cyn Doe", "D", "E", "F", "G"),
        "published_on": date(2026, 3, 1),
        "organization": "",
        "summary": "We wait for gradients and they come.",
        "summary_label": "",
        "vote_count": 12,
        "code_url": "https://github.com/ada/patience",
    }
    return DigestItem(**(given | changes))


def digest(
    *papers: DigestItem,
    reasons: dict[str, Any] | None = None,
    overview: Overview | None = None,
    cadence: Cadence = Cadence.daily,
) -> Digest:
    contents = Selection([one.id for one in papers], reasons or {}, overview)
    items = {one.id: one for one in papers}
    return Digest(TARGET, "ada@example.org", cadence, date(2026, 3, 2), contents, items, delivery_id=7)


def read(one: Digest, writer: DigestRenderer = WRITER) -> EmailMessage:
    return message_from_bytes(writer.render_message(one, now=NOW).body, policy=policy.default)


def bodies(message: EmailMessage) -> tuple[str, str]:
    """Text and HTML; blanks at which no line breaks count as others."""
    return tuple(message.get_body((kind,)).get_content().replace("\xa0", " ") for kind in ("plain", "html"))


texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=300)
items = st.builds(
    DigestItem,
    id=st.just("2603.00001"),
    title=texts.map(lambda text: shorten(text, 300)),
    author_names=st.tuples(texts),
    organization=texts,
    published_on=st.just(date(2026, 3, 1)),
    summary=texts,
    summary_label=st.sampled_from(["", "AI summary"]),
    vote_count=st.just(1),
    code_url=st.none(),
)


@settings(max_examples=60)
@given(items)
def test_whatever_a_paper_is_called_the_message_is_whole(item: DigestItem) -> None:
    body = WRITER.render_message(digest(item, paper(2)), now=NOW).body
    message = message_from_bytes(body, policy=policy.default)

    assert not message.defects
    assert all(not part.defects for part in message.walk())
    assert body.isascii()
    assert b"\n" not in body.replace(b"\r\n", b"")
    assert b"\r" not in body.replace(b"\r\n", b"")
    assert max(map(len, body.split(b"\r\n"))) <= 998
    assert all(len(line) <= 78 for line in body.partition(b"\r\n\r\n")[2].split(b"\r\n"))
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    text, _ = bodies(message)
    assert " ".join(item.summary.split()) in " ".join(text.split())


@settings(max_examples=60)
@given(texts, texts)
def test_what_is_put_in_for_one_reader_reads_as_if_it_had_been_there(before: str, value: str) -> None:
    block = RenderedBlock.build(f"{before}((why))=\n", f"{before}((why)) ").fill({"why": value})
    for text, quoted in ((block.text, block.quoted_text), (block.html, block.quoted_html)):
        assert quopri.decodestring(quoted).decode() == text.replace("\n", "\r\n")
        assert all(len(line) <= 76 for line in quoted.split(b"\r\n"))


def test_a_value_is_never_taken_for_a_place() -> None:
    block = RenderedBlock.build("((why)) ((save)) ((other))\n", "<p>((why)) ((save)) ((other))</p>\n")
    filled = block.fill({"why": "see ((save)) & ((other))", "save": "https://papers.example.org/"})

    assert filled.text == "see ((save)) & ((other)) https://papers.example.org/ ((other))\n"
    assert filled.html == filled.text.replace("&", "&amp;").join(("<p>", "</p>\n")).replace("\n</p>", "</p>")
    for text, quoted in ((filled.text, filled.quoted_text), (filled.html, filled.quoted_html)):
        assert quopri.decodestring(quoted).decode() == text.replace("\n", "\r\n")


OVERVIEW = Overview(18, 16, "2603.00002", "2026-03-02")
WAYS_TO_DIFFER: dict[str, dict[str, Any]] = {
    "the reader": {"subscription": LinkTarget(8, "0123456789", "abcdef0123"), "delivery_id": 9},
    "the day": {"period": date(2026, 3, 3)},
    "how often": {"cadence": Cadence.weekly},
    "the language": {"language": "de"},
    "the overview": {"selection": Selection(["2603.00001", "2603.00002"], {}, OVERVIEW)},
    "the order": {"selection": Selection(["2603.00002", "2603.00001"], {})},
    "a paper that is gone": {"selection": Selection(["2603.00001"], {})},
    "a title": {"items": {"2603.00001": paper(1), "2603.00002": paper(2, title="Another")}},
    "only the title of the most voted": {
        "selection": Selection(["2603.00001"], {}, OVERVIEW),
        "items": {"2603.00001": paper(1), "2603.00002": paper(2, title="Another")},
    },
}


@pytest.mark.parametrize("change", WAYS_TO_DIFFER.values(), ids=WAYS_TO_DIFFER)
def test_what_others_got_before_changes_nothing_of_a_message(change: dict[str, Any]) -> None:
    writer, one = DigestRenderer(LINKS, "Paperround"), digest(paper(1), paper(2))
    others = [one, replace(one, selection=replace(one.selection, overview=OVERVIEW)), replace(one, **change)]
    together = [writer.render_message(each, now=NOW) for each in (*others, *others)]
    alone = [DigestRenderer(LINKS, "Paperround").render_message(each, now=NOW) for each in others]

    assert together == [*alone, *alone]
    assert alone[0] != alone[2]


def test_a_title_is_never_taken_for_a_readers_link() -> None:
    title = "On ((preferences)), ((unsubscribe)) and ((digest))"
    overview = Overview(3, 0, "2603.00001", "2026-03-02")
    text, html = bodies(read(digest(paper(1, title=title), paper(2), overview=overview)))

    assert [" ".join(form.split()).count(title) for form in (text, html)] == [2, 3], "HTML has one of its own"
    assert text.count("/preferences/") == html.count("/preferences/") == 1


def test_headers_say_what_bulk_mail_must_say() -> None:
    message = read(digest(paper(1), paper(2), paper(3)))

    assert message["From"] == "Paperround <papers@example.org>"
    assert message["To"] == "ada@example.org"
    assert message["Subject"] == "Patient Gradients, Part 1 and 2 more"
    assert message["Date"].datetime == NOW
    assert message["List-Id"] == "<digest.papers.example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert LINKS.find_delivery(message["Message-ID"]) == ("message", 7, TARGET.nonce)


def test_the_unsubscribe_header_stands_on_one_line() -> None:
    body = WRITER.render_message(digest(paper()), now=NOW).body
    (line,) = re.findall(rb"(?m)^List-Unsubscribe: .*\r$", body)
    assert line.startswith(b"List-Unsubscribe: <https://papers.example.org/unsubscribe/3-")
    assert b">, <mailto:bounces+7-" in line
    assert not re.search(rb"List-Unsubscribe:[^\r]*\r\n[ \t]", body)


def test_both_forms_have_the_papers_and_the_links() -> None:
    for body in bodies(read(digest(paper(1), paper(2)))):
        for words in (
            "Patient Gradients, Part 1", "Patient Gradients, Part 2", "Benedikt Åström, Cyn Doe and 4 more",
            "12 votes",
            "https://papers.example.org/papers/2603.00001", "https://github.com/ada/patience",
            "https://papers.example.org/unsubscribe/3-", "https://papers.example.org/preferences/3-",
            "https://papers.example.org/digests/7-",
        ):  # fmt: skip
            assert words in body


def test_what_papers_say_is_text_in_html() -> None:
    _, html = bodies(read(digest(paper(title="<script>alert(1)</script>", summary='"><img src=x>'))))
    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html


def test_a_paper_of_a_topic_says_why_once_and_can_be_rated_by_a_link_to_a_page() -> None:
    own = {
        "topic": 5,
        "name": "Planning",
        "band": "strong",
        "why": ["language models", "by Ada"],
        "own": True,
    }
    beside = own | {"own": False, "band": "good", "why": ["waiting"]}
    reasons = {"2603.00001": own, "2603.00002": beside, "2603.00003": own | {"band": None, "why": []}}
    for body in bodies(read(digest(paper(1), paper(3), paper(2), reasons=reasons))):
        assert body.index("Strong match: language models, by Ada.") < body.index("Match.")
        assert "For your topic “Planning”, a good match: waiting." in " ".join(body.split())
        assert body.upper().count("PLANNING") == 2, "once as a heading, once beside the other paper"
        assert re.search(
            r"https://papers\.example\.org/digests/rate/7-\w+\.\w+\?paper=2603\.00002&(amp;)?value=1", body
        )
        assert body.upper().index("PLANNING") < body.rindex("Part 1") < body.upper().index("TRENDING NOW")


def test_what_a_model_says_of_a_match_has_its_name_in_mail_and_in_chats() -> None:
    line = {"text": "Waits for “((why))” & gradients.", "model": "small-one", "language": "de"}
    why = {"topic": 5, "name": "Planning", "band": "strong", "why": ["waiting"], "own": True}
    explained = digest(paper(), reasons={"2603.00001": why | {"explanation": line}})
    text, html = bodies(read(explained))
    chat = build_channel_digest(explained, LINKS, "Paperround").sections[0].papers[0].why

    assert "  Strong match: waiting.\n  By small-one: Waits for “((why))” & gradients.\n" in text.replace(
        "\r\n", "\n"
    )
    assert 'By small-one:</span> <span lang="de">Waits for “((why))” &amp; gradients.</span>' in html
    assert chat == "Strong match: waiting. By small-one: Waits for “((why))” & gradients."


def test_a_summary_by_a_model_says_so_and_the_organization_stands_by_the_authors() -> None:
    ai = paper(1, summary_label="AI summary", organization="Patience & Sons", summary="Waits " + "w" * 30)
    for body in bodies(read(digest(ai, paper(2)))):
        assert "Patience &" in body
        assert body.count("AI summary:") == 1
        assert re.search(r"AI summary:(</span>)?\s+Waits", body)


@pytest.mark.parametrize(
    ("cadence", "day", "told", "link"),
    [
        (Cadence.daily, "2026-03-02", "18 papers today; 1 on your topics; most voted:", "date/2026-03-02"),
        (Cadence.daily, "2026-03-01", "18 papers on Sunday; 1 on your topics;", "date/2026-03-01"),
        (Cadence.weekly, None, "18 papers this week; 1 on your topics; most voted:", "week/2026-W09"),
        (Cadence.monthly, None, "18 papers in March; 1 on your topics; most voted:", "month/2026-03"),
    ],
)
def test_a_line_introduces_the_day_and_what_is_left_out_is_said(
    cadence: Cadence, day: str | None, told: str, link: str
) -> None:
    overview = Overview(listed=18, left_out=16, most_voted="2603.00002", day=day)
    one = digest(paper(1), paper(2), reasons={"2603.00001": WHY}, overview=overview, cadence=cadence)
    for body in bodies(read(one)):
        flat = " ".join(body.split())
        assert told in flat
        assert flat.index("most voted:") < flat.index("Part 2") < flat.index("(12 votes).")
        assert "16 of 18 papers left out." in flat
        assert f"https://papers.example.org/papers/{link}" in body
    assert "left out" not in "".join(bodies(read(digest(paper(1), overview=overview._replace(left_out=0)))))


def test_every_paper_can_be_saved_by_a_link_of_the_readers_own() -> None:
    one = digest(paper(1), paper(2), paper(3), reasons={"2603.00001": WHY})
    for body in bodies(read(one)):
        saved = re.findall(r"https://papers\.example\.org/digests/save/7-\w+\.\w+\?paper=(2603\.\d+)", body)
        assert saved == ["2603.00001", "2603.00002", "2603.00003"]
        assert body.count("Save for later") == 3
    page = WRITER.render_page(one)
    assert "/digests/save/" not in page.text + page.html, "a page is passed on"
    assert "((" not in page.text + page.html


def test_a_long_digest_says_what_stood_out_and_how_much_matched() -> None:
    overview = Overview(
        40, 38, "2603.00001", None,
        discussed=(Highlight("2603.00002", 1), Highlight("2603.00009", 7)),
        code=(Highlight("2603.00001", 1234),), topics=(TopicTotal(5, 1, 0), TopicTotal(6, 12, 3)),
    )  # fmt: skip
    river = WHY | {"topic": 6, "name": "Rivers"}
    reasons = {"2603.00001": WHY, "2603.00002": river}
    kept = Overview.restore(json.loads(json.dumps(overview._asdict())))
    assert kept == overview
    one = digest(paper(1), paper(2), paper(3), reasons=reasons, overview=kept, cadence=Cadence.weekly)
    for body in bodies(read(one)):
        flat = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))
        order = (
            "1 match this week",
            "12 matches this week, 3 strong",
            "MOST VOTED THIS WEEK",
            "MOST DISCUSSED",
        )
        places = [flat.upper().index(words.upper()) for words in order]
        assert places == sorted(places)
        assert re.search(r"(?i)most discussed this week (- )?Patient Gradients, Part 2 1 comment\b", flat)
        assert "7 comments" not in flat, "it is gone from the catalogue"
        assert re.search(r"(?i)code released this week (- )?Patient Gradients, Part 1 1,234 stars\b", flat)


def test_html_has_its_styles_in_line_and_a_dark_side_and_no_picture() -> None:
    _, html = bodies(read(digest(paper())))
    assert 'class="paper" style="' in html
    assert "@media (prefers-color-scheme: dark)" in html
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "<img" not in html
    assert "<link" not in html


def titles(text: str) -> list[str]:
    return re.findall(r"(?m)^\* (.+?)\r?$", text)


WHY = {"topic": 5, "name": "Planning", "why": ["language models", "by Ada"], "own": True}
LONG_WHY = WHY | {"name": "N" * 100, "why": ["p" * 60, "like “" + "q" * 60 + "”", "by " + "r" * 100]}


def test_thirty_papers_of_each_part_fit_with_the_last_ones_summaries_left_out() -> None:
    papers = [paper(n, summary="We wait for gradients and they come. " * 6) for n in range(60)]
    whole = WRITER.render_message(digest(*papers[:20]), now=NOW).body
    reasons = {one.id: WHY for one in papers[30:]}
    body = WRITER.render_message(digest(*papers, reasons=reasons), now=NOW).body
    text, html = bodies(message_from_bytes(body, policy=policy.default))

    assert whole.count(b"We wait for gradients") > 20, "what fits is whole"
    assert 90_000 < len(body) <= 100_000
    assert titles(text) == [one.title for one in papers]
    assert "too long for this message" not in text + html
    summaries = [part.count("We wait") > 0 for part in re.split(r"\r?\n\* ", text)[1:]]
    assert any(summaries)
    assert not summaries[-1]
    assert summaries == sorted(summaries, reverse=True), "left out from the end"


def test_what_is_longer_still_ends_with_a_link_to_all_of_it() -> None:
    papers = [
        paper(
            n,
            title=f"{n} " + "Ω" * 290,
            author_names=("Å" * 600,),
            summary="é" * 240,
            code_url="https://example.org/" + "x" * 200,
        )
        for n in range(60)
    ]
    one = digest(*papers, reasons={each.id: LONG_WHY for each in papers[30:]})
    body = WRITER.render_message(one, now=NOW).body
    text, html = bodies(message_from_bytes(body, policy=policy.default))
    shown = len(titles(text))

    assert len(body) <= 100_000
    assert titles(text) == [each.title for each in papers[:shown]]
    assert 5 < shown < 30
    for form in (text, html):
        assert f"{60 - shown} more papers are too long for this message" in form
        assert "https://papers.example.org/digests/7-" in form[form.index("too long") :]
    assert all(each.title in WRITER.render_page(one).text for each in papers), "the page has all"


def test_it_is_what_pythons_own_generator_makes() -> None:
    text, html = "Grüße\n\nZwei\n", "<p>Grüße =</p>\n"
    subject = "Über " * 30
    headers = [
        ("From", "a@example.org"),
        ("Subject", encode_header("Subject", subject)),
        ("Date", format_datetime(NOW)),
    ]
    ours = message_from_bytes(
        assemble_message(headers, [quote_printable(text)], [quote_printable(html)]), policy=policy.default
    )
    theirs = EmailMessage()
    theirs["From"], theirs["Subject"], theirs["Date"] = "a@example.org", subject, format_datetime(NOW)
    theirs.set_content(text)
    theirs.add_alternative(html, subtype="html")
    theirs = message_from_bytes(theirs.as_bytes(), policy=policy.default)

    assert ours["Subject"].split() == theirs["Subject"].split()
    for kind in ("plain", "html"):
        one, other = (m.get_body((kind,)).get_content().replace("\r\n", "\n").strip() for m in (ours, theirs))
        assert one == other


@pytest.mark.parametrize("value", ["a\r\nBcc: eve@example.org", "a\nb", "a\0b", "ä"])
def test_no_header_can_bring_another(value: str) -> None:
    with pytest.raises(HeaderInvalid, match="header"):
        assemble_message([("To", value)], [b"x\r\n"], [b"x\r\n"])
