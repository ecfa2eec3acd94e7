"""Take in staged rows in a SQLite source: refuse rows, recognise those of earlier months, and log both.

Contains: how rows are staged, and the SQL of the checks of `source/intake.py`.
Out of scope: the upsert itself (apply.py).
"""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.clock import Month
from saas_platform.source import bookkeeping
from saas_platform.source.bookkeeping import key_column
from saas_platform.source.intake import (
    LATE,
    NATURAL_KEY_DUPLICATE,
    OUT_OF_ORDER,
    Intake,
    natural_keys,
    own_time,
)
from saas_platform.source.sqlite.connection import scalar
from saas_platform.source.sqlite.cursors import SqliteCursor
from saas_platform.source.sqlite.sql import quoted

STAGED = 'temp."_staged"'
_EARLY = 'temp."_early"'
_LOG = f'"{bookkeeping.intake_log.name}"'


def stage(cursor: SqliteCursor, rows: pa.Table, name: str = "_staged") -> None:
    """Put rows into a temporary table, which replaces one of the same name."""
    cursor.execute(f'DROP TABLE IF EXISTS temp."{name}"')
    cursor.adbc_ingest(name, _storable(rows), mode="create", temporary=True)


def _storable(rows: pa.Table) -> pa.Table:
    """Return the rows as SQLite stores them: timestamps as ISO texts, flags as integers."""
    for index, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type):
            rows = rows.set_column(index, field.name, rows[index].cast(pa.string()))
        elif pa.types.is_boolean(field.type):
            rows = rows.set_column(index, field.name, rows[index].cast(pa.int64()))
    return rows


class SqliteIntake(Intake):
    """Runs the intake statements for one table, which also write the log."""

    def __init__(self, cursor: SqliteCursor, table: sa.Table, month: Month) -> None:
        self._cursor = cursor
        self._table = table
        self._month = month
        self._key = quoted(key_column(table))
        self._present = quoted(table.name)

    def withdraw_refused(self) -> int:
        return self._run(
            f"DELETE FROM {STAGED} WHERE {self._key} IN (SELECT row_key FROM {_LOG}"
            f" WHERE table_name = '{self._table.name}' AND finding = '{NATURAL_KEY_DUPLICATE}'"
            f" AND month = '{self._month}')"
        )

    def withdraw_duplicates(self) -> int:
        gone = 0
        for columns in natural_keys(self._table):
            same = " AND ".join(f"t.{quoted(c)} = s.{quoted(c)}" for c in columns)
            duplicates = (
                f"{STAGED} s JOIN {self._present} t ON {same} AND t.{self._key} <> s.{self._key}"
            )
            detail = f"'{', '.join(columns)} taken by {self._table.name} ' || t.{self._key}"
            self._note(NATURAL_KEY_DUPLICATE, detail, duplicates)
            gone += self._run(
                f"DELETE FROM {STAGED} WHERE {self._key} IN (SELECT s.{self._key} FROM {duplicates})"
            )
        return gone

    def note_earlier(self, earlier: pa.Table) -> tuple[int, int]:
        stage(self._cursor, earlier, "_early")
        time = quoted(own_time(self._table))
        rows = (
            f"{_EARLY} s LEFT JOIN {self._present} t ON t.{self._key} = s.{self._key}"
            f" WHERE s.{self._key} IN (SELECT {self._key} FROM {STAGED})"
        )
        outdated = self._note(
            OUT_OF_ORDER,
            f"'as of ' || s.{time} || ', after the version of ' || t.{time}",
            f"{rows} AND t.{time} > s.{time}",
        )
        late = self._note(
            LATE,
            f"'as of ' || s.{time}",
            f"{rows} AND (t.{self._key} IS NULL OR t.{time} < s.{time})",
        )
        self._cursor.execute(f"DROP TABLE {_EARLY}")
        return outdated, late

    def _note(self, finding: str, detail: str, rows: str) -> int:
        """Log rows of alias `s` that `rows` selects, unless the log has them already; return how many."""
        noted_at = datetime.now(UTC).replace(tzinfo=None).isoformat(" ")
        return self._run(
            f"INSERT OR IGNORE INTO {_LOG} (table_name, finding, row_key, month, detail, noted_at)"
            f" SELECT '{self._table.name}', '{finding}', s.{self._key}, '{self._month}',"
            f" {detail}, '{noted_at}' FROM {rows}"
        )

    def _run(self, sql: str) -> int:
        self._cursor.execute(sql)
        return int(scalar(self._cursor, "SELECT changes()"))
