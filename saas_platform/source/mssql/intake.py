"""The intake of staged rows by a SQL Server source: which are refused, which are late, and the log of both.

Contains: the T-SQL of the checks of `source/intake.py`. Out of scope: the upsert itself (apply.py).
"""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.clock import Month
from saas_platform.source import bookkeeping
from saas_platform.source.bookkeeping import key_column
from saas_platform.source.cursor import Cursor
from saas_platform.source.intake import (
    LATE,
    NATURAL_KEY_DUPLICATE,
    OUT_OF_ORDER,
    Intake,
    natural_keys,
    own_time,
)
from saas_platform.source.mssql.ddl import staged_name
from saas_platform.source.mssql.sql import literal, qualified, quoted


class MssqlIntake(Intake):
    """Runs the intake statements for one table of a schema, which also write the log."""

    def __init__(self, cursor: Cursor, schema: str, table: sa.Table, month: Month) -> None:
        self._cursor = cursor
        self._table = table
        self._month = month
        self._key = quoted(key_column(table))
        self._staged = qualified(schema, staged_name(table.name))
        self._present = qualified(schema, table.name)
        self._log = qualified(schema, bookkeeping.intake_log.name)

    def withdraw_refused(self) -> int:
        return self._run(
            f"DELETE FROM {self._staged} WHERE {self._key} IN (SELECT row_key FROM {self._log}"
            f" WHERE table_name = {literal(self._table.name)} AND finding = '{NATURAL_KEY_DUPLICATE}'"
            f" AND month = '{self._month}')"
        )

    def withdraw_duplicates(self) -> int:
        gone = 0
        for columns in natural_keys(self._table):
            same = " AND ".join(f"t.{quoted(c)} = s.{quoted(c)}" for c in columns)
            duplicates = f"{self._staged} s JOIN {self._present} t ON {same} AND t.{self._key} <> s.{self._key}"
            whose = literal(f"{', '.join(columns)} taken by {self._table.name} ")
            detail = f"{whose} + CONVERT(NVARCHAR(20), t.{self._key})"
            self._note(NATURAL_KEY_DUPLICATE, detail, f"{duplicates} WHERE 1 = 1")
            gone += self._run(
                f"DELETE FROM {self._staged} WHERE {self._key} IN (SELECT s.{self._key} FROM {duplicates})"
            )
        return gone

    def note_earlier(self, earlier: pa.Table) -> tuple[int, int]:  # noqa: ARG002 - the rows are staged
        time = quoted(own_time(self._table))
        rows = (
            f"{self._staged} s LEFT JOIN {self._present} t ON t.{self._key} = s.{self._key}"
            f" WHERE s.{time} < '{self._month.start:%Y-%m-%dT%H:%M:%S}'"
        )
        staged, present = (f"CONVERT(NVARCHAR(26), {side}.{time}, 121)" for side in ("s", "t"))
        outdated = self._note(
            OUT_OF_ORDER,
            f"N'as of ' + {staged} + N', after the version of ' + {present}",
            f"{rows} AND t.{time} > s.{time}",
        )
        late = self._note(
            LATE,
            f"N'as of ' + {staged}",
            f"{rows} AND (t.{self._key} IS NULL OR t.{time} < s.{time})",
        )
        return outdated, late

    def _note(self, finding: str, detail: str, rows: str) -> int:
        """Log rows of alias `s` that `rows` selects, unless the log has them already; return how many."""
        noted_at = datetime.now(UTC).replace(tzinfo=None).isoformat("T", "microseconds")
        name, month = literal(self._table.name), f"'{self._month}'"
        return self._run(
            f"INSERT INTO {self._log} (table_name, finding, row_key, month, detail, noted_at)"
            f" SELECT {name}, '{finding}', s.{self._key}, {month}, {detail}, '{noted_at}' FROM {rows}"
            f" AND NOT EXISTS (SELECT 1 FROM {self._log} l WHERE l.table_name = {name}"
            f" AND l.finding = '{finding}' AND l.row_key = s.{self._key} AND l.month = {month})"
        )

    def _run(self, sql: str) -> int:
        return int(self._cursor.execute(sql).rowcount)
