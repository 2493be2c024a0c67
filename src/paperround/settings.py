"""Every setting, typed and frozen. They are read once at the edge.

Besides, `outbound/` reads the variables that programs share: `HTTPS_PROXY` and its kin, `SSL_CERT_FILE`.
"""

from __future__ import annotations

import json
import os
import re
from datetime import timedelta
from difflib import get_close_matches
from email.utils import getaddresses
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    Field,
    HttpUrl,
    IPvAnyNetwork,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from paperround.environment import DEFAULT_ENV_FILE, PREFIX, SecretFiles, default_data_dir, find_env_file

MAIL_ADDRESS: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)*", re.I | re.A)
HostName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.:\[\]_-]+$", max_length=253)]
FeedName = Literal["huggingface", "arxiv"]
LanguageCode = Literal[
    "en", "de", "fr", "es", "it", "pt", "nl", "sv", "pl", "tr", "zh", "ja", "ko", "ru", "uk", "ar", "he",
    "hi", "el",
]  # fmt: skip
Category = Annotated[str, StringConstraints(pattern=r"^[a-z-]+(\.[A-Za-z-]+)?$", max_length=30)]
MIN_KEY_LENGTH: Final = 32
PaperLink = Annotated[
    str,
    StringConstraints(
        pattern=r"^[^=<>{}]{1,40}=https?://[^\s{}/]+/[^\s{}]*(\{(id|url|pdf|title)\}[^\s{}]*)+$",
        max_length=500,
    ),
]


