"""Writes by hand, syncs and crashes in any order: the mirror ends proven, and equal by other means."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from saas_platform.schema import TABLES, slice_of
from saas_platform.source.sqlite import SqliteSource
from saas_platform.sync import probe, repair, sync, verify
from saas_platform.warehouse.duckdb import DuckdbWarehouse
from saas_platform_tests.rows import by_hand, insert, row, stored
from saas_platform_tests.sync.hands import in_mirror, mirror_rows, source_rows
from saas_platform_tests.sync.test_crash import Killed, die_at

#: Cut by month, cut by day, whole; and a text column of each that is unique or not.
TEXTS = {"features": "code", "users": "email", "usage_events": "event_type"}
NAMES = list(TEXTS)
EACH_KIND = [TABLES[name] for name in NAMES]

names = st.sampled_from(NAMES)
numbers = st.integers(1, 12)
texts = st.sampled_from(["a", "a ", "A", "", "e\u0301", "\u00e9", "\n"])
moments = st.builds(
    lambda days, micros: datetime(2024, 1, 31) + timedelta(days=days, microseconds=micros),
    st.integers(0, 3),
    st.integers(-1, 1),
)


class Mirror(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.source = SqliteSource(self.folder / "source.db")
        self.source.create_schema()
        self.warehouse = DuckdbWarehouse(self.folder / "warehouse.duckdb")

    def write(self, sql: str, *parameters: object) -> None:
        with (
            by_hand(self.source.path, checked=False) as connection,
            suppress(sqlite3.IntegrityError),
        ):
            connection.execute(sql, parameters)

    @rule(
        name=names, first=numbers, count=st.integers(1, 4), replaces=st.booleans(), moment=moments
    )
    def add(self, name: str, first: int, count: int, replaces: bool, moment: datetime) -> None:
        table = TABLES[name]
        cut = slice_of(table)
        at = {} if cut is None else {cut.column: moment}
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
        """A unique text that another row has: that row goes, and no trigger fires."""
        key = _key(name)
        self.write(f'UPDATE OR REPLACE "{name}" SET "{TEXTS[name]}" = ? WHERE "{key}" = ?', text, n)

    @rule(name=st.sampled_from(["users", "usage_events"]), n=numbers, moment=moments)
    def move(self, name: str, n: int, moment: datetime) -> None:
        cut = slice_of(TABLES[name])
        assert cut is not None
        key = _key(name)
        self.write(
            f'UPDATE "{name}" SET "{cut.column}" = ? WHERE "{key}" = ?',
            stored(moment),
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
        self.sync()
        assert {found.reason for found in probe(self.source, self.warehouse, EACH_KIND)} == {None}
        assert all(proof.proven for proof in verify(self.source, self.warehouse, EACH_KIND, "rows"))
        assert {report.mode for report in sync(self.source, self.warehouse, EACH_KIND)} == {None}
        shutil.rmtree(self.folder)


def _key(name: str) -> str:
    (column,) = TABLES[name].primary_key.columns
    return column.name


TestMirrorQuickly = Mirror.TestCase
TestMirrorQuickly.settings = settings(max_examples=4, stateful_step_count=12, deadline=None)


@pytest.mark.slow
class TestMirror(Mirror.TestCase):  # type: ignore[name-defined,misc]
    settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
