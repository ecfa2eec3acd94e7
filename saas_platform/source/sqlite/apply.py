"""Apply a month's batch to a SQLite source: stage the rows, then run one statement per table and step.

Out of scope: what the intake refuses and logs (`intake.py`), and the order of the steps
(`source/applying.py`).
"""

from __future__ import annotations

from datetime import UTC, datetime

import adbc_driver_sqlite.dbapi as adbc
import pyarrow as pa
import sqlalchemy as sa

from saas_platform.clock import Month
from saas_platform.schema.arrow import business_columns
from saas_platform.source import bookkeeping
from saas_platform.source.applying import (
    BrokenRuleError,
    Writer,
    names_erasable_user,
    orphan_sentence,
    references,
)
from saas_platform.source.bookkeeping import key_column
from saas_platform.source.interface import MonthBatch
from saas_platform.source.sqlite.connection import scalar
from saas_platform.source.sqlite.cursors import SqliteCursor
from saas_platform.source.sqlite.ddl import CURRENT_VERSION, NEXT_VERSION
from saas_platform.source.sqlite.intake import (
    STAGED,
    note_early,
    withdraw_refused,
    withdraw_taken,
)
from saas_platform.source.sqlite.sql import quoted

_LEDGER = f'"{bookkeeping.erasures.name}"'


def _storable(rows: pa.Table) -> pa.Table:
    """Return the rows as SQLite stores them: timestamps as ISO texts, flags as integers."""
    for index, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type):
            rows = rows.set_column(index, field.name, rows[index].cast(pa.string()))
        elif pa.types.is_boolean(field.type):
            rows = rows.set_column(index, field.name, rows[index].cast(pa.int64()))
    return rows


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


def _offender(cursor: SqliteCursor, table: sa.Table) -> str:
    """Say which staged row refers to a missing parent. SQLite's own error does not say."""
    key = key_column(table)
    for child, parent in references(table):
        name = quoted(child.name)
        cursor.execute(
            f"SELECT s.{quoted(key)}, s.{name} FROM {STAGED} s"
            f" LEFT JOIN {quoted(parent.table.name)} p ON p.{quoted(parent.name)} = s.{name}"
            f" WHERE s.{name} IS NOT NULL AND p.{quoted(parent.name)} IS NULL LIMIT 1"
        )
        row = cursor.fetchone()
        if row is not None:
            return orphan_sentence(child, parent, *row)
    return f"{table.name} refers to a row that does not exist"


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

    def _stage(self, rows: pa.Table) -> None:
        self._cursor.execute(f"DROP TABLE IF EXISTS {STAGED}")
        self._cursor.adbc_ingest("_staged", _storable(rows), mode="create", temporary=True)

    def remember_erasures(self, erasures: pa.Table) -> None:
        self._stage(erasures)
        self._cursor.execute(
            f"INSERT OR IGNORE INTO {_LEDGER} (user_id, erased_at) SELECT * FROM {STAGED}"
        )

    def stage(self, table: sa.Table, rows: pa.Table) -> None:  # noqa: ARG002 - one at a time
        self._stage(rows)

    def withdraw_refused(self, table: sa.Table, month: Month) -> int:
        return withdraw_refused(self._cursor, table, month)

    def withdraw_taken(self, table: sa.Table, month: Month) -> int:
        return withdraw_taken(self._cursor, table, month)

    def note_early(self, table: sa.Table, early: pa.Table, month: Month) -> tuple[int, int]:
        return note_early(self._cursor, table, _storable(early), month)

    def upsert(self, table: sa.Table) -> int:
        try:
            self._cursor.execute(_upsert(table))
        except adbc.IntegrityError as error:
            reason = str(error).splitlines()[0].removeprefix("INTEGRITY: ")
            unique = reason.startswith("UNIQUE")
            if reason.startswith("FOREIGN KEY"):
                reason = _offender(self._cursor, table)
            raise BrokenRuleError(reason, unique=unique) from error
        return int(scalar(self._cursor, "SELECT changes()"))

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
