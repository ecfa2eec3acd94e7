"""Read a SQLite source as typed Arrow batches, in one read transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path

import adbc_driver_sqlite.dbapi as adbc
import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema import arrow_schema, slicing_of, version_of
from saas_platform.schema.any_value import AnyValue
from saas_platform.schema.canonical import ROW_TEXTS, cells_schema
from saas_platform.schema.describing import counted
from saas_platform.schema.origins import Origins
from saas_platform.schema.source_names import left_out, pair_names, source_column, source_table
from saas_platform.source import bookkeeping
from saas_platform.source.interface import SourceColumn, SourceError, SourceSnapshot
from saas_platform.source.sqlite import canonical, catalogue, catalogue_types, queries
from saas_platform.source.sqlite.connection import scalar
from saas_platform.source.sqlite.cursors import SqliteCursor
from saas_platform.source.sqlite.discovery import proposed_types
from saas_platform.source.sqlite.errors import file_errors, is_of_file, to_user_error
from saas_platform.source.sqlite.misfits import stored_misfit, value_misfit
from saas_platform.source.sqlite.origins import origins
from saas_platform.source.sqlite.reading import DoesNotFitError, readings
from saas_platform.source.sqlite.sql import slice_text, table_sql
from saas_platform.source.sqlite.streaming import MOST_COLUMNS, Channel, StreamError, stream
from saas_platform.source.values import unreadable_sentences

#: The condition that every row meets.
_EVERY_ROW = "1"
#: How many rows are looked at of a table that is not declared, so that a damaged one is not taken for a new one.
_FIRST_ROWS = 1_000


class SqliteSnapshot(SourceSnapshot):
    """A read transaction on any SQLite file. It has no record of deletes; a column may hold versions."""

    sees_every_table = True
    #: Whether the platform writes the file.
    _ours = False

    def __init__(
        self, cursor: SqliteCursor, path: Path, check: Callable[[], None] = lambda: None
    ) -> None:
        """Begin a snapshot. `check` raises SourceError if the file was written to since then."""
        self._cursor = cursor
        self._path = path
        self._check = check
        self._counts: dict[str, Mapping[str, int]] = {}
        # The first read fixes the view that all later reads see.
        scalar(cursor, "SELECT count(*) FROM sqlite_master")
        self._utf16 = scalar(cursor, "SELECT encoding FROM pragma_encoding") != "UTF-8"
        with file_errors(path):
            self.identity = f"{path.name}, file {path.stat().st_ino}"

    def high_watermark(self, table: sa.Table) -> int:
        return self.highest_version(table)

    def columns(self, table: sa.Table) -> list[SourceColumn]:
        name = source_table(table)[1]
        with self._of(table):
            found = catalogue.columns(self._cursor, name)
            unreadable = catalogue.unreadable(self._cursor, name, found)
            # The reading of a declared column shows whether it can be computed, and nothing is read only for that.
            # SQLite ignores the case of names.
            declared = {source_column(column).casefold() for column in table.columns}
            new = [
                column
                for column in found
                if column.name not in unreadable and column.name.casefold() not in declared
            ]
            out = left_out(table)
            unreadable |= catalogue.failing(
                self._cursor, name, (each for each in new if each.name.casefold() not in out)
            )
        return [self._column(column, unreadable.get(column.name)) for column in found]

    def _column(self, column: catalogue.CatalogueColumn, unreadable: str | None) -> SourceColumn:
        return SourceColumn(
            column.name,
            column.declared,
            not column.required,
            # If the catalogue does not name a type, values of any type can be read.
            catalogue_types.portable(column.declared) or AnyValue(),
            unreadable,
            is_left_out=unreadable is not None,
        )

    def proposed(self, table: sa.Table, columns: Sequence[SourceColumn]) -> list[SourceColumn]:
        name, wanted = source_table(table)[1], {column.name for column in columns}
        with self._of(table):
            present = [c for c in catalogue.columns(self._cursor, name) if c.name in wanted]
            types = proposed_types(self._cursor, name, present, self._check)
        return [replace(column, portable=types[column.name]) for column in columns]

    def is_view(self, table: sa.Table) -> bool:
        with self._of(table):
            return catalogue.kind(self._cursor, source_table(table)[1]) == "view"

    def unsupported_reason(self, table: sa.Table) -> str | None:
        with self._of(table):
            reason = catalogue.why_not(self._cursor, source_table(table)[1])
            if reason is None:
                first = f"SELECT 1 FROM {self._scanned(table)} LIMIT {_FIRST_ROWS}"
                scalar(self._cursor, f"SELECT count(*) FROM ({first})")
        return reason and f"{table.name} of the source can't be mirrored, because it {reason}."

    def tables(self) -> list[tuple[str | None, str]]:
        return [
            (None, name)
            for name in catalogue.tables(self._cursor)
            # A table that SQLite does not find by its name has no kind.
            if catalogue.kind(self._cursor, name) in ("table", "")
        ]

    def origins(self) -> Origins:
        try:
            return origins(self._cursor)
        except StreamError as error:
            raise to_user_error(self._path, error, ours=self._ours) from error

    def keys(self, table: sa.Table) -> list[frozenset[str]]:
        with self._of(table):
            columns = catalogue.columns(self._cursor, source_table(table)[1])
            indexes = catalogue.indexes(self._cursor, source_table(table)[1])
        # An INTEGER PRIMARY KEY has no index.
        primary = frozenset(column.name for column in columns if column.key)
        return [*([primary] if primary else []), *(frozenset(index.columns) for index in indexes)]

    @contextmanager
    def _of(self, table: sa.Table) -> Iterator[None]:
        """Turn an error of SQLite into an error of this table, so that other tables can still be read."""
        try:
            yield
        except (adbc.Error, StreamError) as error:
            raise self._unreadable(table, error) from error
        self._check()

    def rows(
        self,
        table: sa.Table,
        *,
        above: int | None = None,
        slices: Collection[str] | None = None,
    ) -> pa.RecordBatchReader:
        schema = arrow_schema(table, with_row_version=True)
        batches = self._rows(table, schema, self._where(table, slices), above)
        return pa.RecordBatchReader.from_batches(
            schema, batches if above is not None else self._counted(table, slices, batches)
        )

    def _from(self, table: sa.Table, where: str = _EVERY_ROW) -> str:
        """Return what follows FROM. Only the platform's own file is trusted to have sound indexes, for single slices."""
        if self._ours and where != _EVERY_ROW:
            return f"{table_sql(table)} WHERE {where}"
        return f"{self._scanned(table)} WHERE {where}"

    def _rows_for_versions(self, table: sa.Table) -> str:
        return table_sql(table) if self._ours else self._scanned(table)

    def _scanned(self, table: sa.Table) -> str:
        with self._of(table):
            return catalogue.scanned(self._cursor, source_table(table)[1])

    def _counted(
        self,
        table: sa.Table,
        slices: Collection[str] | None,
        batches: Iterator[pa.RecordBatch],
    ) -> Iterator[pa.RecordBatch]:
        """Yield the batches. Raise SourceError after them if an index led to other rows than the slices have."""
        rows = 0
        for batch in batches:
            rows += batch.num_rows
            yield batch
        if not self._ours or slices is None or slicing_of(table) is None:
            return  # no index was used
        counts = self.slice_counts(table)
        wanted = sum(counts.get(slice_id, 0) for slice_id in slices)
        if rows != wanted:
            raise SourceError(
                f"{table.name} of the source has {counted(wanted, 'row')} in the slices that were read, but an index"
                f" led to {rows:,}: the index is damaged. Check {self._path} with SQLite's PRAGMA integrity_check, and"
                " repair it with REINDEX."
            )

    def _where(self, table: sa.Table, slices: Collection[str] | None) -> str:
        if slices is None:
            return _EVERY_ROW
        with self._of(table):
            return queries.in_slices(self._cursor, table, slices, by_index=self._ours)

    def _rows(
        self, table: sa.Table, schema: pa.Schema, where: str, above: int | None
    ) -> Iterator[pa.RecordBatch]:
        if above is not None:
            where = f"({where}) AND {queries.above_version(table, above)}"
        columns = readings(list(table.columns), utf16=self._utf16)
        channels = [channel for column in columns for channel in column.channels]
        source = self._from(table, where)
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
        """Return why rows could not be read: the first value that does not fit, if there is one."""
        self._check()
        try:
            if isinstance(error, DoesNotFitError):
                return value_misfit(self._cursor, error, where)
            found = stored_misfit(self._cursor, table, where)
        except StreamError as later:
            return self._unreadable(table, later)
        return found or self._unreadable(table, error)

    def _unreadable(self, table: sa.Table, error: Exception) -> SourceError:
        # Pages of two states may look like a damaged file.
        self._check()
        if not is_of_file(error):
            try:
                failing = self._failing(table)
            except (adbc.Error, StreamError) as later:
                error, failing = later, {}
            self._check()
            if failing:
                return SourceError(" ".join(unreadable_sentences(table, failing)))
        reason = to_user_error(self._path, error, ours=self._ours)
        return SourceError(f"{table.name} of the source can't be read. {reason}")

    def _failing(self, table: sa.Table) -> dict[str, SourceColumn]:
        """Return the declared columns that SQLite can't compute for some row."""
        name = source_table(table)[1]
        found = catalogue.columns(self._cursor, name)
        unreadable = catalogue.unreadable(self._cursor, name, found)
        present = {column.name: column for column in found if column.name not in unreadable}
        wanted = {str(column.name): source_column(column) for column in table.columns}
        paired = pair_names(wanted, present, str.casefold)
        declared = {source: name for name, source in paired.items()}
        asked = [present[each] for each in declared]
        return {
            declared[each]: self._column(present[each], reason)
            for each, reason in catalogue.failing(self._cursor, name, asked).items()
        }

    def row_texts(
        self, table: sa.Table, slices: Collection[str] | None = None
    ) -> pa.RecordBatchReader:
        asked = [slice_text(table), canonical.row_text(table, utf16=self._utf16)]
        return pa.RecordBatchReader.from_batches(
            ROW_TEXTS,
            self._counted(
                table,
                slices,
                self._texts(table, asked, slices, ROW_TEXTS, [canonical.valid_row(table)]),
            ),
        )

    def divisible_texts(
        self, table: sa.Table, slices: Collection[str] | None = None
    ) -> pa.RecordBatchReader:
        asked = [slice_text(table), canonical.divisible(table, utf16=self._utf16)]
        return pa.RecordBatchReader.from_batches(
            ROW_TEXTS,
            self._counted(
                table,
                slices,
                self._texts(table, asked, slices, ROW_TEXTS, [canonical.valid_row(table)]),
            ),
        )

    def cells(self, table: sa.Table, slices: Collection[str] | None = None) -> pa.RecordBatchReader:
        schema = cells_schema(table)
        batches: Iterator[pa.RecordBatch]
        if len(schema) > MOST_COLUMNS:
            batches = (
                canonical.split(batch, schema) for batch in self.divisible_texts(table, slices)
            )
        else:
            texts = (canonical.cell(column, utf16=self._utf16) for column in table.columns)
            asked = [slice_text(table), *texts]
            valid = map(canonical.valid_cell, table.columns)
            batches = self._texts(table, asked, slices, schema, [*valid])
        return pa.RecordBatchReader.from_batches(schema, batches)

    def _texts(
        self,
        table: sa.Table,
        asked: Collection[str],
        slices: Collection[str] | None,
        schema: pa.Schema,
        valid: Sequence[Callable[[bytes], str]],
    ) -> Iterator[pa.RecordBatch]:
        """Yield the slice's id and the texts that are asked for; `valid` has a function for each such text."""
        channels = [Channel(sql, pa.string()) for sql in asked]
        source = self._from(table, self._where(table, slices))
        try:
            for batch in stream(self._cursor, channels, source):
                self._check()
                first, *rest = batch.columns
                columns = [
                    canonical.valid_texts(first, canonical.valid_slice_id),
                    *map(canonical.valid_texts, rest, valid),
                ]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)
        except StreamError as error:
            raise self._unreadable(table, error) from error

    def tombstones(self, table: sa.Table, *, above: int) -> pa.Table | None:  # noqa: ARG002
        return None

    def slice_counts(self, table: sa.Table) -> dict[str, int]:
        # The snapshot sees one state, in which a table's counts stay the same.
        if table.name not in self._counts:
            with self._of(table):
                self._counts[table.name] = queries.slice_counts(
                    self._cursor, table, by_index=self._ours
                )
        return dict(self._counts[table.name])

    def unversioned(self, table: sa.Table) -> int:
        query = queries.unversioned_query(table, self._rows_for_versions(table))
        if query is None:
            return 0
        with self._of(table):
            return int(scalar(self._cursor, query))

    def highest_version(self, table: sa.Table) -> int:
        query = queries.highest_query(table, self._rows_for_versions(table))
        if query is None:
            return 0
        with self._of(table):
            found = scalar(self._cursor, query)
        if found is not None and not isinstance(found, int):
            raise self._misfit(
                table, "1", StreamError(f"{version_of(table)} is not a whole number")
            )
        return found or 0


