"""The recipes of docs/build.md run as they stand there."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from paperround.accounts import api_keys
from paperround.accounts.tables import Scope
from paperround.database import Database, utc_now
from paperround.settings import Settings
from paperround.topics import reader_topics
from paperround.topics.drafts import TopicDraft
from paperround.topics.model.bands import Band

from support.databases import new_database
from support.factories import add_reader
from support.sites import running_site
from support.socket_server import serving_http
from support.topic_corpus import add_measured_subjects, paper_id

PAGE = Path(__file__).parents[3] / "docs/build.md"
RECIPES = dict(re.findall(r"```python\n# recipe: (\w+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S))
MAX_LINES = 12
DAY, WEEK = "2026-03-10", "2026-W11"
sent_to_chat: list[dict[str, Any]] = []


async def fill(url: str) -> str:
    async with Database(url) as database:
        await add_measured_subjects(database, day=DAY, now=utc_now())
        ada = await add_reader(database, "ada@example.org")
        async with database.write_session() as session:
            draft = TopicDraft(words="honey bees", min_band=Band.possible)
            await reader_topics.create_topic(session, ada.id, draft, now=utc_now())
            return await api_keys.create_key(session, ada.id, name="Test", scope=Scope.write, now=utc_now())


class Chat(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        sent_to_chat.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def environment(server: str) -> Iterator[dict[str, str]]:
    with new_database(server) as url, serving_http(Chat) as chat:
        key = asyncio.run(fill(url))
        with running_site(Settings(_env_file=None, mcp=True), url) as address:
            yield {"SITE": address, "KEY": key, "WEBHOOK": f"{chat}/hook", "WEEK": WEEK, "PAPER": paper_id(1)}


@pytest.fixture
def printed(
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> str:
    """What the recipe of the test's parameter prints."""
    for name, value in (environment | {"VAULT": str(tmp_path), "FILE": str(tmp_path / "saved.bib")}).items():
        monkeypatch.setenv(name, value)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        names: dict[str, Any] = {}
        exec(compile(RECIPES[request.param], f"recipe {request.param}", "exec"), names)
    if "site" in names:  # a program's connections end with it
        names["site"].close()
    return output.getvalue()


def test_every_recipe_is_tried_here_and_short() -> None:
    assert set(RECIPES) == {"chat", "notes", "week", "saved", "agent"}
    assert all(len(code.strip().splitlines()) <= MAX_LINES for code in RECIPES.values())


@pytest.mark.parametrize("printed", ["chat"], indirect=True)
def test_a_chat_gets_a_line(printed: str) -> None:
    assert sent_to_chat[-1]["text"].count("•") == 3
    assert "/papers/2603." in sent_to_chat[-1]["text"]


@pytest.mark.parametrize("printed", ["notes"], indirect=True)
def test_a_note_has_the_days_matches(printed: str, tmp_path: Path) -> None:
    note = (tmp_path / f"Papers {DAY}.md").read_text(encoding="utf-8")
    assert note.startswith("## honey bees\n- [On ")


@pytest.mark.parametrize("printed", ["week"], indirect=True)
def test_a_lab_has_its_week(printed: str) -> None:
    assert f"<title>Week {WEEK}</title>" in printed


@pytest.mark.parametrize("printed", ["saved"], indirect=True)
def test_a_reading_list_is_written_as_bibtex(printed: str, tmp_path: Path) -> None:
    assert paper_id(1) in (tmp_path / "saved.bib").read_text(encoding="utf-8")


@pytest.mark.parametrize("printed", ["agent"], indirect=True)
def test_an_agent_of_ones_own_searches(printed: str) -> None:
    assert printed
