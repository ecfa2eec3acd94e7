"""Changes of the mirror by hand, and a comparison of both sides that shares no code with the platform's."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa

from saas_platform.warehouse.duckdb.changes import DuckdbChanges
from saas_platform.warehouse.logs import SyncEntry
from saas_platform_tests.rows import stored


def in_mirror(path: Path, sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path)) as connection:
        return connection.execute(sql, parameters or []).fetchall()


def source_rows(path: Path, table: sa.Table) -> list[tuple[Any, ...]]:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    connection = sqlite3.connect(path)
    try:
        return sorted(connection.execute(f'SELECT {names} FROM "{table.name}"'), key=repr)
    finally:
        connection.close()


def mirror_rows(path: Path, table: sa.Table) -> list[tuple[Any, ...]]:
    """Return the mirror's rows as SQLite would store them, so that both sides compare as they are."""
    with duckdb.connect(str(path)) as connection:
        return rows_of(connection, table)


def rows_of(connection: duckdb.DuckDBPyConnection, table: sa.Table) -> list[tuple[Any, ...]]:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    rows = connection.execute(f'SELECT {names} FROM raw."{table.name}"').fetchall()
    return sorted((tuple(stored(value) for value in row) for row in rows), key=repr)


def sync_ids(path: Path, table: sa.Table) -> dict[Any, str]:
    """Return the id of the sync that wrote each row, by key."""
    (key,) = table.primary_key.columns
    return dict(in_mirror(path, f'SELECT "{key.name}", _sync_id FROM raw."{table.name}"'))


def log(path: Path) -> list[tuple[Any, ...]]:
    return in_mirror(path, "SELECT * FROM raw._sync_log ORDER BY finished_at, table_name")


def spoil_each_commit(monkeypatch: pytest.MonkeyPatch, sql: str) -> None:
    """Damage the mirror with a statement after each commit to it."""
    commit = DuckdbChanges.commit

    def damaging(self: DuckdbChanges, entry: SyncEntry) -> SyncEntry:
        done = commit(self, entry)
        self._connection.run(sql)
        return done

    monkeypatch.setattr(DuckdbChanges, "commit", damaging)
