"""The types of SQL Server's catalogue, and which portable type holds all values of each.

Load and proof share these facts, and no expression. Does not hold: SQL.
"""

from __future__ import annotations

import re
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.any_value import AnyValue
from saas_platform.schema.describing import type_words

#: Whose values are texts already; `text` and `ntext` are too, but no function of T-SQL takes them.
TEXTS = frozenset({"char", "varchar", "nchar", "nvarchar", "sysname", "text", "ntext"})
#: Whose texts are UTF-16, in which half of a surrogate pair may stand alone.
WIDE = frozenset({"nchar", "nvarchar", "sysname", "ntext"})
INTEGERS = frozenset({"tinyint", "smallint", "int", "bigint"})
ROW_VERSIONS = frozenset({"rowversion", "timestamp"})
FLOATS = frozenset({"float", "real"})
DECIMALS = frozenset({"decimal", "numeric"})
BYTES = frozenset({"binary", "varbinary", "image"})
#: Precision and scale of each.
MONEY = {"money": (19, 4), "smallmoney": (10, 4)}
#: Whose values have no zone.
TIMES = frozenset({"datetime", "smalldatetime", "datetime2"})
#: Of the runtime for .NET, as types of a user's own are; their bytes are all that they hold.
SPATIAL = frozenset({"geography", "geometry"})
VARIANT = "sql_variant"
#: Which have an exact text, and no portable type of their own.
_ONLY_TEXT = frozenset(
    {"uniqueidentifier", "datetimeoffset", "time", "xml", "hierarchyid", "json", "vector"}
)
#: Which have an exact text, besides a portable type of their own.
_ALSO_TEXT = INTEGERS | FLOATS | DECIMALS | {*MONEY} | TIMES | SPATIAL | {"bit", "date"}
_KNOWN = frozenset(
    {*TEXTS, *INTEGERS, *ROW_VERSIONS, *FLOATS, *DECIMALS, *BYTES, *MONEY, *TIMES, *_ONLY_TEXT}
    | {"bit", "date", VARIANT}
)
_SIZED = frozenset({"char", "varchar", "nchar", "nvarchar", "binary", "varbinary"})
#: No value of another type is longer, but for those below and those without a limit.
_SHORT = 40
_ENDLESS = frozenset({"text", "ntext", "image", "xml", "json"})
#: The longest value of types that have a limit beyond that.
_LONG = {"sysname": 256, VARIANT: 16_000, "hierarchyid": 8_000, "vector": 32_000}
#: What a column without a catalogue's type is on the server: those of the company's tables.
_NATIVE: tuple[tuple[type[sa.types.TypeEngine[Any]], str], ...] = (
    (sa.Boolean, "bit"),
    (sa.Integer, "bigint"),
    (sa.Float, "float"),
    (sa.Numeric, "decimal"),
    (sa.DateTime, "datetime2"),
    (sa.Date, "date"),
    (sa.String, "nvarchar"),
    (sa.LargeBinary, "varbinary"),
)


def base_type(declared: str) -> str:
    """A catalogue's type without its size.

    >>> base_type("decimal(10, 2)")
    'decimal'
    """
    return re.sub(r"\(.*", "", declared).strip().lower()


def kind_of(column: sa.Column[Any]) -> str:
    """The catalogue's type of a column without its size: the declared one, else as we create it."""
    declared = base_type(column.info.get("declared", ""))
    if declared:
        return declared
    if column.info.get("row_version"):
        return "rowversion"
    for portable_, kind in _NATIVE:
        if isinstance(column.type, portable_):
            return kind
    raise TypeError(f"{column.table.name}.{column.name}: no canonical form for {column.type!r}")


def has_seven_digits(column: sa.Column[Any]) -> bool:
    """Whether the column holds tenths of microseconds, which no portable time does."""
    return re.fullmatch(r"datetime2(\(7\))?", column.info.get("declared", "").lower()) is not None


