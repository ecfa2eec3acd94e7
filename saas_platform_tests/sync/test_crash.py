"""A sync that is killed between any two steps leaves the state before the sync, or the state after it."""

from __future__ import annotations

import itertools
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa

from saas_platform.schema import TABLES
from saas_platform.source.sqlite import SqliteSource
from saas_platform.sync import sync
from saas_platform.warehouse.duckdb.connection import Connection
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.rows import by_hand, insert, row
from saas_platform_tests.sync.external_writes import mirror_rows, rows_of, source_rows

USERS = TABLES["users"]


class Killed(BaseException):
    """Stands for a signal: no handler of errors catches it."""


def die_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Raise Killed instead of running statement number `step`."""
    counter = itertools.count(1)
    run = Connection.run

    def counted(self: Connection, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        if next(counter) == step:
            raise Killed
        return run(self, sql, parameters)

    monkeypatch.setattr(Connection, "run", counted)


def state(path: Path, table: sa.Table) -> tuple[list[Any], int]:
    """Return the table's rows, and the number of entries in the log."""
    if not path.exists():
        return [], 0
    with duckdb.connect(str(path)) as connection:
        present = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        if (table.name,) not in present:
            return [], 0
        logged = connection.execute("SELECT sync_id FROM raw._sync_log").fetchall()
        return rows_of(connection, table), len(logged)


@pytest.mark.parametrize(
    "first", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["full", "incremental"]
)
def test_killed_at_every_statement(
    source: SqliteSource,
    warehouse: DuckdbWarehouse,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    first: bool,
) -> None:
    if not first:
        sync(source, warehouse, [USERS])
        with by_hand(source.path) as connection:
            connection.execute("UPDATE users SET full_name = 'new' WHERE user_id = 1")
            connection.execute("DELETE FROM users WHERE user_id = 2")
            insert(connection, USERS, [row(USERS, 20, account_id=1)])
            connection.execute("DELETE FROM users WHERE user_id = 3")
            connection.execute("DELETE FROM _tombstones WHERE key_value = 3")
    before = ([], 0) if first else state(warehouse.path, USERS)
    after = (source_rows(source.path, USERS), before[1] + 1)
    seen = []
    for step in itertools.count(1):
        copy = DuckdbWarehouse(tmp_path / f"copy_{step}.duckdb")
        if not first:
            shutil.copy(warehouse.path, copy.path)
        with monkeypatch.context() as patched:
            die_at(patched, step)
            try:
                sync(source, copy, [USERS])
                break
            except Killed:
                pass
        seen.append(state(copy.path, USERS))
        assert seen[-1] in (before, after)
    assert step > 12
    assert seen.index(after) > seen.index(before)
    (report,) = sync(source, copy, [USERS])
    assert report.mode is None
    # The last one killed before its commit, and the last one killed at all: a next sync completes both.
    for survivor in (seen.index(after), len(seen)):
        (report,) = sync(source, DuckdbWarehouse(tmp_path / f"copy_{survivor}.duckdb"), [USERS])
        assert report.succeeded
        assert state(tmp_path / f"copy_{survivor}.duckdb", USERS) == after


_SLOW_SYNC = """
import sys, time
from pathlib import Path
from saas_platform.schema import TABLES
from saas_platform.source.sqlite import SqliteSource
from saas_platform.sync import sync
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse

def halt(progress):
    if progress.step == sys.argv[3]:
        print("here", flush=True)
        time.sleep(60)

sync(SqliteSource(Path(sys.argv[1])), DuckdbWarehouse(Path(sys.argv[2])), [TABLES["users"]], halt)
"""


@pytest.mark.parametrize(("step", "applied"), [("read", False), ("prove", True)])
def test_a_killed_process(
    source: SqliteSource, warehouse: DuckdbWarehouse, step: str, applied: bool
) -> None:
    sync(source, warehouse, [USERS])
    before = mirror_rows(warehouse.path, USERS)
    with by_hand(source.path) as connection:
        connection.execute("UPDATE users SET full_name = 'new'")
    with subprocess.Popen(
        [sys.executable, "-c", _SLOW_SYNC, str(source.path), str(warehouse.path), step],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        process.kill()
    wanted = source_rows(source.path, USERS) if applied else before
    assert mirror_rows(warehouse.path, USERS) == wanted
    (report,) = sync(source, warehouse, [USERS])
    assert report.succeeded
    assert mirror_rows(warehouse.path, USERS) == source_rows(source.path, USERS)


def test_an_error_of_the_source_leaves_as_it_was(
    source: SqliteSource, warehouse: DuckdbWarehouse
) -> None:
    def fail(_: object) -> None:
        raise Killed

    with pytest.raises(Killed):
        sync(source, warehouse, [USERS], fail)
    assert warehouse.mirror_columns(USERS) == {}