class Settings(BaseSettings):
    """All settings. The table in README.md has a line for each, and a test compares the two."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=DEFAULT_ENV_FILE, env_ignore_empty=True, extra="ignore", frozen=True
    )

    # Where things are
    database_url: SecretStr | None = Field(
        None, description="A PostgreSQL 16+ with pgvector 0.8+. Empty: Paperround runs its own."
    )
    owner_database_url: SecretStr | None = Field(
        None,
        description="The same database as the role that owns its schema, which changes it and makes indexes; "
        "the role of `DATABASE_URL` then needs no such rights. Empty: one role does both.",
    )
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="The embedded database, sockets and logs. Default: `~/.local/share/paperround`; "
        "as root `/var/lib/paperround`.",
    )
    public_url: HttpUrl | None = Field(
        None,
        description="The address that readers use, without a path; links start with it. Empty: that of "
        "`HOST` and `PORT`.",
    )
    host: str = Field("127.0.0.1", description="The address that the web process listens on.")
    port: int = Field(8000, ge=0, le=65535, description="The port that the web process listens on.")

    secret_key: SecretStr | None = Field(
        None,
        description="Signs links and cookies. Empty: made once and kept in the database. Several with "
        "commas: the first signs, all verify; each has at least 32 characters.",
    )
    trusted_proxies: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = Field(
        (),
        description="Networks whose `X-Forwarded-For` or `Forwarded` is believed, separated by commas.",
    )
    allowed_hosts: Annotated[tuple[HostName, ...], NoDecode] = Field(
        (),
        description="Other names in `Host` that are answered to, separated by commas, besides that of "
        "`PUBLIC_URL`, `HOST` and this machine's own.",
    )
    search_rate: int = Field(
        120,
        ge=0,
        description="Searches, matches and previews a minute from one network at most, on each machine that "
        "serves; 0: no limit.",
    )

    key_rate: int = Field(
        600,
        ge=0,
        description="Requests a minute with one API key at most, on each machine that serves, told in "
        "`RateLimit` headers; 0: no limit.",
    )

    cache_megabytes: int = Field(
        32,
        ge=0,
        le=100_000,
        description="Memory in which each web process keeps the pages, lists and feeds that everybody gets, "
        "in megabytes; 0: each is made anew.",
    )

    # What it is called
    site_name: Annotated[str, StringConstraints(min_length=1, max_length=60)] = Field(
        "Paperround", description="The site's name, on every page."
    )
    site_byline: Annotated[str, StringConstraints(max_length=120)] = Field(
        "", description="A line under the name, such as “by Ada and the research community”."
    )

    # Feeds
    feeds: Annotated[tuple[FeedName, ...], NoDecode] = Field(
        ("huggingface",), description="The feeds to read, separated by commas."
    )
    huggingface_url: HttpUrl = Field(
        HttpUrl("https://huggingface.co"),
        description="The hub, a mirror of it, or another Paperround.",
    )
    huggingface_token: SecretStr | None = Field(
        None, description="The hub's access token, for its higher limits. Works without."
    )
    arxiv_url: HttpUrl = Field(
        HttpUrl("https://rss.arxiv.org"), description="arXiv's announcements of the day, or a mirror of them."
    )
    arxiv_query_url: HttpUrl = Field(
        HttpUrl("https://export.arxiv.org"),
        description="arXiv's query API, for days whose announcements were missed.",
    )
    arxiv_categories: Annotated[tuple[Category, ...], NoDecode, Field(min_length=1, max_length=50)] = Field(
        ("cs.AI", "cs.CL", "cs.CV", "cs.LG"),
        description="The categories of arXiv to read, separated by commas.",
    )
    arxiv_interval: timedelta = Field(
        timedelta(seconds=3),
        ge=timedelta(0),
        le=timedelta(minutes=5),
        description="The least time between two requests to arXiv, over all workers; arXiv asks for 3 s.",
    )
    read_every: timedelta = Field(
        timedelta(hours=1),
        ge=timedelta(minutes=1),
        le=timedelta(days=1),
        description="How often the newest days are read again (ISO 8601 or `HH:MM:SS`).",
    )
    catch_up_days: int = Field(14, ge=0, le=365, description="How many days back the first run starts.")
    feed_rate: int = Field(
        400,
        ge=0,
        description="Requests to one feed's host in 5 minutes at most, over all workers; 0: no limit.",
    )

    # Ranking and vectors
    trending_half_life_hours: float = Field(
        24, ge=1, le=24 * 365, description="After how many hours a vote counts half as much."
    )
    embedding_model: str = Field(
        "",
        description="A sentence-transformers model, by name or folder. Empty: the packaged all-MiniLM-L6-v2.",
    )
    encoder_url: HttpUrl | None = Field(
        None, description="A server with the OpenAI embeddings protocol. Empty: Paperround runs its own."
    )
    encoder_key: SecretStr | None = Field(None, description="The key that server asks for.")
    judging: bool = Field(
        False,
        description="A page `/judge` on which readers say whether papers fit their topics, ten pairs a day.",
    )

    # Agents and reference managers
    zotero_url: HttpUrl | None = Field(
        None,
        description="Zotero's API, `https://api.zotero.org`: readers can then connect their libraries, in "
        "which their saved papers are put. Empty: they can't.",
    )
    mcp: bool = Field(
        False,
        description="Serves `/mcp`, on which a reader's agent searches, reads, rates and saves (Model "
        "Context Protocol).",
    )
    mcp_key: SecretStr | None = Field(
        None,
        description="The API key in whose name `paperround mcp` acts. Empty: it reads what everybody may.",
    )

    paper_links: Annotated[tuple[PaperLink, ...], NoDecode, Field(max_length=10)] = Field(
        (),
        description="Tools to which a paper's page leads, as `Name=https://tool.example/add?url={url}` "
        "separated by commas. An address holds `{id}` (arXiv's), `{url}` (the page here), `{pdf}` or "
        "`{title}`.",
    )

    # Pictures
    thumbnails: bool = Field(
        False,
        description="`on`: the worker fetches the picture that a feed names for a paper, once, and lists "
        "show a small one of our own; no browser asks another host. `off`: those kept are deleted.",
    )
    thumbnail_megabytes: int = Field(
        500,
        ge=1,
        le=100_000,
        description="Room for these in the database, in megabytes, at about 20 kB a paper; the newest stay.",
    )

    # Summaries
    summary_url: HttpUrl | None = Field(
        None,
        description="A server with OpenAI's protocol that writes a summary of each paper that has none, such "
        "as `http://127.0.0.1:11434` (Ollama). Empty: no summaries are made.",
    )
    summary_key: SecretStr | None = Field(None, description="The key that server asks for.")
    summary_model: Annotated[str, StringConstraints(max_length=200)] = Field(
        "", description="The model that writes summaries, as the server names it."
    )
    summary_languages: Annotated[tuple[LanguageCode, ...], NoDecode, Field(min_length=1, max_length=10)] = (
        Field(
            ("en",),
            description="The site's language for summaries; after commas, those that readers may choose for "
            "summaries and translated abstracts.",
        )
    )
    summary_daily_limit: int = Field(
        300, ge=0, le=1_000_000, description="For how many papers a day (UTC) the server is asked at most."
    )
    summary_api: Literal["chat", "responses"] = Field(
        "chat", description="Which of OpenAI's protocols the server speaks."
    )
    summary_extra: Annotated[dict[str, Any], NoDecode] = Field(
        default_factory=dict,
        description='JSON that is merged into each request, such as `{"max_tokens": 200}`.',
    )

    # Mail
    smtp_url: SecretStr | None = Field(
        None,
        description="`smtp://user:password@host:587` (STARTTLS), `smtps://…:465`. Empty: mail goes to a "
        "folder and `/outbox` shows it.",
    )
    mail_from: str = Field("Paperround <paperround@localhost>", description="The sender of mail.")
    bounce_address: str = Field(
        "",
        description="Where bounces go, such as `bounces@example.org`: each message then names its own as "
        "`bounces+…@example.org`. Empty: `MAIL_FROM`.",
    )
    mail_domains: Annotated[tuple[HostName, ...], NoDecode] = Field(
        (),
        description="Domains of your own network that readers' addresses may be in, such as `lab.internal` "
        "or `localhost`, separated by commas. A mail server on such a network says so by itself.",
    )
    send_rate: int = Field(0, ge=0, description="Messages a minute at most, over all workers; 0: no limit.")

    channel_networks: Annotated[tuple[IPvAnyNetwork, ...], NoDecode] = Field(
        (),
        description="Private networks that digests may be sent to by webhook or chat, such as `10.0.0.0/8` "
        "or `127.0.0.1/32`, separated by commas. Public addresses need no such entry.",
    )

    # Processes
    web_processes: int | None = Field(
        None,
        ge=1,
        le=64,
        description="How many web processes share the port, for `up` and for `web`. Empty: one a core for "
        "`up`, one for `web`.",
    )
    metrics_host: str = Field("127.0.0.1", description="The address for Prometheus, with `METRICS_PORT`.")
    metrics_port: int = Field(
        0, ge=0, le=65535, description="The port on which the web process serves `/metrics`; 0: none."
    )
    worker_metrics_port: int = Field(
        0,
        ge=0,
        le=65535,
        description="The port on which a worker serves `/metrics` of its own work; 0: none.",
    )
    log_format: Literal["auto", "text", "json"] = Field(
        "auto", description="`auto`: text on a terminal, JSON elsewhere."
    )

    @field_validator(
        "feeds",
        "arxiv_categories",
        "trusted_proxies",
        "allowed_hosts",
        "mail_domains",
        "channel_networks",
        "summary_languages",
        "paper_links",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(v.strip() for v in value.split(",") if v.strip()) if isinstance(value, str) else value

    @field_validator("summary_extra", mode="before")
    @classmethod
    def _parse_object(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError('should be a JSON object, such as {"max_tokens": 200}') from None

    @field_validator("mail_domains")
    @classmethod
    def _in_small_letters(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name.lower().strip(".") for name in value)

    @field_validator("public_url")
    @classmethod
    def _is_whole_host(cls, value: HttpUrl | None) -> HttpUrl | None:
        if value and ((value.path or "/") != "/" or value.query or value.fragment or value.username):
            raise ValueError(
                "should be a scheme and a host alone, such as https://papers.example.org: the site needs "
                "a host name or a port of its own and can't live under a path"
            )
        return value

    @field_validator("mail_from", "bounce_address")
    @classmethod
    def _is_one_address(cls, value: str) -> str:
        value = value.strip()
        addresses = [address for _, address in getaddresses([value])]
        is_whole = len(addresses) == 1 and value in (
            addresses[0],
            f"{value.rpartition('<')[0]}<{addresses[0]}>",
        )
        if value and not (is_whole and value.isprintable() and MAIL_ADDRESS.fullmatch(addresses[0])):
            raise ValueError(
                "should be one address, such as Papers <papers@example.org>; a name with a comma needs quotes"
            )
        return value

    @field_validator("secret_key")
    @classmethod
    def _is_long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        keys = [key.strip() for key in value.get_secret_value().split(",")] if value else []
        if any(len(key) < MIN_KEY_LENGTH for key in keys if key):
            raise ValueError(
                f"should have at least {MIN_KEY_LENGTH} characters a key; `openssl rand -hex 32` makes one"
            )
        return value

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        try:
            return value.expanduser().absolute()
        except RuntimeError as error:  # no such user, or one without a home
            raise ValueError(f"{value} has no home folder to begin with") from error

    @model_validator(mode="after")
    def _names_a_summary_model(self) -> Self:
        if self.summary_url and not self.summary_model:
            raise ValueError(
                "PAPERROUND_SUMMARY_URL needs PAPERROUND_SUMMARY_MODEL, the name of a model there"
            )
        return self

    @property
    def half_life(self) -> timedelta:
        return timedelta(hours=self.trending_half_life_hours)

    @property
    def address(self) -> str:
        """The site's address, with which links start. It has no slash at the end."""
        if self.public_url:
            return str(self.public_url).rstrip("/")
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 (compared, not bound)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def to_environment(self) -> dict[str, str]:
        """Return what is set as texts by name, from which the same settings can be read again."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return {name: _to_text(value) for name, value in given.items() if value is not None}

    @property
    def links_stay_here(self) -> bool:
        """Whether links lead whoever opens them to their own machine, so that only this one's users can."""
        host = urlsplit(self.address).hostname or ""
        return host == "localhost" or host.endswith(".localhost") or host == "::1" or host.startswith("127.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (pydantic's signature)
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = getattr(dotenv_settings, "env_file", None)
        if file == DEFAULT_ENV_FILE:
            dotenv_settings = DotEnvSettingsSource(settings_cls, env_file=find_env_file())
        return init_settings, env_settings, SecretFiles(settings_cls), dotenv_settings


def _to_text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, timedelta):
        return f"PT{value.total_seconds()}S"
    if isinstance(value, dict):
        return json.dumps(value)
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def find_unknown_settings() -> list[tuple[str, str | None]]:
    """Find names in the environment and in `.env` that are no settings, each with the nearest one."""
    known = {name.upper() for name in Settings.model_fields}
    known |= {"ENV", *known}
    known |= {f"{name}_FILE" for name in known}
    in_file = DotEnvSettingsSource(Settings, env_file=find_env_file()).env_vars
    names = {name.upper() for name in (*os.environ, *in_file)}
    unknown = sorted({name.removeprefix(PREFIX) for name in names if name.startswith(PREFIX)} - known)
    nearest = {name: get_close_matches(name, known, n=1) for name in unknown}
    return [(f"{PREFIX}{name}", f"{PREFIX}{near[0]}" if near else None) for name, near in nearest.items()]
