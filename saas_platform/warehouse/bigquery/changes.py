"""Changes of one table in BigQuery: collected in this process, loaded into a staging table, applied at once.

Contains: staging tables, the transaction of a full load or of changes, and its entry in the log. Out of
scope: digests, the comparison of rows (which the scratch does), and anything that only reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import pyarrow as pa
import sqlalchemy as sa
from google.cloud import bigquery

from saas_platform.schema.slices import slicing_of
from saas_platform.warehouse.bigquery import sql as q
from saas_platform.warehouse.bigquery.connection import Connection
from saas_platform.warehouse.bigquery.errors import translate_errors
from saas_platform.warehouse.bigquery.loads import load_rows
from saas_platform.warehouse.bigquery.schemas import make_dataset
from saas_platform.warehouse.bigquery.tables import (
    GONE,
    completed,
    is_partitioned_alike,
    mirror_definition,
    parquet_schema,
    staging_definition,
)
from saas_platform.warehouse.duckdb.changes import DuckdbChanges, finished
from saas_platform.warehouse.duckdb.connection import Connection as ScratchConnection
from saas_platform.warehouse.duckdb.scratch import holding
from saas_platform.warehouse.interface import (
    RAW,
    SCHEMAS,
    SYNC_ID,
    Changes,
    WarehouseError,
    target_schema,
)
from saas_platform.warehouse.logs import SYNC_LOG, SyncEntry
from saas_platform.warehouse.naming import key_may_repeat, repeated_key
from saas_platform.warehouse.stream import RowStream

#: The most slices that one statement writes. A job may change at most 4,000 partitions of a table.
MOST_SLICES = 3_500


def append_to_log(log: sa.Table, values: list[object]) -> str:
    """Return the statement that appends a row to a log."""
    return (
        f"INSERT INTO {q.qualified(RAW, log.name)} ({q.listed(q.columns(log))})"
        f" VALUES ({', '.join(map(q.literal, values))})"
    )


@dataclass(frozen=True)
class StagingTable:
    """A staging table in BigQuery, which holds the rows and deleted keys of one load."""

    connection: Connection
    table: sa.Table
    #: The name of the load, after which its jobs are named.
    name: str

    @property
    def _table_name(self) -> str:
        return f"_staging-{self.name}".replace("-", "_")

    @property
    def _definition(self) -> bigquery.Table:
        place = self.connection.reference(RAW, self._table_name)
        return staging_definition(place, self.table, self.connection.target.policy_tags)

    @property
    def sql(self) -> str:
        """The table's name in SQL."""
        return q.qualified(RAW, self._table_name)

    @contextmanager
    def created(self) -> Iterator[None]:
        """Create the table for this context, and drop it at the end."""
        made = self._definition
        with translate_errors(self.connection.target):
            # The table exists if a process with the same sync id was killed. Its content is not known.
            self.connection.client.delete_table(made, not_found_ok=True)
            # If the answer is lost, the request is sent again, and the table may exist by then.
            self.connection.client.create_table(made, exists_ok=True)
        try:
            yield
        finally:
            with translate_errors(self.connection.target):
                self.connection.client.delete_table(made, not_found_ok=True)

    def load(self, rows: Iterable[pa.RecordBatch], part: int) -> int:
        """Load rows as part `part` and return their number."""
        return load_rows(
            self.connection,
            self._definition,
            parquet_schema(self.table),
            rows,
            f"{self.name}-{part}",
        )

    def slices(self) -> dict[str, int]:
        """Return the number of rows that arrived in each slice."""
        rows = (
            f"SELECT {q.slice_id(self.table)} AS slice FROM {self.sql} WHERE NOT {q.quoted(GONE)}"
        )
        return dict(self.connection.run(q.by_slice(rows, "COUNT(*)")))

    def check_key(self) -> None:
        """Raise WarehouseError if rows that arrived share a key. A table without a key passes."""
        if not q.keys(self.table) or not key_may_repeat(self.table):
            return
        keys = q.listed(q.keys(self.table))
        found = self.connection.run(
            f"SELECT {keys} FROM {self.sql} WHERE NOT {q.quoted(GONE)}"
            f" GROUP BY {keys} HAVING COUNT(*) > 1 LIMIT 1"
        )
        if found:
            raise repeated_key(self.table, dict(zip(q.keys(self.table), found[0], strict=True)))


