"""Reading a SQLite source: typed Arrow batches out of one read transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import adbc_driver_sqlite.dbapi as adbc
import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema import arrow_schema, slice_of, version_of
from saas_platform.schema.slices import ranges
from saas_platform.source import bookkeeping
from saas_platform.source.contract import SourceColumn, SourceError, SourceSnapshot
from saas_platform.source.sqlite.connection import in_words, scalar
from saas_platform.source.sqlite.counting import slice_counts
from saas_platform.source.sqlite.ddl import key_column, quoted, slice_expression
from saas_platform.source.values import typed

_BATCH_ROWS = 16_384
_OURS = frozenset(bookkeeping.metadata.tables)
#: More ranges than this in one WHERE cost more than a scan.
_MOST_RANGES = 50


def _typed_zero(arrow_type: pa.DataType) -> str:
    """A literal that makes the driver, which types a column by its first rows, choose this type."""
    if pa.types.is_binary(arrow_type):
        return "x'00'"
    if pa.types.is_floating(arrow_type) or pa.types.is_decimal(arrow_type):
        return "0.0"
    return "0" if pa.types.is_integer(arrow_type) or pa.types.is_boolean(arrow_type) else "''"


class SqliteSnapshot(SourceSnapshot):
    """A read transaction on any SQLite file: no record of deletes, versions where a column has them."""

    def __init__(self, cursor: Any, path: Path) -> None:
        self._cursor = cursor
        self._path = path
        # The first read pins the view that all later ones see.
        scalar(cursor, "SELECT count(*) FROM sqlite_master")
        self.identity = f"{path.name}, file {path.stat().st_ino}"

    def ceiling(self, table: sa.Table) -> int:
        return self.highest_version(table)

    def columns(self, table: sa.Table) -> list[SourceColumn]:
        self._cursor.execute(
            # Unlike table_info it tells generated columns too.
            'SELECT name, type, "notnull" FROM pragma_table_xinfo(?) WHERE hidden <> 1',
            (table.name,),
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
        return [(None, name) for (name,) in self._cursor.fetchall() if name not in _OURS]

    def keys(self, table: sa.Table) -> list[frozenset[str]]:
        # An INTEGER PRIMARY KEY has no index; one on an expression has parts without a name.
        self._cursor.execute(
            "SELECT '', name FROM pragma_table_xinfo(?1) WHERE pk > 0 UNION ALL"
            " SELECT i.name, c.name FROM pragma_index_list(?1) i, pragma_index_info(i.name) c"
            ' WHERE i."unique" AND NOT i.partial',
            (table.name,),
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
        first = ", ".join(f"{_typed_zero(f.type)} AS {quoted(f.name)}" for f in schema)
        listed = ", ".join(self._selected(field) for field in schema)
        where = []
        if above is not None:
            where.append(f"{quoted(version_of(table) or '')} > {int(above)}")
        if slices is not None:
            where.append(_in_slices(table, slices))
        sql = f"SELECT {first} UNION ALL SELECT {listed} FROM {quoted(table.name)}"
        if where:
            sql += " WHERE " + " AND ".join(f"({condition})" for condition in where)
        return pa.RecordBatchReader.from_batches(schema, self._batches(table, schema, sql))

    def _selected(self, field: pa.Field) -> str:
        """A column. SQLite binds no value to its column's type: where they are mixed, as one type.

        A float as a text of SQLite's own would lose its last digits.
        """
        name = quoted(field.name)
        kind = {pa.string(): "TEXT", pa.binary(): "BLOB"}.get(field.type)
        if kind is None:
            return name
        exact = f"CASE typeof({name}) WHEN 'real' THEN format('%!.17g', {name}) ELSE {name} END"
        return f"CAST({exact} AS {kind})"

    def _batches(self, table: sa.Table, schema: pa.Schema, sql: str) -> Iterator[pa.RecordBatch]:
        self._cursor.adbc_statement.set_options(
            **{"adbc.sqlite.query.batch_rows": str(_BATCH_ROWS)}
        )
        try:
            self._cursor.execute(sql)
            with self._cursor.fetch_record_batch() as reader:
                skip = 1  # the typed row
                for batch in reader:
                    if batch.num_rows > skip:
                        yield typed(batch.slice(skip), table, schema)
                    skip = 0
        except (pa.ArrowInvalid, OSError) as error:
            raise SourceError(
                f"{table.name} of the source can't be read ({str(error).splitlines()[0]}):"
                " correct the value, then run again."
            ) from error
        except adbc.Error as error:
            raise in_words(self._path, error) from error

    def tombstones(self, table: sa.Table, *, above: int) -> pa.Table | None:  # noqa: ARG002
        return None

    def slice_counts(self, table: sa.Table) -> dict[str, int]:
        return slice_counts(self._cursor, table)

    def highest_version(self, table: sa.Table) -> int:
        version = version_of(table)
        if version is None:
            return 0
        return int(
            scalar(self._cursor, f"SELECT max({quoted(version)}) FROM {quoted(table.name)}") or 0
        )


class CompanySnapshot(SqliteSnapshot):
    """A read transaction on a source of ours, whose triggers keep versions and tombstones."""

    def __init__(self, cursor: Any, path: Path) -> None:
        super().__init__(cursor, path)
        self._written = int(
            scalar(cursor, f'SELECT value FROM "{bookkeeping.row_version_counter.name}"')
        )
        self.identity = scalar(cursor, f'SELECT identity FROM "{bookkeeping.source_identity.name}"')

    def _selected(self, field: pa.Field) -> str:
        return quoted(field.name)

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
    column = quoted(cut.column)
    # ISO texts compare like the times they name, and a day's text sorts before its midnight.
    return " OR ".join(
        f"({column} >= '{first.date()}' AND {column} < '{after.date()}')" for first, after in spans
    )
