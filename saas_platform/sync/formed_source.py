"""A source that gives personal columns in the form that tables.yaml wants in the mirror: masked or hashed.

There are two implementations of the forms. Rows, which the load reads, get theirs in `mirror_forms`; cells and
row texts, which the proof reads, get theirs from SQL that DuckDB runs. So the proof finds an error in either one.
Out of scope: what the forms are (mirror_forms.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import duckdb
import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema.canonical import MARK, NULL, ROW_TEXTS, VALUE_END, cells_schema
from saas_platform.schema.definition import definition_of
from saas_platform.schema.origins import Origins
from saas_platform.schema.slices import SliceDigest
from saas_platform.source.interface import (
    NO_TABLES,
    Discovery,
    Source,
    SourceColumn,
    SourceError,
    SourceSnapshot,
)
from saas_platform.sync.mirror_forms import MASK, applied, form_of, in_source
from saas_platform.warehouse.stream import RowStream

_in_source = lru_cache(maxsize=None)(in_source)


class FormedSource(Source):
    """Wrap a source so that its rows have the forms of the mirror. `salt` goes into every hash."""

    def __init__(self, source: Source, salt: str) -> None:
        self._source, self._salt = source, salt
        self.engine = source.engine

    def ping(self) -> str:
        return self._source.ping()

    def discover(self, *, sample: bool = False) -> Discovery:
        return self._source.discover(sample=sample)

    @contextmanager
    def snapshot(self) -> Iterator[SourceSnapshot]:
        """Yield a snapshot. Raises SourceError if the source has no table: that would be said of each declared one."""
        with self._source.snapshot() as snapshot:
            if snapshot.sees_every_table and not snapshot.tables():
                raise SourceError(NO_TABLES)
            yield FormedSnapshot(snapshot, self._salt)


class FormedSnapshot(SourceSnapshot):
    """Wrap a snapshot so that its rows have the forms of the mirror.

    Its methods take the tables of the mirror, in which a masked or hashed column is a text.
    """

    def __init__(self, snapshot: SourceSnapshot, salt: str) -> None:
        self._snapshot, self._salt = snapshot, salt
        self.identity = snapshot.identity

    def definition(self, table: sa.Table) -> str:
        return definition_of(table, self._salt)

    def rows(
        self,
        table: sa.Table,
        *,
        above: int | None = None,
        slices: Collection[str] | None = None,
    ) -> pa.RecordBatchReader:
        in_source = _in_source(table)
        rows = self._snapshot.rows(in_source, above=above, slices=slices)
        return applied(rows, in_source, self._salt)

    def tombstones(self, table: sa.Table, *, above: int) -> pa.Table | None:
        in_source = _in_source(table)
        found = self._snapshot.tombstones(in_source, above=above)
        return None if found is None else applied(found, in_source, self._salt)

    def cells(self, table: sa.Table, slices: Collection[str] | None = None) -> pa.RecordBatchReader:
        in_source = _in_source(table)
        cells = self._snapshot.cells(in_source, slices)
        return cells if in_source is table else self._formed(table, cells, as_text=False)

    def row_texts(
        self, table: sa.Table, slices: Collection[str] | None = None
    ) -> pa.RecordBatchReader:
        in_source = _in_source(table)
        if in_source is table:
            return self._snapshot.row_texts(table, slices)
        return self._formed(table, self._snapshot.cells(in_source, slices), as_text=True)

    def divisible_texts(
        self, table: sa.Table, slices: Collection[str] | None = None
    ) -> pa.RecordBatchReader:
        if _in_source(table) is table:
            return self._snapshot.divisible_texts(table, slices)
        return self.row_texts(table, slices)

    def _formed(
        self, table: sa.Table, cells: pa.RecordBatchReader, *, as_text: bool
    ) -> pa.RecordBatchReader:
        schema = cells_schema(table)
        place, *places = schema.names
        columns = [_cell(column, name) for column, name in zip(table.columns, places, strict=True)]
        if as_text:
            schema, columns = ROW_TEXTS, [f"concat({', '.join(columns)})"]
        listed = ", ".join(
            f"{sql} AS {name}" for sql, name in zip([place, *columns], schema.names, strict=True)
        )
        return pa.RecordBatchReader.from_batches(schema, self._computed(listed, cells, schema))

    def _computed(
        self, listed: str, cells: pa.RecordBatchReader, schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        stream = RowStream(cells)
        with duckdb.connect() as connection, stream.reraise_source_error():
            # A variable of the connection keeps the salt out of the text of statements, which may be logged.
            connection.execute("SET VARIABLE salt = $1", [self._salt]).fetchall()
            connection.register("cells", stream.reader())
            for batch in connection.sql(f"SELECT {listed} FROM cells").to_arrow_reader():
                yield batch.cast(schema)

    def digests(
        self, table: sa.Table, slices: Collection[str] | None = None
    ) -> dict[str, SliceDigest] | None:
        # The database can hash its own values, but not their forms.
        return self._snapshot.digests(table, slices) if _in_source(table) is table else None

    def high_watermark(self, table: sa.Table) -> int:
        return self._snapshot.high_watermark(_in_source(table))

    def columns(self, table: sa.Table) -> list[SourceColumn]:
        return self._snapshot.columns(table)

    def proposed(self, table: sa.Table, columns: Sequence[SourceColumn]) -> list[SourceColumn]:
        return self._snapshot.proposed(table, columns)

    def tables(self) -> list[tuple[str | None, str]]:
        return self._snapshot.tables()

    def origins(self) -> Origins:
        return self._snapshot.origins()

    def names_ignore_case(self) -> bool:
        return self._snapshot.names_ignore_case()

    def is_view(self, table: sa.Table) -> bool:
        return self._snapshot.is_view(table)

    def unsupported_reason(self, table: sa.Table) -> str | None:
        return self._snapshot.unsupported_reason(table)

    def keys(self, table: sa.Table) -> list[frozenset[str]]:
        return self._snapshot.keys(table)

    def slice_counts(self, table: sa.Table) -> dict[str, int]:
        return self._snapshot.slice_counts(_in_source(table))

    def notes(self, table: sa.Table) -> tuple[str, ...]:
        return self._snapshot.notes(table)

    def unversioned(self, table: sa.Table) -> int:
        return self._snapshot.unversioned(_in_source(table))

    def highest_version(self, table: sa.Table) -> int:
        return self._snapshot.highest_version(_in_source(table))


def _cell(column: sa.Column[Any], name: str) -> str:
    """Return the SQL that makes the mirror's cell from the source's cell; a misfit stays a misfit."""
    form = form_of(column)
    if form is None:
        return name
    made = f"'{MASK}'"
    if form == "hash":
        value = f"replace({name}[:-{len(VALUE_END) + 1}], '{MARK * 2}', '{MARK}')"
        made = f"sha256(getvariable('salt') || {value})"
    return (
        f"CASE WHEN {name} <> '{NULL}' AND suffix({name}, '{VALUE_END}')"
        f" THEN {made} || '{VALUE_END}' ELSE {name} END"
    )
