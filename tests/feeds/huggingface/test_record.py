"""The hub's record: read whatever its history and its quirks, or refused by name; never anything else."""

from __future__ import annotations

import json
from contextlib import suppress
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
    Unreadable,
)
from paperround.papers.record import FeedPaper

from support.factories import at, item


def refused(record: object) -> str:
    with pytest.raises(Unreadable) as error:
        hub_record.read(record)
    return str(error.value)


# Which of two places, which of two forms


def test_the_time_comes_from_inside_since_the_outer_one_is_new_york_time():
    read = hub_record.read(
        item(publishedAt="2026-03-01T12:00:00.000Z", paper__publishedAt="2026-03-01T17:00:00.000Z")
    )
    assert read.published_at == at("2026-03-01 17:00")


def test_the_outer_time_serves_when_there_is_no_other():
    assert hub_record.read(item(paper__publishedAt=...)).published_at == at("2026-03-01 12:00")


def test_a_bare_midnight_is_a_time():
    read = hub_record.read(item(paper__publishedAt="2026-04-02T00:00:00.000Z"))
    assert read.published_at == at("2026-04-02 00:00")


@pytest.mark.parametrize("text", ["2026-03-01T12:00:00", "2026-03-01T14:00:00+02:00", "2026-03-01T12:00Z"])
def test_times_are_utc_when_they_have_no_zone_and_else_turned_into_it(text):
    assert hub_record.read(item(paper__publishedAt=text)).published_at == at("2026-03-01 12:00")


def test_the_title_comes_from_outside_where_its_latex_is_and_loses_its_line_breaks():
    read = hub_record.read(
        item(title="Waiting\n  for $\\nabla f$\r\n to come", paper__title="Waiting\n for f\nto come")
    )
    assert read.title == "Waiting for $\\nabla f$ to come"


@pytest.mark.parametrize("outer", [..., None, "", " \n ", "\x00"])
def test_the_inner_title_serves_when_the_outer_says_nothing(outer):
    assert hub_record.read(item(title=outer, paper__title="Two\nlines")).title == "Two lines"


@pytest.mark.parametrize("nothing", [..., None, "", "\n"])
def test_a_paper_without_any_title_is_refused(nothing):
    assert refused(item(title=nothing, paper__title=nothing)).startswith("paper.title")


def test_paragraphs_of_an_abstract_stay_and_its_other_line_breaks_go():
    read = hub_record.read(item(paper__summary="We wait\nfor <think>.\n\n They  come.\n"))
    assert read.abstract == "We wait for <think>.\n\nThey come."


def test_the_outer_abstract_serves_when_there_is_no_inner_one():
    assert hub_record.read(item(paper__summary=..., summary="Outside.")).abstract == "Outside."


def test_a_record_of_the_first_days_is_read_and_what_it_lacks_is_unknown():
    read = hub_record.read({"paper": {"id": "2405.00001", "title": "Early"}, "title": "Early"})
    known = {name for name, value in read if value is not None}
    assert known == {"id", "title", "listing"}
    assert read.listing.submitter is None


@pytest.mark.parametrize("field", [name for name in HubItem.model_fields if name not in ("paper", "title")])
def test_null_is_as_good_as_missing_outside(field):
    assert hub_record.read(item(**{field: None})) == hub_record.read(item(**{field: ...}))


@pytest.mark.parametrize("field", [name for name in HubPaper.model_fields if name != "id"])
def test_null_is_as_good_as_missing_inside(field):
    changes = {f"paper__{field}": None}
    assert hub_record.read(item(**changes)) == hub_record.read(item(**{f"paper__{field}": ...}))


def test_unknown_fields_are_no_error_wherever_they_are():
    record = item(
        novelty={"deep": [1, None]},
        paper__novelty=[{}],
        organization={"name": "lab", "novelty": 1},
        paper__authors=[{"name": "Ada Lindqvist", "novelty": {}}],
    )
    assert hub_record.read(record).authors[0].name == "Ada Lindqvist"


# People


def test_the_submitter_may_stand_under_name_or_under_user():
    listed = hub_record.read(item(submittedBy={"name": "ada"})).listing.submitter
    earlier = hub_record.read(item(submittedBy=..., paper__submittedOnDailyBy={"user": "ada"})).listing
    assert listed["name"] == earlier.submitter["name"] == "ada"


