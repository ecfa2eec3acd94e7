"""Changes of one table next to its mirror in DuckDB: collected in a file of their own, applied at once.

Holds staging, what makes a slice equal, and the commit. Does not hold: connections, digests, full loads, or
the comparison that a proof makes.
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
from saas_platform.warehouse.interface import RAW, Changes
from saas_platform.warehouse.logs import SYNC_LOG, SyncEntry
from saas_platform.warehouse.naming import key_may_repeat, repeated_key
from saas_platform.warehouse.stream import RowStream

_STAGED, _GONE, _THEIRS, _DIFFERENT = (
    f"{STAGING}.{name}" for name in ("_staged", "_gone", "_theirs", "_different")
)
#: In memory: it is made within the transaction, where no other file can be written.
_TOUCHED = "temp._touched"
#: Rows of one side that are joined at a time; more are joined in parts, so that memory stays bounded.
_PART_ROWS = 500_000


def append_to_log(connection: Connection, log: sa.Table, values: list[Any]) -> None:
    marks = ", ".join("?" for _ in values)
    connection.run(
        f"INSERT INTO {q.qualified(RAW, log.name)} ({q.listed(q.columns(log))}) VALUES ({marks})",
        values,
    )


def finished(entry: SyncEntry) -> SyncEntry:
    """With its end and its seconds; never before its start, should the machine's clock go back."""
    now = max(datetime.now(UTC).replace(tzinfo=None), entry.started_at)
    return replace(entry, finished_at=now, seconds=(now - entry.started_at).total_seconds())


def commit_entry(connection: Connection, entry: SyncEntry) -> SyncEntry:
    """Append to the log; the caller holds the transaction."""
    entry = replace(finished(entry), slices_copied=len(entry.slices))
    append_to_log(connection, SYNC_LOG, entry.values())
    return entry


def check_key(connection: Connection, table: sa.Table, rows: str) -> None:
    """Raises WarehouseError where rows of the relation share a key, though the table has one."""
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
    """Within it, `_theirs` holds the stream's rows and `_different` one row for each that differs.

    `_different` has both sides as structs `s` and `m`, NULL where a side has no such row. A key that
    the mirror holds twice matches once; its other rows are extra.
    """
    columns = q.columns(table)
    where = q.within(table, slices, "r")
    copy = q.quote(q.unused(table, "copy"))
    _collect(connection, table, where, stream)
    fields = {side: _struct(columns, side) for side in ("s", "m")}
    first_key = q.quote(q.keys(table)[0])
    into = f"CREATE OR REPLACE TABLE {_DIFFERENT} AS"
    for part in _parts(connection, table, where, q.keys(table)):
        mine = f"SELECT {q.listed(columns)}, 1 AS {copy} FROM {q.mirror(table)} r WHERE {part}"
        if _has_copies(connection, table, part):
            equal_first = f"({q.differs(columns, 'r', 't')}) NULLS LAST"
            mine = (
                f"SELECT {q.listed(columns, 'r')}, row_number() OVER"
                f" (PARTITION BY {q.listed(q.keys(table), 'r')} ORDER BY {equal_first}) AS {copy}"
                f" FROM {q.mirror(table)} r LEFT JOIN (SELECT * FROM {_THEIRS} r WHERE {part}) t"
                f" ON {q.same_key(table, 'r', 't')} WHERE {part}"
            )
        connection.run(
            f"{into} SELECT CASE WHEN s.{first_key} IS NOT NULL THEN {fields['s']} END AS s,"
            f" CASE WHEN m.{first_key} IS NOT NULL THEN {fields['m']} END AS m"
            f" FROM (SELECT * FROM {_THEIRS} r WHERE {part}) s FULL JOIN ({mine}) m"
            f" ON {q.same_key(table, 's', 'm')} AND m.{copy} = 1 WHERE s.{first_key} IS NULL"
            f" OR m.{first_key} IS NULL OR {q.differs(columns, 's', 'm')}"
        )
        into = f"INSERT INTO {_DIFFERENT}"
    yield


def _collect(connection: Connection, table: sa.Table, where: str, stream: RowStream) -> None:
    """The stream's rows in `_theirs`."""
    connection.run(f"CREATE OR REPLACE TABLE {_THEIRS} {q.definition(table)}")
    columns = q.listed(q.columns(table))
    with connection.streaming(stream) as relation:
        connection.run(f"INSERT INTO {_THEIRS} SELECT {columns} FROM {relation} r WHERE {where}")


