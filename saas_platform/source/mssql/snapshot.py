"""Reading SQL Server: typed Arrow batches out of one transaction, of one moment where it allows that."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema import arrow_schema, version_of
from saas_platform.schema.slices import SliceDigest
from saas_platform.source import bookkeeping
from saas_platform.source.contract import SourceColumn, SourceError, SourceSnapshot
from saas_platform.source.mssql import canonical, catalogue
from saas_platform.source.mssql.address import Address
from saas_platform.source.mssql.canonical import Ability
from saas_platform.source.mssql.connection import connect, scalar
from saas_platform.source.mssql.ddl import is_ours
from saas_platform.source.mssql.errors import driver_errors, in_words
from saas_platform.source.mssql.features import Features, answer, look
from saas_platform.source.mssql.reading import batches
from saas_platform.source.mssql.sql import (
    above_version,
    in_slices,
    is_rowversion,
    key_column,
    qualified,
    quoted,
    slice_id,
    value,
)
from saas_platform.source.mssql.tracking import tracked_deletes


@contextmanager
def reading(address: Address) -> Iterator[tuple[Any, Features, int | None]]:
    """A cursor in a transaction that sees one moment; what the server can do; and the first row version
    that was open before that moment, where it tells.
    """
    with connect(address, arrow=True) as cursor:
        features = look(cursor)
        level = "SNAPSHOT" if features.snapshot_isolation else "READ COMMITTED"
        # Before the view is pinned: what commits between the two is seen, and read once more.
        floor = None if features.floor is None else int(scalar(cursor, features.floor))
        cursor.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
        cursor.execute("BEGIN TRANSACTION")
        try:
            # The first read pins the view that all later ones see.
            scalar(cursor, "SELECT COUNT(*) FROM sys.tables")
            yield cursor, features, floor
        finally:
            # Nothing was written; and an error that ended it before has been told.
            with suppress(*driver_errors()):
                cursor.execute("IF @@TRANCOUNT > 0 COMMIT TRANSACTION")


class MssqlSnapshot(SourceSnapshot):
    """Tables of one schema: deletes by Change Tracking, versions where a column has them."""

    def __init__(
        self,
        address: Address,
        cursor: Any,
        schema: str,
        features: Features,
        floor: int | None,
    ) -> None:
        self._address = address
        self._cursor = cursor
        self._schema = schema
        self._features = features
        self._floor = floor
        self._ended = False
        self.identity = database_identity(cursor, features.recovery_fork)

    def _named(self, table: sa.Table) -> str:
        return qualified(self._schema, table.name)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Errors in words. One that ended the transaction ends the snapshot: what is read later would be
        of other moments.
        """
        if self._ended:
            raise SourceError(
                f"{self._address.label} ended the snapshot at an earlier error: mend that one, then run"
                " again."
            )
        try:
            yield
        except driver_errors() as error:
            self._ended = not answer(self._cursor, "SELECT @@TRANCOUNT")
            raise in_words(self._address, error) from error

    def _fetch(self, sql: str) -> list[Any]:
        with self._reading():
            found: list[Any] = self._cursor.execute(sql).fetchall()
        return found

    def _batches(self, table: sa.Table, sql: str) -> Iterator[pa.RecordBatch]:
        with self._reading():
            yield from batches(self._cursor, table, sql)

    def ceiling(self, table: sa.Table) -> int:
        version = version_of(table)
        if self._floor is None or version is None or not is_rowversion(table.columns[version]):
            return self.highest_version(table)
        return self._floor - 1

    def columns(self, table: sa.Table) -> list[SourceColumn]:
        with self._reading():
            return catalogue.columns(self._cursor, self._named(table))

    def tables(self) -> list[tuple[str | None, str]]:
        with self._reading():
            names = catalogue.tables(self._cursor, self._schema)
        return [(None, name) for name in names if not is_ours(name)]

    def keys(self, table: sa.Table) -> list[frozenset[str]]:
        with self._reading():
            return catalogue.keys(self._cursor, self._named(table))

    def rows(
        self,
        table: sa.Table,
        *,
        above: int | None = None,
        slices: Collection[str] | None = None,
    ) -> pa.RecordBatchReader:
        sql = rows_query(table, self._schema, above=above, slices=slices)
        return pa.RecordBatchReader.from_batches(
            arrow_schema(table, with_row_version=True), self._batches(table, sql)
        )

    def tombstones(self, table: sa.Table, *, above: int) -> pa.Table | None:
        if not self._features.change_tracking:
            return None
        with self._reading():
            return tracked_deletes(self._cursor, table, self._named(table), above=above)

    def slice_counts(self, table: sa.Table) -> dict[str, int]:
        rows = self._fetch(counts_query(table, self._schema))
        return {str(slice_): int(count) for slice_, count in rows if count}

    def digests(
        self, table: sa.Table, slices: Collection[str] | None = None
    ) -> dict[str, SliceDigest] | None:
        query = digests_query(table, self._schema, self._features.abilities, slices)
        if query is None:
            return None
        return {
            str(slice_): SliceDigest(int(rows), int(total))
            for slice_, rows, total in self._fetch(query)
        }

    def highest_version(self, table: sa.Table) -> int:
        query = highest_query(table, self._schema)
        found = [] if query is None else self._fetch(query)
        return int(found[0][0]) if found else 0


