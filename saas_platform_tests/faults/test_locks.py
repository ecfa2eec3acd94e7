"""Tests of other processes on the same files: a lock held too long, an open transaction, two syncs at once.

Contains: cases of two or more processes. Out of scope: waiting for DuckDB's file (warehouse/test_duckdb.py).
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from saas_platform.cli.app import app
from saas_platform.errors import PlatformError
from saas_platform.source.sqlite import connection as sqlite_connection
from saas_platform.source.sqlite import opening as sqlite_opening
from saas_platform.sync import sync
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.faults.child import Fault, run, started
from saas_platform_tests.faults.conftest import Fresh
from saas_platform_tests.faults.operations import (
    Scenario,
    Workspace,
    apply_second_month,
    change,
    changed,
    never_synced,
    own_database,
    source_with_a_month,
    sync_all,
    synced,
)
from saas_platform_tests.faults.test_killed import contents, goes_on
from saas_platform_tests.rows import by_hand

_HOLDER = {
    "source": """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute(sys.argv[2])
print("held", flush=True)
sys.stdin.readline()
connection.execute(sys.argv[3])
print("released", flush=True)
""",
    "warehouse": """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
connection.close()
print("released", flush=True)
""",
}


class Holder:
    """Another process that holds a file until it is asked to release it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.pid = process.pid
        self._process = process

    def release(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "released\n"


@contextmanager
def held(which: str, path: Path, *statements: str) -> Iterator[Holder]:
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER[which], str(path), *statements],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield Holder(process)
        finally:
            process.kill()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the waiting time of 30 seconds."""
    for module in (sqlite_connection, sqlite_opening):
        monkeypatch.setattr(module, "BUSY_MILLISECONDS", 200)
    defaults = DuckdbWarehouse.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "wait_seconds", 0.2)


# A lock that is held longer than the platform waits.


def test_a_held_warehouse(fresh: Fresh, impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line prints one sentence and an exit code, and does nothing."""
    workspace = Workspace(fresh(Scenario(changed, sync_all)))
    monkeypatch.setenv("SAAS_HOME", str(workspace.folder))
    before = workspace.mirror_rows()
    with held("warehouse", workspace.warehouse.path) as holder:
        for words in (["sync", "users"], ["verify", "users"], ["repair", "users"]):
            result = CliRunner().invoke(app, words)
            assert result.exit_code == 2
            assert result.stdout == ""
            assert result.stderr == (
                f"error: The warehouse {workspace.warehouse.path} is in use by process {holder.pid}:"
                " wait until it ends, or stop it.\n"
            )
        holder.release()
    assert workspace.mirror_rows() == before
    assert CliRunner().invoke(app, ["sync", "users"]).exit_code == 0
    goes_on(workspace, workspace.source_rows())


@pytest.mark.parametrize("kind", ["IMMEDIATE", "EXCLUSIVE"])
def test_a_held_source_can_be_read(fresh: Fresh, impatient: None, kind: str) -> None:
    """The platform's own writer does not block readers."""
    workspace = Workspace(fresh(Scenario(changed, sync_all)))
    with held("source", workspace.path, f"BEGIN {kind}", "ROLLBACK"):
        goes_on(workspace, workspace.source_rows())


def test_a_held_source_is_not_written(fresh: Fresh, impatient: None) -> None:
    workspace = Workspace(fresh(Scenario(source_with_a_month, apply_second_month)))
    before = contents(workspace.path)
    with held("source", workspace.path, "BEGIN IMMEDIATE", "ROLLBACK") as holder:
        with pytest.raises(PlatformError) as caught:
            apply_second_month(workspace.folder)
        assert str(caught.value) == (
            f"The source {workspace.path} is locked by another program: close it, then run again."
        )
        holder.release()
        assert contents(workspace.path) == before
        apply_second_month(workspace.folder)
    assert contents(workspace.path) != before


def test_a_held_database_of_the_users_own(fresh: Fresh, impatient: None) -> None:
    """In a database without a write-ahead log, a writer does block readers."""
    workspace = Workspace(fresh(Scenario(own_database, sync_all)))
    before = workspace.mirror_rows()
    with held("source", workspace.path, "BEGIN EXCLUSIVE", "ROLLBACK") as holder:
        with pytest.raises(PlatformError) as caught:
            sync_all(workspace.folder)
        assert str(caught.value) == (
            f"The source {workspace.path} is locked by another program: close it, then run again."
        )
        assert workspace.mirror_rows() == before
        holder.release()
        goes_on(workspace, workspace.source_rows())


# A transaction that is open during a sync.


