"""A record of the hub in any of its historical forms is parsed, or rejected with the name of the field."""

from __future__ import annotations

import json
from contextlib import suppress
from types import EllipsisType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paperround.feeds.huggingface import record as hub_record
from paperround.feeds.huggingface.record import (
    HubAuthor,
    HubItem,
    HubOrganization,
    HubPaper,
    HubUser,
)
from paperround.papers.record import FeedPaper, RecordUnreadable

from support.factories import feed_record, utc


def refused(record: object) -> str:
    with pytest.raises(RecordUnreadable) as error:
        hub_record.parse_record(record)
    return str(error.value)


# Which of two places, which of two forms


def test_the_time_is_the_inner_one_since_the_outer_is_new_york_time() -> None:
    read = hub_record.parse_record(
        feed_record(publishedAt="2026-03-01T12:00:00.000Z", paper__publishedAt="2026-03-01T17:00:00.000Z")
    )
    assert read.published_at == utc("2026-03-01 17:00")


def test_the_outer_time_is_used_if_there_is_no_inner_one() -> None:
    assert hub_record.parse_record(feed_record(paper__publishedAt=...)).published_at == utc(
        "2026-03-01 12:00"
    )


def test_a_bare_midnight_is_a_time() -> None:
    read = hub_record.parse_record(feed_record(paper__publishedAt="2026-04-02T00:00:00.000Z"))
    assert read.published_at == utc("2026-04-02 00:00")


@pytest.mark.parametrize("text", ["2026-03-01T12:00:00", "2026-03-01T14:00:00+02:00", "2026-03-01T12:00Z"])
def test_times_are_converted_to_utc_which_is_the_default_zone(text: str) -> None:
    assert hub_record.parse_record(feed_record(paper__publishedAt=text)).published_at == utc(
        "2026-03-01 12:00"
    )


def test_the_title_is_the_outer_one_with_its_latex_but_without_line_breaks() -> None:
    read = hub_record.parse_record(
        feed_record(title="Waiting\n  for $\\nabla f$\r\n to come", paper__title="Waiting\n for f\nto come")
    )
    assert read.title == "Waiting for $\\nabla f$ to come"


@pytest.mark.parametrize("outer", [..., None, "", " \n ", "\x00"])
def test_the_inner_title_is_used_if_the_outer_is_empty(outer: EllipsisType | str | None) -> None:
    assert hub_record.parse_record(feed_record(title=outer, paper__title="Two\nlines")).title == "Two lines"


@pytest.mark.parametrize("nothing", [..., None, "", "\n"])
def test_a_record_without_any_title_is_rejected(nothing: EllipsisType | str | None) -> None:
    assert refused(feed_record(title=nothing, paper__title=nothing)).startswith("paper.title")


def test_an_abstract_keeps_its_paragraphs_but_no_other_line_breaks() -> None:
    read = hub_record.parse_record(feed_record(paper__summary="We wait\nfor <think>.\n\n They  come.\n"))
    assert read.abstract == "We wait for <think>.\n\nThey come."


def test_the_outer_abstract_is_used_if_there_is_no_inner_one() -> None:
    assert hub_record.parse_record(feed_record(paper__summary=..., summary="Outside.")).abstract == "Outside."


def test_a_record_of_the_first_days_is_read_with_missing_fields_unknown() -> None:
    read = hub_record.parse_record({"paper": {"id": "2405.00001", "title": "Early"}, "title": "Early"})
    known = {name for name, value in read if value is not None}
    assert known == {"id", "title", "listing"}
    assert read.listing.submitter is None


@pytest.mark.parametrize("field", [name for name in HubItem.model_fields if name not in ("paper", "title")])
def test_a_null_outer_field_counts_as_missing(field: str) -> None:
    assert hub_record.parse_record(feed_record(**{field: None})) == hub_record.parse_record(
        feed_record(**{field: ...})
    )


