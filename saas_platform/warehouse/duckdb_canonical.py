"""The canonical digest (`schema.canonical`) in DuckDB's SQL.

Holds pure functions from declared columns to text. Does not hold: the query they are put into.
"""

from __future__ import annotations

import sqlalchemy as sa

from saas_platform.schema.canonical import MARK, NAN, NULL, NUMBER_BYTES, VALUE_END
from saas_platform.warehouse.duckdb_sql import quote, text


def digest(table: sa.Table) -> str:
    """Row count and sum of row numbers, of a group of rows."""
    row = ", ".join(map(_field, table.columns))
    # `md5_number` reads the bytes the other way round.
    number = f"CAST('0x' || left(md5(concat({row})), {2 * NUMBER_BYTES}) AS BIGINT)"
    return f"count(*), sum({number})"


def _field(column: sa.Column) -> str:
    return f"coalesce({_value(column)} || {text(VALUE_END)}, {text(NULL)})"


def _value(column: sa.Column) -> str:
    """The text of a value with its marks doubled; NULL for NULL."""
    name = quote(column.name)
    match column.type:
        case sa.Boolean():
            return f"CAST(CAST({name} AS TINYINT) AS VARCHAR)"
        case sa.Integer():
            return f"CAST({name} AS VARCHAR)"
        case sa.Float():
            bits = f"CAST(CAST({name} AS BIT) AS BIGINT)"
            one = f"CASE WHEN isnan({name}) THEN {NAN} WHEN {name} = 0 THEN 0 ELSE {bits} END"
            return f"CAST({one} AS VARCHAR)"
        case sa.Numeric(precision=int(precision), scale=int(scale)) if precision == scale:
            # The engine writes `.50` where the type has no place before the point.
            sign = f"CASE WHEN {name} < 0 THEN '-0.' ELSE '0.' END"
            return f"{sign} || right(CAST({name} AS VARCHAR), {scale})"
        case sa.Numeric():
            return f"CAST({name} AS VARCHAR)"
        case sa.DateTime():
            return _finite(name, f"epoch_us({name})")
        case sa.Date():
            return _finite(name, f"date_diff('day', DATE '1970-01-01', {name})")
        case sa.String():
            return f"replace({name}, {text(MARK)}, {text(MARK * 2)})"
        case sa.LargeBinary():
            return f"hex({name})"
    raise TypeError(f"{column.table.name}.{column.name}: no canonical form for {column.type!r}")


def _finite(name: str, count: str) -> str:
    """An 'infinity', set by hand in a mirror, has no count: it must not pass for NULL."""
    return f"coalesce(CAST({count} AS VARCHAR), CAST({name} AS VARCHAR))"
