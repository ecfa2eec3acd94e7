"""Applying a month's batch to a SQLite source: stage, then one statement per table and step.

What the intake refuses and notes is in `intake.py`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import adbc_driver_sqlite.dbapi as adbc
import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema import TABLES
from saas_platform.schema.arrow import business_columns
from saas_platform.source import bookkeeping
from saas_platform.source.contract import MonthBatch, SourceError, TableChange
from saas_platform.source.intake import early_rows, natural_keys
from saas_platform.source.sqlite.connection import scalar
from saas_platform.source.sqlite.ddl import CURRENT_VERSION, NEXT_VERSION, key_column, quoted
from saas_platform.source.sqlite.intake import (
    STAGED,
    note_early,
    staged,
    withdraw_refused,
    withdraw_taken,
)

_LEDGER = f'"{bookkeeping.erasures.name}"'


def _storable(rows: pa.Table) -> pa.Table:
    """Times as the ISO texts and flags as the integers that SQLite stores."""
    for index, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type):
            rows = rows.set_column(index, field.name, rows[index].cast(pa.string()))
        elif pa.types.is_boolean(field.type):
            rows = rows.set_column(index, field.name, rows[index].cast(pa.int64()))
    return rows


def _stage(cursor: Any, rows: pa.Table) -> None:
    cursor.execute(f"DROP TABLE IF EXISTS {STAGED}")
    cursor.adbc_ingest("_staged", _storable(rows), mode="create", temporary=True)


def _names_erasable_user(column: sa.Column) -> bool:
    return any(
        key.column is TABLES["users"].c.user_id and key.ondelete == "SET NULL"
        for key in column.foreign_keys
    )


def _upsert(table: sa.Table) -> str:
    """Insert new keys; change present rows only where the batch is not older and really differs."""
    name, key = quoted(table.name), key_column(table)
    columns = [column.name for column in business_columns(table)]
    values = [
        f"CASE WHEN {quoted(c.name)} IN (SELECT user_id FROM {_LEDGER}) THEN NULL"
        f" ELSE {quoted(c.name)} END"
        if _names_erasable_user(c)
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


def _offender(cursor: Any, table: sa.Table) -> str:
    """Which staged row names a parent that is not there; SQLite itself does not tell."""
    key = key_column(table)
    for constraint in table.foreign_key_constraints:
        (element,) = constraint.elements
        child, parent = element.parent.name, element.column
        cursor.execute(
            f"SELECT s.{quoted(key)}, s.{quoted(child)} FROM {STAGED} s"
            f" LEFT JOIN {quoted(parent.table.name)} p ON p.{quoted(parent.name)} = s.{quoted(child)}"
            f" WHERE s.{quoted(child)} IS NOT NULL AND p.{quoted(parent.name)} IS NULL LIMIT 1"
        )
        row = cursor.fetchone()
        if row is not None:
            return (
                f"{table.name} {row[0]} names {child} {row[1]},"
                f" which {parent.table.name} does not have"
            )
    return f"{table.name} names a row that is not there"


def _write(cursor: Any, table: sa.Table, batch: MonthBatch) -> int:
    """Upsert what is staged; rows whose natural key is taken are refused, and the others written.

    Asked only once the database has refused them all, so that a clean month pays nothing for it.
    """
    try:
        cursor.execute(_upsert(table))
    except adbc.IntegrityError as error:
        reason = str(error).splitlines()[0].removeprefix("INTEGRITY: ")
        if reason.startswith("UNIQUE") and withdraw_taken(cursor, table, batch.month):
            return _write(cursor, table, batch)
        if reason.startswith("FOREIGN KEY"):
            reason = _offender(cursor, table)
        raise SourceError(
            f"Month {batch.month} breaks a rule of {table.name} ({reason}):"
            " nothing of the month was written; correct the rows, then run again."
        ) from error
    return int(scalar(cursor, "SELECT changes()"))


def _take_in(cursor: Any, table: sa.Table, batch: MonthBatch, *, first_time: bool) -> TableChange:
    """A table's part of the month, staged and written.

    Late and out of order are noted the first time alone: a replay of an older month brings older rows
    by right.
    """
    rows = batch.rows[table.name]
    if not rows.num_rows:
        return TableChange(0, 0, 0)
    _stage(cursor, rows)
    withdraw_refused(cursor, table, batch.month)
    outdated = late = 0
    early = early_rows(table, rows, batch.month) if first_time else None
    if early is not None:
        withdraw_taken(cursor, table, batch.month)
        outdated, late = note_early(cursor, table, _storable(early), batch.month)
    written = _write(cursor, table, batch)
    refused = rows.num_rows - staged(cursor) if natural_keys(table) else 0
    return TableChange(rows.num_rows, written, 0, refused, outdated, late)


def apply_batch(cursor: Any, batch: MonthBatch) -> dict[str, TableChange]:
    """Write the batch; the caller holds the transaction. Foreign keys are checked at each statement."""
    cursor.execute(NEXT_VERSION)
    _stage(cursor, batch.erasures)
    cursor.execute(f"INSERT OR IGNORE INTO {_LEDGER} (user_id, erased_at) SELECT * FROM {STAGED}")
    first_time = not scalar(
        cursor,
        f"SELECT count(*) FROM \"{bookkeeping.batches.name}\" WHERE month = '{batch.month}'",
    )
    changes = {
        name: _take_in(cursor, table, batch, first_time=first_time)
        for name, table in TABLES.items()
    }
    # Last, because the keys set to NULL are stamped one by one by the triggers.
    cursor.execute(f'DELETE FROM "users" WHERE user_id IN (SELECT user_id FROM {_LEDGER})')
    deleted = int(scalar(cursor, "SELECT changes()"))
    changes["users"] = replace(changes["users"], deleted=deleted)
    cursor.execute(
        f'INSERT OR REPLACE INTO "{bookkeeping.batches.name}"'
        " (month, fingerprint, as_of, applied_at, row_count) VALUES (?, ?, ?, ?, ?)",
        (
            str(batch.month),
            batch.fingerprint,
            batch.as_of.isoformat(" "),
            datetime.now(UTC).replace(tzinfo=None).isoformat(" "),
            sum(change.offered for change in changes.values()),
        ),
    )
    cursor.execute(f"DROP TABLE IF EXISTS {STAGED}")
    return changes
