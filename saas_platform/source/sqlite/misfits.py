"""Find the row of a SQLite table that holds a value which does not fit its column's declared type.

Contains: the queries that find the row.
Out of scope: how values are read (reading.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.any_value import AnyValue
from saas_platform.schema.kinds import KindName, decimal_sizes, kind_of
from saas_platform.schema.source_names import source_table
from saas_platform.source.interface import SourceError
from saas_platform.source.sqlite.catalogue import is_utf16, scanned
from saas_platform.source.sqlite.cursors import SqliteCursor
from saas_platform.source.sqlite.reading import WIDEST, DoesNotFitError, is_altered, is_utf8
from saas_platform.source.sqlite.sql import BINARY, column_sql, literal
from saas_platform.source.sqlite.streaming import raw_texts, texts
from saas_platform.source.values import is_own, misfit_error, null_error, row_columns

#: The most columns in one query. SQLite allows 1,000 arguments of a function and a depth of 1,000.
_MOST_AT_ONCE = 400
#: The most bytes of a BLOB that a message shows.
_SHOWN_BYTES = 100
#: How the literal of a text begins that is shown by its bytes, in SQL and in a message.
_OF_BYTES = "CAST(X'"


def stored_misfit(cursor: SqliteCursor, table: sa.Table, where: str) -> SourceError | None:
    """Return the error for the first row with a value that does not fit; None if there is none.

    The values are judged by how SQLite stores them. `where` selects the rows to search.
    """
    columns, utf16 = list(table.columns), is_utf16(cursor)
    for first in range(0, len(columns), _MOST_AT_ONCE):
        some = columns[first : first + _MOST_AT_ONCE]
        which = ", ".join(
            f"CASE WHEN {_is_misfit(column, utf16=utf16)} THEN {place} END"
            for place, column in enumerate(some)
        )
        which = f"coalesce({which}, NULL)"
        first_such = (
            f"(SELECT {which} AS place FROM {scanned(cursor, source_table(table)[1])}"
            f" WHERE ({where}) AND {which} IS NOT NULL LIMIT 1)"
        )
        for (place,) in texts(cursor, ["CAST(place AS TEXT)"], first_such):
            column = some[int(place or 0)]
            found = _row(cursor, column, f"({where}) AND ({_is_misfit(column, utf16=utf16)})")
            return _found(cursor, column, *(found or (None, {})))
    return None


def value_misfit(cursor: SqliteCursor, misfit: DoesNotFitError, where: str) -> SourceError:
    """Return the error for the value that was read, with the key of the first row that holds it."""
    column, value = misfit.column, misfit.value
    name = column_sql(column)
    parameters: list[Any]
    if value is None:
        condition, parameters = f"{name} IS NULL", []
    elif isinstance(value, bytes) and isinstance(column.type, AnyValue):
        # The value that was read is the literal of the text.
        condition, parameters = f"CAST({name} AS BLOB) = ? {BINARY}", [_unquoted(value)]
    elif isinstance(value, bytes) and is_utf8(value):
        # Compare texts, not bytes, because a database may store texts as UTF-16.
        condition = f"typeof({name}) = 'text' AND {name} = ? {BINARY}"
        parameters = [value.decode()]
    elif isinstance(value, bytes):
        condition, parameters = f"CAST({name} AS BLOB) = ? {BINARY}", [value]
    else:
        condition, parameters = f"{name} {BINARY} = ?", [value]
    found = _row(cursor, column, f"({where}) AND {condition}", parameters)
    return _found(cursor, column, *(found or (str(value).encode(), {})))


def _found(
    cursor: SqliteCursor, column: sa.Column[Any], value: bytes | None, row: Mapping[str, Any]
) -> SourceError:
    """Return the error for a value. If the column also holds a text that fits no type, that text decides the remedy."""
    if value is not None and is_own(column):
        value, row = _hopeless(cursor, column) or (value, row)
    return _error(column, value, row, utf16=is_utf16(cursor))


def _hopeless(
    cursor: SqliteCursor, column: sa.Column[Any]
) -> tuple[bytes | None, dict[str, str | None]] | None:
    """Return the literal of the column's first text that no type could hold, and what names its row."""
    name = column_sql(column)
    if is_utf16(cursor):
        return _row(cursor, column, is_altered(name))
    source = f"(SELECT {name} || '' AS x FROM {scanned(cursor, source_table(column.table)[1])} WHERE typeof({name}) = 'text')"
    with closing(raw_texts(cursor, ["x"], source)) as found:
        value = next((each for (each,) in found if not is_utf8(each or b"")), None)
    if value is None:
        return None
    return _row(
        cursor, column, f"typeof({name}) = 'text' AND CAST({name} AS BLOB) = ? {BINARY}", [value]
    )


