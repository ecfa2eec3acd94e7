"""A driver's values, made the types that the tables declare, or refused in a sentence.

Does not hold: reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema.describing import key_words, printable, type_words
from saas_platform.source.contract import SourceError


def misfit_error(column: sa.Column[Any], key: Mapping[str, Any], literal: str) -> SourceError:
    """The error for a value that its column's type does not hold.

    `key` has the key of the value's row, empty where the table has none; `literal` is the value as the
    database writes it. Both are masked where the column holds personal data.
    """
    table = column.table
    value = "a value" if column.info.get("pii") else printable(literal)
    place = f" in the row with {key_words(table, key)}" if key else ""
    own = ", or declare another type for the column in tables.yaml" if _is_own(column) else ""
    return SourceError(
        f"{table.name}.{column.name} of the source holds {value}{place}, which is not"
        f" {type_words(column)}: correct it in the source{own}, then run again."
    )


def null_error(column: sa.Column[Any], key: Mapping[str, Any]) -> SourceError:
    """The error for a NULL in a column that is declared without."""
    place = f" in the row with {key_words(column.table, key)}" if key else ""
    own = ", or declare the column nullable in tables.yaml" if _is_own(column) else ""
    return SourceError(
        f"{column.table.name}.{column.name} of the source holds NULL{place}, declared as NOT NULL:"
        f" correct the row{own}, then run again."
    )


def _is_own(column: sa.Column[Any]) -> bool:
    """Whether the table is declared in the user's own tables.yaml."""
    return "declared" in column.info


def typed(batch: pa.RecordBatch, table: sa.Table, schema: pa.Schema) -> pa.RecordBatch:
    """The batch with the schema's types; raises SourceError for a value that is of none of them."""
    columns = []
    for field, values in zip(schema, batch.columns, strict=True):
        if values.null_count and not field.nullable:
            raise SourceError(
                f"{table.name}.{field.name} of the source holds NULL, declared as NOT NULL: correct"
                " the row, then run again."
            )
        try:
            columns.append(_exactly(values, field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise SourceError(
                f"{table.name}.{field.name} of the source holds a value that is no {field.type}"
                f" ({error}): correct it, then run again."
            ) from error
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _exactly(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Raises ArrowInvalid for a decimal that has more places than its type."""
    found = values.cast(wanted)
    if pa.types.is_decimal(wanted) and not found.cast(values.type).equals(values):
        raise pa.ArrowInvalid("it has more decimal places")
    return found
