"""Cases of benchmarks/sync.py in this interpreter: ours, and what no tool can be faster than.

Does not hold: other tools (sync_peers.py), nor what is compared.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import adbc_driver_sqlite.dbapi as adbc
import duckdb
import pyarrow as pa

from benchmarks.measure import Laps
from benchmarks.sync_data import TABLES
from saas_platform.source.sqlite import SqliteSource
from saas_platform.sync import sync
from saas_platform.sync.apply import apply_changes, load_all
from saas_platform.sync.log_entries import new_sync_id
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse


def load_alone(laps: Laps, *, source: str, target: str) -> None:
    """The full load, without its proof."""
    warehouse = DuckdbWarehouse(Path(target))
    with SqliteSource(Path(source)).snapshot() as snapshot:
        for table in TABLES.values():
            with laps.lap("load"), warehouse.session():
                entry = load_all(snapshot, warehouse, table, new_sync_id(), None)
            laps.rows[table.name] = entry.rows_written


def changes_alone(laps: Laps, *, source: str, target: str) -> None:
    """The changes since the last sync, without their proof."""
    warehouse = DuckdbWarehouse(Path(target))
    with SqliteSource(Path(source)).snapshot() as snapshot:
        for table in TABLES.values():
            with laps.lap("changes"), warehouse.session():
                last = warehouse.last_sync(table)
                assert last is not None
                counts = snapshot.slice_counts(table)
                entry = apply_changes(snapshot, warehouse, table, new_sync_id(), last, counts)
            assert entry is not None
            laps.rows[table.name] = entry.rows_written + entry.rows_deleted


def proven(laps: Laps, *, source: str, target: str) -> None:
    """What a user calls: the full load the first time, then the changes; and the proof."""
    with laps.lap("sync"):
        reports = sync(SqliteSource(Path(source)), DuckdbWarehouse(Path(target)), TABLES.values())
    for report in reports:
        if not report.succeeded:
            raise SystemExit(f"{report.table} is not proven: {report.error or report.proof}")
        laps.rows[report.table] = report.rows_written + report.rows_deleted


def read_file(laps: Laps, *, source: str) -> None:
    with laps.lap("limit"), Path(source).open("rb") as file:
        while file.read(1 << 20):
            pass


def scan(laps: Laps, *, source: str) -> None:
    """Every value of every row, decoded by SQLite itself and given to nobody."""
    with closing(sqlite3.connect(source)) as connection, laps.lap("limit"):
        for table in TABLES.values():
            columns = ", ".join(f"max({column.name})" for column in table.columns)
            connection.execute(f"SELECT {columns} FROM {table.name}").fetchone()


@contextmanager
def _fetched(source: str, name: str) -> Iterator[pa.RecordBatchReader]:
    columns = ", ".join(column.name for column in TABLES[name].columns)
    with adbc.connect(source) as connection, connection.cursor() as cursor:
        # A batch types a column by its first rows, which must not all be NULL.
        cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": "65536"})
        cursor.execute(f"SELECT {columns} FROM {name}")
        yield cursor.fetch_record_batch()


def fetch(laps: Laps, *, source: str) -> None:
    """Every row as Arrow through the driver, times as texts, given to nobody."""
    with laps.lap("limit"):
        for name in TABLES:
            with _fetched(source, name) as reader:
                for batch in reader:
                    laps.rows[name] += batch.num_rows


def plain(laps: Laps, *, source: str, target: str) -> None:
    """The driver's Arrow into DuckDB, times as texts: no types, no log, no slices."""
    with laps.lap("limit"), duckdb.connect(target) as connection:
        connection.execute("SET preserve_insertion_order = false")
        for name in TABLES:
            with _fetched(source, name) as reader:
                connection.register("rows", reader)
                connection.execute(f"CREATE TABLE {name} AS SELECT * FROM rows")


def ingest(laps: Laps, *, ready: str, target: str) -> None:
    """Arrow that lies ready, with its types, into DuckDB."""
    with laps.lap("limit"), duckdb.connect(target) as connection:
        connection.execute("SET preserve_insertion_order = false")
        for name in TABLES:
            connection.register("rows", _ready(ready, name))
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM rows")


def digest(laps: Laps, *, ready: str) -> None:
    """A hash of every row of Arrow that lies ready."""
    with laps.lap("limit"), duckdb.connect() as connection:
        for name, table in TABLES.items():
            connection.register("rows", _ready(ready, name))
            columns = ", ".join(column.name for column in table.columns)
            connection.execute(f"SELECT count(*), sum(hash({columns})) FROM rows").fetchall()


def _ready(folder: str, name: str) -> pa.RecordBatchReader:
    file = pa.ipc.open_file(pa.memory_map(str(Path(folder) / f"{name}.arrow")))
    return pa.RecordBatchReader.from_batches(
        file.schema, (file.get_batch(i) for i in range(file.num_record_batches))
    )
