"""Make valid rows of any table from the schema, and write them into a SQLite source as another program would.

Row `n` of a table refers to row `n` of each required parent. Nullable columns are NULL.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from saas_platform.schema import TABLES
from saas_platform.schema.arrow import business_columns

_FIRST = datetime(2024, 1, 1)


def row(table: sa.Table, n: int, **values: Any) -> dict[str, Any]:
    """Make row `n`. Each row is a day later, and each column a minute later, so that periods are in order."""
    made = {
        column.name: _value(column, n, position)
        for position, column in enumerate(business_columns(table))
    }
    return {**made, **values}


def _value(column: sa.Column, n: int, position: int) -> Any:
    if column.nullable:
        return None
    if column.primary_key or column.foreign_keys:
        return n
    match column.type:
        case sa.Boolean():
            return n % 2 == 0
        case sa.DateTime():
            return _FIRST + timedelta(days=n, minutes=position, microseconds=n % 3)
        case sa.String() if "values" in column.info:
            return column.info["values"][0]
        case sa.String():
            return f"{column.name} {n}"
        case sa.Integer() if column.info.get("unit") == "cents":
            return 0
    return 1


def stored(value: Any) -> Any:
    """Return the value as SQLite stores it: timestamps as ISO texts, flags as integers."""
    if isinstance(value, datetime):
        return value.isoformat(" ", "microseconds")
    return int(value) if isinstance(value, bool) else value


@contextmanager
def by_hand(path: Path, *, checked: bool = True) -> Iterator[sqlite3.Connection]:
    """Open an ordinary connection to the file, and commit at the end.

    Without `checked`, SQLite enforces no checks and no foreign keys, so that hostile values can be written.
    """
    connection = sqlite3.connect(path, timeout=30)
    try:
        connection.execute(f"PRAGMA foreign_keys = {'ON' if checked else 'OFF'}")
        connection.execute(f"PRAGMA ignore_check_constraints = {'OFF' if checked else 'ON'}")
        yield connection
        connection.commit()
    finally:
        connection.close()


def insert(
    connection: sqlite3.Connection,
    table: sa.Table,
    rows: Iterable[Mapping[str, Any]],
    *,
    verb: str = "INSERT",
) -> None:
    """Write the rows into the table."""
    columns = business_columns(table)
    names = ", ".join(f'"{column.name}"' for column in columns)
    marks = ", ".join("?" for _ in columns)
    connection.executemany(
        f'{verb} INTO "{table.name}" ({names}) VALUES ({marks})',
        [[stored(made[column.name]) for column in columns] for made in rows],
    )


def populate(path: Path, count: int) -> None:
    """Insert rows 1 to `count` of every table, parents first."""
    with by_hand(path) as connection:
        for table in TABLES.values():
            insert(connection, table, [row(table, n) for n in range(1, count + 1)])
