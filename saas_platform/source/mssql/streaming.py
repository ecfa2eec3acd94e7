"""Stream the result of a query out of SQL Server, as Arrow batches that mssql-python makes or that are made here.

Contains: how many rows are fetched at a time. Out of scope: the queries, and the conversion of the values
(reading.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from saas_platform.schema.canonical import NULL, ROW_TEXTS, cell
from saas_platform.schema.canonical import cells_schema as schema_of_cells
from saas_platform.source.cursor import Cursor
from saas_platform.source.mssql import catalogue_types
from saas_platform.source.mssql.reading import cast, converted, typed

#: The most rows of a batch; more would cost memory without being faster.
_ROWS = 65_536
#: The most bytes of a batch if all values have their maximum length; it limits how many rows are fetched.
_BYTES = 256 * 1024**2
#: Rows of a batch with a column of unlimited length, such as photos of some megabytes; also the fewest rows.
_LONG_ROWS = 200


def batches(cursor: Cursor, table: sa.Table, sql: str) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a query, with the declared types of the table.

    Raises:
        SourceError: a value is not of its column's type.
        UnicodeDecodeError: pyodbc read half of a surrogate pair.
        Exception: any other error of the driver.
    """
    cursor.execute(sql)
    size = rows_at_a_time(table)
    if hasattr(cursor, "arrow_reader"):
        with cursor.arrow_reader(size) as reader:
            for batch in reader:
                yield typed(table.columns, batch.columns, cast)
    else:
        for rows in _fetched(cursor, size):
            yield typed(table.columns, list(zip(*rows, strict=True)), converted)


def cell_batches(
    cursor: Cursor, table: sa.Table, sql: str, raw: Sequence[sa.Column[Any]]
) -> Iterator[pa.RecordBatch]:
    """Yield rows of a slice id and a cell for each column. Cells of `raw` are made here from stored values.

    The driver's rows are read even if it has Arrow batches, because the load uses those and the proof should
    not share its way.
    """
    schema = schema_of_cells(table)
    cursor.execute(sql)
    for rows in _fetched(cursor, rows_at_a_time(table)):
        slices, *columns = zip(*rows, strict=True)
        cells = [
            [_cell(column, each) for each in values] if column in raw else values
            for column, values in zip(table.columns, columns, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(
            [pa.array(values, pa.string()) for values in (slices, *cells)], schema=schema
        )


def _cell(column: sa.Column[Any], value: Any) -> str:
    return NULL if value is None else cell(column, value)


def text_batches(
    cursor: Cursor, table: sa.Table, schema: pa.Schema, sql: str
) -> Iterator[pa.RecordBatch]:
    """Yield the texts of the table's rows, read as the driver's rows."""
    cursor.execute(sql)
    for rows in _fetched(cursor, rows_at_a_time(table)):
        columns = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def rows_at_a_time(table: sa.Table) -> int:
    """Return how many rows to fetch at a time, according to how long they can be."""
    lengths = [catalogue_types.most_bytes(column) for column in table.columns]
    known = [length for length in lengths if length is not None]
    if len(known) < len(lengths):
        return _LONG_ROWS
    return max(_LONG_ROWS, min(_ROWS, _BYTES // max(sum(known), 1)))


def _fetched(cursor: Cursor, size: int) -> Iterator[Sequence[Any]]:
    while rows := cursor.fetchmany(size):
        yield rows


def joined(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the text of each row, joined from its cells."""
    slices, *cells = batch.columns
    text = pc.binary_join_element_wise(*cells, pa.scalar("")) if len(cells) > 1 else cells[0]
    return pa.RecordBatch.from_arrays([slices, text], schema=ROW_TEXTS)