def test_the_list_knows_better_than_the_paper_who_submitted_it():
    record = item(submittedBy={"name": "ada"}, paper__submittedOnDailyBy={"user": "ben", "fullname": "B."})
    assert hub_record.read(record).listing.submitter == {"name": "ada", "fullname": "B."}


def test_an_avatar_without_a_host_is_the_hubs():
    record = item(submittedBy={"name": "ada", "avatarUrl": "/avatars/1.svg"})
    submitter = hub_record.read(record).listing.submitter
    assert submitter["avatarUrl"] == "https://huggingface.co/avatars/1.svg"


def test_plain_facts_of_an_account_are_kept_and_everything_else_is_not():
    record = item(
        submittedBy={"name": "ada", "isPro": True, "followerCount": 3, "nested": {"a": 1}, "f": 0.5}
    )
    assert hub_record.read(record).listing.submitter == {
        "name": "ada",
        "isPro": True,
        "followerCount": 3,
    }


@pytest.mark.parametrize("key", ["a\x00b", "a\nb", "x" * 5000, "", "\u202e"])
def test_the_names_of_an_accounts_facts_are_made_safe_like_all_text(key):
    submitter = hub_record.read(item(submittedBy={"name": "ada", key: "fact"})).listing.submitter
    assert submitter["name"] == "ada"
    assert all(name and name.isprintable() and len(name) <= 300 for name in submitter)


def test_hidden_authors_keep_their_place_and_namesakes_both_stay():
    names = [("Ada Lindqvist", False), ("Ben Okoro", True), ("Ada Lindqvist", False)]
    record = item(paper__authors=[{"name": name, "hidden": hidden} for name, hidden in names])
    assert [(author.name, author.hidden) for author in hub_record.read(record).authors] == names


def test_an_author_without_a_name_is_left_out():
    record = item(paper__authors=[{"name": None}, {"name": " \n"}, {}, {"name": "GLM-4. 5 Team"}])
    assert [author.name for author in hub_record.read(record).authors] == ["GLM-4. 5 Team"]


def test_664_authors_are_read():
    record = item(paper__authors=[{"name": f"Author {n}"} for n in range(664)])
    assert len(hub_record.read(record).authors) == 664


@pytest.mark.parametrize("organization", [{}, {"name": None}, {"name": " "}, {"fullname": "No Name"}])
def test_an_organization_without_a_name_is_none(organization):
    assert hub_record.read(item(organization=organization)).organization is None


def test_an_organization_needs_no_avatar_and_no_full_name():
    organization = hub_record.read(item(paper__organization={"name": "lab"})).organization
    assert (organization.name, organization.full_name, organization.avatar_url) == ("lab", "lab", None)


# Links


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", " JavaScript:alert(1)", "data:text/html,x", "ftp://a.b"]
)
@pytest.mark.parametrize("field", ["paper__projectPage", "paper__githubRepo", "thumbnail", "mediaUrl"])
def test_links_that_are_not_http_are_dropped_and_the_paper_is_kept(field, link):
    read = hub_record.read(item(**{field: link}))
    assert (read.project_url, read.github_url, read.thumbnail_url) == (None, None, None)
    assert not read.media_urls


def test_a_project_page_may_have_a_space_in_front():
    assert hub_record.read(item(paper__projectPage=" http://a.example/p")).project_url == "http://a.example/p"


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
def test_a_repositorys_address_is_cleaned(dirty):
    assert hub_record.read(item(paper__githubRepo=dirty)).github_url == "https://github.com/ada/patience"


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({"mediaUrls": ["https://a.example/1.mp4"], "paper__mediaUrls": ["https://a.example/2.qt"]}, "1.mp4"),
        ({"paper__mediaUrls": ["https://a.example/2.qt"]}, "2.qt"),
        ({"mediaUrl": "https://a.example/3.webm"}, "3.webm"),
        ({"mediaUrl": "https://a.example/3.webm", "mediaUrls": ["https://a.example/1.mp4"]}, "1.mp4"),
    ],
)
def test_media_stand_outside_inside_or_alone(given, read):
    assert hub_record.read(item(**given)).media_urls == (f"https://a.example/{read}",)


def test_empty_lists_are_told_and_differ_from_nothing():
    read = hub_record.read(item(mediaUrls=[], paper__ai_keywords=[], paper__authors=[]))
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
def test_ids_are_read_without_their_version(given, read):
    assert hub_record.read(item(given)).id == read


