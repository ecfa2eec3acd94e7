"""Tests that any order of writes, replayed months, syncs, repairs and crashes ends in an equal mirror.

Python compares all rows of both sides, so that equality does not rest on a digest alone. A crash is a process
that a signal kills at a random statement or byte (child.py), or an error at a random statement of this one.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing, suppress
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from saas_platform.schema import TABLES, slicing_of
from saas_platform.source.interface import SourceError
from saas_platform.source.sqlite import SqliteSource
from saas_platform.sync import probe, repair, sync, verify
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.drawing import examples
from saas_platform_tests.faults.child import Fault, Operation, run
from saas_platform_tests.faults.conftest import MEMORY
from saas_platform_tests.faults.operations import (
    EACH_KIND,
    apply_first_month,
    apply_second_month,
    repair_each_kind,
    sync_each_kind,
)
from saas_platform_tests.rows import by_hand, insert, row, stored
from saas_platform_tests.sync.external_writes import in_mirror, mirror_rows, source_rows
from saas_platform_tests.sync.test_crash import Killed, die_at

#: A text column, unique or not, of a table that is not sliced, one sliced by month, and one sliced by day.
TEXTS = {"features": "code", "users": "email", "usage_events": "event_type"}
NAMES = list(TEXTS)

names = st.sampled_from(NAMES)
numbers = st.integers(1, 12)
texts = st.sampled_from(
    ["a", "a ", "A", "", "e\u0301", "\u00e9", "\n", "NULL", "\U0001d11e", "a\u0000b", "'; --"]
)
timestamps = st.builds(
    lambda days, micros: datetime(2024, 1, 31) + timedelta(days=days, microseconds=micros),
    st.integers(0, 3),
    st.integers(-1, 1),
)

faults = st.one_of(
    st.builds(Fault, kill_at=st.integers(1, 150)),
    st.builds(Fault, kill_past=st.integers(0, 100_000)),
    st.builds(Fault, disk_bytes=st.integers(0, 300_000)),
)


class Mirror(RuleBasedStateMachine):
    @initialize(fault=faults)
    def begin(self, fault: Fault) -> None:
        #: The fault of the last sync but one, so that each history has a process that dies in a sync.
        self.fault = fault
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.exists() else None))
        self.source = SqliteSource(Path(shutil.copy(_template(), self.folder / "source.db")))
        self.warehouse = DuckdbWarehouse(self.folder / "warehouse.duckdb")

    def write(self, sql: str, *parameters: object) -> None:
        with (
            by_hand(self.source.path, checked=False) as connection,
            suppress(sqlite3.IntegrityError),
        ):
            connection.execute(sql, parameters)

    @rule(
        name=names,
        first=numbers,
        count=st.integers(1, 4),
        replaces=st.booleans(),
        timestamp=timestamps,
    )
    def add(self, name: str, first: int, count: int, replaces: bool, timestamp: datetime) -> None:
        table = TABLES[name]
        slicing = slicing_of(table)
        at = {} if slicing is None else {slicing.column: timestamp}
        with by_hand(self.source.path, checked=False) as connection:
            for n in range(first, first + count):
                insert(
                    connection,
                    table,
                    [row(table, n, **at)],
                    verb="INSERT OR REPLACE" if replaces else "INSERT OR IGNORE",
                )

    @rule(name=names, n=numbers, text=texts)
    def change(self, name: str, n: int, text: str) -> None:
        key = _key(name)
        self.write(f'UPDATE "{name}" SET "{TEXTS[name]}" = ? WHERE "{key}" = ?', text, n)

    @rule(name=names, n=numbers, text=texts)
    def displace(self, name: str, n: int, text: str) -> None:
        """Give a row the unique text of another row, which goes without firing a trigger."""
        key = _key(name)
        self.write(f'UPDATE OR REPLACE "{name}" SET "{TEXTS[name]}" = ? WHERE "{key}" = ?', text, n)

    @rule(name=st.sampled_from(["users", "usage_events"]), n=numbers, timestamp=timestamps)
    def move(self, name: str, n: int, timestamp: datetime) -> None:
        slicing = slicing_of(TABLES[name])
        assert slicing is not None
        key = _key(name)
        self.write(
            f'UPDATE "{name}" SET "{slicing.column}" = ? WHERE "{key}" = ?',
            stored(timestamp),
            n,
        )

    @rule(name=names, n=numbers, other=numbers)
    def rename(self, name: str, n: int, other: int) -> None:
        key = _key(name)
        self.write(f'UPDATE "{name}" SET "{key}" = ? WHERE "{key}" = ?', other, n)

    @rule(name=names, n=numbers)
    def delete(self, name: str, n: int) -> None:
        key = _key(name)
        self.write(f'DELETE FROM "{name}" WHERE "{key}" >= ?', n)

    @rule()
    def lose_tombstones(self) -> None:
        self.write("DELETE FROM _tombstones")

    @rule()
    def sync(self) -> None:
        assert all(report.succeeded for report in sync(self.source, self.warehouse, EACH_KIND))
        self.check()

    @rule(n=numbers, verb=st.sampled_from(["COMMIT", "ROLLBACK"]))
    def write_across_a_sync(self, n: int, verb: str) -> None:
        """Keep another connection's transaction open while a sync runs."""
        with closing(sqlite3.connect(self.source.path, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            writer.execute("UPDATE users SET full_name = 'across' WHERE user_id >= ?", [n])
            writer.execute("DELETE FROM usage_events WHERE event_id = ?", [n])
            before = {table.name: source_rows(self.source.path, table) for table in EACH_KIND}
            assert all(report.succeeded for report in sync(self.source, self.warehouse, EACH_KIND))
            for table in EACH_KIND:
                assert mirror_rows(self.warehouse.path, table) == before[table.name]
            writer.execute(verb)

    @rule(operation=st.sampled_from([apply_first_month, apply_second_month]))
    def replay(self, operation: Operation) -> None:
        """Load a month as the platform does, again or for the first time. Writes by hand may make it fail."""
        with suppress(SourceError):
            operation(self.folder)

    @rule(operation=st.sampled_from([sync_each_kind, repair_each_kind]), fault=faults)
    def die_in_a_sync(self, operation: Operation, fault: Fault) -> None:
        run(operation, self.folder, fault)

    @rule(operation=st.sampled_from([apply_first_month, apply_second_month]), fault=faults)
    def die_in_a_load(self, operation: Operation, fault: Fault) -> None:
        run(operation, self.folder, fault)

    @rule(step=st.integers(1, 60))
    def crash(self, step: int) -> None:
        with pytest.MonkeyPatch.context() as patched, suppress(Killed):
            die_at(patched, step)
            sync(self.source, self.warehouse, EACH_KIND)

    @rule(name=names, n=numbers)
    def tamper_and_repair(self, name: str, n: int) -> None:
        table = TABLES[name]
        if not self.warehouse.mirror_columns(table):
            return
        in_mirror(self.warehouse.path, f'DELETE FROM raw."{name}" WHERE "{_key(name)}" = {n}')
        in_mirror(
            self.warehouse.path,
            f'UPDATE raw."{name}" SET row_version = -1 WHERE "{_key(name)}" < {n}',
        )
        assert all(report.succeeded for report in repair(self.source, self.warehouse, [table]))
        assert mirror_rows(self.warehouse.path, table) == source_rows(self.source.path, table)

    def check(self) -> None:
        for table in EACH_KIND:
            assert mirror_rows(self.warehouse.path, table) == source_rows(self.source.path, table)

    def teardown(self) -> None:
        if not hasattr(self, "folder"):
            return
        run(sync_each_kind, self.folder, self.fault)
        self.sync()
        assert {found.reason for found in probe(self.source, self.warehouse, EACH_KIND)} == {None}
        assert all(proof.proven for proof in verify(self.source, self.warehouse, EACH_KIND, "rows"))
        assert {report.mode for report in sync(self.source, self.warehouse, EACH_KIND)} == {None}
        shutil.rmtree(self.folder)


@cache
def _template() -> Path:
    """Return an empty source to copy. Creating one takes longer than most histories."""
    path = Path(tempfile.mkdtemp()) / "source.db"
    SqliteSource(path).create_schema()
    return path


def _key(name: str) -> str:
    (column,) = TABLES[name].primary_key.columns
    return column.name


TestMirrorQuickly = Mirror.TestCase
TestMirrorQuickly.settings = settings(
    max_examples=examples(3), stateful_step_count=12, deadline=None
)


@pytest.mark.slow
class TestMirror(Mirror.TestCase):  # type: ignore[valid-type,misc]
    settings = settings(
        max_examples=examples(25),
        stateful_step_count=10,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
