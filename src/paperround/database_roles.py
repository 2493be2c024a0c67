"""The two roles that use a database: the owner's makes and changes the schema, the serving one only uses it.

They may be the same role, as where an operator gives one address of a PostgreSQL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, LiteralString

import psycopg
import structlog
from psycopg import sql
from psycopg.rows import TupleRow

from paperround.conninfo import DatabaseUnavailable, build_conninfo

logger = structlog.get_logger(__name__)

GRANT_LOCK: Final = 0x6772616E  # the advisory lock of who grants: "gran"
# Of the owner's things in our schemas, what the serving role may not use yet, as statements that allow it.
MISSING: Final[LiteralString] = """
    WITH serving AS (SELECT %(role)s::name AS role),
    places AS (SELECT oid, nspname FROM pg_namespace WHERE nspname IN ('public', 'jobs')),
    things AS (
        SELECT oid, relkind FROM pg_class WHERE relnamespace IN (SELECT oid FROM places)
           AND pg_get_userbyid(relowner) = current_user
    )
    SELECT format('GRANT USAGE ON SCHEMA %%I TO %%I', nspname, role)
      FROM places, serving WHERE NOT has_schema_privilege(role, oid, 'USAGE')
    UNION ALL
    SELECT format('GRANT SELECT, INSERT, UPDATE, DELETE ON %%s TO %%I', oid::regclass, role)
      FROM things, serving WHERE relkind IN ('r', 'p', 'v', 'm') AND NOT (
           has_table_privilege(role, oid, 'SELECT') AND has_table_privilege(role, oid, 'INSERT')
       AND has_table_privilege(role, oid, 'UPDATE') AND has_table_privilege(role, oid, 'DELETE'))
    UNION ALL
    SELECT format('GRANT USAGE, SELECT ON SEQUENCE %%s TO %%I', oid::regclass, role)
      FROM things, serving
     WHERE CASE relkind WHEN 'S' THEN NOT has_sequence_privilege(role, oid, 'USAGE') END
"""
# For what the owner makes later, so that it can be used at once.
DEFAULTS: Final[tuple[LiteralString, ...]] = (
    "ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO {role}",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
    "ALTER DEFAULT PRIVILEGES GRANT USAGE, SELECT ON SEQUENCES TO {role}",
)


@dataclass(frozen=True)
class DatabaseUrls:
    """One database's addresses: as the role that serves, and as the one that owns the schema."""

    serving: str
    owner: str


def grant_access(urls: DatabaseUrls) -> None:
    """Let the serving role read and write rows of all tables that the owner has or will have, no more.

    Does nothing where both are one role. Raises `DatabaseUnavailable`.
    """
    if urls.serving == urls.owner:
        return
    try:
        with _connect(urls.serving) as connection:
            serving = _find_role(connection)
        with _connect(urls.owner) as connection:
            if _find_role(connection) == serving:
                return
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [GRANT_LOCK])
            _grant(connection, serving)
    except psycopg.Error as error:
        raise DatabaseUnavailable.from_driver(error) from error


def _grant(connection: psycopg.Connection[TupleRow], serving: str) -> None:
    role = sql.Identifier(serving)
    for default in DEFAULTS:
        connection.execute(sql.SQL(default).format(role=role))
    missing = connection.execute(MISSING, {"role": serving}).fetchall()
    for (statement,) in missing:
        connection.execute(statement)
    if missing:
        logger.info("let the serving role use what it could not", role=serving, grants=len(missing))


def _connect(url: str) -> psycopg.Connection[TupleRow]:
    return psycopg.connect(build_conninfo(url), connect_timeout=10)


def _find_role(connection: psycopg.Connection[TupleRow]) -> str:
    row = connection.execute("SELECT current_user").fetchone()
    assert row is not None  # noqa: S101 (a SELECT without a table has one row)
    return str(row[0])