def load_whole(
    connection: Connection, table: sa.Table, stream: RowStream, entry: SyncEntry, name: str
) -> SyncEntry:
    """Replace the mirror's rows by the stream's and append to the log, in one transaction.

    Args:
        connection: the project.
        table: the table.
        stream: all rows of the table.
        entry: the entry for the log, without the counts.
        name: the name of the load, after which its jobs and its staging table are named.

    Returns:
        The entry as written.

    Raises:
        WarehouseError: rows are missing in the staging table, or share a key.
    """
    staged = StagingTable(connection, table, name)
    with staged.created():
        with stream.reraise_source_error():
            loaded = staged.load(_kept(stream.reader()), 0)
        slices = staged.slices()
        if not loaded == stream.rows == sum(slices.values()):
            raise WarehouseError(
                f"BigQuery has {sum(slices.values())} of the {stream.rows} rows that were loaded for"
                f" {table.name}, and nothing was applied: run again."
            )
        staged.check_key()
        make_mirror(connection, table)
        entry = replace(
            finished(entry),
            rows_read=stream.rows,
            rows_written=stream.rows,
            bytes=stream.bytes,
            slices=tuple(sorted(slices)),
            slices_copied=len(slices),
        )
        statements = [
            *_deletes(connection, table),
            *_inserts(table, staged.sql, slices, entry.sync_id),
        ]
        commit(connection, table, statements, entry, name)
    return entry


