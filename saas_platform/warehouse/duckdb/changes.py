"""Changes of one table in DuckDB: staged in a file next to the warehouse, applied in one transaction.

Contains: staging the changes, finding those that make a slice equal, and the commit. Out of scope:
connections, digests, full loads, and the comparison that a proof makes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema.arrow import arrow_schema
from saas_platform.warehouse.duckdb import sql as q
from saas_platform.warehouse.duckdb.connection import STAGING, Connection
from saas_platform.warehouse.duckdb.tables import definition
from saas_platform.warehouse.interface import RAW, Changes
from saas_platform.warehouse.logs import SYNC_LOG, SyncEntry
from saas_platform.warehouse.naming import key_may_repeat, repeated_key
from saas_platform.warehouse.stream import RowStream

_STAGED, _GONE, _SOURCE_ROWS, _DIFFERENT = (
    f"{STAGING}.{name}" for name in ("_staged", "_gone", "_theirs", "_different")
)
#: This table is in memory, because it is made within the transaction, where no other file can be written.
_TOUCHED = "temp._touched"
#: The most rows of one side to join at a time. More rows are joined in parts, which bounds the memory.
_PART_ROWS = 500_000


def append_to_log(connection: Connection, log: sa.Table, values: list[Any]) -> None:
    """Append a row to a log."""
    marks = ", ".join("?" for _ in values)
    connection.run(
        f"INSERT INTO {q.qualified(RAW, log.name)} ({q.listed(q.columns(log))}) VALUES ({marks})",
        values,
    )


def finished(entry: SyncEntry) -> SyncEntry:
    """Return the entry with its end, which is now, and its seconds.

    The end is never before the start, even if the machine's clock was set back.
    """
    now = max(datetime.now(UTC).replace(tzinfo=None), entry.started_at)
    return replace(entry, finished_at=now, seconds=(now - entry.started_at).total_seconds())


def commit_entry(connection: Connection, entry: SyncEntry) -> SyncEntry:
    """Append the finished entry to the log and return it. The caller holds the transaction."""
    entry = replace(finished(entry), slices_copied=len(entry.slices))
    append_to_log(connection, SYNC_LOG, entry.values())
    return entry


def check_key(connection: Connection, table: sa.Table, rows: str) -> None:
    """Raise WarehouseError if rows of the relation share a key. A table without a key passes."""
    if not q.keys(table) or not key_may_repeat(table):
        return
    keys = q.listed(q.keys(table))
    found = connection.run(f"SELECT {keys} FROM {rows} GROUP BY {keys} HAVING count(*) > 1 LIMIT 1")
    if found:
        raise repeated_key(table, dict(zip(q.keys(table), found[0], strict=True)))


@contextmanager
def differences(
    connection: Connection, table: sa.Table, slices: Collection[str], stream: RowStream
) -> Iterator[None]:
    """Within this context, hold the stream's rows in `_theirs`, and the rows that differ in `_different`.

    `_different` has one row for each difference, with the source's side as the struct `s` and the mirror's as
    `m`. A side that has no such row is NULL. A key that the mirror has several times matches once; its other
    rows are extra.
    """
    columns = q.columns(table)
    where = q.within(table, slices, "r")
    copy = q.quoted(q.unused(table, "copy"))
    _collect(connection, table, where, stream)
    fields = {side: _struct(columns, side) for side in ("s", "m")}
    first_key = q.quoted(q.keys(table)[0])
    into = f"CREATE OR REPLACE TABLE {_DIFFERENT} AS"
    for part in _parts(connection, table, where, q.keys(table)):
        mirror_rows = (
            f"SELECT {q.listed(columns)}, 1 AS {copy} FROM {q.mirror(table)} r WHERE {part}"
        )
        if _has_copies(connection, table, part):
            equal_first = f"({q.differs(columns, 'r', 't')}) NULLS LAST"
            mirror_rows = (
                f"SELECT {q.listed(columns, 'r')}, row_number() OVER"
                f" (PARTITION BY {q.listed(q.keys(table), 'r')} ORDER BY {equal_first}) AS {copy}"
                f" FROM {q.mirror(table)} r LEFT JOIN (SELECT * FROM {_SOURCE_ROWS} r WHERE {part}) t"
                f" ON {q.same_key(table, 'r', 't')} WHERE {part}"
            )
        connection.run(
            f"{into} SELECT CASE WHEN s.{first_key} IS NOT NULL THEN {fields['s']} END AS s,"
            f" CASE WHEN m.{first_key} IS NOT NULL THEN {fields['m']} END AS m"
            f" FROM (SELECT * FROM {_SOURCE_ROWS} r WHERE {part}) s FULL JOIN ({mirror_rows}) m"
            f" ON {q.same_key(table, 's', 'm')} AND m.{copy} = 1 WHERE s.{first_key} IS NULL"
            f" OR m.{first_key} IS NULL OR {q.differs(columns, 's', 'm')}"
        )
        into = f"INSERT INTO {_DIFFERENT}"
    yield


def _collect(connection: Connection, table: sa.Table, where: str, stream: RowStream) -> None:
    """Put the stream's rows into `_theirs`."""
    connection.run(f"CREATE OR REPLACE TABLE {_SOURCE_ROWS} {definition(table)}")
    columns = q.listed(q.columns(table))
    with connection.streaming(stream) as relation:
        connection.run(
            f"INSERT INTO {_SOURCE_ROWS} SELECT {columns} FROM {relation} r WHERE {where}"
        )


