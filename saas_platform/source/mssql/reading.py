"""The values of a column by its declared type, from Arrow arrays of mssql-python or else from a driver's rows.

Every value is checked against its column's declared type and converted only by casts that lose nothing. Out
of scope: the query and its stream (streaming.py), and finding the row that does not fit (misfits.py).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from saas_platform.schema.arrow import arrow_type
from saas_platform.source.mssql.misfits import MISFITS, first_misfit, key_of, null_error

#: The character that drivers put in place of half of a surrogate pair; a text may also contain it by right.
REPLACEMENT = "\ufffd"
_NONE = type(None)
#: For each Arrow type, the types of a driver's values that convert to it exactly. `type` is compared instead
#: of `isinstance`, because in Python a bool is an int and a datetime is a date.
_EXACT: dict[int, frozenset[type]] = {
    pa.bool_().id: frozenset({bool}),
    pa.int64().id: frozenset({int}),
    pa.int32().id: frozenset({int}),
    pa.float64().id: frozenset({float}),
    pa.decimal128(1, 0).id: frozenset({Decimal}),
    pa.timestamp("us").id: frozenset({datetime}),
    pa.date32().id: frozenset({date}),
    pa.string().id: frozenset({str}),
    pa.binary().id: frozenset({bytes, bytearray, memoryview}),
}


def rows_as_arrow(columns: Sequence[sa.Column[Any]], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Return a driver's rows as a table with the types of these columns, by the same rules as streamed ones."""
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    return pa.Table.from_batches([typed(columns, values, converted)])


def typed(columns: Iterable[sa.Column[Any]], found: Sequence[Any], make: Any) -> pa.RecordBatch:
    """Return the values with their columns' types. Raises SourceError for the first of another type."""
    columns = list(columns)
    fields = [pa.field(c.name, arrow_type(c), nullable=bool(c.nullable)) for c in columns]
    made = []
    for column, values, field in zip(columns, found, fields, strict=True):
        try:
            array = make(values, field.type)
        except MISFITS as error:
            raise first_misfit(columns, found, column, values, field.type, make) from error
        if array.null_count and not field.nullable:
            place = pc.index(pc.is_null(array), True).as_py()
            raise null_error(column, key_of(columns, found, place))
        made.append(array)
    return pa.RecordBatch.from_arrays(made, schema=pa.schema(fields))


def converted(values: Sequence[Any], wanted: pa.DataType) -> pa.Array:
    """Return an array. Arrow alone would cut 1.5 to 1, drop a time zone and take bytes for text."""
    found = {*map(type, values)} - {_NONE}
    if pa.types.is_string(wanted) and uuid.UUID in found:
        # T-SQL writes them in capitals.
        values = [str(v).upper() if isinstance(v, uuid.UUID) else v for v in values]
        found = {*map(type, values)} - {_NONE}
    if not found <= _EXACT[wanted.id]:
        raise TypeError(f"{found} for {wanted}")
    if pa.types.is_timestamp(wanted) and any(v is not None and v.tzinfo for v in values):
        raise TypeError("a time with a zone")
    return pa.array(values, type=wanted)


def cast(values: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Cast the values, or raise where the cast would lose something."""
    if values.null_count == len(values):
        return pa.nulls(len(values), wanted)
    if not _is_kin(values.type, wanted):
        raise TypeError(f"{values.type} for {wanted}")
    return values if values.type == wanted else values.cast(wanted, safe=True)


def _is_kin(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Return whether values of one type can be of the other; a safe cast refuses those that are not."""
    types = pa.types
    if types.is_null(found):
        return True
    if types.is_boolean(wanted):
        return types.is_boolean(found)
    if types.is_integer(wanted):
        return types.is_integer(found)
    if types.is_floating(wanted):
        return types.is_float32(found) or types.is_float64(found)
    if types.is_decimal(wanted):
        return types.is_decimal(found)
    if types.is_timestamp(wanted):
        return types.is_timestamp(found) and found.tz is None
    if types.is_date(wanted):
        return types.is_date32(found)
    if types.is_string(wanted):
        return types.is_string(found) or types.is_large_string(found)
    return (
        types.is_binary(found) or types.is_large_binary(found) or types.is_fixed_size_binary(found)
    )


def replaced_in(batch: pa.RecordBatch) -> set[str]:
    """Return the columns in which a driver may have replaced half of a surrogate pair."""
    return {
        name
        for name, values in zip(batch.schema.names, batch.columns, strict=True)
        if pa.types.is_string(values.type)
        and pc.any(pc.match_substring(values, REPLACEMENT)).as_py()
    }
