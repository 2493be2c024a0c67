"""`paperround`: the tree of commands. Each module beside this one has a group of them.

A command's module is imported when the command is run: together they take a second and 100 MB.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

# The module of each command, and what the list of commands says: a test compares it with the command's own.
COMMANDS: Final = {
    "up": ("up", "Run everything on this machine: database, encoder, worker, clock and web."),
    "reload": (
        "up",
        "Replace the web processes of a running `up`, one after the other; no request is refused meanwhile.",
    ),
    "web": (
        "processes",
        "Serve the pages and the API. SIGHUP replaces the processes if PAPERROUND_WEB_PROCESSES is set.",
    ),
    "worker": (
        "processes",
        "Read feeds, embed papers, match topics and send mail. Any number may run, on any number of hosts.",
    ),
    "clock": (
        "processes",
        "Put jobs on the queue when they are due. One clock is enough, and two do no harm.",
    ),
    "encoder": (
        "processes",
        "Turn text into vectors: for this machine on a Unix socket, or for others on an address.",
    ),
    "ingest": ("ingest", "Read days of a feed now. Without a day: those that are due."),
    "embed": (
        "embed",
        "Fill a model's vectors beside the current one's. If interrupted, it resumes where it was.",
    ),
    "summarize": (
        "summarize",
        "Have papers summarised and shown matches explained, within the daily limit. It can be interrupted.",
    ),
    "fit": ("fit", "Calibrate what topics and searches show under the current model, from judged pairs."),
    "judgments": (
        "fit",
        "Print what readers judged at /judge, in the form that `paperround fit --judgments` reads.",
    ),
    "mcp": (
        "mcp",
        "Serve an agent on this machine over standard input and output (Model Context Protocol).",
    ),
    "outbox": ("mail", "The mail that was written to the outbox folder because no server is set."),
    "bounces": (
        "bounces",
        "Read bounced mail from standard input or a folder. Addresses that fail get no more mail.",
    ),
    "remove": (
        "papers",
        "Remove a paper with its votes, notes and ratings. No feed or reader can bring it back.",
    ),
    "status": ("status", "How reading, embedding and the queue are going."),
    "doctor": (
        "doctor",
        "Settings in force, secrets hidden, and a check of disk, database, feeds, clock, encoder and mail.",
    ),
}
HIDDEN_COMMANDS: Final = {"announce": "status"}
GROUPS: Final = {
    "db": ("database", "app", "The database: its schema, backups."),
    "digest": ("mail", "digest_app", "Digests by mail."),
    "channel": ("channels", "channel_app", "Digests to webhooks and chats."),
}


class LazyCommand(TyperCommand):
    """A command, or a group, that is imported when it is run."""

    def __init__(self, name: str, module: str, words: str, *, group: str = "", hidden: bool = False) -> None:
        super().__init__(name, help=words, hidden=hidden)
        self._module, self._group = module, group

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Return a context of the command itself, which click then runs."""
        return self.load().make_context(info_name, args, parent, **extra)

    def load(self) -> TyperCommand | TyperGroup:
        """Import the command."""
        leave_out_unused_extras()
        module = import_module(f"paperround.cli.{self._module}")
        if self._group:
            return typer.main.get_group(getattr(module, self._group))
        command: TyperCommand = typer.main.get_group(module.app).commands[str(self.name)]  # type: ignore[assignment]
        return command


class CommandTree(TyperGroup):
    """The tree of commands, without what they need."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        commands = [LazyCommand(name, module, words) for name, (module, words) in COMMANDS.items()]
        commands += [LazyCommand(name, module, "", hidden=True) for name, module in HIDDEN_COMMANDS.items()]
        commands += [
            LazyCommand(name, module, words, group=group) for name, (module, group, words) in GROUPS.items()
        ]
        self.commands = {str(command.name): command for command in commands}


def leave_out_unused_extras() -> None:
    """Import structlog as if rich were missing, and httpx, later, as if its command line were.

    Wherever they find rich and Pygments they load both, 4 MB of each process: for tracebacks that `logs.py`
    never has drawn, and for a command of httpx's own. A module that is None is not found.
    """
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    if "structlog" in sys.modules:
        return
    rich = sys.modules.pop("rich", None)
    sys.modules["rich"] = None  # type: ignore[assignment]
    import_module("structlog")
    del sys.modules["rich"]
    if rich is not None:
        sys.modules["rich"] = rich


app = typer.Typer(
    cls=CommandTree,
    help="The day's research papers, delivered.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback()
def _root() -> None:
    """Without a callback, Typer wants commands of its own."""


def main() -> None:
    """Run a command. Nobody sees a traceback.

    What goes wrong in a way that we know is shown in one paragraph. Anything else is a bug: it is shown as
    one line with a number, under which a file has the traceback.
    """
    try:
        app()
    except Exception as error:  # noqa: BLE001 (nothing is swallowed: it is told, and recorded if it is a bug)
        from paperround.cli.bugs import report_bug
        from paperround.cli.console import fail
        from paperround.failures import explain

        explanation = explain(error)
        fail(explanation.detail if explanation else report_bug(error))
