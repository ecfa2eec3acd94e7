"""The rows of a query as typed Arrow batches, directly from mssql-python or else built from a driver's rows.

Every value is checked against its column's declared type and converted only by casts that lose nothing. Out
of scope: the queries.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from saas_platform.schema.arrow import arrow_type
from saas_platform.schema.canonical import NULL, ROW_TEXTS, cell
from saas_platform.schema.canonical import cells_schema as schema_of_cells
from saas_platform.schema.describing import key_words
from saas_platform.schema.kinds import KindName, kind_of
from saas_platform.source.cursor import Cursor
from saas_platform.source.interface import SourceError
from saas_platform.source.mssql import catalogue_types
from saas_platform.source.values import misfit_error

#: The most rows of a batch; more would cost memory without being faster.
_ROWS = 65_536
#: The most bytes of a batch if all values have their maximum length; it limits how many rows are fetched.
_BYTES = 256 * 1024**2
#: Rows of a batch with a column of unlimited length, such as photos of some megabytes; also the fewest rows.
_LONG_ROWS = 200
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
#: Makes the Arrow array of a column's values, or raises one of `_MISFITS`.
_Make = Callable[[sa.Column[Any], Any], pa.Array]
_MISFITS = (pa.ArrowException, UnicodeError, OverflowError, TypeError, ValueError)


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
                yield _typed(table.columns, batch.columns, _cast)
    else:
        for rows in _fetched(cursor, size):
            yield _typed(table.columns, list(zip(*rows, strict=True)), _made)


def rows_as_arrow(columns: Sequence[sa.Column[Any]], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Return a driver's rows as a table with the types of these columns, by the same rules as `batches`."""
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    return pa.Table.from_batches([_typed(columns, values, _made)])


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


def _typed(columns: Iterable[sa.Column[Any]], found: Sequence[Any], make: _Make) -> pa.RecordBatch:
    """Return the values with their columns' types. Raises SourceError for the first of another type."""
    columns = list(columns)
    fields = [pa.field(c.name, arrow_type(c), nullable=bool(c.nullable)) for c in columns]
    made = []
    for column, values, field in zip(columns, found, fields, strict=True):
        try:
            array = make(column, values)
        except _MISFITS as error:
            raise _misfit(columns, found, column, values, make) from error
        if array.null_count and not field.nullable:
            place = pc.index(pc.is_null(array), True).as_py()
            raise _null_error(column, _key(columns, found, place))
        made.append(array)
    return pa.RecordBatch.from_arrays(made, schema=pa.schema(fields))


def _null_error(column: sa.Column[Any], key: dict[str, Any]) -> SourceError:
    place = f" in the row with {key_words(column.table, key)}" if key else ""
    return SourceError(
        f"{column.table.name}.{column.name} of the source holds NULL{place}, declared as NOT NULL: correct"
        " the row, then run again."
    )


def _misfit(
    columns: list[sa.Column[Any]],
    found: Sequence[Any],
    column: sa.Column[Any],
    values: Any,
    make: _Make,
) -> SourceError:
    """Return the error for the first value that is refused by itself."""
    for place in range(len(values)):
        alone = values[place : place + 1]
        try:
            make(column, alone)
        except _MISFITS:
            return misfit_error(column, _key(columns, found, place), _literal(alone[0]))
    return misfit_error(column, {}, f"values of {values.type}" if _is_arrow(values) else "values")


def _is_arrow(values: Any) -> bool:
    return isinstance(values, pa.Array)


def _key(columns: list[sa.Column[Any]], found: Sequence[Any], place: int) -> dict[str, Any]:
    return {
        column.name: _plain(values[place])
        for column, values in zip(columns, found, strict=True)
        if column.primary_key
    }


def _plain(value: Any) -> Any:
    return value.as_py() if isinstance(value, pa.Scalar) else value


def _literal(value: Any) -> str:
    plain = _plain(value)
    if isinstance(plain, bytes | bytearray | memoryview):
        return f"0x{bytes(plain).hex().upper()}"
    return repr(plain) if isinstance(plain, str) else str(plain)


def _made(column: sa.Column[Any], values: Sequence[Any]) -> pa.Array:
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


def _cast(column: sa.Column[Any], values: pa.Array) -> pa.Array:
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


def joined(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the text of each row, joined from its cells."""
    slices, *cells = batch.columns
    text = pc.binary_join_element_wise(*cells, pa.scalar("")) if len(cells) > 1 else cells[0]
    return pa.RecordBatch.from_arrays([slices, text], schema=ROW_TEXTS)