@pytest.mark.parametrize("ends", ["COMMIT", "ROLLBACK"])
def test_a_transaction_open_across_a_sync(fresh: Fresh, ends: str) -> None:
    """The sync sees none of its rows, and a later sync does not skip their versions."""
    workspace = Workspace(fresh(Scenario(changed, sync_all)))
    committed = workspace.source_rows()
    writes = (
        "BEGIN; UPDATE users SET full_name = 'long' WHERE user_id < 6;"
        " DELETE FROM users WHERE user_id = 9; UPDATE users SET created_at ="
        " '2025-06-07 00:00:00.000000' WHERE user_id = 1"
    )
    with closing(sqlite3.connect(workspace.path, isolation_level=None)) as writer:
        for statement in writes.split(";"):
            writer.execute(statement)
        end = run(sync_all, workspace.folder)
        assert end.error is None
        assert workspace.mirror_rows() == committed
        # The same holds for a second sync: other connections see no change.
        assert {r.mode for r in sync(workspace.source, workspace.warehouse, workspace.tables)} == {
            None
        }
        writer.execute(ends)
    after = workspace.source_rows()
    assert (after == committed) == (ends == "ROLLBACK")
    goes_on(workspace, after)


@pytest.mark.parametrize("step", ["warehouse: BEGIN", "source: batch of rows", "warehouse: COMMIT"])
def test_writes_during_a_sync(fresh: Fresh, step: str) -> None:
    """A change committed during a sync waits for the next one: all tables are of one point in time."""
    workspace = Workspace(fresh(Scenario(synced, sync_all)))
    change(workspace.path)
    then = workspace.source_rows()
    with started(sync_all, workspace.folder, Fault(pause=(step, 1.0))) as child:
        child.reaches(step)
        with by_hand(workspace.path, checked=False) as connection:
            connection.execute("UPDATE users SET full_name = 'during'")
            connection.execute("DELETE FROM users WHERE user_id > 8")
        end = child.wait()
    assert (end.killed, end.error) == (False, None)
    assert workspace.mirror_rows() == then
    goes_on(workspace, workspace.source_rows())


# Two at once.


def test_two_commands_on_one_home(fresh: Fresh, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second reports the first. A killed command leaves no lock behind."""
    workspace = Workspace(fresh(Scenario(changed, sync_all)))
    monkeypatch.setenv("SAAS_HOME", str(workspace.folder))
    step = "warehouse: COMMIT"
    with started(command, workspace.folder, Fault(pause=(step, 30.0))) as child:
        child.reaches(step)
        result = CliRunner().invoke(app, ["sync", "users"])
        assert result.exit_code == 2
        assert result.stderr == (
            f"error: Another saas-platform command is running on SAAS_HOME {workspace.folder}:"
            " wait for it to end, or use another SAAS_HOME.\n"
        )
        child.process.kill()
        assert child.wait().killed
    assert CliRunner().invoke(app, ["sync", "users"]).exit_code == 0
    goes_on(workspace, workspace.source_rows())


def command(folder: Path) -> None:
    os.environ["SAAS_HOME"] = str(folder)
    assert CliRunner().invoke(app, ["sync", "users"]).exit_code == 0


@pytest.mark.slow
@pytest.mark.parametrize("begins", [never_synced, changed, own_database])
def test_two_syncs_without_the_lock_of_the_home(
    fresh: Fresh, begins: Callable[[Path], None]
) -> None:
    """Two pods may do this. The second waits for each table and finds what the first has done."""
    workspace = Workspace(fresh(Scenario(begins, sync_all)))
    step = "warehouse: COMMIT"
    with (
        started(sync_all, workspace.folder, Fault(pause=(step, 0.5))) as first,
        started(sync_all, workspace.folder, Fault(pause=(step, 0.5))) as second,
    ):
        ends = [first.wait(), second.wait()]
    assert [end.error for end in ends] == [None, None]
    assert workspace.mirror_rows() == workspace.source_rows()
    goes_on(workspace, workspace.source_rows())


@pytest.mark.slow
def test_a_sync_overtaken_by_a_later_one(fresh: Fresh) -> None:
    """A sync with an older view commits last. What the later sync wrote is back after the next run."""
    workspace = Workspace(fresh(Scenario(synced, sync_all)))
    change(workspace.path)
    step = 'source: SELECT identity FROM "_source"'
    with started(sync_all, workspace.folder, Fault(pause=(step, 2.0))) as slow:
        slow.reaches(step)
        with by_hand(workspace.path) as connection:
            connection.execute("UPDATE users SET full_name = 'later'")
            connection.execute("DELETE FROM users WHERE user_id = 9")
        sync_all(workspace.folder)
        end = slow.wait()
    assert end.error is None
    goes_on(workspace, workspace.source_rows())


@pytest.mark.slow
def test_two_loads_of_one_month(fresh: Fresh) -> None:
    workspace = Workspace(fresh(Scenario(source_with_a_month, apply_second_month)))
    straight = Workspace(fresh(Scenario(source_with_a_month, apply_second_month)))
    apply_second_month(straight.folder)
    with (
        started(
            apply_second_month, workspace.folder, Fault(pause=("source: COMMIT", 0.5))
        ) as first,
        started(apply_second_month, workspace.folder, Fault()) as second,
    ):
        assert [first.wait().error, second.wait().error] == [None, None]
    found, wanted = contents(workspace.path), contents(straight.path)
    assert {k: v for k, v in found.items() if k != "_row_version"} == {
        k: v for k, v in wanted.items() if k != "_row_version"
    }
