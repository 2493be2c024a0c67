"""What every command begins with: its settings, the database, and the console."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Literal, NoReturn

from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from paperround import logs, privileges, schema, supervisor
from paperround.database import Database
from paperround.environment import PREFIX
from paperround.errors import PaperroundError
from paperround.outbound.client import describe_routes
from paperround.postgres import EmbeddedPostgres
from paperround.settings import Settings, find_unknown_settings

console = Console(stderr=True, highlight=False)  # what commands say about their work
output = Console(highlight=False)  # what they were asked for


class SettingsInvalid(PaperroundError):
    """Some settings cannot be used. The text names each with what is wrong."""

    title = "Settings can't be used"


class CommandNotPossible(PaperroundError):
    """Something outside of the program is in the way, or the options contradict each other."""

    title = "Not possible"


def fail(sentence: str) -> NoReturn:
    """Show what went wrong and end with exit code 1."""
    console.print(f"[bold red]paperround:[/] {escape(sentence)}", soft_wrap=True)
    raise SystemExit(1)


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
        console.print(f"[bold yellow]paperround:[/] There is no setting {name}.{hint}", soft_wrap=True)
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
    describe_routes(list_addresses(settings))


@contextmanager
def attach_database(settings: Settings) -> Iterator[str]:
    """Give the database's URL: the one that is set, else our own server's, which is started if need be."""
    if settings.database_url:
        yield settings.database_url.get_secret_value()
        return
    with EmbeddedPostgres(settings.data_dir).attached() as server:
        yield server.url


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
    with attach_database(settings) as url:
        if schema_rule == "upgrade":
            schema.upgrade(url)
        async with Database(url, pool_size=pool_size, application=application) as database:
            if schema_rule != "accept":
                async with database.read_session() as session:
                    await schema.require_usable(session)
            yield database


def encoder_socket(settings: Settings) -> Path:
    """The Unix socket of this machine's own encoder. It is the same for root and for the service account."""
    return privileges.own_socket_folder(settings) / "encoder.sock"
