"""Run the commands on a user's own database, and judge the mirror by plain `sqlite3` and `duckdb`.

Contains: the commands under test, called through the package's own API, and the judge of what they did, which
shares no code with the package.
Out of scope: what is right (expected.py, rules.py), the faults of one table (faults.py), and any database.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa
import yaml

from saas_platform.schema.declared import as_yaml, read_tables
from saas_platform.source.interface import Discovery
from saas_platform.source.sqlite import SqliteDatabase
from saas_platform.sync import ProofReport, RepairReport, SyncReport, repair, sync, verify
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.judge.expected import (
    Declared,
    Expected,
    Row,
    declared_in,
    expected_of,
    quoted,
)
from saas_platform_tests.judge.faults import (
    faults_of_differences,
    faults_of_stop,
    unequal_rows,
    verdict_of,
    why_it_stops,
)
from saas_platform_tests.judge.rules import Stops, Text, mirrored

#: A function that changes the tables of tables.yaml.
Edit = Callable[[dict[str, Any]], None]
#: The loader of `yaml.safe_load`, in its C version if it is installed.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """Return the engine that reads the mirrors. To start one for each would take longer than to read."""
    return duckdb.connect()


@contextmanager
def _opened(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a warehouse for reading, under the name `mirror`."""
    connection = _engine()
    file = str(path).replace("'", "''")
    connection.execute(f"ATTACH '{file}' AS mirror (READ_ONLY)")
    try:
        yield connection
    finally:
        connection.execute("DETACH mirror")


