"""The JSON of webhooks. docs/webhook.schema.json describes it; a test compares the two."""

from __future__ import annotations

from datetime import UTC, datetime

from paperround.channels.message import ChannelDigest, ChannelNotice, ChannelPaper, Payload


def format_digest(digest: ChannelDigest, *, at: datetime) -> Payload:
    return {
        "type": "digest.published",
        "timestamp": _format_time(at),
        "data": {
            "id": digest.id,
            "site": {"name": digest.site_name, "url": digest.site_url},
            "cadence": digest.cadence,
            "date": digest.day.isoformat(),
            "title": digest.title,
            "opening": digest.opening,
            "url": digest.url,
            "sections": [
                {"heading": section.heading, "papers": [_format_paper(paper) for paper in section.papers]}
                for section in digest.sections
            ],
        },
    }


def format_notice(notice: ChannelNotice, *, at: datetime) -> Payload:
    return {
        "type": "channel.confirmation" if notice.code else "channel.test",
        "timestamp": _format_time(at),
        "data": {
            "id": notice.id,
            "site": {"name": notice.site_name, "url": notice.site_url},
            "text": notice.text,
            "code": notice.code or None,
            "url": notice.url,
        },
    }


def _format_paper(paper: ChannelPaper) -> Payload:
    return {
        "id": paper.id,
        "title": paper.title,
        "url": paper.url,
        "authors": paper.authors,
        "organization": paper.organization or None,
        "published": paper.published,
        "summary": paper.summary or None,
        "summary_label": paper.summary_label or None,
        "votes": paper.votes,
        "code_url": paper.code_url,
        "reason": paper.why or None,
    }


def _format_time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