class CompanySnapshot(MssqlSnapshot):
    """A source of ours, whose triggers keep tombstones."""

    def __init__(
        self,
        address: Address,
        cursor: Any,
        schema: str,
        features: Features,
        floor: int | None,
    ) -> None:
        super().__init__(address, cursor, schema, features, floor)
        ours = scalar(
            cursor, f"SELECT [identity] FROM {qualified(schema, bookkeeping.source_identity.name)}"
        )
        self.identity = f"{ours}, {self.identity}"

    def tombstones(self, table: sa.Table, *, above: int) -> pa.Table | None:
        rows = self._fetch(tombstones_query(table, self._schema, above))
        key = arrow_schema(table).field(key_column(table))
        return pa.table(
            [[row[0] for row in rows], [row[1] for row in rows]],
            schema=pa.schema([key, pa.field("slice", pa.string(), nullable=False)]),
        )

    def highest_version(self, table: sa.Table) -> int:
        buried = self._fetch(
            "SELECT TOP 1 CONVERT(BIGINT, row_version)"
            f" FROM {qualified(self._schema, bookkeeping.tombstones.name)}"
            f" WHERE table_name = '{table.name}' ORDER BY row_version DESC"
        )
        return max(super().highest_version(table), int(buried[0][0]) if buried else 0)


def database_identity(cursor: Any, recovery_fork: str | None) -> str:
    """Tells this database from a recreated or a restored one."""
    # By name, as Azure SQL Database has another number for it here than DB_ID() says.
    number, created = cursor.execute(
        "SELECT CONVERT(VARCHAR(20), database_id), CONVERT(VARCHAR(30), create_date, 126)"
        " FROM sys.databases WHERE name = DB_NAME()"
    ).fetchone()
    told = f"database {number}, created {created}"
    return f"{told}, recovery fork {recovery_fork}" if recovery_fork else told


def rows_query(
    table: sa.Table,
    schema: str,
    *,
    above: int | None = None,
    slices: Collection[str] | None = None,
) -> str:
    where = []
    if above is not None:
        where.append(above_version(table, above))
    if slices is not None:
        where.append(in_slices(table, slices))
    sql = f"SELECT {_values(table)} FROM {qualified(schema, table.name)}"
    return sql + (" WHERE " + " AND ".join(f"({each})" for each in where) if where else "")


def _values(table: sa.Table) -> str:
    return ", ".join(f"{value(column)} AS {quoted(column.name)}" for column in table.columns)


def digests_query(
    table: sa.Table,
    schema: str,
    abilities: Collection[Ability],
    slices: Collection[str] | None = None,
) -> str | None:
    """Of the values as `rows_query` reads them; None where the server can't hash them."""
    digest = canonical.digest(table, abilities)
    if digest is None:
        return None
    where = "" if slices is None else f" WHERE {in_slices(table, slices)}"
    return (
        f"SELECT r._slice_id, {digest} FROM (SELECT {slice_id(table)} AS _slice_id, {_values(table)}"
        f" FROM {qualified(schema, table.name)}{where}) r GROUP BY r._slice_id"
    )


def counts_query(table: sa.Table, schema: str) -> str:
    # Grouped by a column of a subquery, as a group by a constant is none in T-SQL.
    return (
        f"SELECT r.slice, COUNT_BIG(*) FROM (SELECT {slice_id(table)} AS slice"
        f" FROM {qualified(schema, table.name)}) r GROUP BY r.slice"
    )


def highest_query(table: sa.Table, schema: str) -> str | None:
    """None for a table without a version. An index gives the last row at once; MAX knows no rowversion."""
    version = version_of(table)
    if version is None:
        return None
    return (
        f"SELECT TOP 1 {value(table.columns[version])} FROM {qualified(schema, table.name)}"
        f" ORDER BY {quoted(version)} DESC"
    )


def tombstones_query(table: sa.Table, schema: str, above: int) -> str:
    return (
        f"SELECT key_value, slice FROM {qualified(schema, bookkeeping.tombstones.name)}"
        f" WHERE table_name = '{table.name}'"
        f" AND row_version > CONVERT(BINARY(8), CONVERT(BIGINT, {int(above)}))"
    )
