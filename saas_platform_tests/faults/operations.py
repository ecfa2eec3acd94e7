"""What a process does while a fault happens, on the files of one folder, and the folders in which it begins.

Contains: the operations, the folders, and both sides' rows as Python reads them. Out of scope: faults.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa

from saas_platform.clock import Month
from saas_platform.errors import PlatformError
from saas_platform.schema import TABLES
from saas_platform.schema.declared import as_yaml, read_tables
from saas_platform.source.interface import MonthBatch, Source
from saas_platform.source.sqlite import SqliteDatabase, SqliteSource
from saas_platform.sync import repair, sentences, sync, verify
from saas_platform.sync.report import RepairReport, SyncReport
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse
from saas_platform_tests.rows import by_hand, insert, populate, row
from saas_platform_tests.source.test_apply import batch, every_table
from saas_platform_tests.sync.external_writes import in_mirror, rows_of, source_rows
from saas_platform_tests.sync.own_databases import execute

#: One table of the company, so that a fault can be tried at every step of its sync; histories use more.
USERS = TABLES["users"]

#: One table of each kind of slicing: none, by month, by day.
EACH_KIND = [TABLES[name] for name in ("features", "users", "usage_events")]

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Workspace:
    """A source and its mirror in one folder. The source is the company's or the user's own database."""

    folder: Path

    @property
    def _own(self) -> Path:
        return self.folder / "own.db"

    @property
    def path(self) -> Path:
        """The source's file."""
        return self._own if self._own.exists() else self.folder / "source.db"

    @property
    def source(self) -> Source:
        return SqliteDatabase(self._own) if self._own.exists() else self.company

    @property
    def company(self) -> SqliteSource:
        return SqliteSource(self.folder / "source.db")

    @property
    def warehouse(self) -> DuckdbWarehouse:
        return DuckdbWarehouse(self.folder / "warehouse.duckdb", wait_seconds=20)

    @property
    def tables(self) -> list[sa.Table]:
        if not self._own.exists():
            return [USERS]
        return list(read_tables(self.folder / "tables.yaml").values())

    def source_rows(self) -> dict[str, Rows]:
        return {table.name: source_rows(self.path, table) for table in self.tables}

    def mirror_rows(self) -> dict[str, Rows | None]:
        """Return the rows of each mirror; None if the table has no mirror."""
        with duckdb.connect(str(self.warehouse.path)) as connection:
            found = connection.execute(
                "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'raw'"
            ).fetchall()
            return {
                table.name: rows_of(connection, table) if (table.name,) in found else None
                for table in self.tables
            }

    def logged(self) -> dict[str, int]:
        """Return the number of entries in the sync log for each table."""
        with duckdb.connect(str(self.warehouse.path)) as connection:
            if not connection.execute(
                "SELECT 1 FROM duckdb_tables() WHERE table_name = '_sync_log'"
            ).fetchall():
                return {}
            return dict(
                connection.execute(
                    "SELECT table_name, count(*) FROM raw._sync_log GROUP BY 1"
                ).fetchall()
            )


def _all_well(reports: list[SyncReport] | list[RepairReport]) -> None:
    """Raise PlatformError for an error or a proof that does not hold, as the command line does."""
    for report in reports:
        if not report.succeeded:
            problems = sentences(report.proof) if report.proof else []
            raise PlatformError(report.error or " ".join(problems))


# The operations.


def sync_all(folder: Path) -> None:
    workspace = Workspace(folder)
    _all_well(sync(workspace.source, workspace.warehouse, workspace.tables))


def repair_all(folder: Path) -> None:
    workspace = Workspace(folder)
    _all_well(repair(workspace.source, workspace.warehouse, workspace.tables))


def sync_each_kind(folder: Path) -> None:
    workspace = Workspace(folder)
    _all_well(sync(workspace.source, workspace.warehouse, EACH_KIND))


def repair_each_kind(folder: Path) -> None:
    workspace = Workspace(folder)
    _all_well(repair(workspace.source, workspace.warehouse, EACH_KIND))


def verify_all(folder: Path) -> None:
    workspace = Workspace(folder)
    for report in verify(workspace.source, workspace.warehouse, workspace.tables):
        if not report.holds:
            raise PlatformError(" ".join(sentences(report)))


def create_source(folder: Path) -> None:
    Workspace(folder).company.create_schema()


def apply_second_month(folder: Path) -> None:
    Workspace(folder).company.apply(second_month())


def apply_first_month(folder: Path) -> None:
    Workspace(folder).company.apply(batch(_FIRST, every_table(12)))


# The folders in which the operations begin.

_FIRST = Month(2024, 1)


def second_month() -> MonthBatch:
    """Return a month with new, changed, late and refused rows, and with erased users."""
    rows = every_table(24)
    for made in rows["users"][:4]:
        made.update(full_name="changed", updated_at=made["updated_at"].replace(month=2))
    rows["accounts"].append(row(TABLES["accounts"], 90))
    rows["users"].append({**row(TABLES["users"], 90), "email": "email 7"})
    return batch(_FIRST.plus(1), rows, erased=[3, 5])


