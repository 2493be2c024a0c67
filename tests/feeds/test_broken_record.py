"""Lists of which one record is broken, as text: the others are read, and a cut-off document is refused."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.feeds.broken_record import BrokenRecord, DocumentBroken, load_json, split_xml
from paperround.papers.arxiv_id import strip_version

GOOD = json.dumps({"paper": {"id": "2603.00001", "title": 'A, "B" [C] {D} \\'}})
BROKEN_JSON = {
    "a long integer": b'{"paper": {"id": "2603.00009", "upvotes": ' + b"9" * 5000 + b"}}",
    "NaN": b'{"paper": {"id": "2603.00009", "upvotes": NaN}}',
    "Infinity": b'{"paper": {"id": "2603.00009"}, "x": [Infinity]}',
    "minus Infinity": b'{"paper": {"id": "2603.00009"}, "x": -Infinity}',
    "bad UTF-8": b'{"paper": {"id": "2603.00009", "title": "\xff"}}',
    "a control character": b'{"paper": {"id": "2603.00009", "title": "\x0b"}}',
    "a line break": b'{"paper": {"id": "2603.00009", "title": "a\nb"}}',
    "a bad escape": b'{"paper": {"id": "2603.00009", "title": "\\x"}}',
    "a missing comma": b'{"paper": {"id": "2603.00009"} "x": 1}',
    "a bare word": b'{"paper": {"id": "2603.00009"}, "x": undefined}',
    "deep nesting": b'{"paper": {"id": "2603.00009"}, "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
}


@pytest.mark.parametrize("kind", BROKEN_JSON)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_broken_item_of_a_list_is_taken_out_as_text(kind: str, place: int) -> None:
    items = [GOOD.encode(), GOOD.encode()]
    items.insert(place, BROKEN_JSON[kind])
    found = load_json(b"[" + b", ".join(items) + b"]\n")
    assert isinstance(found, list)
    broken = found.pop(place)
    assert found == [json.loads(GOOD)] * 2
    assert isinstance(broken, BrokenRecord)
    assert broken == BROKEN_JSON[kind].decode("utf-8", "surrogateescape")
    assert broken.reason.startswith("it is not JSON: ")
    assert broken.guess_paper_id(strip_version) == "2603.00009"
    json.dumps(broken)


@pytest.mark.parametrize(
    "document",
    [
        b"", b" ", b"[", b"[1, NaN", b'[NaN, "a]', b"[NaN]]", b"[NaN] x", b"NaN",
        b'{"a": NaN}', b"<html>[NaN]</html>",
        b'[{"a": NaN, "b": "x}]', b"[NaN, {]", b"\xff\xfe[NaN",
    ],
)  # fmt: skip
def test_a_document_that_is_not_one_whole_list_is_refused(document: bytes) -> None:
    with pytest.raises(DocumentBroken):
        load_json(document)


@given(st.recursive(st.none() | st.text() | st.floats(allow_nan=False, allow_infinity=False), st.lists))
def test_what_is_json_is_read_beside_a_broken_item(value: object) -> None:
    text = json.dumps([value, value]).encode()
    assert load_json(text) == [value, value]
    found = load_json(text[:-1] + b", NaN]")
    assert isinstance(found, list)
    assert found[:2] == [value, value]


@given(st.binary(max_size=60))
def test_no_bytes_make_it_stumble(noise: bytes) -> None:
    with contextlib.suppress(DocumentBroken):
        load_json(noise)
    with contextlib.suppress(DocumentBroken):
        load_json(b"[NaN," + noise + b"]")
    with contextlib.suppress(DocumentBroken):
        split_xml(b"<rss><item>" + noise + b"</item></rss>")


@pytest.mark.parametrize(
    "end", [b"", b"</rss>", b"<item>", b"<item>c</it", b"</channel>", b"</channel></rss><x/>"]
)
def test_a_feed_that_is_cut_off_or_broken_between_its_records_is_refused(end: bytes) -> None:
    with pytest.raises(DocumentBroken):
        split_xml(b"<rss><channel><item>a</item><item>&</item>" + end)


def test_a_record_without_an_end_takes_no_other_with_it() -> None:
    rest, broken = split_xml(b"<rss><channel><item>a</item><item>b<item>c</item></channel></rss>")
    assert rest == b"<rss><channel><item>a</item><item>c</item></channel></rss>"
    assert [str(one) for one in broken] == ["<item>b"]
