"""The roles of our own server, and what belongs to whom.

The server's superuser makes the roles, the database and the extension, and nothing else is done by it. The
owner's role changes the schema, and the serving role uses it. Data of releases that did everything as the
superuser are handed over.
"""

from __future__ import annotations

from typing import Final

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

SUPERUSER: Final = "paperround"
OWNER: Final = "paperround_owner"
SERVING: Final = "paperround_serving"
DATABASE: Final = "paperround"
LOCK_TIMEOUT: Final = "30s"  # for a table that is handed over

FIND_DATABASE: Final = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s"
FIND_FOREIGN_ACCESS: Final = "SELECT has_database_privilege('public', %s, 'CONNECT, TEMPORARY')"
# What isn't the owner's yet, as statements that change it. A table takes its indexes, sequences and row type
# with it. The extension's things stay the superuser's.
HAND_OVER: Final = """
    WITH places AS (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'jobs')),
    owner AS (SELECT oid FROM pg_roles WHERE rolname = %(owner)s)
    SELECT format('ALTER SCHEMA %%I OWNER TO %(name)s', nspname)
      FROM pg_namespace WHERE nspname = 'jobs' AND nspowner <> (SELECT oid FROM owner)
    UNION ALL
    SELECT format('ALTER TABLE %%s OWNER TO %(name)s', c.oid::regclass)
      FROM pg_class c WHERE relkind IN ('r', 'p', 'v', 'm', 'S') AND relnamespace IN (SELECT oid FROM places)
       AND relowner <> (SELECT oid FROM owner)
       AND NOT EXISTS (SELECT FROM pg_depend
                        WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype IN ('a', 'i', 'e'))
    UNION ALL
    SELECT format('ALTER ROUTINE %%s OWNER TO %(name)s', p.oid::regprocedure)
      FROM pg_proc p WHERE pronamespace IN (SELECT oid FROM places) AND proowner <> (SELECT oid FROM owner)
       AND NOT EXISTS (SELECT FROM pg_depend
                        WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype IN ('i', 'e'))
    UNION ALL
    SELECT format('ALTER TYPE %%s OWNER TO %(name)s', t.oid::regtype)
      FROM pg_type t LEFT JOIN pg_class c ON c.oid = typrelid
     WHERE typnamespace IN (SELECT oid FROM places) AND typowner <> (SELECT oid FROM owner)
       AND (typtype IN ('e', 'd', 'r') OR relkind = 'c')
       AND NOT EXISTS (SELECT FROM pg_depend
                        WHERE classid = 'pg_type'::regclass AND objid = t.oid AND deptype IN ('i', 'e'))
""".replace("%(name)s", OWNER)

Connection = psycopg.Connection[TupleRow]


def ensure_roles(connection: Connection) -> None:
    """Make the owner's role and the serving one if they are missing."""
    found = connection.execute("SELECT rolname FROM pg_roles").fetchall()
    for name in {OWNER, SERVING} - {name for (name,) in found}:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))


def ensure_database(connection: Connection) -> None:
    """Make the database if it is missing, the owner's, and keep out other roles but the serving one."""
    names = {
        "name": sql.Identifier(DATABASE),
        "owner": sql.Identifier(OWNER),
        "serving": sql.Identifier(SERVING),
    }
    found = connection.execute(FIND_DATABASE, (DATABASE,)).fetchone()
    if found is None:
        connection.execute(sql.SQL("CREATE DATABASE {name} OWNER {owner}").format(**names))
    elif found[0] != OWNER:
        connection.execute(sql.SQL("ALTER DATABASE {name} OWNER TO {owner}").format(**names))
    is_open = connection.execute(FIND_FOREIGN_ACCESS, (DATABASE,)).fetchone()
    if is_open and is_open[0]:
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {name} FROM PUBLIC").format(**names))
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {name} TO {serving}").format(**names))


def hand_over(connection: Connection) -> None:
    """Give the owner what an earlier release made as the superuser, all of it or nothing."""
    with connection.transaction():
        connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
        connection.execute("SET LOCAL search_path = ''")  # so that names are written with their schema
        for (statement,) in connection.execute(HAND_OVER, {"owner": OWNER}).fetchall():
            connection.execute(statement)