def _parts(
    connection: Connection, table: sa.Table, where: str, columns: Collection[str]
) -> list[str]:
    """Return conditions on a row `r` that divide the rows of both sides into parts.

    Each row meets exactly one of them. Rows with equal values of the columns meet the same one.
    """
    ((rows,),) = connection.run(
        f"SELECT greatest((SELECT count(*) FROM {_SOURCE_ROWS}),"
        f" (SELECT count(*) FROM {q.mirror(table)} r WHERE {where}))"
    )
    count = max(1, -(-rows // _PART_ROWS))
    if count == 1:
        return [where]
    part = f"hash({q.listed(columns, 'r')}) % {count}"
    return [f"{where} AND {part} = {number}" for number in range(count)]


def _struct(columns: list[str], side: str) -> str:
    return "{" + ", ".join(f"{q.text(c)}: {side}.{q.quoted(c)}" for c in columns) + "}"


def _has_copies(connection: Connection, table: sa.Table, where: str) -> bool:
    return bool(
        connection.run(
            f"SELECT 1 FROM {q.mirror(table)} r WHERE {where}"
            f" GROUP BY {q.listed(q.keys(table))} HAVING count(*) > 1 LIMIT 1"
        )
    )


class DuckdbChanges(Changes):
    """Changes that are staged in the database STAGING, which the caller has attached."""

    def __init__(self, connection: Connection, table: sa.Table) -> None:
        self._connection = connection
        self._table = table
        keys = ", ".join(f"{q.quoted(c.name)} {q.type_of(c)}" for c in table.primary_key.columns)
        connection.run(f"CREATE TABLE {_STAGED} {definition(table)}")
        connection.run(f"CREATE TABLE {_GONE} ({keys})")

    def add_rows(self, stream: RowStream) -> None:
        with self._connection.streaming(stream) as relation:
            self._connection.run(
                f"INSERT INTO {_STAGED} SELECT {q.listed(q.columns(self._table))} FROM {relation}"
            )

    def add_deletes(self, keys: pa.Table) -> None:
        names = q.keys(self._table)
        typed = keys.select(names).cast(
            pa.schema([arrow_schema(self._table).field(name) for name in names])
        )
        with self._connection.registered(typed) as relation:
            self._connection.run(f"INSERT INTO {_GONE} SELECT * FROM {relation}")

    def reconcile(self, slices: Collection[str], stream: RowStream) -> None:
        table = self._table
        keys = q.listed(q.keys(table))
        with differences(self._connection, table, slices, stream):
            # Of two equal rows with one key, only one would be missing in the mirror.
            check_key(self._connection, table, _SOURCE_ROWS)
            either = ", ".join(
                f"coalesce(s.{q.quoted(k)}, m.{q.quoted(k)}) AS {q.quoted(k)}"
                for k in q.keys(table)
            )
            self._connection.run(
                f"INSERT INTO {_STAGED} SELECT * FROM {_SOURCE_ROWS} t"
                f" WHERE EXISTS (SELECT 1 FROM (SELECT {either} FROM {_DIFFERENT}) d"
                f" WHERE {q.same_key(table, 't', 'd')})"
                f" AND NOT EXISTS (SELECT 1 FROM {_STAGED} o WHERE {q.same_key(table, 't', 'o')})"
            )
            self._connection.run(
                f"INSERT INTO {_GONE} SELECT {keys} FROM (SELECT {either} FROM {_DIFFERENT}) d"
                f" WHERE NOT EXISTS (SELECT 1 FROM {_SOURCE_ROWS} t WHERE {q.same_key(table, 't', 'd')})"
            )

    def counts_after(self) -> dict[str, int]:
        table = self._table
        self._find_touched()
        return dict(
            self._connection.run(
                f"SELECT {q.slice_id(table, 'b')}, sum(n)::BIGINT FROM ("
                f" SELECT {q.bucket(table)} AS b, count(*) AS n FROM {q.mirror(table)} GROUP BY 1"
                f" UNION ALL SELECT bucket, -sum(copies) FROM {_TOUCHED} GROUP BY 1"
                f" UNION ALL SELECT {q.bucket(table)}, count(*) FROM {_STAGED} GROUP BY 1)"
                " GROUP BY b HAVING sum(n) <> 0"
            )
        )

    def pending(self) -> int:
        keys = q.listed(q.keys(self._table))
        ((count,),) = self._connection.run(
            f"SELECT count(*) FROM (SELECT {keys} FROM {_STAGED} UNION SELECT {keys} FROM {_GONE})"
        )
        return int(count)

    def slices(self) -> dict[str, int]:
        """Return the number of staged rows in each slice."""
        rows = self._connection.run(
            f"SELECT {q.slice_id(self._table, 'b')}, count(*)"
            f" FROM (SELECT {q.bucket(self._table)} AS b FROM {_STAGED}) GROUP BY b"
        )
        return dict(rows)

    def stream_all(self, gone: str) -> pa.RecordBatchReader:
        """Return every staged row, and for every deleted key a row with the key alone.

        The boolean column `gone` is true for the deleted keys.
        """
        table = self._table
        keys = q.listed(q.keys(table))
        return self._connection.stream(
            f"SELECT {q.listed(q.columns(table))}, false AS {q.quoted(gone)} FROM {_STAGED}"
            f" UNION ALL BY NAME SELECT DISTINCT {keys}, true AS {q.quoted(gone)} FROM {_GONE} g"
            f" WHERE NOT EXISTS (SELECT 1 FROM {_STAGED} s WHERE {q.same_key(table, 'g', 's')})"
        )

    def check(self) -> None:
        """Raise WarehouseError if two staged rows share a key."""
        check_key(self._connection, self._table, _STAGED)

    def commit(self, entry: SyncEntry) -> SyncEntry:
        table = self._table
        self.check()
        columns = q.listed(q.columns(table))
        with self._connection.transaction():
            self._find_touched()
            slices = self._connection.run(
                f"SELECT {q.slice_id(table, 'b')} FROM (SELECT bucket AS b FROM {_TOUCHED}"
                f" UNION SELECT {q.bucket(table)} FROM {_STAGED})"
            )
            ((removed, replaced, written),) = self._connection.run(
                "SELECT coalesce(sum(copies), 0)::BIGINT, count(DISTINCT key) FILTER (WHERE stays),"
                f" (SELECT count(*) FROM {_STAGED}) FROM {_TOUCHED}"
            )
            # Rows are deleted by key, because a user's column may be named like the engine's row number.
            same = " AND ".join(
                f"r.{q.quoted(name)} = t.key[{place}]"
                for place, name in enumerate(q.keys(table), start=1)
            )
            self._connection.run(f"DELETE FROM {q.mirror(table)} r USING {_TOUCHED} t WHERE {same}")
            self._connection.run(
                f"INSERT INTO {q.mirror(table)} SELECT {columns}, ? FROM {_STAGED}",
                [entry.sync_id],
            )
            return commit_entry(
                self._connection,
                replace(
                    entry,
                    rows_written=written,
                    rows_deleted=removed - replaced,
                    slices=tuple(sorted(slice_id for (slice_id,) in slices)),
                ),
            )

    def _find_touched(self) -> None:
        """Collect the staged keys that the mirror holds.

        For each key and slice, the table has the number of rows, and whether a staged row replaces them.
        """
        table, keys = self._table, q.listed(q.keys(self._table))
        stays = q.quoted(q.unused(table, "stays"))
        self._connection.run(
            f"CREATE OR REPLACE TEMP TABLE {_TOUCHED} AS"
            f" SELECT row({q.listed(q.keys(table), 'r')}) AS key, {q.bucket(table, 'r')} AS bucket,"
            f" k.{stays} AS stays, count(*) AS copies FROM {q.mirror(table)} r"
            f" JOIN (SELECT {keys}, bool_or({stays}) FROM (SELECT {keys}, true AS {stays} FROM {_STAGED}"
            f" UNION ALL SELECT {keys}, false FROM {_GONE}) GROUP BY ALL)"
            f" AS k({keys}, {stays}) ON {q.same_key(table, 'r', 'k')} GROUP BY ALL"
        )
