"""Count the rows of a mirror that differ from the source, by a comparison that shares nothing with the sync.

Contains: a comparison of Python's own SQLite module with DuckDB, value by value. Out of scope: digests and
slices.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import duckdb
import pyarrow as pa

from benchmarks.measure import Laps
from benchmarks.sync_peers import KEYS, TIMESTAMPS

_BATCH_ROWS = 50_000


def read(_laps: Laps, *, source: str, copy: str) -> None:
    """Copy the source's rows to a separate DuckDB file, so that each mirror can be compared with it."""
    with duckdb.connect(copy) as duck, closing(sqlite3.connect(source)) as lite:
        duck.execute("SET preserve_insertion_order = false")
        for name in KEYS:
            cursor = lite.execute(f"SELECT * FROM {name}")
            columns = [column[0] for column in cursor.description]
            typed = ", ".join(_typed(name, column) for column in columns)
            duck.execute(f"CREATE TABLE {name} ({typed})")
            for rows in _rows(cursor, columns):
                duck.register("rows", rows)
                duck.execute(f"INSERT INTO {name} SELECT {', '.join(columns)} FROM rows")


def count(laps: Laps, *, copy: str, target: str, schema: str) -> None:
    """Count the rows of both tables that are missing, extra (including duplicates) or different in the mirror.

    Timestamps are compared as microseconds, however a tool stored them.
    """
    with duckdb.connect() as duck:
        duck.execute(f"ATTACH '{copy}' AS source (READ_ONLY)")
        duck.execute(f"ATTACH '{target}' AS mirror (READ_ONLY)")
        for name, key in KEYS.items():
            columns = [row[0] for row in duck.execute(f"DESCRIBE source.{name}").fetchall()]
            listed = ", ".join(
                f"epoch_us({c}::TIMESTAMP) AS {c}" if c in TIMESTAMPS[name] else c for c in columns
            )
            differs = " OR ".join(f"s.{c} IS DISTINCT FROM m.{c}" for c in columns)
            mirror = f"mirror.{schema}.{name}"
            ((missing, extra, different),) = duck.execute(
                f"""
                SELECT count(*) FILTER (WHERE m.{key} IS NULL),
                       count(*) FILTER (WHERE s.{key} IS NULL),
                       count(*) FILTER (WHERE m.{key} = s.{key} AND ({differs}))
                FROM (SELECT {listed} FROM source.{name}) s
                FULL JOIN (SELECT {listed} FROM {mirror}) m ON s.{key} = m.{key}
                """
            ).fetchall()
            ((copies,),) = duck.execute(
                f"SELECT count(*) - count(DISTINCT {key}) FROM {mirror}"
            ).fetchall()
            laps.rows.update(missing=missing, extra=extra + copies, different=different)


def _typed(name: str, column: str) -> str:
    if column in TIMESTAMPS[name]:
        return f"{column} TIMESTAMP"
    return f"{column} {'VARCHAR' if column in ('number', 'status', 'event_type') else 'BIGINT'}"


def _rows(cursor: sqlite3.Cursor, columns: list[str]) -> Iterator[pa.Table]:
    while rows := cursor.fetchmany(_BATCH_ROWS):
        yield pa.table(dict(zip(columns, map(pa.array, zip(*rows, strict=True)), strict=True)))
