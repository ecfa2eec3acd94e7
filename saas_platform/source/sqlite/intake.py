"""Take in staged rows in a SQLite source: refuse rows, recognise early ones, and log both.

Contains: the SQL of the findings of `source/intake.py`.
Out of scope: the upsert itself.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.clock import Month
from saas_platform.source import bookkeeping
from saas_platform.source.bookkeeping import key_column
from saas_platform.source.intake import LATE, OUT_OF_ORDER, TAKEN, natural_keys, own_time
from saas_platform.source.sqlite.connection import scalar
from saas_platform.source.sqlite.cursors import SqliteCursor
from saas_platform.source.sqlite.sql import quoted

STAGED = 'temp."_staged"'
_EARLY = 'temp."_early"'
_LOG = f'"{bookkeeping.intake_log.name}"'


def _note(month: Month, table: sa.Table, finding: str, detail: str, rows: str) -> str:
    """Return the SQL that logs the rows `s` selected by `rows`. Entries that exist stay as they are."""
    noted_at = datetime.now(UTC).replace(tzinfo=None).isoformat(" ")
    return (
        f"INSERT OR IGNORE INTO {_LOG} (table_name, finding, row_key, month, detail, noted_at)"
        f" SELECT '{table.name}', '{finding}', s.{quoted(key_column(table))}, '{month}',"
        f" {detail}, '{noted_at}' FROM {rows}"
    )


def withdraw_refused(cursor: SqliteCursor, table: sa.Table, month: Month) -> int:
    """Unstage the rows that `Writer.withdraw_refused` describes; return how many there were."""
    before = _staged(cursor)
    cursor.execute(
        f"DELETE FROM {STAGED} WHERE {quoted(key_column(table))} IN (SELECT row_key FROM {_LOG}"
        f" WHERE table_name = '{table.name}' AND finding = '{TAKEN}' AND month = '{month}')"
    )
    return before - _staged(cursor)


def withdraw_taken(cursor: SqliteCursor, table: sa.Table, month: Month) -> int:
    """Log and unstage the rows that `Writer.withdraw_taken` describes; return how many there were."""
    key, before = quoted(key_column(table)), _staged(cursor)
    for columns in natural_keys(table):
        same = " AND ".join(f"t.{quoted(c)} = s.{quoted(c)}" for c in columns)
        taken = f"{STAGED} s JOIN {quoted(table.name)} t ON {same} AND t.{key} <> s.{key}"
        detail = f"'{', '.join(columns)} taken by {table.name} ' || t.{key}"
        cursor.execute(_note(month, table, TAKEN, detail, taken))
        cursor.execute(f"DELETE FROM {STAGED} WHERE {key} IN (SELECT s.{key} FROM {taken})")
    return before - _staged(cursor)


def note_early(
    cursor: SqliteCursor, table: sa.Table, early: pa.Table, month: Month
) -> tuple[int, int]:
    """Log the rows that `Writer.note_early` describes; return the counts that it returns."""
    cursor.execute(f"DROP TABLE IF EXISTS {_EARLY}")
    cursor.adbc_ingest("_early", early, mode="create", temporary=True)
    key, time = quoted(key_column(table)), quoted(own_time(table))
    rows = (
        f"{_EARLY} s LEFT JOIN {quoted(table.name)} t ON t.{key} = s.{key}"
        f" WHERE s.{key} IN (SELECT {key} FROM {STAGED})"
    )
    cursor.execute(
        _note(
            month,
            table,
            OUT_OF_ORDER,
            f"'as of ' || s.{time} || ', after the version of ' || t.{time}",
            f"{rows} AND t.{time} > s.{time}",
        )
    )
    outdated = int(scalar(cursor, "SELECT changes()"))
    cursor.execute(
        _note(
            month,
            table,
            LATE,
            f"'as of ' || s.{time}",
            f"{rows} AND (t.{key} IS NULL OR t.{time} < s.{time})",
        )
    )
    late = int(scalar(cursor, "SELECT changes()"))
    cursor.execute(f"DROP TABLE {_EARLY}")
    return outdated, late


def _staged(cursor: SqliteCursor) -> int:
    return int(scalar(cursor, f"SELECT count(*) FROM {STAGED}"))
