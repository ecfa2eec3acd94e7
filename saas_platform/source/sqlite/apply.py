"""Apply a month's batch to a SQLite source: stage the rows, then run one statement per table and step.

Out of scope: what the intake refuses and logs (`intake.py`), and the order of the steps
(`source/applying.py`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import adbc_driver_sqlite.dbapi as adbc
import pyarrow as pa
import sqlalchemy as sa

from saas_platform.clock import Month
from saas_platform.schema.arrow import business_columns
from saas_platform.source import bookkeeping
from saas_platform.source.applying import BrokenRuleError, Writer, names_erasable_user
from saas_platform.source.bookkeeping import key_column
from saas_platform.source.intake import Intake
from saas_platform.source.interface import MonthBatch
from saas_platform.source.sqlite.connection import scalar
from saas_platform.source.sqlite.cursors import SqliteCursor
from saas_platform.source.sqlite.ddl import CURRENT_VERSION, NEXT_VERSION
from saas_platform.source.sqlite.intake import STAGED, SqliteIntake, stage
from saas_platform.source.sqlite.sql import quoted

_LEDGER = f'"{bookkeeping.erasures.name}"'


def _upsert(table: sa.Table) -> str:
    """Return the SQL that inserts new keys and changes existing rows.

    A row changes only where the batch is not older and really differs.
    """
    name, key = quoted(table.name), key_column(table)
    columns = [column.name for column in business_columns(table)]
    values = [
        f"CASE WHEN {quoted(c.name)} IN (SELECT user_id FROM {_LEDGER}) THEN NULL"
        f" ELSE {quoted(c.name)} END"
        if names_erasable_user(c)
        else quoted(c.name)
        for c in business_columns(table)
    ]
    erased = (
        f"{quoted(key)} NOT IN (SELECT user_id FROM {_LEDGER})" if table.name == "users" else "1"
    )
    insert = (
        f"INSERT INTO {name} ({', '.join(map(quoted, columns))}, row_version)"
        f" SELECT {', '.join(values)}, {CURRENT_VERSION} FROM {STAGED} WHERE {erased} ORDER BY {quoted(key)}"
        f" ON CONFLICT ({quoted(key)})"
    )
    if "updated_at" not in columns:
        return f"{insert} DO NOTHING"
    others = [quoted(column) for column in columns if column != key]
    differs = " OR ".join(f"{name}.{c} IS NOT excluded.{c}" for c in others)
    assigned = ", ".join(f"{c} = excluded.{c}" for c in [*others, "row_version"])
    return (
        f"{insert} DO UPDATE SET {assigned}"
        f" WHERE excluded.updated_at >= {name}.updated_at AND ({differs})"
    )


class SqliteWriter(Writer):
    """The steps in SQLite, which checks foreign keys at each statement."""

    def __init__(self, cursor: SqliteCursor) -> None:
        self._cursor = cursor
        cursor.execute(NEXT_VERSION)

    def holds(self, month: Month) -> bool:
        return bool(
            scalar(
                self._cursor,
                f"SELECT count(*) FROM \"{bookkeeping.batches.name}\" WHERE month = '{month}'",
            )
        )

    def remember_erasures(self, erasures: pa.Table) -> None:
        stage(self._cursor, erasures)
        self._cursor.execute(
            f"INSERT OR IGNORE INTO {_LEDGER} (user_id, erased_at) SELECT * FROM {STAGED}"
        )

    def stage(self, table: sa.Table, rows: pa.Table) -> None:  # noqa: ARG002 - one at a time
        stage(self._cursor, rows)

    def intake(self, table: sa.Table, month: Month) -> Intake:
        return SqliteIntake(self._cursor, table, month)

    def upsert(self, table: sa.Table) -> int:
        try:
            self._cursor.execute(_upsert(table))
        except adbc.IntegrityError as error:
            reason = str(error).splitlines()[0].removeprefix("INTEGRITY: ")
            unique = reason.startswith("UNIQUE")
            if reason.startswith("FOREIGN KEY"):
                # SQLite's own error does not say which row it is.
                reason = self.orphan(table) or f"{table.name} refers to a row that does not exist"
            raise BrokenRuleError(reason, unique=unique) from error
        return int(scalar(self._cursor, "SELECT changes()"))

    def first_orphan(
        self, child: sa.Column[Any], parent: sa.Column[Any]
    ) -> tuple[object, object] | None:
        key, name = quoted(key_column(child.table)), quoted(child.name)
        self._cursor.execute(
            f"SELECT s.{key}, s.{name} FROM {STAGED} s"
            f" LEFT JOIN {quoted(parent.table.name)} p ON p.{quoted(parent.name)} = s.{name}"
            f" WHERE s.{name} IS NOT NULL AND p.{quoted(parent.name)} IS NULL LIMIT 1"
        )
        row: tuple[object, object] | None = self._cursor.fetchone()
        return row

    def delete_erased(self) -> int:
        self._cursor.execute(
            f'DELETE FROM "users" WHERE user_id IN (SELECT user_id FROM {_LEDGER})'
        )
        return int(scalar(self._cursor, "SELECT changes()"))

    def record(self, batch: MonthBatch, row_count: int) -> None:
        self._cursor.execute(
            f'INSERT OR REPLACE INTO "{bookkeeping.batches.name}"'
            " (month, fingerprint, as_of, applied_at, row_count) VALUES (?, ?, ?, ?, ?)",
            (
                str(batch.month),
                batch.fingerprint,
                batch.as_of.isoformat(" "),
                datetime.now(UTC).replace(tzinfo=None).isoformat(" "),
                row_count,
            ),
        )
        self._cursor.execute(f"DROP TABLE IF EXISTS {STAGED}")