def may_hold_half_pair(column: sa.Column[Any]) -> bool:
    """Whether a text of the column may have half of a surrogate pair alone."""
    return kind_of(column) in WIDE | {VARIANT}


def most_bytes(column: sa.Column[Any]) -> int | None:
    """How long a value of the column can be; None: of gigabytes, as far as the catalogue says."""
    kind = kind_of(column)
    if kind in _SIZED:
        # One of the company's own has no size here, and short values.
        size = re.search(r"\((\d+|max)\)", column.info.get("declared", "").lower())
        if size is not None and size[1] == "max":
            return None
        return (int(size[1]) if size else _SHORT) * (2 if kind in WIDE else 1)
    if kind in _LONG:
        return _LONG[kind]
    return _SHORT if kind in _KNOWN - _ENDLESS else None


def decimal_size(column: sa.Column[Any]) -> tuple[int, int]:
    """Precision and scale of a decimal or an amount of money, as the source has them."""
    kind = kind_of(column)
    if kind in MONEY:
        return MONEY[kind]
    sizes = re.search(r"\((\d+)(?:, *(\d+))?\)", column.info.get("declared", ""))
    if sizes is not None:
        return int(sizes[1]), int(sizes[2] or 0)
    if isinstance(column.type, sa.Numeric) and not isinstance(column.type, sa.Float):
        return int(column.type.precision or 18), int(column.type.scale or 0)
    return 18, 0


def portable(declared: str, *, in_key: bool = False) -> sa.types.TypeEngine[Any]:
    """The type in which all values travel exactly, but for a time's tenths of microseconds.

    Those are kept in a key, as a text: two keys that differ in them alone would become one.

    >>> portable("decimal(10, 2)"), portable("uniqueidentifier")
    (Numeric(precision=10, scale=2), String())
    >>> portable("datetime2(7)"), portable("datetime2(7)", in_key=True)
    (DateTime(), String())
    """
    kind = base_type(declared)
    column = sa.Column("c", sa.String, info={"declared": declared})
    if kind in TEXTS | _ONLY_TEXT or (in_key and has_seven_digits(column)):
        return sa.String()
    if kind in INTEGERS | ROW_VERSIONS:
        return sa.BigInteger()
    if kind in DECIMALS or kind in MONEY:
        return sa.Numeric(*decimal_size(column))
    if kind in FLOATS:
        return sa.Double()
    if kind in TIMES:
        return sa.DateTime()
    if kind == "date":
        return sa.Date()
    if kind == "bit":
        return sa.Boolean()
    return AnyValue() if kind == VARIANT else sa.LargeBinary()


def objection(column: sa.Column[Any]) -> str | None:
    """Why the declared portable type can't hold every value of the source's type; None: it can."""
    if _holds(column):
        return None
    declared = column.info["declared"]
    own = sa.Column("c", portable(declared), info={"declared": declared})
    return (
        f"{column.table.name}.{column.name} is {declared} in the source, which {type_words(column)} can't"
        f" hold: declare it in tables.yaml as {type_words(own)}."
    )


def _holds(column: sa.Column[Any]) -> bool:
    kind = kind_of(column)
    match column.type:
        case sa.Boolean():
            return kind == "bit"
        case sa.Integer():
            return kind in INTEGERS | ROW_VERSIONS | {"bit"}
        case sa.Float():
            return kind in FLOATS
        case sa.Numeric(precision=int(most), scale=int(places)):
            precision, scale = decimal_size(column)
            fits = places >= scale and most - places >= precision - scale
            return fits and (kind in DECIMALS or kind in MONEY)
        case sa.DateTime():
            return kind in TIMES
        case sa.Date():
            return kind == "date"
        case AnyValue():
            return kind == VARIANT
        case sa.String():
            return kind in TEXTS | _ONLY_TEXT | _ALSO_TEXT
        case sa.LargeBinary():
            return kind in BYTES or kind not in _KNOWN
    return False