@pytest.mark.parametrize("field", [name for name in HubPaper.model_fields if name != "id"])
def test_a_null_inner_field_counts_as_missing(field: str) -> None:
    assert hub_record.parse_record(feed_record(**{f"paper__{field}": None})) == hub_record.parse_record(
        feed_record(**{f"paper__{field}": ...})
    )


def test_unknown_fields_are_ignored_at_every_level() -> None:
    record = feed_record(
        novelty={"deep": [1, None]},
        paper__novelty=[{}],
        organization={"name": "lab", "novelty": 1},
        paper__authors=[{"name": "Ada Lindqvist", "novelty": {}}],
    )
    assert hub_record.parse_record(record).authors[0].name == "Ada Lindqvist"


# People


def test_the_submitters_name_may_be_under_name_or_user() -> None:
    listed = hub_record.parse_record(feed_record(submittedBy={"name": "ada"})).listing.submitter
    earlier = hub_record.parse_record(
        feed_record(submittedBy=..., paper__submittedOnDailyBy={"user": "ada"})
    ).listing
    assert listed["name"] == earlier.submitter["name"] == "ada"


def test_the_outer_submitter_wins_over_the_inner_one() -> None:
    record = feed_record(
        submittedBy={"name": "ada"}, paper__submittedOnDailyBy={"user": "ben", "fullname": "B."}
    )
    assert hub_record.parse_record(record).listing.submitter == {"name": "ada", "fullname": "B."}


def test_an_avatar_without_a_host_belongs_to_the_hub() -> None:
    record = feed_record(submittedBy={"name": "ada", "avatarUrl": "/avatars/1.svg"})
    submitter = hub_record.parse_record(record).listing.submitter
    assert submitter["avatarUrl"] == "https://huggingface.co/avatars/1.svg"


def test_only_plain_values_of_an_account_are_kept() -> None:
    record = feed_record(
        submittedBy={"name": "ada", "isPro": True, "followerCount": 3, "nested": {"a": 1}, "f": 0.5}
    )
    assert hub_record.parse_record(record).listing.submitter == {
        "name": "ada",
        "isPro": True,
        "followerCount": 3,
    }


@pytest.mark.parametrize("key", ["a\x00b", "a\nb", "x" * 5000, "", "\u202e"])
def test_the_keys_of_an_account_are_made_safe_like_all_text(key: str) -> None:
    submitter = hub_record.parse_record(
        feed_record(submittedBy={"name": "ada", key: "fact"})
    ).listing.submitter
    assert submitter["name"] == "ada"
    assert all(name and name.isprintable() and len(name) <= 300 for name in submitter)


def test_hidden_authors_keep_their_position_and_namesakes_are_kept() -> None:
    names = [("Ada Lindqvist", False), ("Ben Okoro", True), ("Ada Lindqvist", False)]
    record = feed_record(paper__authors=[{"name": name, "hidden": hidden} for name, hidden in names])
    assert [(author.name, author.hidden) for author in hub_record.parse_record(record).authors] == names


def test_an_author_without_a_name_is_left_out() -> None:
    record = feed_record(paper__authors=[{"name": None}, {"name": " \n"}, {}, {"name": "GLM-4. 5 Team"}])
    assert [author.name for author in hub_record.parse_record(record).authors] == ["GLM-4. 5 Team"]


def test_664_authors_are_read() -> None:
    record = feed_record(paper__authors=[{"name": f"Author {n}"} for n in range(664)])
    assert len(hub_record.parse_record(record).authors) == 664


@pytest.mark.parametrize("organization", [{}, {"name": None}, {"name": " "}, {"fullname": "No Name"}])
def test_an_organization_without_a_name_is_ignored(organization: dict[str, Any]) -> None:
    assert hub_record.parse_record(feed_record(organization=organization)).organization is None


def test_an_organization_needs_no_avatar_and_no_full_name() -> None:
    organization = hub_record.parse_record(feed_record(paper__organization={"name": "lab"})).organization
    assert (organization.name, organization.full_name, organization.avatar_url) == ("lab", "lab", None)


