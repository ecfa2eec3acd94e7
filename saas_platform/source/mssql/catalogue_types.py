"""The types of SQL Server's catalogue, and which portable type holds all values of each.

The load and the proof share these facts, but no expression. Out of scope: SQL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Set
from typing import Any

import sqlalchemy as sa

from saas_platform.schema.describing import type_words
from saas_platform.schema.kinds import NAMED, KindName, decimal_sizes, kind_of

#: Types whose values are texts. No function of T-SQL takes `text` or `ntext` directly.
TEXTS = frozenset({"char", "varchar", "nchar", "nvarchar", "sysname", "text", "ntext"})
#: Types whose texts are UTF-16, in which half of a surrogate pair may stand alone.
WIDE = frozenset({"nchar", "nvarchar", "sysname", "ntext"})
INTEGERS = frozenset({"tinyint", "smallint", "int", "bigint"})
ROW_VERSIONS = frozenset({"rowversion", "timestamp"})
FLOATS = frozenset({"float", "real"})
DECIMALS = frozenset({"decimal", "numeric"})
BYTES = frozenset({"binary", "varbinary", "image"})
#: The precision and scale of each type of money.
MONEY = {"money": (19, 4), "smallmoney": (10, 4)}
#: Timestamps without a time zone.
TIMES = frozenset({"datetime", "smalldatetime", "datetime2"})
#: Types of the .NET runtime, like the types that a user defines; a mirror keeps their bytes.
SPATIAL = frozenset({"geography", "geometry"})
VARIANT = "sql_variant"
#: Types that have an exact text, but no portable type of their own.
_ONLY_TEXT = frozenset(
    {"uniqueidentifier", "datetimeoffset", "time", "xml", "hierarchyid", "json", "vector"}
)
#: Types that have an exact text as well as a portable type of their own.
_ALSO_TEXT = INTEGERS | FLOATS | DECIMALS | {*MONEY} | TIMES | SPATIAL | {"bit", "date"}
#: The kind that holds every value of a type. The bytes of any other type are kept.
_PORTABLE: Mapping[str, KindName] = {
    **dict.fromkeys(TEXTS | _ONLY_TEXT, "text"),
    **dict.fromkeys(INTEGERS | ROW_VERSIONS, "integer"),
    **dict.fromkeys(DECIMALS | {*MONEY}, "decimal"),
    **dict.fromkeys(FLOATS, "float"),
    **dict.fromkeys(TIMES, "time"),
    **dict.fromkeys(BYTES, "bytes"),
    "date": "date",
    "bit": "flag",
    VARIANT: "any",
}
_SIZED = frozenset({"char", "varchar", "nchar", "nvarchar", "binary", "varbinary"})
#: The most bytes of a value of any type that is not sized, unlimited or listed in `_LONG`.
_SHORT = 40
_UNLIMITED = frozenset({"text", "ntext", "image", "xml", "json"})
#: The most bytes of a value of the types that have a higher limit.
_LONG = {"sysname": 256, VARIANT: 16_000, "hierarchyid": 8_000, "vector": 32_000}


def base_type(declared: str) -> str:
    """Return a type of the catalogue without its size.

    >>> base_type("decimal(10, 2)")
    'decimal'
    """
    return re.sub(r"\(.*", "", declared).strip().lower()


def type_of(column: sa.Column[Any]) -> str:
    """Return the catalogue's type of a column without its size.

    A column that was not discovered has no declared type: it has the type with which the platform creates it.

    Raises:
        TypeError: the column has no declared type, and its portable type can't be mirrored.
    """
    declared = base_type(column.info.get("declared", ""))
    if declared:
        return declared
    return "rowversion" if column.info.get("row_version") else kind_of(column).tsql


def is_rowversion(column: sa.Column[Any]) -> bool:
    """Return whether the server itself counts this version, for all tables of the database together."""
    return bool(column.info.get("row_version")) and type_of(column) in ROW_VERSIONS


def has_seven_digits(column: sa.Column[Any]) -> bool:
    """Return whether the column stores tenths of microseconds, which no portable type holds."""
    return re.fullmatch(r"datetime2(\(7\))?", column.info.get("declared", "").lower()) is not None


def may_hold_half_pair(column: sa.Column[Any]) -> bool:
    """Return whether a text of the column may contain half of a surrogate pair alone."""
    return type_of(column) in WIDE | {VARIANT}


def most_bytes(column: sa.Column[Any]) -> int | None:
    """Return the most bytes of a value of the column; None if the catalogue allows gigabytes."""
    type_ = type_of(column)
    if type_ in _SIZED:
        # A column of the company's own tables has no declared size, and its values are short.
        size = re.search(r"\((\d+|max)\)", column.info.get("declared", "").lower())
        if size is not None and size[1] == "max":
            return None
        return (int(size[1]) if size else _SHORT) * (2 if type_ in WIDE else 1)
    if type_ in _LONG:
        return _LONG[type_]
    return _SHORT if type_ in _PORTABLE.keys() - _UNLIMITED else None


def decimal_size(column: sa.Column[Any]) -> tuple[int, int]:
    """Return precision and scale of a decimal or an amount of money, as the source declares them."""
    type_ = type_of(column)
    if type_ in MONEY:
        return MONEY[type_]
    sizes = re.search(r"\((\d+)(?:, *(\d+))?\)", column.info.get("declared", ""))
    if sizes is not None:
        return int(sizes[1]), int(sizes[2] or 0)
    return decimal_sizes(column.type) if kind_of(column).name == "decimal" else (18, 0)


def portable(declared: str, *, in_key: bool = False) -> sa.types.TypeEngine[Any]:
    """Return the portable type that holds every value of a type of the catalogue exactly.

    Only the tenths of microseconds of a `datetime2(7)` are lost. A column of a key keeps them, as a text,
    because two keys that differ in them alone would become one.

    >>> portable("decimal(10, 2)"), portable("uniqueidentifier")
    (Numeric(precision=10, scale=2), String())
    >>> portable("datetime2(7)"), portable("datetime2(7)", in_key=True)
    (DateTime(), String())
    """
    column = sa.Column("c", sa.String, info={"declared": declared})
    kind = _PORTABLE.get(base_type(declared), "bytes")
    if in_key and has_seven_digits(column):
        kind = "text"
    return sa.Numeric(*decimal_size(column)) if kind == "decimal" else NAMED[kind]()


def unsupported_reason(column: sa.Column[Any]) -> str | None:
    """Return why the portable type can't hold every value of the source's type; None if it can."""
    if _HOLDS[kind_of(column).name](column):
        return None
    declared = column.info["declared"]
    own = sa.Column("c", portable(declared), info={"declared": declared})
    return (
        f"{column.table.name}.{column.name} is {declared} in the source, which {type_words(column)} can't"
        f" hold: declare it in tables.yaml as {type_words(own)}."
    )


def _is_one_of(types: Set[str]) -> Callable[[sa.Column[Any]], bool]:
    return lambda column: type_of(column) in types


def _fits_decimal(column: sa.Column[Any]) -> bool:
    if type_of(column) not in DECIMALS | {*MONEY}:
        return False
    (own_precision, own_scale), (precision, scale) = (
        decimal_sizes(column.type),
        decimal_size(column),
    )
    return own_scale >= scale and own_precision - own_scale >= precision - scale


def _fits_bytes(column: sa.Column[Any]) -> bool:
    return _PORTABLE.get(type_of(column), "bytes") == "bytes"


#: For each kind, whether a column of it holds every value of the column's type in the catalogue.
_HOLDS: Mapping[KindName, Callable[[sa.Column[Any]], bool]] = {
    "flag": _is_one_of({"bit"}),
    "integer": _is_one_of(INTEGERS | ROW_VERSIONS | {"bit"}),
    "integer32": _is_one_of(INTEGERS | ROW_VERSIONS | {"bit"}),
    "float": _is_one_of(FLOATS),
    "decimal": _fits_decimal,
    "time": _is_one_of(TIMES),
    "date": _is_one_of({"date"}),
    "any": _is_one_of({VARIANT}),
    "text": _is_one_of(TEXTS | _ONLY_TEXT | _ALSO_TEXT),
    "bytes": _fits_bytes,
}
