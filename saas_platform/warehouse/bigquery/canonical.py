"""The canonical form of a row (`schema.canonical`) in GoogleSQL: its cells, and the digest of rows.

Holds pure functions from declared columns to text. Does not hold: the query they are put into.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.canonical import MARK, NAN, NULL, NUMBER_BYTES, VALUE_END
from saas_platform.schema.kinds import TextForm, kind_of, sizes
from saas_platform.warehouse.bigquery.sql import listed

#: The bits of an infinity, and what the sign takes off those of a positive number.
_INFINITY, _SIGN = 0x7FF << 52, 1 << 63


def digest(table: sa.Table) -> str:
    """Row count `n` and sum `total` of row numbers, of a group of rows; an INT64 would overflow."""
    row = ", ".join(map(cell, table.columns))
    hexadecimal = f"SUBSTR(TO_HEX(MD5(CONCAT({row}))), 1, {2 * NUMBER_BYTES})"
    number = f"CAST(CAST(CONCAT('0x', {hexadecimal}) AS INT64) AS BIGNUMERIC)"
    return f"COUNT(*) AS n, SUM({number}) AS total"


def cell(column: sa.Column, alias: str = "") -> str:
    """The cell of a mirrored value."""
    value = _value(column, listed([column.name], alias))
    return f"IFNULL(CONCAT({value}, '{VALUE_END}'), '{NULL}')"


def _value(column: sa.Column, name: str) -> str:
    """Return SQL for the text of a value with its marks doubled; NULL for NULL."""
    return _TEXT[kind_of(column).text](column, name)


def _time(name: str) -> str:
    # By way of a date, which a cast writes with four digits of the year.
    day = f"CAST(EXTRACT(DATE FROM {name}) AS STRING)"
    return f"CONCAT({day}, FORMAT_TIMESTAMP(' %H:%M:%E6S', {name}))"


def _bits(name: str) -> str:
    """The bits of a double as INT64, by arithmetic that rounds nothing: GoogleSQL can't ask for them.

    With |x| = m * 2^(e-52) they are (e+1022) * 2^52 + m, where 2^52 <= m < 2^53 or, for numbers too
    small for that, e = -1022. The logarithm is made a little smaller, so that its error can only give an
    e that is one too low, and an m that tells it by being too large. m is scaled in two steps, as one
    power of two would leave the range at the ends. What has no such form is replaced inside: an engine
    may compute every branch.
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


#: The SQL of each form, from a column and the SQL of its name.
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