def nothing(folder: Path) -> None:
    """Leave the folder empty."""


def source_with_schema(folder: Path) -> None:
    Workspace(folder).company.create_schema()


def source_with_a_month(folder: Path) -> None:
    source_with_schema(folder)
    apply_first_month(folder)


def never_synced(folder: Path) -> None:
    source_with_schema(folder)
    populate(Workspace(folder).path, 12)


def synced(folder: Path) -> None:
    never_synced(folder)
    sync_all(folder)


def larger(folder: Path) -> None:
    """Add so many rows that the warehouse's write-ahead log outgrows the small files next to the source."""
    never_synced(folder)
    with by_hand(Workspace(folder).path) as connection:
        insert(connection, USERS, [row(USERS, n, account_id=1) for n in range(100, 1500)])


def changed_throughout(folder: Path) -> None:
    larger(folder)
    sync_all(folder)
    with by_hand(Workspace(folder).path) as connection:
        connection.execute("UPDATE users SET full_name = 'new ' || user_id")


def changed(folder: Path) -> None:
    """Change, add and move rows to another slice, and delete some with a tombstone and some without."""
    synced(folder)
    change(Workspace(folder).path)


def change(path: Path) -> None:
    with by_hand(path, checked=False) as connection:
        connection.execute("UPDATE users SET full_name = 'new' WHERE user_id = 1")
        connection.execute(
            "UPDATE users SET created_at = '2025-05-05 00:00:00.000000' WHERE user_id = 4"
        )
        connection.execute("DELETE FROM users WHERE user_id IN (6, 7)")
        connection.execute("DELETE FROM _tombstones WHERE key_value = 7")
        insert(connection, USERS, [row(USERS, 40, account_id=1)])


def changed_unseen(folder: Path) -> None:
    """Change a row, and others in its slice without a new version, which only the sync's own proof finds."""
    synced(folder)
    with by_hand(Workspace(folder).path) as connection:
        connection.execute("UPDATE users SET full_name = 'seen' WHERE user_id = 1")
        connection.execute("DROP TRIGGER stamp_update_users")
        connection.execute("UPDATE users SET full_name = 'unseen' WHERE user_id > 8")


def another_database(folder: Path) -> None:
    """Replace the source by a new one, so that the mirror is that of a dropped source."""
    synced(folder)
    workspace = Workspace(folder)
    workspace.company.drop()
    workspace.company.create_schema()
    populate(workspace.path, 9)


def damaged_mirror(folder: Path) -> None:
    synced(folder)
    in_mirror(
        Workspace(folder).warehouse.path,
        "DELETE FROM raw.users WHERE user_id = 1; UPDATE raw.users SET role = 'x' WHERE user_id < 4;"
        " INSERT INTO raw.users SELECT * FROM raw.users WHERE user_id = 5",
    )


def own_database(folder: Path) -> None:
    """Sync and change tables without versions, one of them without a key: only a digest finds the changes."""
    execute(
        folder / "own.db",
        "CREATE TABLE orders (order_id INTEGER PRIMARY KEY, words TEXT);"
        "CREATE TABLE lines (words TEXT, pieces INTEGER);",
    )
    with closing(sqlite3.connect(folder / "own.db")) as connection:
        numbers = range(1, 13)
        connection.executemany("INSERT INTO orders VALUES (?, 'some')", [(n,) for n in numbers])
        connection.executemany("INSERT INTO lines VALUES ('line', ?)", [(n % 5,) for n in numbers])
        connection.commit()
    (folder / "tables.yaml").write_text(
        as_yaml(SqliteDatabase(folder / "own.db").discover().tables)
    )
    sync_all(folder)
    execute(
        folder / "own.db",
        "UPDATE orders SET words = 'new' WHERE order_id = 2; DELETE FROM orders WHERE order_id = 3;"
        "INSERT INTO orders VALUES (30, ''); DELETE FROM lines WHERE pieces = 1;"
        "INSERT INTO lines VALUES ('line', 2), (NULL, NULL), (NULL, NULL);",
    )


@dataclass(frozen=True)
class Scenario:
    """An operation, and the folder in which it begins."""

    begins: Callable[[Path], None]
    operation: Callable[[Path], None]


REPAIRED = "repaired by its own proof"

#: Operations that change the mirror from the source.
SYNCS = {
    "first load": Scenario(never_synced, sync_all),
    "incremental": Scenario(changed, sync_all),
    REPAIRED: Scenario(changed_unseen, sync_all),
    "another database": Scenario(another_database, sync_all),
    "by digest alone": Scenario(own_database, sync_all),
    "repair": Scenario(damaged_mirror, repair_all),
    "verify": Scenario(synced, verify_all),
}
#: Operations that load the source.
LOADS = {
    "schema": Scenario(nothing, create_source),
    "first month": Scenario(source_with_schema, apply_first_month),
    "later month": Scenario(source_with_a_month, apply_second_month),
    "replayed month": Scenario(source_with_a_month, apply_first_month),
}