# Links


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", " JavaScript:alert(1)", "data:text/html,x", "ftp://a.b"]
)
@pytest.mark.parametrize("field", ["paper__projectPage", "paper__githubRepo", "thumbnail", "mediaUrl"])
def test_links_that_are_not_http_are_dropped_and_the_paper_is_kept(field: str, link: str) -> None:
    read = hub_record.parse_record(feed_record(**{field: link}))
    assert (read.project_url, read.github_url, read.thumbnail_url) == (None, None, None)
    assert not read.media_urls


def test_a_project_page_may_have_a_space_in_front() -> None:
    assert (
        hub_record.parse_record(feed_record(paper__projectPage=" http://a.example/p")).project_url
        == "http://a.example/p"
    )


@pytest.mark.parametrize(
    "dirty",
    [
        "https://github.com/ada/patience\n",
        "https://github.com/ada/patience/tree/main",
        "https://github.com/ada/patience.git",
        "https://github.com/ada/patience/",
        " http://www.github.com/ada/patience#readme",
        "github.com/ada/patience",
    ],
)
def test_the_url_of_a_repository_is_normalised(dirty: str) -> None:
    assert (
        hub_record.parse_record(feed_record(paper__githubRepo=dirty)).github_url
        == "https://github.com/ada/patience"
    )


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"mediaUrls": ["https://a.example/1.mp4"], "paper__mediaUrls": ["https://a.example/2.qt"]}, "1.mp4"),
        ({"paper__mediaUrls": ["https://a.example/2.qt"]}, "2.qt"),
        ({"mediaUrl": "https://a.example/3.webm"}, "3.webm"),
        ({"mediaUrl": "https://a.example/3.webm", "mediaUrls": ["https://a.example/1.mp4"]}, "1.mp4"),
    ],
)
def test_media_are_read_from_the_outer_list_inner_list_or_single_url(
    given: dict[str, Any], read: str
) -> None:
    assert hub_record.parse_record(feed_record(**given)).media_urls == (f"https://a.example/{read}",)


def test_an_empty_list_differs_from_a_missing_one() -> None:
    read = hub_record.parse_record(feed_record(mediaUrls=[], paper__ai_keywords=[], paper__authors=[]))
    assert (read.media_urls, read.ai_keywords, read.authors) == ((), (), ())


# Ids


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("2603.00001v2", "2603.00001"),
        (" 2603.00001 ", "2603.00001"),
        ("0704.0001", "0704.0001"),
        ("astro-ph/0601001v12", "astro-ph/0601001"),
        ("math.GT/0309136", "math.GT/0309136"),
    ],
)
def test_ids_are_read_without_their_version(given: str, read: str) -> None:
    assert hub_record.parse_record(feed_record(given)).id == read


@pytest.mark.parametrize(
    "bad",
    ["", "2603", "2603.00001v0", "2603.000001", "٢٦٠٣.٠٠٠٠١", "../etc/passwd", "2603.00001\x00",
     "a/0601001\n1", None, 2603.00001, ...],
)  # fmt: skip
def test_an_invalid_id_is_rejected_with_its_value(bad: str | float | EllipsisType | None) -> None:
    assert refused(feed_record(paper__id=bad)).startswith("paper.id")


@pytest.mark.parametrize("record", [None, 5, "text", [], [feed_record()], {}, {"paper": None}, {"paper": []}])
def test_a_value_that_is_no_record_is_rejected(record: Any) -> None:
    assert refused(record)


# A wrong type anywhere

