"""Where settings come from: the environment, the file of settings, files of secrets, and the user's home."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Final

from pydantic_settings import EnvSettingsSource

from paperround.errors import PaperroundError

PREFIX: Final = "PAPERROUND_"
DEFAULT_ENV_FILE: Final = ".env"
METRICS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"  # of several processes; prometheus_client reads it itself


class HomeMissing(PaperroundError):
    """There is no home folder to keep the data in, and no other folder is set."""

    title = "No data folder"


def default_data_dir() -> Path:
    """Choose the data folder. As root, PostgreSQL runs as another user, which cannot enter root's home."""
    if os.geteuid() == 0:
        return Path("/var/lib/paperround")
    try:
        home = Path(pwd.getpwuid(os.geteuid()).pw_dir)
    except KeyError as error:  # such as `--user 12345` of a container
        raise HomeMissing(
            f"User id {os.geteuid()} has no entry in /etc/passwd, and so no home for the data folder.",
            advice="Set PAPERROUND_DATA_DIR to a folder that it may write to.",
        ) from error
    return home / ".local/share/paperround"


class SecretFiles(EnvSettingsSource):
    """Reads `PAPERROUND_NAME_FILE` for every secret `NAME`. The value is the file's text, stripped.

    An empty file is as if it were not set, like an empty variable: orchestrators mount all files or none.
    """

    def __call__(self) -> dict[str, object]:
        found: dict[str, object] = {}
        for name, field in self.settings_cls.model_fields.items():
            path = os.environ.get(f"{PREFIX}{name.upper()}_FILE")
            if path and "SecretStr" in repr(field.annotation):
                found[name] = Path(path).read_text(encoding="utf-8").strip()
        return {name: value for name, value in found.items() if value}


def environment_with(**settings: str | None) -> dict[str, str]:
    """Build a child's environment: that of this process with some settings replaced, or left out (None)."""
    given = {f"{PREFIX}{name.upper()}": value for name, value in settings.items()}
    replaced = {*given, *(f"{name}_FILE" for name in given)}
    inherited = {name: value for name, value in os.environ.items() if name not in replaced}
    return inherited | {name: value for name, value in given.items() if value is not None}


def find_env_file() -> Path | None:
    """Find the file of settings: the one that `PAPERROUND_ENV_FILE` names, else `.env` in the data folder.

    Never one of the working directory, which may be anybody's. None where there is no data folder to look in.
    """
    named = os.environ.get(f"{PREFIX}ENV_FILE")
    if named:
        return Path(named)
    folder = os.environ.get(f"{PREFIX}DATA_DIR")
    try:
        return (Path(folder).expanduser() if folder else default_data_dir()) / DEFAULT_ENV_FILE
    except (RuntimeError, HomeMissing):  # the settings themselves say so, with advice
        return None


def names_network() -> bool:
    """Tell whether the environment names proxies or certificates for connections to others."""
    endings = ("_proxy", "ssl_cert_file", "ssl_cert_dir")
    return any(value and name.lower().endswith(endings) for name, value in os.environ.items())
