"""Migrations stop nobody who works: what their files may do, and how they wait for a table in use."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import pytest
from alembic import command
from alembic.config import Config
from psycopg.errors import LockNotAvailable
from sqlalchemy.exc import OperationalError

from paperround import schema

RELEASED = "f3b86a0d9e17"  # the last revision of release 0.1.0
# Operations that break code which runs on the schema before, and those that rewrite a table under a lock.
BREAKING = frozenset({"drop_column", "drop_table", "rename_table", "alter_column", "drop_constraint"})


@dataclass(frozen=True)
class Migration:
    """A migration's file, read but not run."""

    name: str
    tree: ast.Module

    def value(self, name: str) -> object:
        """The value of a constant such as `revision`."""
        for node in self.tree.body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return ast.literal_eval(node.value)  # type: ignore[attr-defined]
        raise AssertionError(f"{self.name} has no {name}")

    def function(self, name: str) -> ast.FunctionDef:
        (node,) = [n for n in self.tree.body if isinstance(n, ast.FunctionDef) and n.name == name]
        return node


def list_operations(node: ast.AST) -> list[ast.Call]:
    """The calls of Alembic's operations (`op.add_column` and so on) in a function or a block."""
    return [
        call
        for call in ast.walk(node)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "op"
    ]


def operation_name(call: ast.Call) -> str:
    assert isinstance(call.func, ast.Attribute)
    return call.func.attr


def list_concurrent_operations(function: ast.FunctionDef) -> list[ast.Call]:
    """The operations in a block outside of a transaction."""
    blocks = [n for n in ast.walk(function) if isinstance(n, ast.With) and "autocommit_block" in ast.dump(n)]
    return [call for block in blocks for statement in block.body for call in list_operations(statement)]


@cache
def load_migrations() -> dict[str, Migration]:
    """All migrations by revision, oldest first."""
    folder = schema.project_file("migrations") / "versions"
    read = [Migration(path.name, ast.parse(path.read_text(encoding="utf-8"))) for path in folder.glob("*.py")]
    by_predecessor = {migration.value("down_revision"): migration for migration in read}
    ordered: dict[str, Migration] = {}
    revision: object = None
    while revision in by_predecessor:
        revision = by_predecessor[revision].value("revision")
        ordered[str(revision)] = next(m for m in read if m.value("revision") == revision)
    assert len(ordered) == len(read)
    return ordered


def list_new_migrations() -> Iterator[Migration]:
    """Those since the last release."""
    revisions = list(load_migrations())
    for revision in revisions[revisions.index(RELEASED) + 1 :]:
        yield load_migrations()[revision]


@pytest.mark.parametrize("direction", ["upgrade", "downgrade"])
def test_every_new_migration_bounds_its_wait_for_a_lock(direction: str) -> None:
    """One that is queued behind a long reader would stop everybody who comes after it."""
    for migration in list_new_migrations():
        function = migration.function(direction)
        concurrent = list_concurrent_operations(function)
        operations = [call for call in list_operations(function) if call not in concurrent]
        operations = [call for call in operations if operation_name(call) != "get_context"]
        if operations:
            first = ast.unparse(operations[0])
            assert "SET LOCAL lock_timeout" in first, f"{migration.name}: {direction} begins with {first}"


def test_every_index_on_a_table_with_rows_is_made_beside_readers_and_writers() -> None:
    for migration in list_new_migrations():
        function = migration.function("upgrade")
        operations = list_operations(function)
        made = {ast.unparse(c.args[0]) for c in operations if operation_name(c) == "create_table"}
        for call in operations:
            if operation_name(call) == "create_index" and ast.unparse(call.args[1]) not in made:
                assert "postgresql_concurrently=True" in ast.unparse(call), migration.name
                assert call in list_concurrent_operations(function), migration.name
            if operation_name(call) == "execute" and "INDEX" in ast.unparse(call).upper():
                assert "CONCURRENTLY" in ast.unparse(call).upper(), migration.name


def test_a_migration_with_an_index_beside_writers_does_nothing_else_and_can_begin_again() -> None:
    for migration in list_new_migrations():
        function = migration.function("upgrade")
        if list_concurrent_operations(function):
            source = ast.unparse(function)
            assert "downgrade()" in source or "if_not_exists=True" in source, migration.name
            names = {operation_name(call) for call in list_operations(function)}
            assert names <= {"create_index", "drop_index", "get_context", "execute"}, migration.name


def test_new_migrations_only_add() -> None:
    for migration in list_new_migrations():
        names = {operation_name(call) for call in list_operations(migration.function("upgrade"))}
        assert not names & BREAKING, migration.name
        for call in list_operations(migration.function("upgrade")):
            if operation_name(call) == "add_column":
                column = ast.unparse(call)
                assert "nullable=False" not in column or "server_default" in column, migration.name


def test_every_new_migration_names_the_revisions_since_the_release_as_working() -> None:
    revisions = list(load_migrations())
    for migration in list_new_migrations():
        revision = str(migration.value("revision"))
        since = revisions[revisions.index(RELEASED) : revisions.index(revision)]
        works_with = migration.value("works_with")
        assert isinstance(works_with, tuple)
        assert set(since) <= set(works_with), migration.name


def lock_timeout() -> OperationalError:
    """What a migration raises when its lock_timeout has passed."""
    return OperationalError("ALTER TABLE papers", {}, LockNotAvailable("canceling statement"))


@pytest.mark.parametrize("busy", [1, schema.MAX_LOCK_ATTEMPTS - 1])
def test_a_migration_that_waits_for_a_busy_table_lets_others_pass_and_tries_again(
    busy: int, bare_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors, run = [lock_timeout() for _ in range(busy)], command.upgrade

    def upgrade(config: Config, revision: str) -> None:
        if errors:
            raise errors.pop()
        run(config, "4b7e1c90d2aa")

    monkeypatch.setattr(command, "upgrade", upgrade)
    schema.upgrade(bare_database_url)
    assert not errors


def test_a_table_that_stays_locked_is_said_with_what_to_do(
    bare_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def upgrade(_config: object, _revision: str) -> None:
        raise lock_timeout()

    monkeypatch.setattr(command, "upgrade", upgrade)
    with pytest.raises(schema.SchemaError) as error:
        schema.upgrade(bare_database_url)
    assert "pg_stat_activity" in error.value.detail
