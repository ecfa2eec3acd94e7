"""The canonical form of a row (`schema.canonical`) in GoogleSQL: its cells, and the digest of rows.

Contains: pure functions from declared columns to SQL. Out of scope: the query that uses the SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.canonical import MARK, NAN, NULL, NUMBER_BYTES, VALUE_END
from saas_platform.schema.kinds import TextForm, kind_of, sizes
from saas_platform.warehouse.bigquery.sql import listed

#: The bits of an infinity, and the number by which the sign lowers the bits of a positive number.
_INFINITY, _SIGN = 0x7FF << 52, 1 << 63


def digest(table: sa.Table) -> str:
    """Return SQL of the row count `n` and the sum `total` of row numbers of a group of rows.

    The sum is a BIGNUMERIC, because an INT64 would overflow.
    """
    row = ", ".join(map(cell, table.columns))
    hexadecimal = f"SUBSTR(TO_HEX(MD5(CONCAT({row}))), 1, {2 * NUMBER_BYTES})"
    number = f"CAST(CAST(CONCAT('0x', {hexadecimal}) AS INT64) AS BIGNUMERIC)"
    return f"COUNT(*) AS n, SUM({number}) AS total"


def cell(column: sa.Column, alias: str = "") -> str:
    """Return SQL of the cell of a mirrored value."""
    value = _value(column, listed([column.name], alias))
    return f"IFNULL(CONCAT({value}, '{VALUE_END}'), '{NULL}')"


def _value(column: sa.Column, name: str) -> str:
    """Return SQL for the text of a value with its marks doubled; NULL for NULL."""
    return _TEXT[kind_of(column).text](column, name)


def _time(name: str) -> str:
    # The day is cast from a date, because the cast writes the year with four digits.
    day = f"CAST(EXTRACT(DATE FROM {name}) AS STRING)"
    return f"CONCAT({day}, FORMAT_TIMESTAMP(' %H:%M:%E6S', {name}))"


def _bits(name: str) -> str:
    """Return SQL of the bits of a double as INT64.

    GoogleSQL has no function for them, so they are computed, by arithmetic that does not round.
    With |x| = m * 2^(e-52) the bits are (e+1022) * 2^52 + m, where 2^52 <= m < 2^53 or, for numbers too
    small for that, e = -1022. The logarithm is biased down, so that its rounding can only underestimate e by
    one, which shows as m >= 2^53. m is scaled in two steps, because a single power of two would leave the
    range of a double at its ends. NaN, infinities and zero have no such form. They are replaced by 1 in the
    inner query, because an engine may compute every branch.
    """
    exponent = "GREATEST(CAST(FLOOR(LN(ABS(x)) / LN(2) - 1e-9) AS INT64), -1022)"
    half = "DIV((52 - e), 2)"
    scaled = f"ABS(x) * POW(2, {half}) * POW(2, 52 - e - {half})"
    whole = f"(e + 1022) * {1 << 52}"
    bits = f"IF(m < {1 << 53}, {whole} + m, {whole} + {1 << 52} + DIV(m, 2))"
    with_x = f"SELECT IF(IS_NAN({name}) OR IS_INF({name}) OR {name} = 0, 1, {name}) AS x"
    with_e = f"SELECT x, {exponent} AS e FROM ({with_x})"
    with_m = f"SELECT x, e, CAST({scaled} AS INT64) AS m FROM ({with_e})"
    return (
        f"CASE WHEN IS_NAN({name}) THEN {NAN}"
        f" WHEN IS_INF({name}) THEN IF({name} > 0, {_INFINITY}, {_INFINITY - _SIGN})"
        f" WHEN {name} = 0 THEN 0"
        f" ELSE (SELECT IF(x > 0, 0, {-_SIGN}) + {bits} FROM ({with_m})) END"
    )


#: Writes the SQL of each form of text, from a column and the SQL of its name.
_TEXT: Mapping[TextForm, Callable[[sa.Column[Any], str], str]] = {
    "flag": lambda _, name: f"CAST(CAST({name} AS INT64) AS STRING)",
    "digits": lambda _, name: f"CAST({name} AS STRING)",
    "decimal": lambda column, name: f"FORMAT('%.{sizes(column.type)[1]}f', {name})",
    "bits": lambda _, name: f"CAST({_bits(name)} AS STRING)",
    "time": lambda _, name: _time(name),
    "date": lambda _, name: f"CAST({name} AS STRING)",
    "characters": lambda _, name: f"REPLACE({name}, '{MARK}', '{MARK * 2}')",
    "hexadecimal": lambda _, name: f"UPPER(TO_HEX({name}))",
}
