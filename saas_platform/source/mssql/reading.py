"""Rows of a query as typed Arrow batches: straight from mssql-python, else built from pyodbc's rows.

Does not hold: the queries.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema import arrow_schema
from saas_platform.source.contract import SourceError
from saas_platform.source.values import typed

#: Rows of a batch; more of them cost memory and win nothing.
_ROWS = 65_536


def batches(cursor: Any, table: sa.Table, sql: str) -> Iterator[pa.RecordBatch]:
    """The rows, with the table's own types. Raises SourceError for a value, and the driver's errors."""
    schema = arrow_schema(table, with_row_version=True)
    cursor.execute(sql)
    raw = _arrow(cursor) if hasattr(cursor, "arrow_reader") else _rows(cursor, table, schema)
    for batch in raw:
        yield typed(batch, table, schema)


def _arrow(cursor: Any) -> Iterator[pa.RecordBatch]:
    with cursor.arrow_reader(_ROWS) as reader:
        yield from reader


def _rows(cursor: Any, table: sa.Table, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    while rows := cursor.fetchmany(_ROWS):
        columns = zip(*rows, strict=True)
        yield pa.RecordBatch.from_arrays(
            [_array(table, f, list(v)) for f, v in zip(schema, columns, strict=True)],
            names=schema.names,
        )


def _array(table: sa.Table, field: pa.Field, values: list[Any]) -> pa.Array:
    try:
        return pa.array(values, type=field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise SourceError(
            f"{table.name}.{field.name} of the source holds a value that is no {field.type}"
            f" ({error}): correct it, then run again."
        ) from error
