"""`/outbox`: who may see it, and that a message in it can do nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from paperround.database import utc_now
from paperround.mail import Outbox, compose_message

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


async def test_messages_are_listed_and_opened_with_their_links(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, data_dir=tmp_path) as client:
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
    async with opened(database_url, data_dir=tmp_path) as client:
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
    async with opened(database_url, data_dir=tmp_path) as client:
        for address in ("/outbox", f"/outbox/{name}"):
            answer = await client.get(address)
            assert "<script>alert" not in answer.text
            assert "<img" not in answer.text


@pytest.mark.parametrize(
    "changes",
    [
        {"host": "0.0.0.0"},
        {"host": "192.0.2.1"},
        {"public_url": "https://papers.example.org"},
        {"smtp_url": "smtp://localhost"},
    ],
)
async def test_where_others_could_look_there_is_no_outbox(
    database_url: str, tmp_path: Path, changes: dict[str, str]
) -> None:
    name = await written(tmp_path)
    async with opened(database_url, data_dir=tmp_path, **changes) as client:
        for address in ("/outbox", f"/outbox/{name}", f"/outbox/{name}/html"):
            assert (await client.get(address)).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "papers.example.org"},
        {"Host": "192.0.2.1:8000"},
        {"X-Forwarded-For": "192.0.2.1"},
        {"X-Forwarded-Proto": "https"},
        {"Forwarded": "for=192.0.2.1"},
        {"Via": "1.1 proxy"},
        {"X-Real-IP": "192.0.2.1"},
    ],
)
async def test_whoever_comes_through_another_machine_sees_none(
    database_url: str, tmp_path: Path, headers: dict[str, str]
) -> None:
    await written(tmp_path)
    async with opened(database_url, data_dir=tmp_path) as client:
        assert (await client.get("/outbox", headers=headers)).status_code == 404
        assert (await client.get("/outbox", headers={"Host": "localhost:8000"})).status_code == 200


async def test_an_unknown_message_is_not_found(database_url: str, tmp_path: Path) -> None:
    async with opened(database_url, data_dir=tmp_path) as client:
        assert (await client.get("/outbox/nothing.eml")).status_code == 404
