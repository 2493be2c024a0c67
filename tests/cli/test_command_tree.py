"""The list of commands, which is written down so that `--help` imports none of them."""

from importlib import import_module
from pkgutil import iter_modules

import typer

from paperround import cli
from paperround.cli.app import COMMANDS, HIDDEN_COMMANDS


def test_every_command_that_a_module_defines_is_listed() -> None:
    defined: dict[str, str] = {}
    for module in iter_modules(cli.__path__):
        app = getattr(import_module(f"paperround.cli.{module.name}"), "app", None)
        if module.name not in {"app", "database"} and isinstance(app, typer.Typer):
            commands = typer.main.get_group(app).commands
            defined |= dict.fromkeys(commands, module.name)
    assert {name: module for name, (module, _) in COMMANDS.items()} | HIDDEN_COMMANDS == defined
