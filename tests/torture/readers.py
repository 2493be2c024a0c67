"""Readers who sign in by mail, vote, save and make topics, and many more whose digests fall due."""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from contextlib import suppress

import httpx
import psycopg

from torture.site import Site

TOPICS = ("quiet networks and noise", "protein folding", "robot hands", "market prices", "maps of weather")
FIELD = re.compile(r'name="csrf" value="([^"]+)"')
LINK = re.compile(r"https?://\S+/sign-in/[A-Za-z0-9_.~-]+")


class Readers:
    """Some browsers that are signed in. `done` counts what succeeded."""

    def __init__(self, world: Site, *, number: int = 4) -> None:
        self.world = world
        self.chance = random.Random(world.chance.random())
        self.done: Counter[str] = Counter()
        self.addresses = [f"torture{n}@example.org" for n in range(number)]
        self.browsers: dict[str, httpx.Client] = {}
        self.fallen_due = 0
        self.votes: dict[tuple[str, str], bool] = {}  # what was confirmed, by address and paper
        self.saved: dict[tuple[str, str], bool] = {}
        self.topics: Counter[str] = Counter()

    def sign_in(self) -> None:
        """Sign in who is not yet. Must be done while nothing is broken."""
        for address in self.addresses:
            if address in self.browsers:
                continue
            browser = httpx.Client(base_url=self.world.url, timeout=30, follow_redirects=True)
            seen = len(self.world.sink.taken)
            browser.post("/sign-in", data={"email": address}, headers={"Origin": self.world.url})
            token = self._token(address, seen)
            if token is None:
                continue
            browser.post(token, data={}, headers={"Origin": self.world.url})
            self.browsers[address] = browser
            self.done["signed in"] += 1

    def _token(self, address: str, seen: int) -> str | None:
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            for message in self.world.sink.taken[seen:]:
                body = message.get_body(("plain",))
                link = LINK.search(body.get_content()) if body and address in str(message["To"]) else None
                if link:
                    return link[0].removeprefix(self.world.url)
            time.sleep(0.2)
        return None

    def act(self) -> None:
        """One thing that a reader does. What fails is not tried again, and counts as unknown."""
        if not self.browsers:
            return
        address = self.chance.choice(sorted(self.browsers))
        browser = self.browsers[address]
        with suppress(httpx.HTTPError, KeyError, ValueError):
            papers = [paper["id"] for paper in browser.get("/api/v1/papers?limit=50").json()["papers"]]
            if not papers:
                return
            paper = self.chance.choice(papers)
            act = self.chance.choice(
                [self._vote, self._vote, self._save, self._make_topic, self._look, self._search]
            )
            act(browser, address, paper)

    def _look(self, browser: httpx.Client, address: str, paper: str) -> None:
        page = self.chance.choice(["/papers", "/topics", "/saved", "/status", f"/papers/{paper}"])
        if browser.get(page).status_code == 200:
            self.done["pages looked at"] += 1

    def _search(self, browser: httpx.Client, address: str, paper: str) -> None:
        answer = browser.get("/papers", params={"q": "sparse attention in long documents"})
        if answer.status_code == 200:
            self.done["searches"] += 1

    def _vote(self, browser: httpx.Client, address: str, paper: str) -> None:
        self._switch(browser, f"/papers/{paper}/upvote", self.votes, (address, paper), "votes")

    def _save(self, browser: httpx.Client, address: str, paper: str) -> None:
        self._switch(browser, f"/papers/{paper}/save", self.saved, (address, paper), "papers saved or let go")

    def _switch(
        self,
        browser: httpx.Client,
        path: str,
        state: dict[tuple[str, str], bool],
        key: tuple[str, str],
        name: str,
    ) -> None:
        wanted = self.chance.random() < 0.7
        state.pop(key, None)  # unknown, until it is confirmed
        if self._post(browser, path, {"on": str(wanted).lower()}):
            state[key] = wanted
            self.done[name] += 1

    def _make_topic(self, browser: httpx.Client, address: str, paper: str) -> None:
        if self._post(
            browser, "/topics/new", {"words": self.chance.choice(TOPICS), "name": "", "keep": "yes"}
        ):
            self.topics[address] += 1
            self.done["topics"] += 1

    def _post(self, browser: httpx.Client, path: str, form: dict[str, str]) -> bool:
        """Send a form as a page does. True when it was done, which the page to go to next tells."""
        csrf = FIELD.search(browser.get("/topics/new").text)
        if csrf is None:
            return False
        answer = browser.post(
            path, data=form | {"csrf": csrf[1]}, headers={"Origin": self.world.url}, follow_redirects=False
        )
        return answer.status_code == 303

    def fall_due(self, number: int) -> None:
        """That many new subscriptions are confirmed, with a digest due now."""
        with suppress(psycopg.Error):
            self.world.execute(
                "INSERT INTO subscriptions (email, state, asked_at, changed_at, confirmed_at, next_due_at, "
                "cadence, weekday, hour, time_zone, trending, topics, most, when_empty, topic_words, "
                "letter_attempts) "
                "SELECT 'due' || n || '@example.org', 'active', now() - interval '2 days', "
                "now() - interval '2 days', now() - interval '2 days', date_trunc('hour', now()), 'daily', "
                "0, extract(hour FROM now() AT TIME ZONE 'UTC'), 'UTC', true, true, 10, 'skip', '', 0 "
                "FROM generate_series(%s::int, %s::int) n",
                self.fallen_due,
                self.fallen_due + number - 1,
            )
            self.fallen_due += number
            self.done["digests fell due"] += number
