"""Digests of one batch, each wholly in its reader's language, also where all else is the same."""

from __future__ import annotations

import email
from datetime import date
from email import policy
from email.message import EmailMessage

import pytest
from sqlalchemy import update

from paperround.accounts.tables import Reader
from paperround.database import Database
from paperround.digests.digest import Digest
from paperround.digests.items import DigestItem
from paperround.digests.preview import render_preview
from paperround.digests.renderer import DigestRenderer
from paperround.digests.selection import Selection
from paperround.digests.tables import Cadence
from paperround.digests.wording import format_reason
from paperround.i18n.languages import using_language

from support.factories import utc
from support.people import ADA, add_person
from support.sender_child import LINKS
from support.subscriptions import TARGET
from support.tagged_messages import tag_messages

NOW = utc("2026-03-02 07:00")
DAYS = {"de": "Montag, 2. März", "zh-Hans": "3月2日星期一", "en": "Monday, 2 March"}
ITEM = DigestItem(
    id="2603.00001",
    title="Patient Gradients",
    author_names=("Ada Lindqvist",),
    published_on=date(2026, 3, 1),
    organization="",
    summary="We wait for gradients.",
    summary_label="AI summary",
    code_url="https://github.com/ada/patience",
    vote_count=12,
)


def render(renderer: DigestRenderer, language: str, papers: list[str]) -> list[str]:
    items = {ITEM.id: ITEM}
    selection = Selection(papers, {})
    digest = Digest(
        TARGET, "a@example.org", Cadence.daily, date(2026, 3, 2), selection, items, 7, language=language
    )
    body = renderer.render_message(digest, now=NOW).body
    message = email.message_from_bytes(body, policy=policy.default)
    assert isinstance(message, EmailMessage)
    parts = [message.get_body([kind]) for kind in ("plain", "html")]
    return [str(message["Subject"]), *(part.get_content() for part in parts if part is not None)]


def test_each_digest_is_in_its_readers_language(monkeypatch: pytest.MonkeyPatch) -> None:
    tag_messages(monkeypatch)
    renderer = DigestRenderer(LINKS, "Paperround")
    for language in ("de", "en", "zh-Hans", "en", "de"):
        for papers in ([ITEM.id], []):
            subject, *bodies = render(renderer, language, papers)
            assert f'<html lang="{language}" dir="ltr"' in bodies[-1]
            for body in bodies:
                assert DAYS[language] in body
                others = {"de", "zh-Hans"} - {language}
                assert not any(f"[{other}:" in body + subject for other in others)
                assert (f"[{language}:" in body) is (language != "en")
            assert papers or DAYS[language] in subject


async def test_a_preview_is_in_the_language_that_its_reader_chose(database: Database) -> None:
    reader = await add_person(database, ADA)
    async with database.write_session() as session:
        await session.execute(
            update(Reader).where(Reader.id == reader.id).values(interface_language="zh-Hans")
        )
    preview = await render_preview(database, LINKS, "Paperround", ADA, now=NOW)
    assert '<html lang="zh-Hans"' in preview.page
    assert "没有新内容" in preview.page


@pytest.mark.parametrize(
    ("phrase", "german"),
    [
        ("close in meaning", "in der Bedeutung nah"),
        ("by Ada Lindqvist", "von Ada Lindqvist"),
        ("similar to “Slow Water”", "ähnlich wie „Slow Water“"),
        ("waggle dances", "waggle dances"),
    ],
)
def test_stored_reasons_are_said_in_the_readers_language(phrase: str, german: str) -> None:
    why = {"topic": 1, "name": "Bees", "own": True, "band": "strong", "why": [phrase]}
    with using_language("de"):
        assert format_reason(why) == f"Starker Treffer: {german}."
