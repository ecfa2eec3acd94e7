"""A table with a column of every type, and rows of it that engines easily confuse with others.

Contains: tables, strategies, and the conversion into Arrow. Out of scope: engines and expectations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from hypothesis import strategies as st

from saas_platform.schema.arrow import arrow_schema
from saas_platform.schema.slices import Slicing
from saas_platform.warehouse.stream import RowStream

Row = Mapping[str, Any]

EVERY_TYPE = sa.Table(
    "every_type",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("occurred_at", sa.DateTime, nullable=False),
    sa.Column("small", sa.Integer),
    sa.Column("flag", sa.Boolean),
    sa.Column("ratio", sa.Double),
    sa.Column("price", sa.Numeric(10, 2)),
    sa.Column("whole", sa.Numeric(38, 0)),
    sa.Column("share", sa.Numeric(5, 5)),
    sa.Column("exact", sa.Numeric(38, 38)),
    sa.Column("moment", sa.DateTime),
    sa.Column("day", sa.Date),
    sa.Column("left_text", sa.String),
    sa.Column("right_text", sa.Unicode(40)),
    sa.Column("raw", sa.LargeBinary),
    sa.Column("row_version", sa.BigInteger, nullable=False, info={"row_version": True}),
    info={"slice": Slicing("occurred_at", "month")},
)

TEXTS = [
    *("", " ", "  ", "a", "a ", "a\n", "a\r\n", "\ta", "A", "null", "NULL", "<null>", "None"),
    *("|", "||", "|.", "|-", "a|b", "\uff5c", "\\", "'", '"', "%s", "{0}"),
    *("\u00e9", "e\u0301", "\ufeff", "\u200b", "\u202ertl", "\U0001d11e", "\U0010ffff", "ß", "ss"),
]
FLOATS = [
    *(
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.1,
        0.1 + 0.2,
        0.3,
        1 / 3,
        1e22,
        123456789012345678.0,
        2.0**52,
        2.0**53,
    ),
    *(5e-324, -5e-324, 2.225073858507201e-308, 2.2250738585072014e-308, 1.7976931348623157e308),
    *(float("inf"), float("-inf"), float("nan"), -float("nan")),
]
TIMESTAMPS = [
    *(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999), datetime(1970, 1, 1)),
    *(datetime(1969, 12, 31, 23, 59, 59, 999_999), datetime(2024, 2, 29, 23, 59, 59, 999_999)),
    *(datetime(2024, 3, 31, 1, 59, 59, 999_500), datetime(1582, 10, 10), datetime(1900, 2, 28)),
]


def _whole(bits: int) -> st.SearchStrategy[int]:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return st.integers(low, high) | st.sampled_from([low, high, 0, -1, 1])


def _decimal(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    most = 10**precision - 1
    unscaled = st.integers(-most, most) | st.sampled_from([most, -most, 0, -1, 1, 10, -10])
    # The decimal is made from a text, because arithmetic would round to the 28 digits of Python's context.
    return unscaled.map(lambda n: Decimal(f"{n}E-{scale}"))


def _hostile(column: sa.Column) -> st.SearchStrategy[Any]:
    match column.type:
        case sa.Boolean():
            return st.booleans()
        case sa.BigInteger():
            return _whole(64)
        case sa.Integer():
            return _whole(32)
        case sa.Float():
            return st.sampled_from(FLOATS) | st.floats()
        case sa.Numeric(precision=int(precision), scale=int(scale)):
            return _decimal(precision, scale)
        case sa.DateTime():
            return st.sampled_from(TIMESTAMPS) | st.datetimes()
        case sa.Date():
            return st.sampled_from([m.date() for m in TIMESTAMPS]) | st.dates(date(1, 1, 1))
        case sa.LargeBinary():
            return st.sampled_from([b"", b"\x00", b"\xff\x00", b"|."]) | st.binary(max_size=6)
    assert isinstance(column.type, sa.String)
    length = column.type.length or 60
    return st.sampled_from(TEXTS) | st.text(st.characters(codec="utf-8"), max_size=min(length, 6))


def values(column: sa.Column) -> st.SearchStrategy[Any]:
    """Return a strategy for any value that the column may hold."""
    return st.none() | _hostile(column) if column.nullable else _hostile(column)


def rows_of(table: sa.Table) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for any row of the table."""
    return st.fixed_dictionaries({column.name: values(column) for column in table.columns})


def plain(**changed: Any) -> dict[str, Any]:
    """Return a row with the given values, and NULL in all other columns that may be NULL."""
    empty = dict.fromkeys(EVERY_TYPE.columns.keys(), None)
    return {**empty, "id": 1, "occurred_at": datetime(2024, 1, 1), "row_version": 1, **changed}


def batches(table: sa.Table, rows: Iterable[Row], *, size: int = 2) -> list[pa.RecordBatch]:
    """Return the rows in several batches, as a source streams them."""
    schema = arrow_schema(table, with_row_version=True)
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema).to_batches(size)


def stream(table: sa.Table, rows: Sequence[Row]) -> RowStream:
    """Return a stream of the rows."""
    schema = arrow_schema(table, with_row_version=True)
    return RowStream(pa.RecordBatchReader.from_batches(schema, batches(table, rows)))


def same(one: Any, other: Any) -> bool:
    """Return whether the digest should take two values for the same. NULL equals NULL, and NaN equals NaN."""
    return bool(one == other) or (one != one and other != other)
