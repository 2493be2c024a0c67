"""Whatever a request's headers and body are, the answer is no fault of ours and repeats no foreign host."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from paperround.database import Database
from paperround.settings import Settings
from paperround.web.dependencies import require_key
from paperround.web.security.hosts import is_allowed_host
from paperround.web.security.middleware import HEADERS

from support.api import bearer_header, create_api_key
from support.factories import utc
from support.pages import TODAY, app_routes, opened, three_days
from support.people import ADA, sign_in_browser

JSON = {"Content-Type": "application/json"}
EXAMPLES = {
    "paper_id": "2603.00001",
    "form": "atom",
    "topic_id": "1",
    "path": "2603.00001",
    "key": "2026-03",
    "name": "x",
    "token": "x",
}


def fill(path: str) -> str:
    """An address of the route with this path."""
    return re.sub(r"\{(\w+)[^}]*\}", lambda match: EXAMPLES.get(match[1], "1"), path)


@pytest.fixture
async def site_with_key(
    database_url: str, database: Database
) -> AsyncIterator[tuple[httpx.AsyncClient, dict[str, str]]]:
    """A site with papers, and the header of a key that may write."""
    await three_days(database)
    async with opened(database_url) as client:
        ada = await sign_in_browser(client, database, ADA, now=utc(TODAY))
        key = await create_api_key(client, ada, "write")
        client.cookies.clear()
        yield client, bearer_header(key)


@pytest.fixture
async def pages(database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with opened(database_url) as client:
        yield client


HEADER_VALUES = [
    b"\xff\xfe", b"a" * 8000, b"", b",", b"\xc2\xb2", b"-1", b"1_0", b"http://[::1", b"http://a:99999",
    b"Fri, 31 Dec 99999 23:59:59 GMT", b"Mon, 01 Jan 0000 00:00:00 GMT",
    b"Mon, 01 Jan 2020 00:00:00 +9999999999999999999999", b"Mon, 01 Jan 0001 00:00:00 +2359",
    b"bytes=9999999999999999999999-", b"bytes=-", b"Bearer \xff", b'paperround="\\377"', b"W/\"", b"* ; q=x",
]  # fmt: skip
HEADER_NAMES = [
    "Accept", "Accept-Encoding", "Authorization", "Content-Type", "Cookie", "Content-Length", "Forwarded",
    "Host", "If-Modified-Since", "If-None-Match", "If-Range", "Origin", "Range", "Referer", "Sec-Fetch-Site",
    "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
]  # fmt: skip


async def test_no_header_is_a_fault_of_ours(
    site_with_key: tuple[httpx.AsyncClient, dict[str, str]],
) -> None:
    client, key = site_with_key
    encoded = {told.encode(): text.encode() for told, text in {**key, **JSON}.items()}
    requests = [
        ("GET", "/feeds/daily.atom", b"", {}),
        ("GET", "/static/style.css", b"", {}),
        ("POST", "/subscribe", b"email=a", {}),
        ("POST", "/api/v1/topics", b"{}", encoded),
        ("GET", "/settings", b"", {}),
    ]
    for place, name in enumerate(HEADER_NAMES):
        for number, value in enumerate(HEADER_VALUES):
            named = requests[:2] if name.startswith("If-") else [requests[(place + number) % 5]]
            for method, address, content, headers in named:
                headers = {**headers, name.encode(): value}
                answer = await client.request(method, address, content=content, headers=headers)
                assert answer.status_code < 500, (address, name, value)


@pytest.mark.parametrize(
    "kind", ["Application/X-WWW-Form-Urlencoded", "APPLICATION/x-www-form-urlencoded ; Charset=UTF-8"]
)
async def test_a_forms_media_type_may_be_written_in_any_case(
    site_with_key: tuple[httpx.AsyncClient, dict[str, str]], kind: str
) -> None:
    client, _ = site_with_key
    answer = await client.post(
        "/subscribe", content=b"email=ada%40example.org", headers={"Content-Type": kind}
    )

    assert answer.status_code == 200


async def test_an_uploads_media_type_may_be_written_in_any_case(
    site_with_key: tuple[httpx.AsyncClient, dict[str, str]],
) -> None:
    """Its limit is another one, too."""
    client, _ = site_with_key
    head = b'--x\r\nContent-Disposition: form-data; name="email"\r\n\r\n'
    kind = {"Content-Type": "Multipart/Form-Data; Boundary=x"}
    small = await client.post("/subscribe", content=head + b"ada@example.org\r\n--x--\r\n", headers=kind)
    large = await client.post("/subscribe", content=head + b"x" * 1_500_000 + b"\r\n--x--\r\n", headers=kind)

    assert small.status_code == 200
    assert large.status_code == 400  # too long for a field, but not for an upload


async def test_text_in_another_charset_than_utf8_is_refused(
    site_with_key: tuple[httpx.AsyncClient, dict[str, str]],
) -> None:
    client, key = site_with_key
    part = rb"--x" b'\r\nContent-Disposition: form-data; name="email"\r\n\r\n\\ud800+2AA-\r\n--x--\r\n'
    for charset in ("utf-16", "utf-7", "unicode_escape", "rot13", "idna", "punycode", "no"):
        multipart = {"Content-Type": f"multipart/form-data; boundary=x; charset={charset}"}
        json_kind = {**key, "Content-Type": f'application/json; CHARSET="{charset}"'}
        form = await client.post("/subscribe", content=part, headers=multipart)
        body = await client.post("/api/v1/topics", content=b'{"words": "bees"}', headers=json_kind)

        assert [form.status_code, body.status_code] == [415, 415], charset


async def test_json_in_another_encoding_than_utf8_is_refused(
    site_with_key: tuple[httpx.AsyncClient, dict[str, str]],
) -> None:
    client, key = site_with_key
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"):
        for words in ("bees", "be\0es"):
            content = json.dumps({"words": words}).encode(encoding)
            answer = await client.post("/api/v1/topics", content=content, headers={**key, **JSON})
            assert answer.status_code == 415, (encoding, words)


async def test_json_that_is_none_of_ours_is_refused_in_few_words(
    site_with_key: tuple[httpx.AsyncClient, dict[str, str]],
) -> None:
    client, key = site_with_key
    contents = [
        b'{"words": "\\ud800"}', b'{"\\ud800": 1}', b'{"words": NaN}', b'{"daily": Infinity, "words": "x"}',
        b'{"daily": ' + b"9" * 5000 + b"}", b"[" * 100_000, b'{"words": "\xff"}', b"", b"null", b"[]", b'"x"',
        b'{"' + b"x" * 500_000 + b'": 1}',
    ]  # fmt: skip
    for content in contents:
        answer = await client.post("/api/v1/topics", content=content, headers={**key, **JSON})
        assert answer.status_code in (400, 422), content[:50]
        assert len(answer.content) < 2_000, content[:50]


TYPES = [False, True, "7", " 7 ", 7.5, 7.0, [7], {}]


async def test_a_number_in_json_is_a_number(
    site_with_key: tuple[httpx.AsyncClient, dict[str, str]],
) -> None:
    client, key = site_with_key
    for value in TYPES:
        for method, address, body in bodies_with(value):
            answer = await client.request(method, address, json=body, headers=key)
            assert answer.status_code in (400, 422), (address, body)


def bodies_with(value: Any) -> list[tuple[str, str, dict[str, Any]]]:
    """Requests in each of which `value` stands where a number should."""
    return [
        ("POST", "/api/v1/subscriptions", {"email": "ada@example.org", "hour": value}),
        ("POST", "/api/v1/subscriptions", {"email": "ada@example.org", "weekday": value}),
        ("POST", "/api/v1/match", {"text": "x", "daily": value}),
        ("POST", "/api/v1/match", {"text": "x", "limit": value}),
        ("POST", "/api/v1/topics", {"words": "x", "daily": value}),
        ("PATCH", "/api/v1/topics/1", {"place": value}),
        ("POST", "/api/v1/topics/1/ratings", {"paper": "2603.00001", "value": value}),
    ]


async def test_days_and_truths_in_json_are_such(
    site_with_key: tuple[httpx.AsyncClient, dict[str, str]],
) -> None:
    client, key = site_with_key
    values: list[Any] = [0, 1, "true", "0", "", "2026-1-1", "20260101", "2026-W01-1", "1767225600", []]
    for value in values:
        day = await client.post("/api/v1/match", json={"text": "x", "from": value})
        paused = await client.patch("/api/v1/topics/1", json={"paused": value}, headers=key)
        assert (day.status_code, paused.status_code) == (422, 400), value


async def test_what_clients_are_told_to_send_is_taken(
    site_with_key: tuple[httpx.AsyncClient, dict[str, str]],
) -> None:
    client, key = site_with_key
    topic = await client.post("/api/v1/topics", json={"words": "bees", "daily": 7}, headers=key)
    address = topic.headers["Location"]
    answers = [
        await client.post(
            "/api/v1/subscriptions",
            json={"email": "ada@example.org", "hour": 7, "weekday": 0, "cadence": "weekly", "more": 1},
        ),
        await client.post("/api/v1/match", json={"text": "x", "from": "2026-03-01", "to": "2026-03-07"}),
        await client.patch(address, json={"paused": True, "place": 0, "daily": 3}, headers=key),
        await client.post(f"{address}/ratings", json={"paper": "2603.00001", "value": -1}, headers=key),
    ]

    assert [topic.status_code, *(answer.status_code for answer in answers)] == [201, 202, 200, 200, 200]


async def test_405_names_every_method_of_an_address(pages: httpx.AsyncClient) -> None:
    methods: dict[str, set[str]] = {}
    for route in app_routes(pages):
        methods.setdefault(fill(route.path), set()).update(route.methods)
    for address, known in methods.items():
        answer = await pages.request("BREW", address)
        allowed = set(answer.headers["Allow"].split(", "))
        assert answer.status_code == 405, address
        assert allowed >= known, address
        assert ("HEAD" in allowed) == ("GET" in allowed), address
        for method in {"PUT", "OPTIONS"} - allowed:
            assert (await pages.request(method, address)).headers["Allow"] == answer.headers["Allow"]


async def test_a_slash_at_the_end_leads_to_the_address_without_it_on_no_named_host(
    pages: httpx.AsyncClient,
) -> None:
    for route in app_routes(pages):
        if route.path == "/":
            continue
        address = fill(route.path)
        answer = await pages.request(min(route.methods), f"{address}/?a=b", headers={"Host": "localhost:9"})
        assert (answer.status_code, answer.headers["Location"]) == (308, f"{address}?a=b")


@pytest.mark.parametrize(
    "path",
    ["//evil.example/", "///evil.example//", "/\\evil.example/", "//", "/%2f/evil.example/", "/static/"],
)
async def test_no_address_leads_to_another_site(pages: httpx.AsyncClient, path: str) -> None:
    answer = await pages.send(
        httpx.Request("GET", httpx.URL("http://127.0.0.1").copy_with(raw_path=path.encode()))
    )

    assert answer.status_code in (308, 404)
    assert re.match(r"/(?![/\\])", answer.headers.get("Location", "/x"))


# --- Hosts ------------------------------------------------------------------------------------------------

PUBLIC = {"public_url": "https://papers.example.org"}


@pytest.mark.parametrize(
    ("changes", "host", "allowed"),
    [
        (PUBLIC, "papers.example.org", True),
        (PUBLIC, "PAPERS.example.org.:8443", True),
        (PUBLIC, "localhost:8000", True),
        (PUBLIC, "127.0.0.1", True),
        (PUBLIC, "[::1]:8000", True),
        (PUBLIC, "evil.example", False),
        (PUBLIC, "papers.example.org.evil.example", False),
        (PUBLIC, "evil.example#papers.example.org", False),
        (PUBLIC, "evil.example:80@papers.example.org", False),
        (PUBLIC, "papers.example.org/x", False),
        (PUBLIC, "papers.example.org:x", False),
        (PUBLIC, "192.0.2.1", False),
        (PUBLIC, "", False),
        (PUBLIC, ":80", False),
        (PUBLIC, "a" * 300, False),
        (PUBLIC | {"host": "0.0.0.0"}, "192.0.2.1", False),
        (PUBLIC | {"allowed_hosts": "papers.lan, [2001:db8::1]"}, "papers.lan:8000", True),
        (PUBLIC | {"allowed_hosts": "papers.lan, [2001:db8::1]"}, "[2001:db8::1]:8000", True),
        ({}, "localhost", True),
        ({}, "evil.example", False),
        ({}, "192.0.2.1", False),
        ({"host": "0.0.0.0"}, "192.0.2.1:8000", True),
        ({"host": "::"}, "[2001:db8::1]:8000", True),
        ({"host": "0.0.0.0"}, "evil.example", False),
        ({"host": "192.0.2.1"}, "192.0.2.1:8000", True),
        ({"host": "2001:db8::1"}, "[2001:db8::1]:8000", True),
        ({"host": "192.0.2.1"}, "192.0.2.2", False),
    ],
)  # fmt: skip
def test_a_site_answers_to_its_own_names_alone(changes: dict[str, Any], host: str, allowed: bool) -> None:
    assert is_allowed_host(host, Settings(_env_file=None, **changes)) is allowed


async def test_a_request_for_another_host_is_refused_everywhere_but_for_probes(database_url: str) -> None:
    async with opened(database_url, **PUBLIC) as client:
        evil = {"Host": "evil.example"}
        for address in [*{fill(route.path) for route in app_routes(client)}, "/static/style.css", "/nowhere"]:
            answer = await client.get(address, headers=evil)
            probe = address in ("/healthz", "/readyz")
            assert answer.status_code == (200 if probe else 421), address
            assert "evil.example" not in answer.text
        assert (await client.post("/sign-in", data={"email": ADA}, headers=evil)).status_code == 421
        assert (await client.get("/about", headers={"Host": "papers.example.org"})).status_code == 200
        twice = await client.get("/about", headers=[("Host", "127.0.0.1"), ("Host", "evil.example")])
        assert twice.status_code == 400


# --- What is kept -----------------------------------------------------------------------------------------


async def test_what_a_token_or_a_key_opens_is_kept_nowhere(
    site_with_key: tuple[httpx.AsyncClient, dict[str, str]],
) -> None:
    client, key = site_with_key
    with_token = [route for route in app_routes(client) if "{token}" in route.path]
    with_key = [route for route in app_routes(client) if is_behind_key(route)]
    assert len(with_token) > 10
    assert len(with_key) > 8
    for route in [*with_token, *with_key]:
        for method in route.methods:
            answer = await client.request(method, fill(route.path), headers=key if route in with_key else {})
            assert answer.headers["Cache-Control"] == "no-store", (method, route.path)


def is_behind_key(route: APIRoute) -> bool:
    def asked(dependant: Any) -> set[object]:
        return {dependant.call}.union(*(asked(part) for part in dependant.dependencies))

    return require_key in asked(route.dependant)


@pytest.mark.parametrize(
    ("public_url", "expected"),
    [("https://papers.example.org", "max-age=31536000"), ("http://papers.example.org", None), (None, None)],
)
async def test_a_site_on_https_tells_browsers_to_stay_there(
    database_url: str, public_url: str | None, expected: str | None
) -> None:
    async with opened(database_url, public_url=public_url) as client:
        for address in ("/about", "/nowhere", "/static/style.css", "/api/v1/me"):
            answer = await client.get(address)
            assert answer.headers.get("Strict-Transport-Security") == expected
            assert "camera=()" in answer.headers["Permissions-Policy"]
    assert "Permissions-Policy" in HEADERS
