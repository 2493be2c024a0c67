"""What every command begins with: its settings, the database, and the console."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import psycopg
from pydantic import ValidationError

from paperround import logs, privileges, supervisor
from paperround.database_roles import DatabaseUrls, grant_access
from paperround.environment import PREFIX, names_network
from paperround.errors import PaperroundError
from paperround.postgres import EmbeddedPostgres
from paperround.privileges import Launch, plan_launch
from paperround.schema_state import SchemaState, find_state
from paperround.settings import Settings, find_unknown_settings

if TYPE_CHECKING:
    from paperround.database import Database


class SettingsInvalid(PaperroundError):
    """Some settings cannot be used. The text names each with what is wrong."""

    title = "Settings can't be used"


class CommandNotPossible(PaperroundError):
    """Something outside of the program is in the way, or the options contradict each other."""

    title = "Not possible"


def say(sentence: str, *, soft_wrap: bool = False) -> None:
    """Say something about the work, where the console is not loaded before there is something to say."""
    from paperround.cli.console import console  # megabytes, and the processes of `up` mostly say nothing

    console.print(sentence, soft_wrap=soft_wrap)


def load_settings(process: str, *, lifeline: bool = False) -> Settings:
    """Load the settings and configure the log. Raises `SettingsInvalid`.

    With a `lifeline` the process ends when its input closes, which is when `up` dies.
    """
    if lifeline:
        supervisor.hold_lifeline()
    try:
        settings = Settings()
    except ValidationError as error:
        faults = "\n".join(f"{_name_of(part['loc'])}: {part['msg']}" for part in error.errors())
        raise SettingsInvalid(f"These settings can't be used:\n{faults}") from error
    except UnicodeDecodeError as error:
        raise SettingsInvalid("The file .env, or one of a secret, is not text in UTF-8.") from error
    logs.configure(settings, process)
    for name, nearest in [] if lifeline else find_unknown_settings():  # `up` has told of them already
        hint = f" Did you mean {nearest}?" if nearest else ""
        say(f"[bold yellow]paperround:[/] There is no setting {name}.{hint}", soft_wrap=True)
    return settings


def _name_of(location: tuple[int | str, ...]) -> str:
    return f"{PREFIX}{str(location[0]).upper()}" if location else "Together"


def list_addresses(settings: Settings) -> list[str]:
    """List the addresses of others that the settings lead to: those of the feeds and of the encoder."""
    arxiv = [settings.arxiv_url, settings.arxiv_query_url] if "arxiv" in settings.feeds else []
    hub = [settings.huggingface_url] if "huggingface" in settings.feeds else []
    return [str(address) for address in (*hub, *arxiv, settings.encoder_url) if address]


def require_usable_network(settings: Settings) -> None:
    """Raise `ProxyUnusable` or `CertificatesUnusable` where the environment names what can't be used."""
    if not names_network():
        return
    from paperround.outbound.client import describe_routes  # heavy, and not for every process

    describe_routes(list_addresses(settings))


def find_schema_state(conninfo: str) -> SchemaState:
    """Find which schema the database has, without SQLAlchemy. Raises `psycopg.Error`."""
    with psycopg.connect(conninfo, connect_timeout=10) as connection:
        return find_state(lambda statement: (connection.execute(statement).fetchone() or (None,))[0])


def require_usable_schema(conninfo: str) -> None:
    """Raise `SchemaError` unless this program may run on the database's schema."""
    state = find_schema_state(conninfo)
    if not state.is_usable:
        raise state.build_error()


@contextmanager
def attach_database(settings: Settings) -> Iterator[DatabaseUrls]:
    """Give the database's addresses: those that are set, else those of our own server, which is started."""
    urls = find_database(settings)
    if urls:
        yield urls
        return
    with EmbeddedPostgres(settings.data_dir).attached() as server:
        yield DatabaseUrls(server.serving_url, server.owner_url)


def find_database(settings: Settings) -> DatabaseUrls | None:
    """Find the addresses of the operator's own database. Without one for its owner, one role does both."""
    if settings.database_url is None:
        return None
    owner = settings.owner_database_url or settings.database_url
    return DatabaseUrls(settings.database_url.get_secret_value(), owner.get_secret_value())


def upgrade_database(urls: DatabaseUrls) -> None:
    """Bring the schema up to date and let the serving role use it.

    Raises `SchemaError` and `DatabaseUnavailable`.
    """
    from paperround import schema

    schema.upgrade(urls.owner)
    grant_access(urls)


def plan_process(settings: Settings, urls: DatabaseUrls | None, name: str, *options: str) -> Launch:
    """Plan the start of a process, which learns no more of the database than it needs.

    Only the worker, which makes indexes, learns how to become the owner.
    """
    serving = urls.serving if urls and name != "encoder" else None
    owner = urls.owner if urls and name == "worker" else None
    return plan_launch(settings, [name, *options], database_url=serving, owner_database_url=owner)


@asynccontextmanager
async def open_database(
    settings: Settings,
    application: str,
    *,
    pool_size: int = 1,
    schema_rule: Literal["upgrade", "require", "accept"] = "require",
) -> AsyncIterator[Database]:
    """Open the database for a command.

    Its schema is brought up to date ("upgrade"), must be one that this release can use ("require"), or is not
    looked at ("accept"). Raises `SchemaError` and `PostgresError`.
    """
    from paperround import schema
    from paperround.database import Database

    with attach_database(settings) as urls:
        if schema_rule == "upgrade":
            upgrade_database(urls)
        async with Database(
            urls.serving, owner_url=urls.owner, pool_size=pool_size, application=application
        ) as database:
            if schema_rule != "accept":
                async with database.read_session() as session:
                    await schema.require_usable(session)
            yield database


def encoder_socket(settings: Settings) -> Path:
    """The Unix socket of this machine's own encoder. It is the same for root and for the service account."""
    return privileges.own_socket_folder(settings) / "encoder.sock"
