"""The image and the compose file keep what docs/hardening.md promises. `make check-image` runs them."""

from __future__ import annotations

import ipaddress
import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest
import typer
import yaml

from deploy.compose import load_services
from paperround.cli.app import app
from paperround.database import to_psycopg_url
from paperround.postgres.binaries import installed
from paperround.postgres.roles import OWNER, SERVING, SUPERUSER
from paperround.settings import Settings

from support.commands import run_commands
from support.databases import as_role, run_sql

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
SECRET_SETTINGS = {
    name for name, field in Settings.model_fields.items() if "Secret" in repr(field.annotation)
} - {"mcp_key"}  # of a command that a reader's agent starts, where no container runs
OURS = sorted(name for name, service in SERVICES.items() if service["image"] == "paperround")


def make_secrets(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", ROOT / "deploy/make-secrets.sh", folder],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"cap_add", "privileged", "network_mode", "pid", "devices"}.isdisjoint(service)
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert all("size=" in mount for mount in service["tmpfs"])
    assert service.get("user", "") not in ("root", "0")


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_come_from_files_alone(name: str) -> None:
    service = SERVICES[name]
    environment: dict[str, str] = service["environment"]
    of_files = {value for variable, value in environment.items() if variable.endswith("_FILE")}
    assert of_files == {f"/run/secrets/{secret}" for secret in service["secrets"]}
    assert not {f"PAPERROUND_{secret.upper()}" for secret in SECRET_SETTINGS} & set(environment)
    assert not [variable for variable in environment if variable.endswith("PASSWORD")]
    assert set(service["secrets"]) <= set(COMPOSE["secrets"])


@pytest.mark.parametrize("name", OURS)
def test_every_command_and_setting_exists(name: str) -> None:
    program, command, *_ = SERVICES[name]["command"].split()
    assert program == "paperround"
    assert command in cast(Any, typer.main.get_command(app)).commands
    named = {re.fullmatch(r"PAPERROUND_(\w+?)(_FILE)?", v)[1] for v in SERVICES[name]["environment"]}
    assert named <= {setting.upper() for setting in Settings.model_fields}


def test_only_what_changes_the_schema_or_makes_indexes_knows_the_owner() -> None:
    assert {name for name in OURS if "owner_database_url" in SERVICES[name]["secrets"]} == {
        "migrate",
        "worker",
    }


def test_the_roles_of_a_new_database_are_made_by_a_script_that_may_run_again(
    bare_database_url: str, tmp_path: Path
) -> None:
    """Our own server has roles of these names already. It asks for no password."""
    address = to_psycopg_url(bare_database_url)
    (tmp_path / "password").write_text("it's a \\ password\n")
    environment = {
        "PATH": f"{installed(18) / 'bin'}:{os.environ['PATH']}",
        "PGHOST": str(address.query["host"]),
        "POSTGRES_USER": SUPERUSER,
        "POSTGRES_DB": str(address.database),
        "OWNER_PASSWORD_FILE": str(tmp_path / "password"),
        "SERVING_PASSWORD_FILE": str(tmp_path / "password"),
    }
    for _ in range(2):
        subprocess.run([ROOT / "deploy/create-roles.sh"], env=environment, check=True)
    serving, owner = (as_role(bare_database_url, role) for role in (SERVING, OWNER))
    commands = (["db", "upgrade"], ["status"])
    results = run_commands(*commands, folder=tmp_path, database_url=serving, owner_database_url=owner)
    assert [result.returncode for result in results] == [0, 0], results
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run_sql(serving, "CREATE TEMPORARY TABLE mine (body text)")


def test_every_container_that_listens_is_asked_for_its_health() -> None:
    asked = {name for name, service in SERVICES.items() if "test" in service["healthcheck"]}
    assert asked == set(SERVICES) - {"migrate", "clock"}


def test_only_this_machine_reaches_the_site_and_nobody_the_database_and_the_encoder() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert list(published) == ["web"]
    assert all(port.startswith("127.0.0.1:") for port in published["web"])
    is_inside = {name for name, network in COMPOSE["networks"].items() if (network or {}).get("internal")}
    for name in ("database", "encoder", "migrate", "clock"):
        assert set(SERVICES[name]["networks"]) <= is_inside


def test_the_proxy_that_is_trusted_is_the_gateway_of_the_network_that_it_comes_through() -> None:
    [network] = COMPOSE["networks"]["outside"]["ipam"]["config"]
    default = re.fullmatch(r"\$\{\w+:-(.*)\}", SERVICES["web"]["environment"]["PAPERROUND_TRUSTED_PROXIES"])[
        1
    ]
    assert default == network["gateway"]
    assert ipaddress.ip_address(default) in ipaddress.ip_network(network["subnet"])


def test_secrets_are_made_once_and_are_what_the_settings_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "secrets"
    assert make_secrets(folder).returncode == 0
    made = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    assert set(made) == set(COMPOSE["secrets"])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o444}
    assert make_secrets(folder, DATABASE_PASSWORD="another").returncode == 0
    assert {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()} == made

    for name in SECRET_SETTINGS:
        monkeypatch.setenv(f"PAPERROUND_{name.upper()}_FILE", str(folder / name))
    settings = Settings(_env_file=None)
    password = made["database_password"].strip()
    for role, url in (("serving", settings.database_url), ("owner", settings.owner_database_url)):
        of_role = made[f"{role}_password"].strip()
        assert url.get_secret_value() == f"postgresql://paperround_{role}:{of_role}@database/paperround"
        assert len(of_role) == 64
        assert of_role != password
    assert len(settings.secret_key.get_secret_value()) == 64
    assert settings.encoder_key.get_secret_value() not in (password, settings.secret_key.get_secret_value())
    assert settings.smtp_url is None
    assert settings.huggingface_token is None


