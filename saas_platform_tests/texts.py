"""Stream rows as a source streams them to a proof, with texts from the reference code in Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema.canonical import ROW_TEXTS, cell, cells_schema
from saas_platform.schema.slices import WHOLE, slicing_of
from saas_platform.warehouse.stream import RowStream

Row = Mapping[str, Any]


def cells(table: sa.Table, rows: Iterable[Row], *, size: int = 2) -> RowStream:
    """Return the cells of the rows, in batches."""
    return _stream(cells_schema(table), (_cells(table, row) for row in rows), size)


def texts(table: sa.Table, rows: Iterable[Row], *, size: int = 2) -> RowStream:
    """Return the texts of the rows, in batches."""
    found = (_cells(table, row) for row in rows)
    return _stream(ROW_TEXTS, ([slice_id, "".join(row)] for slice_id, *row in found), size)


def _cells(table: sa.Table, row: Row) -> list[str]:
    slicing = slicing_of(table)
    slice_id = WHOLE if slicing is None else slicing.id_of(row[slicing.column])
    return [slice_id, *(cell(column, row[column.name]) for column in table.columns)]


def _stream(schema: pa.Schema, rows: Iterable[list[str]], size: int) -> RowStream:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    batches = pa.table([list(each) for each in columns], schema=schema).to_batches(size)
    return RowStream(pa.RecordBatchReader.from_batches(schema, batches))
