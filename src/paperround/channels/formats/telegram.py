"""Telegram's messages: one text in its HTML, whose title lines are links."""

from __future__ import annotations

import re
from html import escape, unescape
from typing import Final

from paperround.channels.message import ChannelDigest, ChannelNotice, ChannelPaper, Payload, fit

MAX_TEXT_LENGTH: Final = 4096  # units of UTF-16, without the tags
MAX_SOURCE_LENGTH: Final = 12_000  # characters with the tags
MAX_ENTITIES: Final = 90  # bold words and links; Telegram reads a hundred
TAG: Final = re.compile(r"<[^>]*>")
ELEMENT: Final = re.compile(r"<(?:a |b>)")


def format_digest(digest: ChannelDigest, chat: str) -> Payload:
    return _build(fit(digest, _render, _fits), chat)


def format_notice(notice: ChannelNotice, chat: str) -> Payload:
    return _build(f"<b>{_escape(notice.title)}</b>\n{_escape(notice.text)}", chat)


def _build(text: str, chat: str) -> Payload:
    return {
        "chat_id": chat,
        "text": text,
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
    }


def _fits(text: str) -> bool:
    shown = unescape(TAG.sub("", text))
    return (
        len(shown.encode("utf-16-le")) // 2 <= MAX_TEXT_LENGTH
        and len(text) <= MAX_SOURCE_LENGTH
        and len(ELEMENT.findall(text)) <= MAX_ENTITIES
    )


def _render(digest: ChannelDigest) -> str:
    parts = [f"<b>{_escape(digest.title)}</b>" + (f"\n{_escape(digest.opening)}" if digest.opening else "")]
    for section in digest.sections:
        parts.append(f"<b>{_escape(section.heading)}</b>")
        parts += [_render_paper(paper) for paper in section.papers]
    words = digest.rest or f"All of it on {digest.site_name}"
    parts.append(_link(digest.url, words))
    return "\n\n".join(parts)


def _render_paper(paper: ChannelPaper) -> str:
    lines = [_link(paper.url, paper.title)]
    lines += [_escape(line) for line in (paper.byline, paper.why, paper.labelled_summary) if line]
    if paper.code_url:
        lines.append(_link(paper.code_url, "Code"))
    return "\n".join(lines)


def _link(url: str, words: str) -> str:
    return f'<a href="{escape(url, quote=True)}">{_escape(words)}</a>'


def _escape(text: str) -> str:
    return escape(text, quote=False)
