"""A feed of invented papers that grows while it is read, and breaks in every way that a real one does."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.feed_server import Answer, json_answer

PHRASES = [
    "patient gradients wait for slow tides",
    "quiet networks learn to forget the noise of distant rivers",
    "sparse attention finds small islands of meaning in long documents",
    "protein folding and robot hands",
    "market prices and maps of the weather",
    "the grammar of birds",
]
WORDS = [word for phrase in PHRASES for word in phrase.split()]
FAULTS = (
    "429",
    "503",
    "html",
    "cut off",
    "slow",
    "reset",
    "bad record",
    "drift",
    "not a number",
    "empty object",
)
SLOW_SECONDS = 3.0


@dataclass
class GrowingFeed:
    """Lists of days that only grow, with votes that rise and sometimes fall.

    `active_faults` break a share of the answers. `truth` is what the feed says now, by day.
    """

    chance: random.Random
    days: int = 3
    truth: dict[date, dict[str, dict[str, Any]]] = field(default_factory=dict)
    active_faults: set[str] = field(default_factory=set)
    share_of_faults: float = 0.5
    requests: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)
    number: int = 0

    def grow(self, papers: int = 3) -> None:
        """Add papers to the days' lists, and change votes, comments and now and then a text."""
        today = datetime.now(UTC).date()
        with self.lock:
            for back in range(self.days):
                day = today - timedelta(days=back)
                records = self.truth.setdefault(day, {})
                for _ in range(papers):
                    self.number += 1
                    paper_id = f"{2600 + self.number // 90_000}.{self.number % 90_000 + 10_000:05}"
                    records[paper_id] = self._record(paper_id)
                for record in records.values():
                    if self.chance.random() < 0.3:
                        paper = record["paper"]
                        paper["upvotes"] = max(0, paper["upvotes"] + self.chance.randint(-2, 9))
                        record["numComments"] += self.chance.randint(0, 1)
                    if self.chance.random() < 0.02:
                        record["paper"]["summary"] = record["summary"] = self._text(60)

    def answer(self, path: str, headers: dict[str, str]) -> Answer | None:
        query = {key: values[0] for key, values in parse_qs(urlsplit(path).query).items()}
        with self.lock:
            self.requests += 1
            fault = None
            if self.active_faults and self.chance.random() < self.share_of_faults:
                fault = self.chance.choice(sorted(self.active_faults))
                self.faults[fault] += 1
            try:
                records = list(self.truth.get(date.fromisoformat(query.get("date", "")), {}).values())
            except ValueError:
                records = []
            limit, page = min(int(query.get("limit", 50)), 100), int(query.get("p", 0))
            items = json.loads(json.dumps(records[page * limit : (page + 1) * limit]))
        return self._break(fault, items) if fault else json_answer(items)

    def _break(self, fault: str, items: list[dict[str, Any]]) -> Answer | None:
        whole = json.dumps(items).encode()
        kind = {"Content-Type": "application/json"}
        if fault == "429":
            return json_answer({"error": "too many"}, 429, Retry_After="1")
        if fault == "503":
            return json_answer({"error": "later"}, 503)
        if fault == "html":
            return 200, {"Content-Type": "text/html"}, b"<!doctype html><title>Just a moment</title>"
        if fault == "cut off":
            return 200, kind, whole[: max(len(whole) // 2, 1)]
        if fault == "slow":
            time.sleep(SLOW_SECONDS)
            return json_answer(items)
        if fault == "reset":
            return None
        if fault == "empty object":
            return json_answer({})
        if fault == "drift":
            return json_answer({"status": "ok", "data": items})
        if items:
            broken = self.chance.choice(items)
            broken["paper"]["upvotes"] = "many" if fault == "bad record" else float("nan")
        return 200, kind, json.dumps(items).encode()

    def _record(self, paper_id: str) -> dict[str, Any]:
        title, text = self._text(7).capitalize(), self._text(80)
        published = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return {
            "paper": {
                "id": paper_id,
                "authors": [{"name": "Ada Lindqvist", "hidden": False}, {"name": "Bo Ek", "hidden": False}],
                "publishedAt": published,
                "title": title,
                "summary": text,
                "upvotes": self.chance.randint(0, 20),
            },
            "publishedAt": published,
            "title": title,
            "summary": text,
            "numComments": 0,
        }

    def _text(self, words: int) -> str:
        return " ".join(self.chance.choices(WORDS, k=words)) + "."