class Own:
    """A SQLite file, a tables.yaml and a warehouse in one folder."""

    def __init__(self, folder: Path, sql: str | Iterable[str], edit: Edit | None = None) -> None:
        self.folder = folder
        self.path = folder / "own.db"
        self.file = folder / "tables.yaml"
        self.warehouse = DuckdbWarehouse(folder / "warehouse.duckdb", wait_seconds=2)
        self.source = SqliteDatabase(self.path)
        self._read: tuple[str, Mapping[str, sa.Table]] | None = None
        self._declared: tuple[str, dict[str, Declared]] | None = None
        self.execute(sql)
        self.discovery = self.declare(edit)

    def execute(self, sql: str | Iterable[str]) -> None:
        """Run a script, or single statements, by plain sqlite3."""
        with closing(sqlite3.connect(self.path)) as connection:
            if isinstance(sql, str):
                connection.executescript(sql)
            else:
                for statement in sql:
                    connection.execute(statement)
            connection.commit()

    def fill(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executemany(statement, rows)
            connection.commit()

    def declare(self, edit: Edit | None = None) -> Discovery:
        """Write tables.yaml as discovery proposes it, then edit it as a person would."""
        found = self.source.discover()
        self.file.write_text(as_yaml(found.tables), encoding="utf-8")
        if edit is not None:
            self.edit(edit)
        return found

    def edit(self, change: Edit) -> None:
        declarations = yaml.load(self.file.read_text(encoding="utf-8"), _Loader)
        change(declarations["tables"])
        self.file.write_text(
            yaml.safe_dump(declarations, sort_keys=False, allow_unicode=True), encoding="utf-8"
        )

    # The commands under test.

    def tables(self) -> Collection[sa.Table]:
        text = self.file.read_text(encoding="utf-8")
        if self._read is None or self._read[0] != text:
            self._read = (text, read_tables(self.file))
        return self._read[1].values()

    # Use one session for all tables, because opening a warehouse takes longer than syncing four rows.

    def sync(self) -> dict[str, SyncReport]:
        with self.warehouse.session():
            found = sync(self.source, self.warehouse, self.tables())
        return {report.table: report for report in found}

    def verify(self, level: Any = "digest") -> dict[str, ProofReport]:
        with self.warehouse.session():
            found = verify(self.source, self.warehouse, self.tables(), level)
        return {report.table: report for report in found}

    def repair(self) -> dict[str, RepairReport]:
        with self.warehouse.session():
            found = repair(self.source, self.warehouse, self.tables())
        return {report.table: report for report in found}

    # What the judge sees.

    def declared(self) -> dict[str, Declared]:
        text = self.file.read_text(encoding="utf-8")
        if self._declared is None or self._declared[0] != text:
            self._declared = (text, declared_in(yaml.load(text, _Loader)["tables"]))
        return self._declared[1]

    def expected(self, names: Collection[str] | None = None) -> dict[str, Expected]:
        """Return the right state of each of the declared tables; None means all tables."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.text_factory = Text
            return {
                name: expected_of(connection, table)
                for name, table in self.declared().items()
                if names is None or name in names
            }

    def mirror(self, names: Collection[str] | None = None) -> dict[str, Counter[Row]]:
        """Return the mirror's rows of each of those declared tables that have a mirror; None means all tables."""
        if not self.warehouse.path.exists():
            return {}
        with _opened(self.warehouse.path) as connection:
            present = {
                name
                for (name,) in connection.execute(
                    "SELECT table_name FROM duckdb_tables()"
                    " WHERE database_name = 'mirror' AND schema_name = 'raw'"
                ).fetchall()
            }
            found = {}
            for name, table in self.declared().items():
                if name in present and (names is None or name in names):
                    asked = ", ".join(map(quoted, table.kinds))
                    rows = connection.execute(
                        f"SELECT {asked} FROM mirror.raw.{quoted(name)}"
                    ).fetchall()
                    found[name] = Counter(
                        tuple(map(mirrored, table.kinds.values(), row)) for row in rows
                    )
        return found

    def in_mirror(self, sql: str) -> None:
        """Change the mirror by hand."""
        with duckdb.connect(str(self.warehouse.path)) as connection:
            connection.execute(sql)

    # The judge's verdict.

    def faults_of_sync(
        self, reports: Mapping[str, SyncReport], before: Mapping[str, Counter[Row]]
    ) -> list[str]:
        """Return what a sync did wrong, in sentences. `before` is the mirror before the sync."""
        found = []
        expected, after = self.expected(), self.mirror()
        if reports.keys() != expected.keys():
            found.append(f"the sync reports {sorted(reports)}, but {sorted(expected)} are declared")
        for name, report in reports.items():
            wanted = expected[name]
            if report.error is not None:
                found += faults_of_stop(wanted, report.error)
                if after.get(name, Counter()) != before.get(name, Counter()):
                    found.append(f"{name} stopped, and its mirror changed all the same")
                continue
            if wanted.stops is Stops.MUST:
                found.append(
                    f"{name} did not stop: {why_it_stops(wanted)}; {verdict_of(report.proof)}"
                )
            elif report.proof is None or not report.proof.proven:
                found.append(f"{name} is not proven: {report.proof}")
            if wanted.rows is not None and after.get(name) != wanted.rows:
                found.append(f"{name}: {unequal_rows(wanted.rows, after.get(name, Counter()))}")
        return found

    def faults_of_verify(self, reports: Mapping[str, ProofReport]) -> list[str]:
        """Return what a proof reports wrongly about the mirror's present state."""
        found = []
        expected, mirror = self.expected(reports), self.mirror(reports)
        for name, report in reports.items():
            wanted = expected[name]
            equal = wanted.rows is not None and mirror.get(name) == wanted.rows
            if equal and not report.proven:
                # The mirror is equal, but the table may stop.
                if wanted.stops is not Stops.MAY:
                    found.append(
                        f"{name} is equal, verify {report.level} reports {verdict_of(report)}"
                    )
            elif not equal and report.proven:
                found.append(f"{name} is not equal, verify {report.level} reports proven")
            elif not equal and name in mirror:
                found += faults_of_differences(wanted, mirror[name], report)
        return found

    def judged(self) -> list[str]:
        """Sync, then verify at both levels; return everything that is wrong."""
        before = self.mirror()
        reports = self.sync()
        found = self.faults_of_sync(reports, before)
        for level in ("digest", "rows"):
            found += self.faults_of_verify(self.verify(level))
        return found