def _error(
    column: sa.Column[Any], value: bytes | None, row: Mapping[str, Any], *, utf16: bool = False
) -> SourceError:
    if value is None:
        return null_error(column, row)
    shown = value.decode(errors="backslashreplace")
    if utf16 and value.startswith(_OF_BYTES.encode()):
        return misfit_error(column, row, shown, fits_none="a text that SQLite can convert to UTF-8")
    return misfit_error(column, row, shown, fits_none="" if is_utf8(value) else "a text in UTF-8")


def _unquoted(value: bytes) -> bytes:
    return value[1:-1].replace(b"''", b"'")


def _row(
    cursor: SqliteCursor, column: sa.Column[Any], where: str, parameters: Sequence[Any] = ()
) -> tuple[bytes | None, dict[str, str | None]] | None:
    """Return the literal of the column's value in the first row that matches, and what names the row."""
    named = row_columns(column)
    asked = [_literal(column_sql(column)), *(_shown(column_sql(each)) for each in named)]
    if is_utf16(cursor):
        asked = [
            f"CASE WHEN {is_altered(name)} THEN {_bytes(name)} ELSE {sql} END"
            for name, sql in zip(map(column_sql, [column, *named]), asked, strict=True)
        ]
    # A subquery of columns, and not of expressions, would need the collation of the program that wrote the file.
    listed = ", ".join(f"{sql} AS a{place}" for place, sql in enumerate(asked))
    source = f"(SELECT {listed} FROM {scanned(cursor, source_table(column.table)[1])} WHERE {where} LIMIT 1)"
    names = [f"a{place}" for place in range(len(asked))]
    for value, *values in raw_texts(cursor, names, source, parameters or None):
        shown = (None if v is None else v.decode(errors="backslashreplace") for v in values)
        return value, dict(zip([each.name for each in named], shown, strict=True))
    return None


def _shown(name: str) -> str:
    """Return the SQL for the value as messages show it to name a row."""
    return f"CASE typeof({name}) WHEN 'blob' THEN {_literal(name)} ELSE CAST({name} AS TEXT) END"


def _literal(name: str) -> str:
    """Return the SQL for the value's literal; for a long BLOB, its beginning."""
    longer = (
        f"CASE WHEN length({name}) > {_SHOWN_BYTES}"
        f" THEN '... (' || length({name}) || ' bytes)' ELSE '' END"
    )
    return (
        f"CASE typeof({name}) WHEN 'text' THEN '''' || replace({name}, '''', '''''') || ''''"
        f" WHEN 'blob' THEN 'X''' || hex(substr({name}, 1, {_SHOWN_BYTES})) || '''' || {longer}"
        f" WHEN 'null' THEN NULL ELSE quote({name}) END"
    )


def _bytes(name: str) -> str:
    """Return the SQL for a text by its bytes, as SQLite reads it again; for a long text, its beginning."""
    blob = f"CAST({name} AS BLOB)"
    return f"concat({literal(_OF_BYTES)}, hex(substr({blob}, 1, {_SHOWN_BYTES})), ''' AS TEXT)')"


def _is_misfit(column: sa.Column[Any], *, utf16: bool) -> str:
    """Return a condition: how the value is stored does not fit the column's type."""
    name, kind = column_sql(column), kind_of(column)
    stored = ", ".join(f"'{each}'" for each in sorted(kind.sqlite))
    wrong = [f"typeof({name}) NOT IN ({stored})", *_OUT_OF_RANGE[kind.name](column, name)]
    if utf16:
        wrong.append(is_altered(name))
    missing = "" if column.nullable else f" OR {name} IS NULL"
    return f"({name} IS NOT NULL AND ({' OR '.join(wrong)})){missing}"


def _flag_out_of_range(_: sa.Column[Any], name: str) -> list[str]:
    return [f"{name} {BINARY} NOT IN (0, 1)"]


def _float_out_of_range(_: sa.Column[Any], name: str) -> list[str]:
    return [_outside(name, -WIDEST, WIDEST)]


def _decimal_out_of_range(column: sa.Column[Any], name: str) -> list[str]:
    precision, scale = decimal_sizes(column.type)
    most = 10 ** (precision - scale)
    real = f"(typeof({name}) = 'real' AND abs({name}) >= {most}.0)"
    return [real, _outside(name, 1 - most, most - 1)] if most < 1 << 63 else [real]


def _never(_: sa.Column[Any], __: str) -> list[str]:
    return []


#: For each kind, makes the conditions under which a value of the right storage class is out of range.
_OUT_OF_RANGE: Mapping[KindName, Callable[[sa.Column[Any], str], list[str]]] = {
    "flag": _flag_out_of_range,
    "integer": _never,
    "integer32": _never,
    "float": _float_out_of_range,
    "decimal": _decimal_out_of_range,
    "time": _never,
    "date": _never,
    "any": _never,
    "text": _never,
    "bytes": _never,
}


def _outside(name: str, first: int, last: int) -> str:
    return f"(typeof({name}) = 'integer' AND {name} {BINARY} NOT BETWEEN {first} AND {last})"
