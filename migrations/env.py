"""Runs migrations one migrator at a time, and records which older code still works on the result."""

import time
from collections.abc import Iterable
from logging import getLogger

from alembic import context
from sqlalchemy import Connection, NullPool, create_engine, text

from paperround.database import to_psycopg_url
from paperround.schema import MIGRATION_LOCK, load_metadata
from paperround.schema_state import COMPATIBLE_CODE
from paperround.settings import Settings

logger = getLogger("paperround.migrations")


def include_object(_thing: object, name: str | None, kind: str, _reflected: bool, _other: object) -> bool:
    """Vector indexes are made per model while the program runs; the table below is ours."""
    return name != COMPATIBLE_CODE and not (kind == "index" and (name or "").startswith("embeddings_model_"))


def wait_for_our_turn(connection: Connection) -> None:
    """Polls: a waiting pg_advisory_lock would deadlock with an index built CONCURRENTLY."""
    while not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": MIGRATION_LOCK}):
        connection.rollback()
        time.sleep(0.1)
    connection.commit()


def record_compatible_code(connection: Connection, revisions: Iterable[str]) -> None:
    """Names the older revisions that may run on this schema, so that `/readyz` of old code can tell."""
    connection.execute(text(f"CREATE TABLE IF NOT EXISTS {COMPATIBLE_CODE} (revision text PRIMARY KEY)"))
    connection.execute(text(f"DELETE FROM {COMPATIBLE_CODE}"))
    for revision in revisions:
        connection.execute(text(f"INSERT INTO {COMPATIBLE_CODE} VALUES (:revision)"), {"revision": revision})


def compatible_with(revision: str | None) -> tuple[str, ...]:
    if revision is None:
        return ()
    return tuple(context.script.get_revision(revision).module.works_with)


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=load_metadata(),
        include_object=include_object,
        compare_type=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def run(url: str) -> None:
    # Only `public` in sight: the queue's own schema is frozen SQL, not ours to compare.
    engine = create_engine(
        to_psycopg_url(url),
        poolclass=NullPool,
        connect_args={"options": "-csearch_path=public -ctimezone=UTC"},
    )
    with engine.connect() as connection:
        wait_for_our_turn(connection)
        try:
            migrate(connection)
            found = context.get_context().get_current_revision()
            record_compatible_code(connection, compatible_with(found))
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})
            connection.commit()
    engine.dispose()


url = context.config.attributes.get("url")
if url is None:
    settings = Settings()
    setting = settings.owner_database_url or settings.database_url
    if setting is None:
        raise SystemExit("Set PAPERROUND_DATABASE_URL, or use `paperround db upgrade`.")
    url = setting.get_secret_value()
run(url)