class CompanySnapshot(SqliteSnapshot):
    """A read transaction on a source of the platform's, whose triggers record versions and tombstones."""

    _ours = True

    def __init__(
        self, cursor: SqliteCursor, path: Path, check: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(cursor, path, check)
        self._written = int(
            scalar(cursor, f'SELECT value FROM "{bookkeeping.row_version_counter.name}"')
        )
        self.identity = scalar(cursor, f'SELECT identity FROM "{bookkeeping.source_identity.name}"')

    def high_watermark(self, table: sa.Table) -> int:  # noqa: ARG002 - one counter for all tables
        return self._written

    def tombstones(self, table: sa.Table, *, above: int) -> pa.Table | None:
        self._cursor.execute(
            f'SELECT key_value, slice FROM "{bookkeeping.tombstones.name}"'
            " WHERE table_name = ? AND row_version > ?",
            (table.name, above),
        )
        return bookkeeping.tombstone_rows(table, self._cursor.fetchall())

    def highest_version(self, table: sa.Table) -> int:
        self._cursor.execute(
            f'SELECT max(row_version) FROM "{bookkeeping.tombstones.name}" WHERE table_name = ?',
            (table.name,),
        )
        (deleted,) = self._cursor.fetchone()
        return max(super().highest_version(table), deleted or 0)
