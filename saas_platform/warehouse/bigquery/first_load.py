"""Load a table that is sliced by day for the first time: one load job for each day, into `table$YYYYMMDD`.

Each job uses WRITE_TRUNCATE. These jobs are free, while the copy out of a staging table is billed by its bytes.
The price is that there is no transaction: the days arrive one after the other, and the log entry is written
last. If the load is killed, the mirror has only some of its days, and the log has no entry. The next sync then
loads the whole table in one transaction, as every other full load does.

Contains: this load, and the condition for it. Out of scope: its proof, which the sync makes after every full
load.

No counterpart in DuckDB: no load is billed there, so that every full load is one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema.slices import slicing_of
from saas_platform.warehouse.bigquery import sql as q
from saas_platform.warehouse.bigquery.changes import commit, make_mirror
from saas_platform.warehouse.bigquery.connection import Connection
from saas_platform.warehouse.bigquery.loads import load_rows
from saas_platform.warehouse.bigquery.tables import day_definition, day_schema, mirror_definition
from saas_platform.warehouse.duckdb import sql as duckdb_sql
from saas_platform.warehouse.duckdb.changes import finished
from saas_platform.warehouse.duckdb.connection import Connection as ScratchConnection
from saas_platform.warehouse.duckdb.scratch import holding, scratch
from saas_platform.warehouse.interface import SYNC_ID, WarehouseError, target_schema
from saas_platform.warehouse.logs import SyncEntry
from saas_platform.warehouse.stream import RowStream

#: BigQuery allows 1,500 load jobs per table and day. The rest is left for the syncs that follow.
MOST_DAYS = 1_200
#: Partitions of days outside these bounds have no name, so that no job can load into one.
_FIRST_DAY, _LAST_DAY = "1960-01-01", "2159-12-31"


def may_load_by_days(connection: Connection, table: sa.Table) -> bool:
    """Return whether the target asks for it, the table is sliced by day, and its mirror has no rows yet."""
    slicing = slicing_of(table)
    if not connection.target.first_load_by_days or slicing is None or slicing.grain != "day":
        return False
    present = connection.table(target_schema(table), table.name)
    return present is None or present.num_rows == 0


def load_by_days(
    connection: Connection, table: sa.Table, stream: RowStream, entry: SyncEntry, name: str
) -> SyncEntry:
    """Load the stream's rows into the empty mirror, day by day, then append to the log.

    Args:
        connection: the project.
        table: a table for which `may_load_by_days` is true.
        stream: all rows of the table.
        entry: the entry for the log, without the counts.
        name: the name of the load, after which its jobs are named.

    Returns:
        The entry as written.

    Raises:
        WarehouseError: a day has no partition, there are too many days, or rows are missing afterwards.
    """
    with scratch() as local, stream.reraise_source_error(), holding(local, table, stream.reader()):
        days = _days(local, table)
        _check_days(table, days)
        make_mirror(connection, table)
        mirror = mirror_definition(
            connection.reference(target_schema(table), table.name),
            table,
            connection.target.policy_tags,
        )
        for day in days:
            load_rows(
                connection,
                day_definition(mirror, day),
                day_schema(table),
                _rows(local, table, day, entry.sync_id),
                f"{name}-{day.replace('-', '')}",
                truncate=True,
            )
    held = dict(connection.run(q.counts(table)))
    if held != days:
        raise WarehouseError(
            f"BigQuery has {sum(held.values())} of the {stream.rows} rows that were loaded for {table.name}"
            " day by day, or has them on other days: run again, which reloads the whole table."
        )
    entry = replace(
        finished(entry),
        rows_read=stream.rows,
        rows_written=stream.rows,
        bytes=stream.bytes,
        slices=tuple(days),
        slices_copied=len(days),
    )
    commit(connection, table, [], entry, name)
    return entry


def _days(local: ScratchConnection, table: sa.Table) -> dict[str, int]:
    """Return the number of rows of each day, in order."""
    day = duckdb_sql.slice_id(table, duckdb_sql.bucket(table))
    return dict(
        local.run(
            f"SELECT {day} AS day, count(*) FROM {duckdb_sql.mirror(table)} GROUP BY day ORDER BY day"
        )
    )


def _check_days(table: sa.Table, days: dict[str, int]) -> None:
    odd = [day for day in days if not _FIRST_DAY <= day <= _LAST_DAY]
    if odd:
        raise WarehouseError(
            f"{table.name} has rows of {odd[0]}, and BigQuery names only days from {_FIRST_DAY} to"
            f" {_LAST_DAY}: leave first_load=days out of SAAS_WAREHOUSE_URL."
        )
    if len(days) > MOST_DAYS:
        raise WarehouseError(
            f"{table.name} has {len(days)} days, and BigQuery allows 1,500 load jobs per table and day: leave"
            " first_load=days out of SAAS_WAREHOUSE_URL."
        )


def _rows(
    local: ScratchConnection, table: sa.Table, day: str, sync_id: str
) -> Iterator[pa.RecordBatch]:
    """Return the rows of a day, with the id of the sync that loads them."""
    columns = duckdb_sql.listed(duckdb_sql.columns(table))
    return local.stream(
        f"SELECT {columns}, {duckdb_sql.text(sync_id)} AS {duckdb_sql.quoted(SYNC_ID)}"
        f" FROM {duckdb_sql.mirror(table)} WHERE {duckdb_sql.within(table, [day])}"
    )
