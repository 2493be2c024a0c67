"""Invented papers to cite, and records of the hub with every field filled."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from paperround.papers.rows import PaperRow

from support.factories import build_paper, feed_record

CITED_URL = "https://arxiv.org/abs/2603.00001"


def cited_paper(*names: str, **changes: Any) -> PaperRow:
    """A paper with these authors, which is in no database."""
    fields = {
        "id": "2603.00001",
        "title": "Patient Gradients",
        "abstract": "We wait for gradients\n\nand they come.",
        "published_at": datetime(2026, 3, 1, 17, tzinfo=UTC),
        "author_names": list(names),
    }
    return build_paper(**{**fields, **changes})


def hub_account(name: str, **fields: Any) -> dict[str, Any]:
    """An account as in the hub's older records, which call its name `user`. Newer ones call it `name`."""
    return {"_id": f"u-{name}", "user": name, "fullname": name.capitalize(), "type": "user", **fields}


def complete_feed_record(paper_id: str, /, **changes: Any) -> dict[str, Any]:
    """A record with every field that the hub has ever given."""
    fields = {
        "paper__authors": [
            {
                "_id": "a1",
                "name": "Ada Lindqvist",
                "hidden": False,
                "status": "claimed_verified",
                "statusLastChangedAt": "2026-03-02T09:30:00.125Z",
                "user": hub_account("ada", isPro=True, avatarUrl="/avatars/ada.svg"),
            },
            {"_id": "a2", "name": "Benedikt Åström", "hidden": False},
            {"_id": "a3", "name": "Cyn Verborgen", "hidden": True},
        ],
        "paper__publishedAt": "2026-02-26T18:59:59.000Z",
        "paper__submittedOnDailyAt": "2026-03-02T01:02:03.456Z",
        "paper__submittedOnDailyBy": hub_account("ben", isPro=False),
        "submittedBy": {"name": "ben", "fullname": "Ben", "type": "user", "followerCount": 12},
        "submitterOrganization": {
            "_id": "o2",
            "name": "tide-lab",
            "fullname": "Tide Lab",
            "avatar": "/o.png",
        },
        "paper__organization": {
            "_id": "o1",
            "name": "open-rivers-lab",
            "fullname": "Open Rivers Lab",
            "avatar": "https://cdn.example.org/rivers.png",
        },
        "thumbnail": f"https://cdn.example.org/social/{paper_id}.png",
        "paper__mediaUrls": ["https://cdn.example.org/a.mp4", "https://cdn.example.org/b.png"],
        "paper__ai_summary": "Gradients come to those who wait.",
        "paper__ai_summary_model": "invented/Summariser-1",
        "paper__ai_keywords": ["gradients", "patience"],
        "paper__projectPage": "https://patience.example.org/",
        "paper__githubRepo": "https://github.com/open-rivers/patience",
        "paper__githubRepoAddedBy": "user",
        "paper__githubStars": 41,
        "paper__discussionId": "d-full",
        "isAuthorParticipating": True,
        "numComments": 3,
    }
    return feed_record(paper_id, **(fields | changes))
