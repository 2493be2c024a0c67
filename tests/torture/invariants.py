"""What must be true whenever nothing is broken any more and what was begun is done."""

from __future__ import annotations

import math
import time
from collections import Counter
from datetime import timedelta
from typing import Any

from paperround.papers.heat import VoteCount, heat

from torture.channels import FaultyChannels
from torture.readers import Readers
from torture.site import LINKS, Site
from torture.world import World

HALF_LIFE = timedelta(hours=24)
DONE = ("sent", "failed", "uncertain")
DELIVERY_STATES = (
    "SELECT d.id, d.state FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id "
    "WHERE s.by_channel = %s"
)


def settle(world: Site, *, seconds: float = 240) -> list[str]:
    """Wait until the work is done; what is still not done is a violation."""
    try:
        world.until(lambda: world.get("/readyz").status_code == 200, "the site is ready", seconds=seconds)
        world.execute("UPDATE feed_days SET next_try_at = now(), repairs = 0 WHERE next_try_at IS NOT NULL")
        world.execute("UPDATE deliveries SET next_try_at = now() WHERE state IN ('queued', 'deferred')")
        world.until(
            lambda: not (lists_not_read(world) or wrong_papers(world)), "all is read", seconds=seconds
        )
        world.until(lambda: not unfinished_deliveries(world), "all digests are done", seconds=seconds)
        world.until(lambda: not papers_without_vector(world), "all papers have a vector", seconds=seconds)
        world.until(lambda: not stuck_jobs(world), "no job is stuck", seconds=seconds)
    except TimeoutError as error:
        return [str(error)]
    return []


def find_violations(world: Site, readers: Readers, channels: FaultyChannels | None = None) -> list[str]:
    of_world = (
        lists_not_read, wrong_papers, wrong_heats, papers_without_vector, stuck_jobs, wrong_deliveries,
        doubled_periods, wrong_local_votes, wrong_topic_days, open_transactions,
    )  # fmt: skip
    of_readers = (forgotten_digests, lost_votes, lost_reading_lists, lost_topics)
    return [
        *(violation for check in of_world for violation in check(world)),
        *(violation for check in of_readers for violation in check(world, readers)),
        *(wrong_channels(world, channels) if channels else ()),
    ]


def lists_not_read(world: Site) -> list[str]:
    """Each day's listings are what the feed says now: nothing lost, nothing from nowhere."""
    wrong = []
    rows = world.rows("SELECT day, paper_id FROM listings WHERE feed = 'huggingface'")
    listed: dict[Any, set[str]] = {}
    for day, paper_id in rows:
        listed.setdefault(day, set()).add(paper_id)
    with world.feed.lock:
        for day, records in world.feed.truth.items():
            missing, strange = set(records) - listed.get(day, set()), listed.get(day, set()) - set(records)
            if missing or strange:
                wrong.append(f"{day}: {len(missing)} listings missing, {len(strange)} from nowhere")
    return wrong


def wrong_papers(world: Site) -> list[str]:
    """Titles, abstracts and votes are the feed's of the last reading."""
    rows = {
        row[0]: row[1:] for row in world.rows("SELECT id, title, abstract, upvotes, comments FROM papers")
    }
    wrong = []
    with world.feed.lock:
        for records in world.feed.truth.values():
            for paper_id, record in records.items():
                paper = record["paper"]
                expected = (paper["title"], paper["summary"], paper["upvotes"], record["numComments"])
                if rows.get(paper_id) != expected:
                    wrong.append(
                        f"{paper_id} is {rows.get(paper_id)!r:.120}, the feed says {expected!r:.120}"
                    )
    return wrong[:5]


def wrong_heats(world: Site) -> list[str]:
    """Heat recomputed from signals and votes is the heat that is stored."""
    signals: dict[str, list[VoteCount]] = {}
    for paper_id, at, upvotes in world.rows(
        "SELECT paper_id, at, upvotes FROM signals ORDER BY paper_id, at"
    ):
        signals.setdefault(paper_id, []).append(VoteCount(at, upvotes))
    votes: dict[str, list[VoteCount]] = {}
    for paper_id, at in world.rows("SELECT paper_id, at FROM upvotes"):
        votes.setdefault(paper_id, []).append(VoteCount(at, 1))
    wrong = []
    for paper_id, listed_on, stored in world.rows("SELECT id, listed_on, heat FROM papers"):
        expected = heat(
            signals.get(paper_id, []), votes.get(paper_id, []), listed_on=listed_on, half_life=HALF_LIFE
        )
        if not math.isclose(expected, stored, abs_tol=1e-9):
            wrong.append(f"the heat of {paper_id} is {stored}, recomputed {expected}")
    return wrong[:5]


def papers_without_vector(world: Site) -> list[str]:
    (number,) = world.rows(
        "SELECT count(*) FROM papers p WHERE NOT EXISTS (SELECT FROM embeddings e "
        "WHERE e.paper_id = p.id AND e.text_hash = p.text_hash AND e.vector IS NOT NULL)"
    )[0]
    return [f"{number} papers have no vector of their present text"] if number else []


def stuck_jobs(world: Site) -> list[str]:
    """A job may run or wait for a short time; nothing runs whose worker is gone."""
    (number,) = world.rows(
        "SELECT count(*) FROM jobs.procrastinate_jobs j WHERE status = 'doing' AND NOT EXISTS "
        "(SELECT FROM jobs.procrastinate_workers w WHERE w.id = j.worker_id "
        "AND w.last_heartbeat > now() - interval '60 seconds')"
    )[0]
    return [f"{number} jobs run without a worker"] if number else []


