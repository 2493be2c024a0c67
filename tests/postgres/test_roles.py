"""Who may do what in the embedded database, and that data of earlier releases are handed over."""

from __future__ import annotations

import psycopg
import pytest

from paperround import schema
from paperround.database_roles import DatabaseUrls, grant_access
from paperround.postgres import EmbeddedPostgres
from paperround.postgres.roles import OWNER, SERVING, SUPERUSER

from support.databases import run_sql, serving_url
from support.embedded_postgres import query

OURS = """
    SELECT DISTINCT pg_get_userbyid(owner) FROM (
        SELECT relowner AS owner, oid, 'pg_class'::regclass AS class FROM pg_class
         WHERE relnamespace IN ('public'::regnamespace, 'jobs'::regnamespace)
        UNION ALL SELECT proowner, oid, 'pg_proc'::regclass FROM pg_proc
         WHERE pronamespace IN ('public'::regnamespace, 'jobs'::regnamespace)
        UNION ALL SELECT typowner, oid, 'pg_type'::regclass FROM pg_type
         WHERE typnamespace IN ('public'::regnamespace, 'jobs'::regnamespace)
        UNION ALL SELECT nspowner, oid, 'pg_namespace'::regclass FROM pg_namespace WHERE nspname = 'jobs'
        UNION ALL SELECT datdba, oid, 'pg_database'::regclass FROM pg_database
         WHERE datname = current_database()
    ) AS things
    WHERE NOT EXISTS (SELECT FROM pg_depend WHERE classid = class AND objid = oid AND deptype = 'e')
"""
REFUSED = [
    "CREATE TABLE mine (body text)",
    "CREATE TABLE jobs.mine (body text)",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE INDEX mine ON papers (title)",
    "ALTER TABLE papers ADD COLUMN mine text",
    "ALTER TABLE papers OWNER TO CURRENT_USER",
    "DROP TABLE papers CASCADE",
    "TRUNCATE papers CASCADE",
    "CREATE TRIGGER mine BEFORE INSERT ON papers FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger()",
    "SELECT rolpassword FROM pg_authid",
    "COPY papers (title) FROM PROGRAM 'id'",
    "COPY (SELECT 1) TO PROGRAM 'id'",
    "COPY (SELECT 1) TO '/tmp/mine'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT lo_import('/etc/passwd')",
    "ALTER SYSTEM SET fsync = off",
    "CREATE ROLE mine",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "SET session_replication_role = replica",
    "CREATE EXTENSION plperl",
    f"SET ROLE {OWNER}",
    f"SET ROLE {SUPERUSER}",
    f"GRANT {OWNER} TO CURRENT_USER",
]


def test_the_serving_role_may_do_nothing_but_read_and_write_rows(database_url: str) -> None:
    url = serving_url(database_url).replace("+psycopg", "")
    done: list[str] = []
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in REFUSED:
            try:
                connection.execute(statement)
                done.append(statement)
            except (psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported):
                continue
        connection.execute("UPDATE papers SET title = title")
        connection.execute("SELECT * FROM jobs.procrastinate_jobs")
    assert done == []


def make_as_before(postgres: EmbeddedPostgres) -> None:
    """Make the schema as releases before the roles did: everything is the superuser's."""
    query(postgres, f"ALTER DATABASE paperround OWNER TO {SUPERUSER}")
    query(postgres, "GRANT ALL ON DATABASE paperround TO PUBLIC")
    query(postgres, f"REVOKE ALL ON DATABASE paperround FROM {SERVING}")
    for role in (OWNER, SERVING):
        query(postgres, f"DROP OWNED BY {role}")
        query(postgres, f"DROP ROLE {role}")
    schema.upgrade(postgres.superuser_url)
    query(postgres, "INSERT INTO request_rates (host, drained_at) VALUES ('before', now())")


def test_data_of_earlier_releases_are_handed_over_and_serve(postgres: EmbeddedPostgres) -> None:
    with postgres.attached():
        make_as_before(postgres)
        assert query(postgres, OURS) == [(SUPERUSER,)]
    with postgres.attached():
        assert query(postgres, OURS) == [(OWNER,)]
        schema.upgrade(postgres.owner_url)
        grant_access(DatabaseUrls(postgres.serving_url, postgres.owner_url))
        run_sql(postgres.serving_url, "UPDATE request_rates SET paused_until = now()")
        assert query(postgres, "SELECT host FROM request_rates WHERE paused_until IS NOT NULL") == [
            ("before",)
        ]
        schema.downgrade(postgres.owner_url, "-1")
        with postgres.attached():  # once more, while it is in use
            assert query(postgres, OURS) == [(OWNER,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            run_sql(postgres.serving_url, "CREATE TEMPORARY TABLE mine (body text)")
