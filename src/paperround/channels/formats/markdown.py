"""Messages in Markdown, which Apprise turns into what each of its services reads."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from paperround.channels.message import ChannelDigest, ChannelNotice, ChannelPaper, fit

MARKDOWN: Final = re.compile(r"[\\`*_~|<>\[\]#]")


class MarkdownMessage(NamedTuple):
    title: str
    body: str


def format_digest(digest: ChannelDigest, *, max_size: int) -> MarkdownMessage:
    """Format as much of a digest as fits into `max_size` bytes, title and all."""
    return fit(digest, _render, lambda message: len("".join(message).encode()) <= max_size)


def format_notice(notice: ChannelNotice) -> MarkdownMessage:
    return MarkdownMessage(notice.title, _escape(notice.text))


def _render(digest: ChannelDigest) -> MarkdownMessage:
    parts = [_escape(digest.opening)] if digest.opening else []
    for section in digest.sections:
        parts.append(f"**{_escape(section.heading)}**")
        parts += [_render_paper(paper) for paper in section.papers]
    words = digest.rest or f"All of it on {digest.site_name}"
    parts.append(f"[{_escape(words)}]({digest.url})")
    return MarkdownMessage(digest.title, "\n\n".join(parts))


def _render_paper(paper: ChannelPaper) -> str:
    lines = [f"[{_escape(paper.title)}]({paper.url})"]
    lines += [_escape(line) for line in (paper.byline, paper.why, paper.labelled_summary) if line]
    return "  \n".join(lines)


def _escape(text: str) -> str:
    return MARKDOWN.sub(r"\\\g<0>", text)
