"""Stream rows as a source streams them to a proof, with texts from the reference code in Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema.canonical import ROW_TEXTS, cell, cells_schema
from saas_platform.schema.slices import WHOLE, slice_of
from saas_platform.warehouse.feed import Feed

Row = Mapping[str, Any]


def cells(table: sa.Table, rows: Iterable[Row], *, size: int = 2) -> Feed:
    """Return the cells of the rows, in batches."""
    return _feed(cells_schema(table), (_cells(table, row) for row in rows), size)


def texts(table: sa.Table, rows: Iterable[Row], *, size: int = 2) -> Feed:
    """Return the texts of the rows, in batches."""
    found = (_cells(table, row) for row in rows)
    return _feed(ROW_TEXTS, ([slice_id, "".join(row)] for slice_id, *row in found), size)


def _cells(table: sa.Table, row: Row) -> list[str]:
    cut = slice_of(table)
    slice_id = WHOLE if cut is None else cut.id_of(row[cut.column])
    return [slice_id, *(cell(column, row[column.name]) for column in table.columns)]


def _feed(schema: pa.Schema, rows: Iterable[list[str]], size: int) -> Feed:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    batches = pa.table([list(each) for each in columns], schema=schema).to_batches(size)
    return Feed(pa.RecordBatchReader.from_batches(schema, batches))
