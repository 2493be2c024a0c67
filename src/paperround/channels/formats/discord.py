"""Discord's messages: an embed for each part of a digest, whose description lists papers in Markdown."""

from __future__ import annotations

import re
from typing import Any, Final

from paperround.channels.message import ChannelDigest, ChannelNotice, ChannelPaper, Payload, fit

MAX_EMBEDS: Final = 10
MAX_TITLE_LENGTH: Final = 256
MAX_DESCRIPTION_LENGTH: Final = 4096
MAX_EMBEDS_LENGTH: Final = 6000  # characters of all embeds together
MAX_CONTENT_LENGTH: Final = 2000
MARKDOWN: Final = re.compile(r"[\\`*_~|>\[\]()<#@]|^[-+]", re.M)
NO_MENTIONS: Final[Payload] = {"parse": []}  # nothing that a title says calls anybody


def format_digest(digest: ChannelDigest) -> Payload:
    return fit(digest, _render, _fits)


def format_notice(notice: ChannelNotice) -> Payload:
    content = f"**{_escape(notice.title)}**\n{_escape(notice.text)}"
    return {"content": content[:MAX_CONTENT_LENGTH], "allowed_mentions": NO_MENTIONS}


def _fits(payload: Payload) -> bool:
    embeds = payload["embeds"]
    texts = [embed.get(name, "") for embed in embeds for name in ("title", "description")]
    texts += [embed["footer"]["text"] for embed in embeds if "footer" in embed]
    longest = max(_length(embed["description"]) for embed in embeds)
    return (
        len(embeds) <= MAX_EMBEDS
        and longest <= MAX_DESCRIPTION_LENGTH
        and sum(map(_length, texts)) <= MAX_EMBEDS_LENGTH
    )


def _length(text: str) -> int:
    """Count as Discord does, in units of UTF-16 at the most."""
    return len(text.encode("utf-16-le")) // 2


def _render(digest: ChannelDigest) -> Payload:
    embeds: list[dict[str, Any]] = [
        {
            "title": _cut(digest.title),
            "url": digest.url,
            "description": _escape(digest.opening) or _escape(digest.site_name),
        }
    ]
    embeds += [
        {
            "title": _cut(_escape(section.heading)),
            "description": "\n\n".join(_render_paper(paper) for paper in section.papers),
        }
        for section in digest.sections
    ]
    if digest.rest:
        embeds[-1]["description"] += f"\n\n[{digest.rest}]({digest.url})"
    return {"embeds": embeds, "allowed_mentions": NO_MENTIONS}


def _render_paper(paper: ChannelPaper) -> str:
    lines = [f"**[{_escape(paper.title)}]({paper.url})**"]
    lines += [_escape(line) for line in (paper.byline, paper.why, paper.labelled_summary) if line]
    if paper.code_url:
        lines.append(f"[Code](<{_quote(paper.code_url)}>)")
    return "\n".join(lines)


def _escape(text: str) -> str:
    """Escape what is markup in Discord's Markdown, mentions, emoji and headings among it."""
    return MARKDOWN.sub(r"\\\g<0>", text)


def _quote(url: str) -> str:
    """Quote what would end the address of a link."""
    return url.replace("<", "%3C").replace(">", "%3E").replace("(", "%28").replace(")", "%29")


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TITLE_LENGTH else f"{text[: MAX_TITLE_LENGTH - 1]}…"
