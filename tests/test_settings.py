"""Settings as their users write them, and the documents that list them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import pytest
import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from paperround.cli import app
from paperround.cli.app import CommandTree, LazyCommand
from paperround.environment import environment_with
from paperround.settings import Settings

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def settings(**given: object) -> Settings:
    return Settings(_env_file=None, **given)  # type: ignore[arg-type]


def test_the_readme_has_a_line_for_every_setting_with_its_description() -> None:
    rows = dict(re.findall(r"^\| `PAPERROUND_(\w+)` \| .*? \| (.*) \|$", README, re.MULTILINE))
    described = {name.upper(): field.description for name, field in Settings.model_fields.items()}
    assert rows == described


@pytest.mark.parametrize("key", ["x", "short", "x" * 31, f"{'x' * 32},short", f"short, {'x' * 40}"])
def test_a_secret_key_that_could_be_guessed_is_refused(key: str) -> None:
    with pytest.raises(ValidationError, match="at least 32 characters"):
        settings(secret_key=key)


@pytest.mark.parametrize("key", ["x" * 32, f"{'x' * 32},{'y' * 32}", f"{'x' * 32}, "])
def test_long_keys_are_taken(key: str) -> None:
    assert settings(secret_key=key).secret_key is not None


def test_settings_are_read_from_the_data_folder_or_a_named_file_and_from_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, data = tmp_path / "here", tmp_path / "data"
    for folder, name in ((here, "Of the working directory"), (data, "Of the data folder")):
        folder.mkdir()
        (folder / ".env").write_text(f"PAPERROUND_SITE_NAME={name}\n")
    (tmp_path / "named").write_text("PAPERROUND_SITE_NAME=Of the named file\n")
    monkeypatch.chdir(here)
    monkeypatch.setenv("PAPERROUND_DATA_DIR", str(tmp_path / "nothing"))
    assert Settings().site_name == "Paperround"
    monkeypatch.setenv("PAPERROUND_DATA_DIR", str(data))
    assert Settings().site_name == "Of the data folder"
    monkeypatch.setenv("PAPERROUND_ENV_FILE", str(tmp_path / "named"))
    assert Settings().site_name == "Of the named file"


def list_lazy_commands() -> list[LazyCommand]:
    """The commands and groups at the root, hidden ones left out."""
    tree = cast(CommandTree, typer.main.get_command(app.app))
    return [one for one in cast(dict[str, LazyCommand], tree.commands).values() if not one.hidden]


def list_commands() -> dict[str, Any]:
    """All commands with their names, those of groups too."""
    found: dict[str, Any] = {}
    for command in list_lazy_commands():
        loaded = command.load()
        found |= loaded.commands if isinstance(loaded, TyperGroup) else {str(command.name): loaded}
    return found


def test_the_readme_names_every_command() -> None:
    commands = list_commands()
    assert len(commands) > 15
    assert {name for name in commands if not re.search(rf"`[a-z -]*\b{name}\b", README)} == set()


def test_every_command_has_help_with_an_example() -> None:
    for command in list_commands().values():
        assert command.epilog.startswith("Example: ")
        assert command.help


def test_the_list_of_commands_says_what_they_say_themselves() -> None:
    for command in list_lazy_commands():
        words = str(command.load().help).split("\n\n")[0]
        assert command.help == " ".join(words.split())


@pytest.mark.parametrize("name", ["mail_from", "bounce_address"])
@pytest.mark.parametrize(
    "value",
    [
        "a@x.org, b@y.org", "a@x.org b@y.org", "a@x.org; b@y.org", "Papers, Daily <p@x.org>",
        "<a@x.org><b@y.org>", "Group: a@x.org;", "a@x.org\nBcc: b@y.org", "Ada <a@x.org> b",
        "a@x@y.org", "Ada a@x.org", "Ada", "Ada <>",
        "a@", "@x.org", "a b@x.org", "Ada <a@x.org", "a@x..org", "ä@x.org", "a@x.org,",
    ],
)  # fmt: skip
def test_who_mail_comes_from_is_one_address(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match="one address"):
        settings(**{name: value})


@pytest.mark.parametrize(
    "value",
    [
        "papers@localhost",
        "a+b@x.org",
        "Ada <a@x.org>",
        '"Papers, Daily" <p@x.org>',
        "<a@x.org>",
        "Äda <a@x.org>",
    ],
)
def test_one_address_may_have_a_name(value: str) -> None:
    assert settings(mail_from=f" {value} ").mail_from == value


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://db/papers\n")
    monkeypatch.setenv("PAPERROUND_DATABASE_URL_FILE", str(secret))
    found = settings().database_url
    assert found
    assert found.get_secret_value() == "postgresql://db/papers"


def test_an_empty_file_of_a_secret_is_as_if_it_were_not_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.write_text("\n")
    secrets = [name for name, field in Settings.model_fields.items() if "Secret" in repr(field.annotation)]
    for name in secrets:
        monkeypatch.setenv(f"PAPERROUND_{name.upper()}_FILE", str(empty))
    assert [getattr(settings(), name) for name in secrets] == [None] * len(secrets)


def test_secrets_are_hidden_when_settings_are_shown() -> None:
    shown = str(settings(database_url="postgresql://u:hunter2@db/papers", huggingface_token="hunter3"))
    assert "hunter" not in shown


def test_an_empty_variable_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAPERROUND_PORT", "")
    assert settings().port == 8000


@pytest.mark.parametrize("feeds", ["huggingface", " huggingface ,"])
def test_feeds_are_given_with_commas(monkeypatch: pytest.MonkeyPatch, feeds: str) -> None:
    monkeypatch.setenv("PAPERROUND_FEEDS", feeds)
    assert settings().feeds == ("huggingface",)


def test_an_unknown_feed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAPERROUND_FEEDS", "slashdot")
    with pytest.raises(ValidationError, match="feeds"):
        settings()


def test_a_bad_setting_is_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PAPERROUND_PORT", "many")
    monkeypatch.setattr("sys.argv", ["paperround", "doctor"])
    with pytest.raises(SystemExit):
        app.main()
    said = capsys.readouterr().err
    assert "PAPERROUND_PORT" in said
    assert "Traceback" not in said


def test_links_start_with_where_the_site_listens_unless_said_otherwise() -> None:
    assert settings(port=9000).address == "http://127.0.0.1:9000"
    assert settings(host="0.0.0.0").address == "http://127.0.0.1:8000"
    assert settings(host="::1").address == "http://[::1]:8000"
    assert settings(public_url="https://papers.example.org/").address == "https://papers.example.org"


def test_a_childs_environment_has_the_replaced_settings() -> None:
    assert environment_with(database_url="x")["PAPERROUND_DATABASE_URL"] == "x"


@pytest.mark.parametrize("rest", ["/papers", "/papers/", "//", "/?a=b", "?a=b", "#top", "/a/b/"])
def test_a_public_url_under_a_path_is_refused_with_what_to_write(rest: str) -> None:
    with pytest.raises(
        ValidationError, match=r"scheme and a host alone, such as https://papers\.example\.org"
    ):
        settings(public_url=f"https://papers.example.org{rest}")


@pytest.mark.parametrize("url", ["https://papers.example.org", "http://[::1]:8000/", "https://a:8443"])
def test_a_public_url_of_a_host_alone_is_accepted(url: str) -> None:
    assert settings(public_url=url).address == url.rstrip("/")


def test_settings_are_read_again_from_the_texts_that_a_child_gets(monkeypatch: pytest.MonkeyPatch) -> None:
    given = settings(
        database_url="postgresql://u:p@db/papers",
        secret_key="a" * 32 + "," + "b" * 32,
        trusted_proxies="10.0.0.0/8, fd00::/8",
        allowed_hosts="papers.example,other.example",
        feeds="huggingface,arxiv",
        arxiv_categories="cs.AI,astro-ph",
        arxiv_interval="PT1.5S",
        read_every="02:30:00",
        public_url="https://papers.example.org",
        data_dir="/srv/pa pers",
        trending_half_life_hours=12.5,
        site_name="Zeitungen, täglich",
        mail_from="Papers <papers@example.org>",
        port=9000,
        encoder_url=None,
    )
    for name, value in given.to_environment().items():
        monkeypatch.setenv(f"PAPERROUND_{name.upper()}", value)
    assert settings() == given
