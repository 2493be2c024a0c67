"""Slack's messages: blocks of rich text, whose words are taken literally, and the same as text.

The text is what notifications show, and all that servers show which take Slack's format without its blocks,
such as Mattermost.
"""

from __future__ import annotations

from typing import Any, Final

from paperround.channels.message import ChannelDigest, ChannelNotice, ChannelPaper, Payload, fit

MAX_BLOCKS: Final = 50
MAX_HEADER_LENGTH: Final = 150  # characters of a header block
MAX_TEXT_LENGTH: Final = 12_000  # characters; Mattermost takes 16,383


def format_digest(digest: ChannelDigest) -> Payload:
    return fit(digest, _render, _fits)


def format_notice(notice: ChannelNotice) -> Payload:
    return {"text": f"*{_escape(notice.title)}*\n{_escape(notice.text)}"}


def _fits(payload: Payload) -> bool:
    return len(payload["blocks"]) <= MAX_BLOCKS and len(payload["text"]) <= MAX_TEXT_LENGTH


def _render(digest: ChannelDigest) -> Payload:
    blocks = [_header(digest.title)]
    if digest.opening:
        blocks.append(_rich_text([_words(digest.opening)]))
    for section in digest.sections:
        blocks.append(_header(section.heading))
        blocks += [_rich_text(_list_elements(paper)) for paper in section.papers]
    rest = [_words(f"{digest.rest}: ")] if digest.rest else []
    blocks.append(_rich_text([*rest, _link(digest.url, f"All of it on {digest.site_name}")]))
    return {"text": _render_text(digest), "blocks": blocks, "unfurl_links": False, "unfurl_media": False}


def _list_elements(paper: ChannelPaper) -> list[dict[str, Any]]:
    lines = [paper.byline, paper.why, paper.labelled_summary]
    elements = [_link(paper.url, paper.title) | {"style": {"bold": True}}]
    elements.append(_words("".join(f"\n{line}" for line in lines if line)))
    if paper.code_url:
        elements += [_words("\n"), _link(paper.code_url, "Code")]
    return elements


def _header(text: str) -> dict[str, Any]:
    words = text if len(text) <= MAX_HEADER_LENGTH else f"{text[: MAX_HEADER_LENGTH - 1]}…"
    return {"type": "header", "text": {"type": "plain_text", "text": words, "emoji": False}}


def _rich_text(elements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}


def _words(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _link(url: str, text: str) -> dict[str, Any]:
    return {"type": "link", "url": url, "text": text}


def _render_text(digest: ChannelDigest) -> str:
    lines = [f"*{_escape(digest.title)}*"]
    if digest.opening:
        lines.append(_escape(digest.opening))
    for section in digest.sections:
        lines += ["", f"*{_escape(section.heading)}*"]
        for paper in section.papers:
            lines.append(f"• <{_escape(paper.url)}|{_label(paper.title)}>")
            lines += [_escape(line) for line in (paper.byline, paper.why, paper.labelled_summary) if line]
    rest = f"{digest.rest}: " if digest.rest else ""
    lines += ["", f"{rest}<{_escape(digest.url)}|All of it on {_label(digest.site_name)}>"]
    return "\n".join(lines)


def _escape(text: str) -> str:
    """Escape the three characters that Slack's text has a meaning for."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _label(text: str) -> str:
    """Escape the words of a link, which a bar would end."""
    return _escape(text.replace("|", "❘"))
