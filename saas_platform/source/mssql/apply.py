"""How a month's batch is applied to a SQL Server source: by set-based statements over staged rows.

Each table gets an UPDATE and an INSERT instead of a MERGE, because every TDS server supports them and the
transaction prevents all of their races. INSERT ... SELECT checks the rows that it writes, so that constraints
stay trusted.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.clock import Month
from saas_platform.schema import TABLES
from saas_platform.schema.arrow import business_columns
from saas_platform.source import bookkeeping
from saas_platform.source.applying import BrokenRuleError, Writer, names_erasable_user
from saas_platform.source.bookkeeping import key_column
from saas_platform.source.cursor import Cursor
from saas_platform.source.intake import Intake
from saas_platform.source.interface import MonthBatch
from saas_platform.source.mssql.connection import scalar
from saas_platform.source.mssql.ddl import staged_name
from saas_platform.source.mssql.driver import load_pyodbc
from saas_platform.source.mssql.errors import plain
from saas_platform.source.mssql.intake import MssqlIntake
from saas_platform.source.mssql.sql import qualified, quoted

_SAVEPOINT = "before_table"


def _comparable(column: sa.Column, name: str) -> str:
    """Return SQL that compares exactly: T-SQL ignores trailing blanks in texts, but not in bytes."""
    if isinstance(column.type, sa.String):
        return f"CONVERT(VARBINARY(8000), {name})"
    return name


def _values(table: sa.Table, erasure_log: str) -> dict[str, str]:
    """Return SQL for each value of a staged row. A reference to an erased user becomes NULL."""
    return {
        column.name: (
            f"CASE WHEN EXISTS (SELECT 1 FROM {erasure_log} e WHERE e.user_id = s.{quoted(column.name)})"
            f" THEN NULL ELSE s.{quoted(column.name)} END"
            if names_erasable_user(column)
            else f"s.{quoted(column.name)}"
        )
        for column in business_columns(table)
    }


def update(table: sa.Table, schema: str) -> str | None:
    """Return the UPDATE of present rows that differ from the batch and are not newer than it.

    Returns:
        None for a table whose rows never change.
    """
    if "updated_at" not in table.columns:
        return None
    key = key_column(table)
    values = _values(table, qualified(schema, bookkeeping.erasures.name))
    others = [column for column in business_columns(table) if column.name != key]
    assigned = ", ".join(f"{quoted(c.name)} = {values[c.name]}" for c in others)
    present = ", ".join(_comparable(c, f"t.{quoted(c.name)}") for c in others)
    staged = ", ".join(_comparable(c, values[c.name]) for c in others)
    return (
        f"UPDATE t SET {assigned} FROM {qualified(schema, table.name)} t"
        f" JOIN {qualified(schema, staged_name(table.name))} s ON s.{quoted(key)} = t.{quoted(key)}"
        f" WHERE s.updated_at >= t.updated_at AND EXISTS (SELECT {staged} EXCEPT SELECT {present})"
    )


def insert(table: sa.Table, schema: str) -> str:
    """Return the INSERT of rows whose key the table does not have."""
    key = quoted(key_column(table))
    target, erasure_log = (
        qualified(schema, table.name),
        qualified(schema, bookkeeping.erasures.name),
    )
    values = _values(table, erasure_log)
    erased = (
        f" AND NOT EXISTS (SELECT 1 FROM {erasure_log} e WHERE e.user_id = s.{key})"
        if table.name == "users"
        else ""
    )
    return (
        f"INSERT INTO {target} ({', '.join(map(quoted, values))}) SELECT {', '.join(values.values())}"
        f" FROM {qualified(schema, staged_name(table.name))} s"
        f" WHERE NOT EXISTS (SELECT 1 FROM {target} t WHERE t.{key} = s.{key}){erased}"
    )


def _rules(table: sa.Table) -> list[str]:
    """Return the names of the constraints, longest first, because one may be a prefix of another."""
    names = [str(constraint.name) for constraint in table.constraints if constraint.name]
    return sorted(names, key=len, reverse=True)


def _text(timestamp: datetime) -> str:
    """Return a timestamp as text, because some servers round a timestamp parameter to the second."""
    return timestamp.isoformat("T", "microseconds")


class MssqlWriter(Writer):
    """Writes the rows from the staging tables, which the caller has filled."""

    def __init__(self, cursor: Cursor, schema: str) -> None:
        self._cursor = cursor
        self._schema = schema

    def _named(self, table: sa.Table) -> str:
        return qualified(self._schema, table.name)

    def holds(self, month: Month) -> bool:
        return bool(
            scalar(
                self._cursor,
                f"SELECT COUNT(*) FROM {self._named(bookkeeping.batches)} WHERE month = ?",
                str(month),
            )
        )

    def remember_erasures(self, erasures: pa.Table) -> None:
        erasure_log = self._named(bookkeeping.erasures)
        for row in erasures.to_pylist():
            self._cursor.execute(
                f"INSERT INTO {erasure_log} (user_id, erased_at)"
                " SELECT CONVERT(BIGINT, ?), CONVERT(DATETIME2(6), ?)"
                f" WHERE NOT EXISTS (SELECT 1 FROM {erasure_log} e WHERE e.user_id = ?)",
                row["user_id"],
                _text(row["erased_at"]),
                row["user_id"],
            )

    def stage(self, table: sa.Table, rows: pa.Table) -> None:
        """Do nothing: the rows are staged already, because a bulk load can't be part of a transaction."""

    def intake(self, table: sa.Table, month: Month) -> Intake:
        return MssqlIntake(self._cursor, self._schema, table, month)

    def upsert(self, table: sa.Table) -> int:
        self._cursor.execute(f"SAVE TRANSACTION {_SAVEPOINT}")
        try:
            return sum(
                int(self._cursor.execute(sql).rowcount)
                for sql in (update(table, self._schema), insert(table, self._schema))
                if sql is not None
            )
        except load_pyodbc().IntegrityError as error:
            self._cursor.execute(f"ROLLBACK TRANSACTION {_SAVEPOINT}")
            raise self._broken(table, error) from error

    def _broken(self, table: sa.Table, error: Exception) -> BrokenRuleError:
        """Return an error that names the broken rule, without the values of a row in the server's message."""
        message = plain(error)
        rule = next((name for name in _rules(table) if name in message), None)
        reason = self.orphan(table) or rule
        if reason is None:
            reason = message.split(". ")[0]
        return BrokenRuleError(reason, unique=rule is not None and rule.startswith("uq_"))

    def first_orphan(
        self, child: sa.Column[Any], parent: sa.Column[Any]
    ) -> tuple[object, object] | None:
        key, name = quoted(key_column(child.table)), quoted(child.name)
        row = self._cursor.execute(
            f"SELECT TOP 1 s.{key}, s.{name}"
            f" FROM {qualified(self._schema, staged_name(child.table.name))} s"
            f" LEFT JOIN {self._named(parent.table)} p ON p.{quoted(parent.name)} = s.{name}"
            f" WHERE s.{name} IS NOT NULL AND p.{quoted(parent.name)} IS NULL"
            f" ORDER BY s.{key}"
        ).fetchone()
        return None if row is None else (row[0], row[1])

    def delete_erased(self) -> int:
        erasure_log = self._named(bookkeeping.erasures)
        for table in TABLES.values():
            for column in filter(names_erasable_user, table.columns):
                name = quoted(column.name)
                # The foreign key would do this too, but some servers do not raise the row version then.
                self._cursor.execute(
                    f"UPDATE {self._named(table)} SET {name} = NULL"
                    f" WHERE {name} IN (SELECT user_id FROM {erasure_log})"
                )
        return int(
            self._cursor.execute(
                f"DELETE FROM {self._named(TABLES['users'])}"
                f" WHERE user_id IN (SELECT user_id FROM {erasure_log})"
            ).rowcount
        )

    def record(self, batch: MonthBatch, row_count: int) -> None:
        books = self._named(bookkeeping.batches)
        self._cursor.execute(f"DELETE FROM {books} WHERE month = ?", str(batch.month))
        self._cursor.execute(
            f"INSERT INTO {books} (month, fingerprint, as_of, applied_at, row_count)"
            " VALUES (?, ?, CONVERT(DATETIME2(6), ?), CONVERT(DATETIME2(6), ?), ?)",
            str(batch.month),
            batch.fingerprint,
            _text(batch.as_of),
            _text(datetime.now(UTC).replace(tzinfo=None)),
            row_count,
        )
