"""`/outbox`: who may see it, and that a message in it can do nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from paperround.database import utc_now
from paperround.mail import Outbox, compose_message, outbox_keys

from support.pages import Page, opened


async def written(
    folder: Any,
    *,
    subject: str = "Your sign-in link",
    text: str = "Open http://127.0.0.1:8000/x?a=1&b=2.\n",
    html: Any = None,
) -> Any:
    message = compose_message(
        sender="Paperround <papers@example.org>",
        recipient="ada@example.org",
        subject=subject,
        text=text,
        html=html,
        now=utc_now(),
    )
    path = await Outbox(folder / "outbox").send(
        message, sender="papers@example.org", recipient="ada@example.org"
    )
    return path.rpartition("/")[2]


@asynccontextmanager
async def as_operator(database_url: str, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that has opened the outbox with a key."""
    async with opened(database_url, data_dir=folder) as client:
        key = outbox_keys.make_key(Outbox(folder / "outbox"), now=utc_now())
        assert (await client.get(f"/outbox/open/{key}")).status_code == 303
        yield client


async def test_messages_are_listed_and_opened_with_their_links(database_url: str, tmp_path: Path) -> None:
    async with as_operator(database_url, tmp_path) as client:
        assert "No mail has been written yet" in Page(await client.get("/outbox")).text
        name = await written(tmp_path)
        listed = Page(await client.get("/outbox"))
        message = Page(await client.get(f"/outbox/{name}"))

    assert f"/outbox/{name}" in listed.links()
    assert "Your sign-in link" in listed.text
    assert "http://127.0.0.1:8000/x?a=1&b=2" in message.links()
    assert "ada@example.org" in message.text


async def test_html_stands_in_a_frame_that_can_do_nothing(database_url: str, tmp_path: Path) -> None:
    html = "<html><head></head><body><script>alert(1)</script><b>Hi</b></body></html>"
    name = await written(tmp_path, html=html)
    async with as_operator(database_url, tmp_path) as client:
        page = await client.get(f"/outbox/{name}")
        framed = await client.get(f"/outbox/{name}/html")

    (frame,) = [attributes for tag, attributes in Page(page).elements if tag == "iframe"]
    assert frame["src"] == f"/outbox/{name}/html"
    assert "allow-scripts" not in (frame["sandbox"] or "")
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    policy = framed.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script" not in policy
    assert "<b>Hi</b>" in framed.text


async def test_a_messages_own_text_is_text(database_url: str, tmp_path: Path) -> None:
    name = await written(
        tmp_path, subject="<script>alert(1)</script>", text='<img src=x onerror="alert(1)">\n'
    )
    async with as_operator(database_url, tmp_path) as client:
        for address in ("/outbox", f"/outbox/{name}"):
            answer = await client.get(address)
            assert "<script>alert" not in answer.text
            assert "<img" not in answer.text


async def test_where_mail_goes_to_a_server_there_is_no_outbox(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, data_dir=tmp_path, smtp_url="smtp://localhost") as client:
        for address in ("/outbox", "/outbox/open/key", "/outbox/x.eml", "/outbox/x.eml/html"):
            assert (await client.get(address)).status_code == 404


LOCAL_HEADERS = [
    {},
    {"Host": "localhost"},
    {"Host": "127.0.0.1:8000"},
    {"Host": "[::1]"},
    {"X-Forwarded-For": "127.0.0.1"},
    {"X-Forwarded-Host": "localhost"},
    {"Forwarded": "for=127.0.0.1;host=localhost"},
    {"X-Real-IP": "127.0.0.1"},
    {"Origin": "http://localhost"},
    {"Cookie": "paperround-outbox=outbox"},
    {"Cookie": "paperround-outbox="},
    {"Authorization": "Bearer outbox"},
]


async def test_nothing_that_a_browser_says_of_itself_opens_it(
    subtests: pytest.Subtests,
    database_url: str,
    tmp_path: Path,
) -> None:
    for headers in LOCAL_HEADERS:
        with subtests.test(headers=headers):
            name = await written(tmp_path)
            async with opened(database_url, data_dir=tmp_path) as client:
                for address in ("/outbox", f"/outbox/{name}", f"/outbox/{name}/html"):
                    answer = await client.get(address, headers=headers)
                    assert answer.status_code == 403
                    assert "sign-in link" not in answer.text
                    assert "paperround outbox" in answer.text


async def test_a_key_opens_it_once_and_the_browser_stays_in(database_url: str, tmp_path: Path) -> None:
    name = await written(tmp_path)
    key = outbox_keys.make_key(Outbox(tmp_path / "outbox"), now=utc_now())
    async with opened(database_url, data_dir=tmp_path) as client:
        first = await client.get(f"/outbox/open/{key}")
        assert (first.status_code, first.headers["Location"]) == (303, "/outbox")
        cookie = first.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "Path=/outbox" in cookie
        assert key not in cookie
        assert name in (await client.get("/outbox")).text
    async with opened(database_url, data_dir=tmp_path) as other:
        assert (await other.get(f"/outbox/open/{key}")).status_code == 403
        other.cookies.update(client.cookies)  # after a restart, and in another web process
        assert (await other.get(f"/outbox/{name}")).status_code == 200


async def test_another_signed_value_is_no_key(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, data_dir=tmp_path) as client:
        signer = client._transport.app.state.signer  # type: ignore[attr-defined]
        for value in (
            signer.sign("session", "outbox"),
            signer.sign("outbox", "x"),
            signer.seal("outbox", "outbox"),
        ):
            answer = await client.get("/outbox", headers={"Cookie": f"paperround-outbox={value}"})
            assert answer.status_code == 403


def test_of_many_who_use_a_key_at_once_one_succeeds(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox")
    key = outbox_keys.make_key(outbox, now=utc_now())
    with ThreadPoolExecutor(8) as threads:
        used = list(threads.map(lambda _: outbox_keys.use_key(outbox, key, now=utc_now()), range(40)))
    assert used.count(True) == 1


def test_a_key_is_good_for_a_day_and_its_file_tells_nobody_what_it_is(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox")
    key = outbox_keys.make_key(outbox, now=utc_now())
    (file,) = (outbox.folder / ".keys").iterdir()
    assert key not in file.name
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert not outbox_keys.use_key(outbox, key, now=utc_now() + timedelta(days=1, minutes=1))
    assert not outbox_keys.use_key(outbox, key, now=utc_now())
    for other in ("", "..", "../x", "x" * 100):
        assert not outbox_keys.use_key(outbox, other, now=utc_now())


async def test_an_unknown_message_is_not_found(database_url: str, tmp_path: Path) -> None:
    async with as_operator(database_url, tmp_path) as client:
        assert (await client.get("/outbox/nothing.eml")).status_code == 404