WRONG_FOR: dict[str, list[object]] = {
    "text": [True, 1.5, 7, ["seven"], {"seven": 7}, 10**4000],
    "time": [True, 1.5, 7, "seven", ["seven"], {"seven": 7}],
    "count": [True, 1.5, "7", ["seven"], {"seven": 7}, 10**4000],
    "yes or no": [0, 1.0, "true", ["seven"], {"seven": 7}],
    "texts": [True, 7, "seven", [7], [None], [["seven"]], {"seven": 7}],
    "object": [True, 7, "seven", ["seven"], [{}]],
    "objects": [True, 7, "seven", ["seven"], [None], {"seven": 7}],
}
BOTH = {
    "text": ["title", "summary", "ai_summary", "projectPage", "githubRepo"],
    "time": ["publishedAt"],
    "texts": ["mediaUrls", "ai_keywords"],
    "count": ["githubStars"],
    "object": ["organization"],
}
OUTER = {
    "text": ["thumbnail", "mediaUrl"],
    "count": ["numComments"],
    "yes or no": ["isAuthorParticipating"],
    "object": ["paper", "submittedBy", "submitterOrganization"],
}
INNER = {
    "text": ["id", "discussionId", "ai_summary_model", "githubRepoAddedBy"],
    "time": ["submittedOnDailyAt", "withdrawnAt"],
    "count": ["upvotes"],
    "object": ["submittedOnDailyBy"],
    "objects": ["authors"],
}
USER = {"text": ["name", "user", "fullname", "avatarUrl", "type"]}
ORGANIZATION = {"text": ["name", "fullname", "_id", "avatar"]}
AUTHOR = {
    "text": ["name", "_id", "status"],
    "yes or no": ["hidden"],
    "time": ["statusLastChangedAt"],
    "object": ["user"],
}


def kinds(*tables: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(field, kind) for table in tables for kind, fields in table.items() for field in fields]


@pytest.mark.parametrize(
    ("model", "tables"),
    [
        (HubItem, (BOTH, OUTER)),
        (HubPaper, (BOTH, INNER)),
        (HubUser, (USER,)),
        (HubOrganization, (ORGANIZATION,)),
        (HubAuthor, (AUTHOR,)),
    ],
)
def test_the_tables_below_cover_every_known_field(
    model: type[Any], tables: tuple[dict[str, list[str]], ...]
) -> None:
    known = {field.alias or name for name, field in model.model_fields.items()}
    assert known == {field for field, _ in kinds(*tables)}


@pytest.mark.parametrize(("field", "kind"), kinds(BOTH, OUTER))
def test_an_outer_field_of_a_wrong_type_is_rejected_with_its_name(field: str, kind: str) -> None:
    for value in WRONG_FOR[kind]:
        assert refused(feed_record(**{field: value})).startswith(field), repr(value)[:80]


@pytest.mark.parametrize(("field", "kind"), kinds(BOTH, INNER))
def test_an_inner_field_of_a_wrong_type_is_rejected_with_its_name(field: str, kind: str) -> None:
    for value in WRONG_FOR[kind]:
        assert refused(feed_record(**{f"paper__{field}": value})).startswith(f"paper.{field}"), repr(value)[
            :80
        ]


@pytest.mark.parametrize(
    ("table", "where"),
    [
        (USER, "submittedBy"),
        (USER, "paper__submittedOnDailyBy"),
        (ORGANIZATION, "organization"),
        (ORGANIZATION, "paper__organization"),
        (ORGANIZATION, "submitterOrganization"),
        (AUTHOR, "paper__authors"),
    ],
)
def test_a_nested_field_of_a_wrong_type_is_rejected_with_its_path(table: dict[str, Any], where: str) -> None:
    for field, kind in kinds(table):
        for value in WRONG_FOR[kind]:
            inner = {"name": "ada", field: value}
            told = refused(feed_record(**{where: [inner] if table is AUTHOR else inner}))
            path = where.replace("__", ".") + (".0" if table is AUTHOR else "")
            assert told.startswith(f"{path}.{field}"), repr(value)[:80]


@pytest.mark.parametrize("number", [True, False, 7.0, 1.5, "7", -1, 2**31, 10**4000, float("inf")])
@pytest.mark.parametrize("field", ["paper__upvotes", "numComments", "paper__githubStars"])
def test_a_count_must_be_an_integer_in_range(field: str, number: bool | float | str) -> None:
    assert refused(feed_record(**{field: number})).startswith(field.replace("__", "."))