def _kept(rows: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the rows with the column GONE, which is false for all of them."""
    for batch in rows:
        mark = pa.repeat(pa.scalar(False), batch.num_rows)
        yield batch.append_column(GONE, mark)


def make_mirror(connection: Connection, table: sa.Table) -> None:
    """Create the mirror as declared, or add what it lacks, or replace it by an empty one.

    BigQuery's transactions allow no DDL, so this is done just before the transaction. If the process is
    killed in between, the mirror is empty or has more columns, and the log is as it was. The next sync finds
    the missing rows by the counts.
    """
    schema, tags = target_schema(table), connection.target.policy_tags
    if schema not in SCHEMAS:
        make_dataset(connection, schema)
    place = connection.reference(schema, table.name)
    wanted = mirror_definition(place, table, tags)
    present = connection.table(schema, table.name)
    with translate_errors(connection.target):
        if present is not None:
            fields = completed(table, present.schema, tags)
            if fields is not None and is_partitioned_alike(present, wanted):
                if fields != list(present.schema):
                    present.schema = fields
                    connection.client.update_table(present, ["schema"])
                return
            connection.client.delete_table(place)
        connection.client.create_table(wanted, exists_ok=True)


def _deletes(connection: Connection, table: sa.Table) -> Iterator[str]:
    """Yield the statements that delete all rows of the mirror."""
    slicing = slicing_of(table)
    is_by_day = slicing is not None and slicing.grain == "day"  # there are never that many months
    present = dict(connection.run(q.counts(table))) if is_by_day else {}
    for group in _groups(present) if len(present) > MOST_SLICES else [None]:
        yield f"DELETE FROM {q.mirror(table)} WHERE {_spanned(table, group)}"


def _inserts(table: sa.Table, staged: str, slices: Collection[str], sync_id: str) -> Iterator[str]:
    """Yield the statements that copy the staged rows of the slices into the mirror."""
    columns = q.listed(q.columns(table))
    for group in _groups(slices):
        some = "" if len(group) == len(slices) else f" AND {_spanned(table, group)}"
        yield (
            f"INSERT INTO {q.mirror(table)} ({columns}, {q.quoted(SYNC_ID)})"
            f" SELECT {columns}, {q.text(sync_id)} FROM {staged} WHERE NOT {q.quoted(GONE)}{some}"
        )


def _spanned(table: sa.Table, group: list[str] | None) -> str:
    """Return a condition that is true for a row from the first to the last slice of a group.

    `group` None means any row. No slice of another group lies in between.
    """
    return q.within(table, group, most_ranges=1)


def _groups(slices: Collection[str]) -> Iterator[list[str]]:
    listed = sorted(slices)
    for start in range(0, len(listed), MOST_SLICES):
        yield listed[start : start + MOST_SLICES]


def commit(
    connection: Connection, table: sa.Table, statements: list[str], entry: SyncEntry, name: str
) -> None:
    """Run the statements and append the entry to the log, in one transaction.

    Args:
        connection: the project.
        table: the table, for the label of the job.
        statements: what to run before the log is written.
        entry: the entry for the log, complete.
        name: the name of the load, after which the job is named.
    """
    script = ";\n".join(
        [
            "BEGIN TRANSACTION",
            *statements,
            append_to_log(SYNC_LOG, entry.values()),
            "COMMIT TRANSACTION;",
        ]
    )
    # A label's value has 63 characters at most.
    labels = {"table": table.name.lower()[:63], "mode": entry.mode}
    connection.script(script, f"{name}-commit", labels)


@dataclass(frozen=True)
class _Touched:
    """The mirror's rows that have a staged key."""

    #: Their number in each slice.
    rows: dict[str, int]
    #: The number of distinct keys among them that have a staged row.
    replaced: int


class BigqueryChanges(Changes):
    """Changes that are collected in a scratch and loaded into a staging table when they are needed there.

    The scratch also finds the differences of slices. This object is a context, which drops the staging tables
    at its end.
    """

    def __init__(
        self,
        connection: Connection,
        table: sa.Table,
        name: str,
        scratch: ScratchConnection,
        read_slices: Callable[[Collection[str]], pa.Table],
        count_slices: Callable[[], dict[str, int]],
    ) -> None:
        """Begin without changes.

        Args:
            connection: the project.
            table: the table.
            name: the name of the load, after which its jobs and staging tables are named.
            scratch: an empty database in this process.
            read_slices: reads the mirror's rows in some slices.
            count_slices: counts the mirror's rows in each slice.
        """
        self._connection = connection
        self._table = table
        self._name = name
        self._scratch = scratch
        self._read_slices = read_slices
        self._count_slices = count_slices
        self._local = DuckdbChanges(scratch, table)
        self._tables = ExitStack()
        self._loads = 0
        #: The staging table that has all changes, and the rows they touch; None if changes were added since.
        self._loaded: tuple[StagingTable, _Touched] | None = None

    def __enter__(self) -> BigqueryChanges:
        return self

    def __exit__(self, *error: object) -> None:
        self._tables.close()

    def add_rows(self, stream: RowStream) -> None:
        self._loaded = None
        self._local.add_rows(stream)

    def add_deletes(self, keys: pa.Table) -> None:
        self._loaded = None
        self._local.add_deletes(keys)

    def reconcile(self, slices: Collection[str], stream: RowStream) -> None:
        self._loaded = None
        with holding(self._scratch, self._table, self._read_slices(slices)):
            self._local.reconcile(slices, stream)

    def pending(self) -> int:
        return self._local.pending()

    def counts_after(self) -> dict[str, int]:
        _, touched = self._load()
        after = Counter(self._count_slices())
        after.subtract(touched.rows)
        after.update(self._local.slices())
        return {slice_id: rows for slice_id, rows in after.items() if rows}

    def commit(self, entry: SyncEntry) -> SyncEntry:
        staged, touched = self._load()
        table = self._table
        new = self._local.slices()
        statements = [
            f"DELETE FROM {q.mirror(table)} AS r WHERE {q.within(table, group, 'r')}"
            f" AND EXISTS (SELECT 1 FROM {staged.sql} AS s WHERE {q.same_key(table, 's', 'r')})"
            for group in _groups(touched.rows)
        ]
        slices = tuple(sorted({*touched.rows, *new}))
        entry = replace(
            finished(entry),
            rows_written=sum(new.values()),
            rows_deleted=sum(touched.rows.values()) - touched.replaced,
            slices=slices,
            slices_copied=len(slices),
        )
        statements += _inserts(table, staged.sql, new, entry.sync_id)
        commit(self._connection, table, statements, entry, self._name)
        return entry

    def _load(self) -> tuple[StagingTable, _Touched]:
        if self._loaded is None:
            self._local.check()
            staged = StagingTable(self._connection, self._table, f"{self._name}-{self._loads}")
            self._loads += 1
            self._tables.enter_context(staged.created())
            staged.load(self._local.stream_all(GONE), 0)
            self._loaded = staged, self._touch(staged)
        return self._loaded

    def _touch(self, staged: StagingTable) -> _Touched:
        """Find the mirror's rows that have a staged key.

        The join can't prune: it reads the key columns, and the one of the slice, of the whole mirror.
        """
        table = self._table
        keys = q.listed(q.keys(table))
        found = self._connection.run(
            f"WITH touched AS (SELECT {q.slice_id(table, 'r')} AS slice,"
            f" {q.listed(q.keys(table), 'r')}, s.{q.quoted(GONE)} AS {q.quoted(GONE)}"
            f" FROM {q.mirror(table)} AS r JOIN {staged.sql} AS s ON {q.same_key(table, 'r', 's')}"
            f" WHERE {q.within(table, None, 'r')})"
            " SELECT slice, COUNT(*), (SELECT COUNT(*) FROM"
            f" (SELECT DISTINCT {keys} FROM touched WHERE NOT {q.quoted(GONE)}))"
            " FROM touched GROUP BY slice"
        )
        return _Touched({row[0]: row[1] for row in found}, found[0][2] if found else 0)
