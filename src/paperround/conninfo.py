"""Addresses of databases, and what it means that one can't be used. Knows no SQLAlchemy, which is heavy."""

from __future__ import annotations

import re
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from paperround.errors import PaperroundError

MIN_POSTGRES_VERSION: Final = 16
# A page reads a few hundred rows, mostly from memory. With its default costs, which are made for spinning
# disks, PostgreSQL would rather read whole tables and compile the query first.
PLANNER_OPTIONS = "-crandom_page_cost=1.1 -cjit=off"
# When each side gives up a connection whose other end is out of reach: after 15 s of silence and 3 probes.
# A host that vanished would hold its locks for two hours otherwise. Over a Unix socket they mean nothing.
LIVENESS: Final = {
    "keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000,
}  # fmt: skip
SERVER_LIVENESS = (
    "-ctcp_keepalives_idle=15 -ctcp_keepalives_interval=5 -ctcp_keepalives_count=3 -ctcp_user_timeout=30000 "
    "-cclient_connection_check_interval=10000"
)
CONNECTION_OPTIONS = f"-csearch_path=public,jobs -ctimezone=UTC {SERVER_LIVENESS} {PLANNER_OPTIONS}"
SCHEME: Final = re.compile(r"^postgres(?:ql)?(?:\+psycopg)?://")
POOLER_SIGNS: Final = ("unsupported startup parameter", "not allowed in statement pooling mode")
POOLER_ADVICE: Final = (
    "A pooler such as PgBouncer stands between, which our connections can't go through: name PostgreSQL's "
    "own address in PAPERROUND_DATABASE_URL."
)
CERTIFICATE_SIGNS: Final = (
    "certificate verify failed", "root certificate", "server certificate", "could not load certificate",
)  # fmt: skip
CERTIFICATE_ADVICE: Final = (
    "Nothing was sent to it. Either another server answers there, or PAPERROUND_DATABASE_URL has another "
    "address than the server's certificate, or its sslrootcert isn't the certificate of who signed that."
)
TLS_SIGNS: Final = ("no encryption", "does not support SSL")
TLS_ADVICE: Final = (
    "One side wants TLS and the other doesn't: `sslmode` in PAPERROUND_DATABASE_URL says what we want, "
    "pg_hba.conf and `ssl` what the server wants."
)
REQUIREMENT_ADVICE: Final = (
    f"Paperround needs PostgreSQL {MIN_POSTGRES_VERSION} or newer, with pgvector 0.8 or newer installed."
)


class DatabaseUnavailable(PaperroundError):
    """The database refuses what we ask of it, or does not answer."""

    title = "No database"
    status = 503
    advice = "Check PAPERROUND_DATABASE_URL."

    @classmethod
    def from_driver(cls, error: BaseException) -> DatabaseUnavailable:
        """Build the error from the driver's words, with advice that fits them."""
        cause = find_driver_error(error)
        words = " ".join(str(cause).split()).rstrip(".?")
        if isinstance(cause, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
            return cls(f"The database's schema doesn't fit: {words}.", advice="Run `paperround db upgrade`.")
        if any(sign in words for sign in POOLER_SIGNS):
            return cls(f"The database can't be used: {words}.", advice=POOLER_ADVICE)
        for signs, advice in ((CERTIFICATE_SIGNS, CERTIFICATE_ADVICE), (TLS_SIGNS, TLS_ADVICE)):
            if any(sign in words for sign in signs):
                return cls(f"The database can't be used: {words}.", advice=advice)
        if isinstance(cause, psycopg.errors.FeatureNotSupported | psycopg.errors.UndefinedFile):
            return cls(f"The database lacks something: {words}.", advice=REQUIREMENT_ADVICE)
        if isinstance(cause, psycopg.errors.DiskFull):
            return cls(f"The database is out of space: {words}.", advice="Free some space on its disk.")
        return cls(f"The database can't be used: {words}.")

    @classmethod
    def for_address(cls) -> DatabaseUnavailable:
        """Build the error for what is no address of a database, which may hold a password."""
        return cls(
            "PAPERROUND_DATABASE_URL is not the address of a PostgreSQL database.",
            advice="It looks like postgresql://user:password@host:5432/name.",
        )


def find_driver_error(error: BaseException) -> psycopg.Error | None:
    """Find psycopg's error in one of SQLAlchemy's, which holds it as `orig`, or return it itself."""
    cause = getattr(error, "orig", error)
    return cause if isinstance(cause, psycopg.Error) else None


def build_conninfo(url: str, **given: str | int) -> str:
    """Turn `url` into a libpq connection string with our search path: `public`, then the queue's `jobs`.

    Other parameters may be given. Raises `DatabaseUnavailable` for what is no address of a PostgreSQL.
    """
    if not SCHEME.match(url):
        raise DatabaseUnavailable.for_address()
    try:
        arguments = conninfo_to_dict(SCHEME.sub("postgresql://", url))
    except psycopg.ProgrammingError:
        raise DatabaseUnavailable.for_address() from None
    known = {"application_name": "paperround", **LIVENESS, **arguments, "options": CONNECTION_OPTIONS}
    return make_conninfo(**{name: str(value) for name, value in {**known, **given}.items()})