@pytest.mark.parametrize(
    "time", [1772366400, 0.5, "1772366400", "soon", "0000-01-01", "10000-01-01", "2026-02-30"]
)
def test_a_time_must_be_an_iso_time_of_the_years_1_to_9999(time: float | str) -> None:
    assert refused(feed_record(paper__publishedAt=time)).startswith("paper.publishedAt")


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_outside_the_calendar_in_utc_is_rejected(time: str) -> None:
    assert "1 to 9999" in refused(feed_record(paper__submittedOnDailyAt=time))


# Hostile text


def test_control_characters_are_removed() -> None:
    read = hub_record.parse_record(
        feed_record(title="Pa\x00tient\x07 Gradients", paper__summary="We\x00 wait.")
    )
    assert (read.title, read.abstract) == ("Patient Gradients", "We wait.")


@pytest.mark.parametrize("field", ["title", "paper__summary", "paper__id", "thumbnail", "paper__publishedAt"])
def test_a_lone_surrogate_is_rejected_with_the_field_name(field: str) -> None:
    assert refused(feed_record(**{field: "\ud800"})).startswith(field.replace("__", "."))


def test_a_title_of_a_megabyte_is_rejected_with_a_short_reason() -> None:
    assert len(refused(feed_record(title="x" * 2**20))) < 400
    assert len(refused(feed_record(paper__publishedAt="2026" * 2**18))) < 400


def test_a_deeply_nested_value_is_rejected_with_a_short_reason() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert len(refused(feed_record(paper__upvotes=deep))) < 400


def test_a_reason_can_be_stored_and_shown() -> None:
    told = refused(feed_record(submittedBy={"name": ["\x00\ud800"]}))
    assert told.isprintable()
    told.encode()


@pytest.mark.parametrize(
    ("record", "paper"),
    [
        (feed_record(title=5), "2603.00001"),
        (feed_record("2603.00001v3", title=5), "2603.00001"),
        (feed_record(paper__id="nonsense"), None),
        (feed_record(paper__id=None), None),
        ({"paper": []}, None),
        ("text", None),
    ],
)
def test_the_paper_id_of_an_unreadable_record_is_guessed_if_valid(
    record: dict[str, Any] | str, paper: str | None
) -> None:
    assert hub_record.guess_paper_id(record) == paper


# Anything at all

texts = st.text(st.characters(exclude_categories=()), max_size=20)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=15,
)
addresses = st.sampled_from(
    ["https://a.example/x", "/avatars/1", "http://[::1", "javascript:x", "//b", "\\\\c"]
)
likely = anything | st.sampled_from(["2026-03-01", "name", "", 3]) | addresses
user = st.dictionaries(st.sampled_from(list(HubUser.model_fields)) | texts, likely, max_size=4)
inner = {
    name: likely | user | st.lists(user | addresses, max_size=3)
    for name in HubPaper.model_fields
    if name != "id"
}
outer = dict.fromkeys(HubItem.model_fields.keys() - {"paper"}, likely | user)
almost = st.fixed_dictionaries(
    {"paper": st.fixed_dictionaries({"id": st.just("2603.00001")}, optional=inner)}, optional=outer
)


@given(anything | almost)
def test_any_json_is_parsed_or_rejected(record: list[Any] | dict[str, Any] | None) -> None:
    try:
        read = hub_record.parse_record(record)
    except RecordUnreadable as error:
        reason = str(error)
    else:
        assert_storable(read)
        return
    assert reason.isprintable()
    assert len(reason) < 600


def assert_storable(read: object) -> None:
    assert isinstance(read, FeedPaper)
    kept = json.dumps(read.model_dump(mode="json"))
    assert "\\u0000" not in kept
    assert "\\ud800" not in kept


@given(almost)
def test_reading_does_not_change_the_record(record: dict[str, Any]) -> None:
    before = repr(record)
    with suppress(RecordUnreadable):
        hub_record.parse_record(record)
    assert repr(record) == before
