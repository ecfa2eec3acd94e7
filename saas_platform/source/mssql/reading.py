"""The values of a column by its declared type, from Arrow arrays of mssql-python or else from a driver's rows.

Every value is checked against its column's declared type and converted only by casts that lose nothing. Out
of scope: the query and its stream (streaming.py), and finding the row that does not fit (misfits.py).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from saas_platform.schema.arrow import arrow_type
from saas_platform.schema.kinds import KindName, kind_of
from saas_platform.source.mssql.misfits import MISFITS, Make, first_misfit, row_of
from saas_platform.source.values import null_error

#: The character that drivers put in place of half of a surrogate pair; a text may also contain it by right.
REPLACEMENT = "\ufffd"
_NONE = type(None)
#: For each kind, the types of a driver's values that convert to it exactly. `type` is compared instead of
#: `isinstance`, because in Python a bool is an int and a datetime is a date.
_EXACT: Mapping[KindName, Set[type]] = {
    "flag": {bool},
    "integer": {int},
    "integer32": {int},
    "float": {float},
    "decimal": {Decimal},
    "time": {datetime},
    "date": {date},
    "any": {str},
    "text": {str},
    "bytes": {bytes, bytearray, memoryview},
}


def rows_as_arrow(columns: Sequence[sa.Column[Any]], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Return a driver's rows as a table with the types of these columns, by the same rules as streamed ones."""
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    return pa.Table.from_batches([typed(columns, values, converted)])


def typed(columns: Iterable[sa.Column[Any]], found: Sequence[Any], make: Make) -> pa.RecordBatch:
    """Return the values with their columns' types. Raises SourceError for the first of another type."""
    columns = list(columns)
    fields = [pa.field(c.name, arrow_type(c), nullable=bool(c.nullable)) for c in columns]
    made = []
    for column, values, field in zip(columns, found, fields, strict=True):
        try:
            array = make(column, values)
        except MISFITS as error:
            raise first_misfit(columns, found, column, values, make) from error
        if array.null_count and not field.nullable:
            place = pc.index(pc.is_null(array), True).as_py()
            raise null_error(column, row_of(column, columns, found, place))
        made.append(array)
    return pa.RecordBatch.from_arrays(made, schema=pa.schema(fields))


def converted(column: sa.Column[Any], values: Sequence[Any]) -> pa.Array:
    """Return an array. Arrow alone would cut 1.5 to 1, drop a time zone and take bytes for text."""
    kind, wanted = kind_of(column), arrow_type(column)
    found = {*map(type, values)} - {_NONE}
    if kind.text == "characters" and uuid.UUID in found:
        # T-SQL writes them in capitals.
        values = [str(v).upper() if isinstance(v, uuid.UUID) else v for v in values]
        found = {*map(type, values)} - {_NONE}
    if not found <= _EXACT[kind.name]:
        raise TypeError(f"{found} for {wanted}")
    if kind.text == "time" and any(v is not None and v.tzinfo for v in values):
        raise TypeError("a time with a zone")
    return pa.array(values, type=wanted)


def cast(column: sa.Column[Any], values: pa.Array) -> pa.Array:
    """Cast the values, or raise where the cast would lose something."""
    found, wanted = values.type, arrow_type(column)
    if values.null_count == len(values):
        return pa.nulls(len(values), wanted)
    has_zone = pa.types.is_timestamp(found) and found.tz is not None
    # A safe cast refuses the values that the column's type can't hold.
    if has_zone or not kind_of(column).is_arrow(found):
        raise TypeError(f"{found} for {wanted}")
    return values if found == wanted else values.cast(wanted, safe=True)


def replaced_in(batch: pa.RecordBatch) -> set[str]:
    """Return the columns in which a driver may have replaced half of a surrogate pair."""
    return {
        name
        for name, values in zip(batch.schema.names, batch.columns, strict=True)
        if pa.types.is_string(values.type)
        and pc.any(pc.match_substring(values, REPLACEMENT)).as_py()
    }
