"""Every kind of work, and how a host is caught in its middle."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex

import httpx
import psycopg

from hosts.cluster import WEB_PORT, Cluster, Host
from hosts.partitions import Partition, Undo
from hosts.tls_server import PORT
from torture.invariants import lists_not_read, papers_without_vector, unfinished_deliveries
from torture.readers import Readers

TOPICS, DIGESTS, PAPERS = 60, 60, 15  # papers are of each of three days
NOTICED_SECONDS = 75  # after which both ends of a connection have given it up

HOLDERS = (
    "SELECT host(a.client_addr) FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
    "WHERE a.application_name = 'paperround worker' AND l.granted AND "
)
READING = HOLDERS + (
    "l.relation = 'feed_days'::regclass AND l.mode = 'RowShareLock' AND a.state = 'idle in transaction'"
)
PAIR = HOLDERS + "l.locktype = 'advisory' AND l.objsubid = 2 AND a.state = 'idle in transaction' AND "
EMBEDDING = PAIR + "l.classid < 100000"  # the first key is a model's number; of matching, a day's
MATCHING = PAIR + "l.classid > 100000"
SENDING = (
    "SELECT host(client_addr) FROM pg_stat_activity WHERE query LIKE 'UPDATE sender_progress%%' "
    "AND (SELECT count(*) FROM deliveries WHERE state = 'sending' AND started_at IS NOT NULL) > 0"
)
TICKING = (
    "SELECT host(a.client_addr) FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
    "WHERE a.application_name = 'paperround clock' AND NOT l.granted "
    "AND l.relation = 'jobs.procrastinate_events'::regclass"
)
HELD_UP = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'paperround clock' "
    "AND (wait_event_type = 'Lock' OR (state LIKE 'idle in transaction%%' AND client_addr = %s::inet))"
)
UNMATCHED = (
    "SELECT count(*) FROM topics t WHERE NOT paused AND NOT EXISTS (SELECT FROM topic_days d WHERE "
    "d.topic_id = t.id AND d.changed_at = t.changed_at AND d.day = (SELECT max(day) FROM listings))"
)
MAKE_TOPICS = (
    "WITH one AS (INSERT INTO readers (email, created_at, seen_at, visited_at) "
    "VALUES (%s::text || '@example.org', now(), now(), now()) RETURNING id) "
    "INSERT INTO topics (reader_id, name, words, daily, created_at, changed_at) SELECT id, 'Topic ' || n, "
    "'quiet networks and noise of kind ' || n || ' ' || %s::text, 5, now(), now() "
    "FROM one, generate_series(1, %s::int) n"
)


def found_by(query: str) -> Callable[[Cluster], Host | None]:
    def find(cluster: Cluster) -> Host | None:
        rows = cluster.rows(query)
        return cluster.at(rows[0][0]) if rows else None

    return find


def named(name: str) -> Callable[[Cluster], Host | None]:
    return lambda cluster: cluster.hosts[name]


def do_nothing() -> None:
    pass


def begin_reading(cluster: Cluster, readers: Readers) -> Undo:
    """The feed has new papers, and answers slowly until the cut."""
    cluster.feed.grow(3)
    cluster.feed.active_faults, cluster.feed.share_of_faults = {"slow"}, 1.0
    cluster.execute("UPDATE feed_days SET next_try_at = now() WHERE next_try_at IS NOT NULL")
    return cluster.feed.active_faults.clear


def begin_embedding(cluster: Cluster, readers: Readers) -> Undo:
    cluster.feed.grow(PAPERS)
    cluster.execute("UPDATE feed_days SET next_try_at = now() WHERE next_try_at IS NOT NULL")
    return do_nothing


def begin_matching(cluster: Cluster, readers: Readers) -> Undo:
    """Topics in words that nobody has used, so that each must be encoded."""
    name = token_hex(4)
    cluster.execute(MAKE_TOPICS, name, name, TOPICS)
    return do_nothing


def begin_sending(cluster: Cluster, readers: Readers) -> Undo:
    """Digests fall due, and the mail server takes its time until the cut."""
    cluster.sink.active_faults, cluster.sink.share_of_faults = {"dot: slow"}, 1.0
    readers.fall_due(DIGESTS)
    return cluster.sink.active_faults.clear


def begin_ticking(cluster: Cluster, readers: Readers) -> Undo:
    """A tick is held up by a lock, with its job inserted and not committed."""
    blocker = psycopg.connect(cluster.database_url)
    blocker.execute("LOCK TABLE jobs.procrastinate_events IN SHARE MODE")
    return blocker.close


def begin_serving(cluster: Cluster, readers: Readers) -> Undo:
    """A web process is asked for pages, several at once."""
    stop = threading.Event()
    address = cluster.hosts["web1"].address

    def ask() -> None:
        while not stop.is_set():
            with suppress(httpx.HTTPError):
                httpx.get(f"http://{address}:{WEB_PORT}/papers?q=noise", timeout=5)

    for _ in range(3):
        threading.Thread(target=ask, daemon=True).start()
    time.sleep(1)
    return stop.set


def begin_waiting(cluster: Cluster, readers: Readers) -> Undo:
    return do_nothing


def all_read(cluster: Cluster, cut: Host) -> bool:
    return not lists_not_read(cluster)


def all_embedded(cluster: Cluster, cut: Host) -> bool:
    return not lists_not_read(cluster) and not papers_without_vector(cluster)


def all_matched(cluster: Cluster, cut: Host) -> bool:
    return cluster.rows(UNMATCHED) == [(0,)]


def all_sent(cluster: Cluster, cut: Host) -> bool:
    return not unfinished_deliveries(cluster)


def others_tick(cluster: Cluster, cut: Host) -> bool:
    return cluster.rows(HELD_UP, cut.address) == [(0,)]


def pages_come(cluster: Cluster, cut: Host) -> bool:
    return all(cluster.get("/papers").status_code == 200 for _ in range(4))


def says_so(cluster: Cluster, cut: Host) -> bool:
    """The web process without a database answers, so that a balancer leaves it out."""
    site = f"http://{cut.address}:{WEB_PORT}"
    return httpx.get(f"{site}/readyz", timeout=10).status_code == 503 and (
        httpx.get(f"{site}/papers", timeout=10).status_code == 503
    )


def others_wake(cluster: Cluster, cut: Host) -> bool:
    """A reader asks to sign in, and a worker that waits sends the mail at once."""
    seen = len(cluster.sink.taken)
    httpx.post(
        f"{cluster.url}/sign-in", data={"email": f"{token_hex(4)}@example.net"},
        headers={"Origin": cluster.url}, timeout=30,
    )  # fmt: skip
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if len(cluster.sink.taken) > seen:
            return True
        time.sleep(0.05)
    return False


PARTITIONS = (
    Partition("reading a feed", "{}, wholly", begin_reading, found_by(READING), all_read),
    Partition("embedding", "{}, wholly", begin_embedding, found_by(EMBEDDING), all_embedded),
    Partition(
        "embedding, its encoder", "{}, wholly", begin_embedding, found_by(EMBEDDING), all_embedded,
        of_encoder=True,
    ),
    Partition("matching topics", "{}, wholly", begin_matching, found_by(MATCHING), all_matched),
    Partition("sending digests", "{}, wholly", begin_sending, found_by(SENDING), all_sent),
    Partition(
        "sending digests, mail goes on", "{} from the database", begin_sending, found_by(SENDING), all_sent,
        port=PORT,
    ),
    Partition("serving pages", "{}, wholly", begin_serving, named("web1"), pages_come),
    Partition(
        "serving pages, readers go on", "{} from the database", begin_serving, named("web1"), says_so,
        port=PORT,
    ),
    Partition("putting jobs on the queue", "{}, wholly", begin_ticking, found_by(TICKING), others_tick),
    Partition(
        "waiting for jobs (LISTEN)", "{}, wholly", begin_waiting, named("worker1"), others_wake,
        least_seconds=NOTICED_SECONDS,
    ),
)  # fmt: skip
