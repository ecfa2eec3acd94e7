"""The canonical form of a row (`schema.canonical`) in DuckDB's SQL: its cells, its text, its number.

Holds pure functions from declared columns to text. Does not hold: the query they are put into.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.canonical import MARK, NAN, NULL, NUMBER_BYTES, VALUE_END
from saas_platform.schema.kinds import TextForm, kind_of, sizes
from saas_platform.warehouse.duckdb.sql import listed, text


def row_text(table: sa.Table, alias: str = "") -> str:
    """The text of a mirrored row."""
    parts = (part for column in table.columns for part in _parts(column, alias))
    return f"concat({', '.join(parts)})"


def number(row_text_: str) -> str:
    """The number of a row, from its text."""
    # `md5_number` reads the bytes the other way round.
    return f"CAST('0x' || left(md5({row_text_}), {2 * NUMBER_BYTES}) AS BIGINT)"


def digest(table: sa.Table) -> str:
    """Row count and sum of row numbers, of a group of rows."""
    return f"count(*), sum({number(row_text(table))})"


def cell(column: sa.Column, alias: str = "") -> str:
    """The cell of a mirrored value."""
    return f"concat({', '.join(_parts(column, alias))})"


def _parts(column: sa.Column, alias: str) -> tuple[str, str]:
    """What makes the cell: `concat` passes over the NULL of a value."""
    name = listed([column.name], alias)
    end = f"CASE WHEN {name} IS NULL THEN {text(NULL)} ELSE {text(VALUE_END)} END"
    return _value(column, name), end


def _value(column: sa.Column, name: str) -> str:
    """Return SQL for the text of a value with its marks doubled; NULL for NULL."""
    return _TEXT[kind_of(column).text](column, name)


def _bits(name: str) -> str:
    bits = f"CAST(CAST({name} AS BIT) AS BIGINT)"
    one = f"CASE WHEN isnan({name}) THEN {NAN} WHEN {name} = 0 THEN 0 ELSE {bits} END"
    return f"CAST({one} AS VARCHAR)"


def _decimal(column: sa.Column[Any], name: str) -> str:
    precision, scale = sizes(column.type)
    if precision != scale:
        return f"CAST({name} AS VARCHAR)"
    # The engine writes `.50` where the type has no place before the point.
    sign = f"CASE WHEN {name} < 0 THEN '-0.' ELSE '0.' END"
    return f"{sign} || right(CAST({name} AS VARCHAR), {scale})"


#: The SQL of each form, from a column and the SQL of its name.
_TEXT: Mapping[TextForm, Callable[[sa.Column[Any], str], str]] = {
    "flag": lambda _, name: f"CAST(CAST({name} AS TINYINT) AS VARCHAR)",
    "digits": lambda _, name: f"CAST({name} AS VARCHAR)",
    "decimal": _decimal,
    "bits": lambda _, name: _bits(name),
    # An 'infinity' that somebody wrote into a mirror is written as that word.
    "time": lambda _, name: f"strftime({name}, '%Y-%m-%d %H:%M:%S.%f')",
    "date": lambda _, name: f"strftime({name}, '%Y-%m-%d')",
    "characters": lambda _, name: f"replace({name}, {text(MARK)}, {text(MARK * 2)})",
    "hexadecimal": lambda _, name: f"hex({name})",
}