@pytest.mark.parametrize(
    "bad",
    ["", "2603", "2603.00001v0", "2603.000001", "٢٦٠٣.٠٠٠٠١", "../etc/passwd", "2603.00001\x00",
     "a/0601001\n1", None, 2603.00001, ...],
)  # fmt: skip
def test_what_is_no_arxiv_id_is_refused_by_name(bad):
    assert refused(item(paper__id=bad)).startswith("paper.id")


@pytest.mark.parametrize("record", [None, 5, "text", [], [item()], {}, {"paper": None}, {"paper": []}])
def test_what_is_no_record_is_refused(record):
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
def test_every_known_field_is_tried_below(model, tables):
    known = {field.alias or name for name, field in model.model_fields.items()}
    assert known == {field for field, _ in kinds(*tables)}


@pytest.mark.parametrize(("field", "kind"), kinds(BOTH, OUTER))
def test_a_known_outer_field_of_a_wrong_type_is_refused_by_name(field, kind):
    for value in WRONG_FOR[kind]:
        assert refused(item(**{field: value})).startswith(field), repr(value)[:80]


@pytest.mark.parametrize(("field", "kind"), kinds(BOTH, INNER))
def test_a_known_inner_field_of_a_wrong_type_is_refused_by_name(field, kind):
    for value in WRONG_FOR[kind]:
        assert refused(item(**{f"paper__{field}": value})).startswith(f"paper.{field}"), repr(value)[:80]


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
def test_a_wrong_type_deeper_inside_is_refused_by_its_path(table, where):
    for field, kind in kinds(table):
        for value in WRONG_FOR[kind]:
            inner = {"name": "ada", field: value}
            told = refused(item(**{where: [inner] if table is AUTHOR else inner}))
            path = where.replace("__", ".") + (".0" if table is AUTHOR else "")
            assert told.startswith(f"{path}.{field}"), repr(value)[:80]


@pytest.mark.parametrize("number", [True, False, 7.0, 1.5, "7", -1, 2**31, 10**4000, float("inf")])
@pytest.mark.parametrize("field", ["paper__upvotes", "numComments", "paper__githubStars"])
def test_only_whole_numbers_that_fit_are_counts(field, number):
    assert refused(item(**{field: number})).startswith(field.replace("__", "."))


@pytest.mark.parametrize(
    "time", [1772366400, 0.5, "1772366400", "soon", "0000-01-01", "10000-01-01", "2026-02-30"]
)
def test_only_iso_times_of_the_years_1_to_9999_are_times(time):
    assert refused(item(paper__publishedAt=time)).startswith("paper.publishedAt")


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_that_leaves_the_calendar_in_utc_is_refused(time):
    assert "1 to 9999" in refused(item(paper__submittedOnDailyAt=time))


# Hostile text


def test_nul_and_other_control_characters_are_taken_out():
    read = hub_record.read(item(title="Pa\x00tient\x07 Gradients", paper__summary="We\x00 wait."))
    assert (read.title, read.abstract) == ("Patient Gradients", "We wait.")


@pytest.mark.parametrize("field", ["title", "paper__summary", "paper__id", "thumbnail", "paper__publishedAt"])
def test_lone_surrogates_are_refused_by_name(field):
    assert refused(item(**{field: "\ud800"})).startswith(field.replace("__", "."))


def test_a_title_of_a_megabyte_is_refused_with_a_short_reason():
    assert len(refused(item(title="x" * 2**20))) < 400
    assert len(refused(item(paper__publishedAt="2026" * 2**18))) < 400


def test_a_deep_nest_is_refused_with_a_short_reason():
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert len(refused(item(paper__upvotes=deep))) < 400


def test_a_reason_can_be_stored_and_shown():
    told = refused(item(submittedBy={"name": ["\x00\ud800"]}))
    assert told.isprintable()
    told.encode()


@pytest.mark.parametrize(
    ("record", "paper"),
    [
        (item(title=5), "2603.00001"),
        (item("2603.00001v3", title=5), "2603.00001"),
        (item(paper__id="nonsense"), None),
        (item(paper__id=None), None),
        ({"paper": []}, None),
        ("text", None),
    ],
)
def test_the_paper_of_an_unreadable_record_is_guessed_where_it_can_be(record, paper):
    assert hub_record.guess_id(record) == paper


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
def test_any_json_at_all_is_read_or_refused(record):
    try:
        read = hub_record.read(record)
    except Unreadable as error:
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
def test_reading_does_not_change_the_record(record):
    before = repr(record)
    with suppress(Unreadable):
        hub_record.read(record)
    assert repr(record) == before