def test_secrets_that_exist_are_taken_from_the_environment(tmp_path: Path) -> None:
    given = {
        "DATABASE_PASSWORD": "of-a-database-that-exists",
        "PAPERROUND_SMTP_URL": "smtp://mail.example.org",
        "PAPERROUND_SECRET_KEY": "new,old",
    }
    assert make_secrets(tmp_path, **given).returncode == 0
    assert "//paperround:of-a-database-that-exists@" in (tmp_path / "database_url").read_text(
        encoding="utf-8"
    )
    assert (tmp_path / "owner_database_url").read_text(encoding="utf-8") == "\n"
    assert (tmp_path / "smtp_url").read_text(encoding="utf-8") == "smtp://mail.example.org\n"
    assert (tmp_path / "secret_key").read_text(encoding="utf-8") == "new,old\n"


@pytest.mark.parametrize("password", ["p@ss", "a/b", "50%", "a b", "ü"])
def test_a_password_that_would_break_the_address_is_refused(tmp_path: Path, password: str) -> None:
    refused = make_secrets(tmp_path, DATABASE_PASSWORD=password)
    assert refused.returncode == 1
    assert "percent-encoded" in refused.stderr
    assert not (tmp_path / "database_url").exists()

    (tmp_path / "database_url").write_text("postgresql://written:by%40hand@database/paperround")
    assert make_secrets(tmp_path).returncode == 0


def test_the_image_runs_as_a_number_that_is_not_root() -> None:
    last_stage = DOCKERFILE.split("\nFROM ")[-1]
    assert re.findall(r"^USER (.*)$", last_stage, re.MULTILINE) == ["10001"]
    assert "--uid 10001" in last_stage
    assert "HEALTHCHECK" in last_stage
    assert "pip install" not in last_stage


def test_only_what_the_image_is_made_of_is_sent_to_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    copies = re.findall(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE, re.MULTILINE)
    copied = {source for sources in copies for source in sources.split()}
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == copied
    assert all((ROOT / source).exists() for source in copied)


def test_the_check_of_the_image_runs_every_service_as_the_file_says() -> None:
    variables = {"PAPERROUND_SECRETS": "/secrets", "PAPERROUND_SITE_NAME": "Papers: ours"}
    services = load_services(ROOT / "docker-compose.yml", variables)
    assert set(services) == set(SERVICES)
    for service in services.values():
        assert {"--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"} <= set(
            service.confinement()
        )
        assert service.memory >= 512 * 2**20
    content = services["web"].content()
    assert "--volume=/secrets/secret_key:/run/secrets/secret_key:ro" in content
    assert "--env=PAPERROUND_SITE_NAME=Papers: ours" in content
    assert "--env=PAPERROUND_FEEDS=" in content
    assert services["encoder"].command == ["paperround", "encoder", "--host", "0.0.0.0", "--port", "8100"]
