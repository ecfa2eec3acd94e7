"""Reading a SQLite source: typed Arrow batches out of one read transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema import arrow_schema, slice_of, version_of
from saas_platform.schema.canonical import ROW_TEXTS, cells_schema
from saas_platform.schema.slices import ranges
from saas_platform.schema.source_names import source_table
from saas_platform.source import bookkeeping
from saas_platform.source.contract import SourceColumn, SourceError, SourceSnapshot
from saas_platform.source.sqlite import canonical
from saas_platform.source.sqlite.connection import in_words, scalar
from saas_platform.source.sqlite.counting import slice_counts
from saas_platform.source.sqlite.ddl import column_sql, key_column, slice_expression, table_sql
from saas_platform.source.sqlite.misfits import stored_misfit, value_misfit
from saas_platform.source.sqlite.reading import DoesNotFitError, readings
from saas_platform.source.sqlite.streaming import MOST_COLUMNS, Channel, StreamError, stream

#: More ranges than this in one WHERE cost more than a scan.
_MOST_RANGES = 50


class SqliteSnapshot(SourceSnapshot):
    """A read transaction on any SQLite file: no record of deletes, versions where a column has them."""

    def __init__(self, cursor: Any, path: Path, check: Callable[[], None] = lambda: None) -> None:
        """`check` raises SourceError where the file was written to since the snapshot began."""
        self._cursor = cursor
        self._path = path
        self._check = check
        # The first read pins the view that all later ones see.
        scalar(cursor, "SELECT count(*) FROM sqlite_master")
        self.identity = f"{path.name}, file {path.stat().st_ino}"

    def ceiling(self, table: sa.Table) -> int:
        return self.highest_version(table)

    def columns(self, table: sa.Table) -> list[SourceColumn]:
        self._cursor.execute(
            # Unlike table_info it tells generated columns too.
            'SELECT name, type, "notnull" FROM pragma_table_xinfo(?) WHERE hidden <> 1',
            (source_table(table)[1],),
        )
        return [
            SourceColumn(name, kind, not required)
            for name, kind, required in self._cursor.fetchall()
        ]

    def tables(self) -> list[tuple[str | None, str]]:
        self._cursor.execute(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
            " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name"
        )
        return [(None, name) for (name,) in self._cursor.fetchall()]

    def keys(self, table: sa.Table) -> list[frozenset[str]]:
        # An INTEGER PRIMARY KEY has no index; one on an expression has parts without a name.
        self._cursor.execute(
            "SELECT '', name FROM pragma_table_xinfo(?1) WHERE pk > 0 UNION ALL"
            " SELECT i.name, c.name FROM pragma_index_list(?1) i, pragma_index_info(i.name) c"
            ' WHERE i."unique" AND NOT i.partial',
            (source_table(table)[1],),
        )
        found: dict[str, set[str | None]] = {}
        for index, column in self._cursor.fetchall():
            found.setdefault(index, set()).add(column)
        return [
            frozenset(column for column in columns if column is not None)
            for columns in found.values()
            if None not in columns
        ]

    def rows(
        self,
        table: sa.Table,
        *,
        above: int | None = None,
        slices: Collection[str] | None = None,
    ) -> pa.RecordBatchReader:
        schema = arrow_schema(table, with_row_version=True)
        where = [] if slices is None else [_in_slices(table, slices)]
        if above is not None:
            where.append(_above(table, above))
        return pa.RecordBatchReader.from_batches(schema, self._rows(table, schema, _all(where)))

    def _rows(self, table: sa.Table, schema: pa.Schema, where: str) -> Iterator[pa.RecordBatch]:
        columns = readings(list(table.columns))
        channels = [channel for column in columns for channel in column.channels]
        source = f"{table_sql(table)} WHERE {where}"
        try:
            for batch in stream(self._cursor, channels, source):
                self._check()
                arrays = iter(batch.columns)
                made = [
                    column.make(list(islice(arrays, len(column.channels)))) for column in columns
                ]
                yield pa.RecordBatch.from_arrays(made, schema=schema)
        except (DoesNotFitError, StreamError) as error:
            raise self._misfit(table, where, error) from error

    def _misfit(self, table: sa.Table, where: str, error: Exception) -> SourceError:
        """Why rows could not be read: the first value that does not fit, if that is it."""
        try:
            if isinstance(error, DoesNotFitError):
                return value_misfit(self._cursor, error, where)
            found = stored_misfit(self._cursor, table, where)
        except StreamError as later:
            return self._unreadable(table, later)
        return found or self._unreadable(table, error)

    def _unreadable(self, table: sa.Table, error: Exception) -> SourceError:
        told = in_words(self._path, error)
        return SourceError(f"{table.name} of the source can't be read. {told}")

    def row_texts(
        self, table: sa.Table, slices: Collection[str] | None = None
    ) -> pa.RecordBatchReader:
        asked = [canonical.slice_id(table), canonical.row_text(table)]
        return pa.RecordBatchReader.from_batches(
            ROW_TEXTS, self._texts(table, asked, slices, ROW_TEXTS, canonical.valid_row)
        )

    def cells(self, table: sa.Table, slices: Collection[str] | None = None) -> pa.RecordBatchReader:
        schema = cells_schema(table)
        batches: Iterator[pa.RecordBatch]
        if len(schema) > MOST_COLUMNS:
            batches = (canonical.split(batch, schema) for batch in self.row_texts(table, slices))
        else:
            asked = [canonical.slice_id(table), *map(canonical.cell, table.columns)]
            batches = self._texts(table, asked, slices, schema, canonical.valid_cell)
        return pa.RecordBatchReader.from_batches(schema, batches)

    def _texts(
        self,
        table: sa.Table,
        asked: Collection[str],
        slices: Collection[str] | None,
        schema: pa.Schema,
        valid: Callable[[bytes], str],
    ) -> Iterator[pa.RecordBatch]:
        channels = [Channel(sql, pa.string()) for sql in asked]
        where = "TRUE" if slices is None else _in_slices(table, slices)
        try:
            for batch in stream(self._cursor, channels, f"{table_sql(table)} WHERE {where}"):
                self._check()
                first, *rest = batch.columns
                columns = [
                    canonical.valid_texts(first, canonical.valid_slice_id),
                    *(canonical.valid_texts(column, valid) for column in rest),
                ]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)
        except StreamError as error:
            raise self._unreadable(table, error) from error

    def tombstones(self, table: sa.Table, *, above: int) -> pa.Table | None:  # noqa: ARG002
        return None

    def slice_counts(self, table: sa.Table) -> dict[str, int]:
        return slice_counts(self._cursor, table)

    def unversioned(self, table: sa.Table) -> int:
        version = version_of(table)
        if version is None or not table.columns[version].nullable:
            return 0
        name = column_sql(table.columns[version])
        query = f"SELECT count(*) FROM {table_sql(table)} WHERE {name} IS NULL"
        return int(scalar(self._cursor, query))

    def highest_version(self, table: sa.Table) -> int:
        version = version_of(table)
        if version is None:
            return 0
        name = column_sql(table.columns[version])
        found = scalar(self._cursor, f"SELECT max({name}) FROM {table_sql(table)}")
        if found is not None and not isinstance(found, int):
            raise self._misfit(table, "TRUE", StreamError(f"{version} is no whole number"))
        return found or 0


class CompanySnapshot(SqliteSnapshot):
    """A read transaction on a source of ours, whose triggers keep versions and tombstones."""

    def __init__(self, cursor: Any, path: Path) -> None:
        super().__init__(cursor, path)
        self._written = int(
            scalar(cursor, f'SELECT value FROM "{bookkeeping.row_version_counter.name}"')
        )
        self.identity = scalar(cursor, f'SELECT identity FROM "{bookkeeping.source_identity.name}"')

    def ceiling(self, table: sa.Table) -> int:  # noqa: ARG002 - one counter for all tables
        return self._written

    def tombstones(self, table: sa.Table, *, above: int) -> pa.Table | None:
        self._cursor.execute(
            f'SELECT key_value, slice FROM "{bookkeeping.tombstones.name}"'
            " WHERE table_name = ? AND row_version > ?",
            (table.name, above),
        )
        rows = self._cursor.fetchall()
        key = arrow_schema(table).field(key_column(table))
        return pa.table(
            [[row[0] for row in rows], [row[1] for row in rows]],
            schema=pa.schema([key, pa.field("slice", pa.string(), nullable=False)]),
        )

    def highest_version(self, table: sa.Table) -> int:
        self._cursor.execute(
            f'SELECT max(row_version) FROM "{bookkeeping.tombstones.name}" WHERE table_name = ?',
            (table.name,),
        )
        (buried,) = self._cursor.fetchone()
        return max(super().highest_version(table), buried or 0)


def _all(conditions: Collection[str]) -> str:
    return " AND ".join(f"({condition})" for condition in conditions) or "TRUE"


def _above(table: sa.Table, above: int) -> str:
    """A row without a version may have changed at any time."""
    column = table.columns[version_of(table) or ""]
    version, nullable = column_sql(column), bool(column.nullable)
    newer = f"{version} > {int(above)}"
    return f"{newer} OR {version} IS NULL" if nullable else newer


def _in_slices(table: sa.Table, slices: Collection[str]) -> str:
    cut = slice_of(table)
    if cut is None:
        return "1" if slices else "0"
    if not slices:
        return "0"
    spans = ranges(cut, slices)
    if len(spans) > _MOST_RANGES:
        listed = ", ".join(f"'{slice_id}'" for slice_id in sorted(slices))
        return f"{slice_expression(table)} IN ({listed})"
    column = column_sql(table.columns[cut.column])
    # ISO texts compare like the times they name, and a day's text sorts before its midnight.
    return " OR ".join(
        f"({column} >= '{first.date()}' AND {column} < '{after.date()}')" for first, after in spans
    )
