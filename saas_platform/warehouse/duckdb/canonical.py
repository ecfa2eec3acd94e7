"""The canonical form of a row (`schema.canonical`) in DuckDB's SQL: its cells, its text, its number.

Contains: pure functions from declared columns to SQL. Out of scope: the query that uses the SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.canonical import MARK, NAN, NULL, NUMBER_BYTES, VALUE_END
from saas_platform.schema.kinds import TextForm, kind_of, sizes
from saas_platform.warehouse.duckdb.sql import listed, text


def row_text(table: sa.Table, alias: str = "") -> str:
    """Return SQL of the text of a mirrored row."""
    parts = (part for column in table.columns for part in _parts(column, alias))
    return f"concat({', '.join(parts)})"


def number(row_text_: str) -> str:
    """Return SQL of the number of a row, from SQL of its text."""
    # `md5_number` can't be used, because it reads the bytes in the opposite order.
    return f"CAST('0x' || left(md5({row_text_}), {2 * NUMBER_BYTES}) AS BIGINT)"


def cell(column: sa.Column, alias: str = "") -> str:
    """Return SQL of the cell of a mirrored value."""
    return f"concat({', '.join(_parts(column, alias))})"


def _parts(column: sa.Column, alias: str) -> tuple[str, str]:
    """Return SQL of the two parts of a cell, to be put into `concat`, which skips the value if it is NULL."""
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
    # The engine writes `.50` if the type has no digit before the point.
    sign = f"CASE WHEN {name} < 0 THEN '-0.' ELSE '0.' END"
    return f"{sign} || right(CAST({name} AS VARCHAR), {scale})"


#: Writes the SQL of each form of text, from a column and the SQL of its name.
_TEXT: Mapping[TextForm, Callable[[sa.Column[Any], str], str]] = {
    "flag": lambda _, name: f"CAST(CAST({name} AS TINYINT) AS VARCHAR)",
    "digits": lambda _, name: f"CAST({name} AS VARCHAR)",
    "decimal": _decimal,
    "bits": lambda _, name: _bits(name),
    # An 'infinity' that somebody wrote into a mirror becomes that word.
    "time": lambda _, name: f"strftime({name}, '%Y-%m-%d %H:%M:%S.%f')",
    "date": lambda _, name: f"strftime({name}, '%Y-%m-%d')",
    "characters": lambda _, name: f"replace({name}, {text(MARK)}, {text(MARK * 2)})",
    "hexadecimal": lambda _, name: f"hex({name})",
}
