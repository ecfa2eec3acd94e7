"""T-SQL of names, slices and values, written once for reading, writing and digests.

It keeps to what limited TDS servers run too. Does not hold: whole statements.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime

import sqlalchemy as sa

from saas_platform.schema import slice_of, version_of
from saas_platform.schema.slices import WHOLE, ranges

#: More ranges than this in one WHERE cost more than a scan.
_MOST_RANGES = 50
#: Types whose values are a text already.
_TEXTS = frozenset({"", "char", "varchar", "nchar", "nvarchar", "sysname"})
#: By catalogue type, what makes an exact text, a time or a number of it.
_CONVERSIONS = {
    "timestamp": "CONVERT(BIGINT, {})",
    "rowversion": "CONVERT(BIGINT, {})",
    # Its ticks of 1/300 s have no exact microseconds: the milliseconds that it shows are its value.
    "datetime": "CONVERT(DATETIME2(3), {})",
    "smalldatetime": "CONVERT(DATETIME2(0), {})",
    "datetimeoffset": "CONVERT(NVARCHAR(40), {}, 121)",
    "time": "CONVERT(NVARCHAR(20), {}, 121)",
    "money": "CONVERT(DECIMAL(19, 4), {})",
    "smallmoney": "CONVERT(DECIMAL(10, 4), {})",
    "real": "CONVERT(FLOAT, {})",
    "image": "CONVERT(VARBINARY(MAX), {})",
}


def quoted(name: str) -> str:
    """An identifier, quoted for T-SQL.

    >>> quoted("odd]name")
    '[odd]]name]'
    """
    return "[" + name.replace("]", "]]") + "]"


def qualified(schema: str, name: str) -> str:
    return f"{quoted(schema)}.{quoted(name)}"


def literal(text: str) -> str:
    """A Unicode text as a literal."""
    return "N'" + text.replace("'", "''") + "'"


def key_column(table: sa.Table) -> str:
    """The one key column of a company's table."""
    (column,) = table.primary_key.columns
    return column.name


def base_type(declared: str) -> str:
    """A catalogue's type without its size.

    >>> base_type("decimal(10, 2)")
    'decimal'
    """
    return re.sub(r"\(.*", "", declared).strip().lower()


def value(column: sa.Column, qualifier: str = "") -> str:
    """The column as it is read and digested: exact, and of its declared type."""
    name = qualifier + quoted(column.name)
    declared = column.info.get("declared", "")
    kind = base_type(declared)
    if declared == "datetime2(7)":
        # Cut like everywhere else: CONVERT alone would round, at the end of time into an error.
        return f"CONVERT(DATETIME2(6), CONVERT(VARCHAR(26), {name}, 121), 121)"
    if column.info.get("row_version") and not kind:
        kind = "rowversion"
    if kind in _CONVERSIONS:
        return _CONVERSIONS[kind].format(name)
    if isinstance(column.type, sa.String) and kind not in _TEXTS:
        return f"CONVERT(NVARCHAR(MAX), {name})"
    return name


def slice_id(table: sa.Table, qualifier: str = "") -> str:
    """SQL for the slice id of a row."""
    cut = slice_of(table)
    if cut is None:
        return f"'{WHOLE}'"
    return f"CONVERT(VARCHAR({cut.id_length}), {qualifier}{quoted(cut.column)}, 23)"


def in_slices(table: sa.Table, slices: Collection[str]) -> str:
    """A condition that is true for the rows of the slices."""
    cut = slice_of(table)
    if not slices:
        return "1 = 0"
    if cut is None:
        return "1 = 1"
    spans = ranges(cut, slices)
    if len(spans) > _MOST_RANGES:
        listed = ", ".join(f"'{each}'" for each in sorted(slices))
        return f"{slice_id(table)} IN ({listed})"
    column = quoted(cut.column)
    # Without dashes a date means the same to every type and language setting.
    return " OR ".join(
        f"({column} >= '{_day(first)}' AND {column} < '{_day(after)}')" for first, after in spans
    )


def _day(moment: datetime) -> str:
    return moment.date().isoformat().replace("-", "")


def above_version(table: sa.Table, version: int) -> str:
    """A condition that an index on the version serves."""
    column = table.columns[version_of(table) or ""]
    name = quoted(column.name)
    if is_rowversion(column):
        return f"{name} > CONVERT(BINARY(8), CONVERT(BIGINT, {int(version)}))"
    return f"{name} > {int(version)}"


def is_rowversion(column: sa.Column) -> bool:
    """Whether the server itself counts it, for all tables of the database together."""
    declared = column.info.get("declared")
    return bool(column.info.get("row_version")) and (
        declared is None or base_type(declared) in ("rowversion", "timestamp")
    )