def unfinished_deliveries(world: Site) -> int:
    (number,) = world.rows("SELECT count(*) FROM deliveries WHERE state <> ALL (%s)", list(DONE))[0]
    (due,) = world.rows("SELECT count(*) FROM subscriptions WHERE state = 'active' AND next_due_at <= now()")[
        0
    ]
    return int(number) + int(due)


def wrong_deliveries(world: Site) -> list[str]:
    """Nobody was sent a digest twice; what is `sent` was taken; what was taken is `sent` or in doubt."""
    taken = world.sink.ids()
    states = dict(world.rows(DELIVERY_STATES, False))
    wrong = [f"{message_id} was taken {number} times" for message_id, number in taken.items() if number > 1]
    of_delivery = {mark.id: message_id for message_id in taken if (mark := LINKS.find_delivery(message_id))}
    for key, state in states.items():
        if state == "sent" and key not in of_delivery:
            wrong.append(f"delivery {key} is sent, but the server never took it")
        if key in of_delivery and state not in ("sent", "uncertain"):
            wrong.append(f"delivery {key} was taken, but is {state}")
    wrong += [
        f"{message_id} is of no delivery" for key, message_id in of_delivery.items() if key not in states
    ]
    return wrong[:8]


def wrong_channels(world: Site, channels: FaultyChannels) -> list[str]:
    """No channel got a digest twice, and each that fell due has one; states are what the servers saw."""
    taken, states = channels.count(), dict(world.rows(DELIVERY_STATES, True))
    wrong = [f"delivery {key} was taken {number} times" for key, number in taken.items() if number > 1]
    wrong += [f"delivery {key} is sent, but was never taken" for key, state in states.items()
              if state == "sent" and key not in taken]  # fmt: skip
    wrong += [f"delivery {key} was taken, but is {states.get(key, 'gone')}" for key in taken
              if states.get(key) not in ("sent", "uncertain")]  # fmt: skip
    if len(states) < channels.fallen_due:
        wrong.append(f"{channels.fallen_due - len(states)} channels that fell due have no delivery")
    return wrong[:8]


def doubled_periods(world: Site) -> list[str]:
    """No subscription has two deliveries of one period."""
    (number,) = world.rows(
        "SELECT count(*) FROM (SELECT subscription_id, period FROM deliveries "
        "GROUP BY subscription_id, period HAVING count(*) > 1) twice"
    )[0]
    return [f"{number} subscriptions have two deliveries of one period"] if number else []


def forgotten_digests(world: Site, readers: Readers) -> list[str]:
    """Each subscription that fell due has a delivery."""
    (planned,) = world.rows(
        "SELECT count(DISTINCT s.id) FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id "
        "WHERE s.email LIKE 'due%%'"
    )[0]
    forgotten = readers.fallen_due - planned
    return (
        [f"{forgotten} of {readers.fallen_due} digests that fell due have no delivery"] if forgotten else []
    )


def lost_votes(world: Site, readers: Readers) -> list[str]:
    """What a reader was told was done is in the tables."""
    return _differences(
        readers.votes,
        world.rows("SELECT r.email, u.paper_id FROM upvotes u JOIN readers r ON r.id = u.reader_id"),
        "a vote",
    )


def lost_reading_lists(world: Site, readers: Readers) -> list[str]:
    return _differences(
        readers.saved,
        world.rows("SELECT r.email, s.paper_id FROM saved_papers s JOIN readers r ON r.id = s.reader_id"),
        "a saved paper",
    )


def _differences(
    acknowledged: dict[tuple[str, str], bool], rows: list[tuple[Any, ...]], what: str
) -> list[str]:
    stored = {(email, paper_id) for email, paper_id in rows}
    return [
        f"{email} was told that {paper_id} {'has' if wanted else 'no longer has'} {what}, and it is not so"
        for (email, paper_id), wanted in sorted(acknowledged.items())
        if ((email, paper_id) in stored) is not wanted
    ][:5]


def lost_topics(world: Site, readers: Readers) -> list[str]:
    """A topic that a reader was told is kept is kept, once for each time that they asked."""
    stored = Counter(world.rows("SELECT r.email FROM topics t JOIN readers r ON r.id = t.reader_id"))
    return [
        f"{email} has {stored[(email,)]} topics; {number} were confirmed"
        for email, number in sorted(readers.topics.items())
        if stored[(email,)] < number
    ]


def wrong_local_votes(world: Site) -> list[str]:
    (number,) = world.rows(
        "SELECT count(*) FROM papers p WHERE local_upvotes <> "
        "(SELECT count(*) FROM upvotes u WHERE u.paper_id = p.id)"
    )[0]
    return [f"{number} papers count other votes than they have"] if number else []


def wrong_topic_days(world: Site) -> list[str]:
    """Stored matches are of topics and papers that are there."""
    (number,) = world.rows("SELECT count(*) FROM topic_days WHERE topic_id NOT IN (SELECT id FROM topics)")[0]
    return [f"{number} stored days are of no topic"] if number else []


def open_transactions(world: Site) -> list[str]:
    """No transaction stays open with nobody working in it."""
    rows = world.rows(
        "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%%' "
        "AND state_change < now() - interval '60 seconds'"
    )
    return [f"{rows[0][0]} transactions are open and idle"] if rows[0][0] else []


def list_leftovers(world: World) -> list[str]:
    """After everything was told to stop, no process of ours is there."""
    deadline = time.monotonic() + 60
    while world.pids() and time.monotonic() < deadline:
        time.sleep(0.5)
    return [f"process {pid} is left" for pid in world.pids()]
