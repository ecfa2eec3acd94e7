"""Which row of a SQLite table holds a value that its column's declared type does not hold.

Holds: the queries that find it. Does not hold: how values are read (reading.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.any_value import AnyValue
from saas_platform.schema.kinds import decimal_sizes, kind_of
from saas_platform.source.interface import SourceError
from saas_platform.source.sqlite.ddl import BINARY, column_sql, table_sql
from saas_platform.source.sqlite.reading import WIDEST, DoesNotFitError, is_utf8
from saas_platform.source.sqlite.streaming import texts
from saas_platform.source.values import misfit_error, null_error

#: SQLite takes 1,000 arguments of a function, and an expression 1,000 levels deep.
_MOST_AT_ONCE = 400
#: Bytes of a BLOB that a message may show.
_SHOWN_BYTES = 100


def stored_misfit(cursor: Any, table: sa.Table, where: str) -> SourceError | None:
    """The error for the first row, of those that `where` names, with a value of a kind that its column's
    type does not hold; None where there is none.
    """
    columns = list(table.columns)
    for first in range(0, len(columns), _MOST_AT_ONCE):
        some = columns[first : first + _MOST_AT_ONCE]
        which = ", ".join(
            f"CASE WHEN {_is_misfit(column)} THEN {place} END" for place, column in enumerate(some)
        )
        which = f"coalesce({which}, NULL)"
        first_such = (
            f"(SELECT {which} AS place FROM {table_sql(table)}"
            f" WHERE ({where}) AND {which} IS NOT NULL LIMIT 1)"
        )
        for (place,) in texts(cursor, ["CAST(place AS TEXT)"], first_such):
            column = some[int(place or 0)]
            found = _row(cursor, column, f"({where}) AND ({_is_misfit(column)})")
            literal, key = found or (None, {})
            return (
                null_error(column, key) if literal is None else misfit_error(column, key, literal)
            )
    return None


def value_misfit(cursor: Any, misfit: DoesNotFitError, where: str) -> SourceError:
    """The error for the value that was read, with the first row that holds it."""
    column, value = misfit.column, misfit.value
    name = column_sql(column)
    parameters: list[Any]
    if value is None:
        condition, parameters = f"{name} IS NULL", []
    elif isinstance(value, bytes) and isinstance(column.type, AnyValue):
        # What was read is the literal of the text.
        condition, parameters = f"CAST({name} AS BLOB) = ? {BINARY}", [_unquoted(value)]
    elif isinstance(value, bytes) and is_utf8(value):
        # Not by its bytes, which a database may keep as UTF-16.
        condition = f"typeof({name}) = 'text' AND {name} = ? {BINARY}"
        parameters = [value.decode()]
    elif isinstance(value, bytes):
        condition, parameters = f"CAST({name} AS BLOB) = ? {BINARY}", [value]
    else:
        condition, parameters = f"{name} {BINARY} = ?", [value]
    found = _row(cursor, column, f"({where}) AND {condition}", parameters)
    literal, key = found or (str(value), {})
    return null_error(column, key) if literal is None else misfit_error(column, key, literal)


def _unquoted(literal: bytes) -> bytes:
    return literal[1:-1].replace(b"''", b"'")


def _row(
    cursor: Any, column: sa.Column[Any], where: str, parameters: Sequence[Any] = ()
) -> tuple[str | None, dict[str, str | None]] | None:
    """The literal of the column's value in the first such row, and the row's key."""
    key = list(column.table.primary_key.columns)
    asked = [_literal(column_sql(column)), *(_shown(column_sql(each)) for each in key)]
    source = f"(SELECT * FROM {table_sql(column.table)} WHERE {where} LIMIT 1)"
    for literal, *values in texts(cursor, asked, source, parameters or None):
        return literal, dict(zip([each.name for each in key], values, strict=True))
    return None


def _shown(name: str) -> str:
    """The value as a key shows it."""
    return f"CASE typeof({name}) WHEN 'blob' THEN {_literal(name)} ELSE CAST({name} AS TEXT) END"


def _literal(name: str) -> str:
    """SQLite's literal of the value; the beginning of a long BLOB."""
    longer = (
        f"CASE WHEN length({name}) > {_SHOWN_BYTES}"
        f" THEN '... (' || length({name}) || ' bytes)' ELSE '' END"
    )
    return (
        f"CASE typeof({name}) WHEN 'text' THEN '''' || replace({name}, '''', '''''') || ''''"
        f" WHEN 'blob' THEN 'X''' || hex(substr({name}, 1, {_SHOWN_BYTES})) || '''' || {longer}"
        f" WHEN 'null' THEN NULL ELSE quote({name}) END"
    )


def _is_misfit(column: sa.Column[Any]) -> str:
    """Return a condition: the value is of a kind that the type does not hold."""
    name, kind = column_sql(column), kind_of(column)
    stored = ", ".join(f"'{each}'" for each in sorted(kind.sqlite))
    wrong = [f"typeof({name}) NOT IN ({stored})", *_out_of_range(column, name)]
    missing = "" if column.nullable else f" OR {name} IS NULL"
    return f"({name} IS NOT NULL AND ({' OR '.join(wrong)})){missing}"


def _out_of_range(column: sa.Column[Any], name: str) -> Iterator[str]:
    """Yield conditions on numbers that are stored as they should be, and are too large."""
    kind = kind_of(column).name
    if kind == "flag":
        yield f"{name} {BINARY} NOT IN (0, 1)"
    elif kind == "float":
        yield _outside(name, -WIDEST, WIDEST)
    elif kind == "decimal":
        precision, scale = decimal_sizes(column.type)
        most = 10 ** (precision - scale)
        yield f"(typeof({name}) = 'real' AND abs({name}) >= {most}.0)"
        if most < 1 << 63:
            yield _outside(name, 1 - most, most - 1)


def _outside(name: str, first: int, last: int) -> str:
    return f"(typeof({name}) = 'integer' AND {name} {BINARY} NOT BETWEEN {first} AND {last})"