def _parts(
    connection: Connection, table: sa.Table, where: str, columns: Collection[str]
) -> list[str]:
    """Conditions on a row `r`, of which each row of either side meets one; equal columns, the same one."""
    ((rows,),) = connection.run(
        f"SELECT greatest((SELECT count(*) FROM {_THEIRS}),"
        f" (SELECT count(*) FROM {q.mirror(table)} r WHERE {where}))"
    )
    count = max(1, -(-rows // _PART_ROWS))
    if count == 1:
        return [where]
    part = f"hash({q.listed(columns, 'r')}) % {count}"
    return [f"{where} AND {part} = {number}" for number in range(count)]


def _struct(columns: list[str], side: str) -> str:
    return "{" + ", ".join(f"{q.text(c)}: {side}.{q.quote(c)}" for c in columns) + "}"


def _has_copies(connection: Connection, table: sa.Table, where: str) -> bool:
    return bool(
        connection.run(
            f"SELECT 1 FROM {q.mirror(table)} r WHERE {where}"
            f" GROUP BY {q.listed(q.keys(table))} HAVING count(*) > 1 LIMIT 1"
        )
    )


class DuckdbChanges(Changes):
    def __init__(self, connection: Connection, table: sa.Table) -> None:
        self._connection = connection
        self._table = table
        keys = ", ".join(f"{q.quote(c.name)} {q.type_of(c)}" for c in table.primary_key.columns)
        connection.run(f"CREATE TABLE {_STAGED} {q.definition(table)}")
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
            either = ", ".join(
                f"coalesce(s.{q.quote(k)}, m.{q.quote(k)}) AS {q.quote(k)}" for k in q.keys(table)
            )
            self._connection.run(
                f"INSERT INTO {_STAGED} SELECT * FROM {_THEIRS} t"
                f" WHERE EXISTS (SELECT 1 FROM (SELECT {either} FROM {_DIFFERENT}) d"
                f" WHERE {q.same_key(table, 't', 'd')})"
                f" AND NOT EXISTS (SELECT 1 FROM {_STAGED} o WHERE {q.same_key(table, 't', 'o')})"
            )
            self._connection.run(
                f"INSERT INTO {_GONE} SELECT {keys} FROM (SELECT {either} FROM {_DIFFERENT}) d"
                f" WHERE NOT EXISTS (SELECT 1 FROM {_THEIRS} t WHERE {q.same_key(table, 't', 'd')})"
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
        """Rows staged in each slice."""
        rows = self._connection.run(
            f"SELECT {q.slice_id(self._table, 'b')}, count(*)"
            f" FROM (SELECT {q.bucket(self._table)} AS b FROM {_STAGED}) GROUP BY b"
        )
        return dict(rows)

    def changes(self, gone: str) -> pa.RecordBatchReader:
        """Each staged row, and of each key that is gone the key alone; the column `gone` tells which."""
        table = self._table
        keys = q.listed(q.keys(table))
        return self._connection.stream(
            f"SELECT {q.listed(q.columns(table))}, false AS {q.quote(gone)} FROM {_STAGED}"
            f" UNION ALL BY NAME SELECT DISTINCT {keys}, true AS {q.quote(gone)} FROM {_GONE} g"
            f" WHERE NOT EXISTS (SELECT 1 FROM {_STAGED} s WHERE {q.same_key(table, 'g', 's')})"
        )

    def check(self) -> None:
        """Raises WarehouseError where two staged rows share a key."""
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
            # By key, as a user's column may have the name of the engine's own number of a row.
            same = " AND ".join(
                f"r.{q.quote(name)} = t.key[{place}]"
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
        """The staged keys that the mirror holds: in which slices, how often, and whether they come back."""
        table, keys = self._table, q.listed(q.keys(self._table))
        stays = q.quote(q.unused(table, "stays"))
        self._connection.run(
            f"CREATE OR REPLACE TEMP TABLE {_TOUCHED} AS"
            f" SELECT row({q.listed(q.keys(table), 'r')}) AS key, {q.bucket(table, 'r')} AS bucket,"
            f" k.{stays} AS stays, count(*) AS copies FROM {q.mirror(table)} r"
            f" JOIN (SELECT {keys}, bool_or({stays}) FROM (SELECT {keys}, true AS {stays} FROM {_STAGED}"
            f" UNION ALL SELECT {keys}, false FROM {_GONE}) GROUP BY ALL)"
            f" AS k({keys}, {stays}) ON {q.same_key(table, 'r', 'k')} GROUP BY ALL"
        )
