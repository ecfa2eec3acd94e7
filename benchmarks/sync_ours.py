"""Cases of benchmarks/sync.py in this interpreter: ours, and the limits that no tool can beat.

Out of scope: other tools (sync_peers.py), and what is compared.
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
from saas_platform.sync.pair import TablePair
from saas_platform.warehouse.duckdb.warehouse import DuckdbWarehouse


def load_alone(laps: Laps, *, source: str, target: str) -> None:
    """Run the full load, without its proof."""
    warehouse = DuckdbWarehouse(Path(target))
    with SqliteSource(Path(source)).snapshot() as snapshot:
        for table in TABLES.values():
            with laps.lap("load"), warehouse.session():
                entry = load_all(TablePair(snapshot, warehouse, table), new_sync_id(), None)
            laps.rows[table.name] = entry.rows_written


def changes_alone(laps: Laps, *, source: str, target: str) -> None:
    """Apply the changes since the last sync, without their proof."""
    warehouse = DuckdbWarehouse(Path(target))
    with SqliteSource(Path(source)).snapshot() as snapshot:
        for table in TABLES.values():
            with laps.lap("changes"), warehouse.session():
                last = warehouse.last_sync(table)
                assert last is not None
                counts = snapshot.slice_counts(table)
                entry = apply_changes(
                    TablePair(snapshot, warehouse, table), new_sync_id(), last, counts
                )
            assert entry is not None
            laps.rows[table.name] = entry.rows_written + entry.rows_deleted


def proven(laps: Laps, *, source: str, target: str) -> None:
    """Call `sync` as a user does: the full load the first time, then the changes; and the proof."""
    with laps.lap("sync"):
        reports = sync(SqliteSource(Path(source)), DuckdbWarehouse(Path(target)), TABLES.values())
    for report in reports:
        if not report.succeeded:
            raise SystemExit(
                f"The table {report.table} is not proven: {report.error or report.proof}"
            )
        laps.rows[report.table] = report.rows_written + report.rows_deleted


def read_file(laps: Laps, *, source: str) -> None:
    """Read the bytes of the file."""
    with laps.lap("limit"), Path(source).open("rb") as file:
        while file.read(1 << 20):
            pass


def scan(laps: Laps, *, source: str) -> None:
    """Decode every value of every row in SQLite itself, and pass none on."""
    with closing(sqlite3.connect(source)) as connection, laps.lap("limit"):
        for table in TABLES.values():
            columns = ", ".join(f"max({column.name})" for column in table.columns)
            connection.execute(f"SELECT {columns} FROM {table.name}").fetchone()


@contextmanager
def _fetched(source: str, name: str) -> Iterator[pa.RecordBatchReader]:
    columns = ", ".join(column.name for column in TABLES[name].columns)
    with adbc.connect(source) as connection, connection.cursor() as cursor:
        # The driver types a column by the first rows of the batch, which must not all be NULL.
        cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": "65536"})
        cursor.execute(f"SELECT {columns} FROM {name}")
        yield cursor.fetch_record_batch()


def fetch(laps: Laps, *, source: str) -> None:
    """Read every row as Arrow through the driver, with timestamps as texts, and pass none on."""
    with laps.lap("limit"):
        for name in TABLES:
            with _fetched(source, name) as reader:
                for batch in reader:
                    laps.rows[name] += batch.num_rows


def plain(laps: Laps, *, source: str, target: str) -> None:
    """Write the driver's Arrow data to DuckDB, with timestamps as texts: no types, no log, no slices."""
    with laps.lap("limit"), duckdb.connect(target) as connection:
        connection.execute("SET preserve_insertion_order = false")
        for name in TABLES:
            with _fetched(source, name) as reader:
                connection.register("rows", reader)
                connection.execute(f"CREATE TABLE {name} AS SELECT * FROM rows")


def ingest(laps: Laps, *, ready: str, target: str) -> None:
    """Write Arrow data that is ready, with its types, to DuckDB."""
    with laps.lap("limit"), duckdb.connect(target) as connection:
        connection.execute("SET preserve_insertion_order = false")
        for name in TABLES:
            connection.register("rows", _ready(ready, name))
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM rows")


def digest(laps: Laps, *, ready: str) -> None:
    """Hash every row of Arrow data that is ready."""
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
