"""The kinds of columns that can be mirrored. Each has one row, with its name and type in every layer.

To add a kind, add its name to KindName and a row to KINDS. Then the tables by kind (how a source reads and
proves it, which personal data it can hold) need a row too, and so do the tables by form of text, if the form is
new; saas_platform_tests/schema/test_kinds.py names those that lack one. Out of scope: how a source reads the kind
exactly, which each source states for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import pyarrow as pa
import sqlalchemy as sa

from saas_platform.schema.any_value import AnyValue

KindName = Literal[
    "flag", "integer", "integer32", "float", "decimal", "time", "date", "any", "text", "bytes"
]
#: The forms of the canonical text of a value; `schema/canonical.py` specifies each.
TextForm = Literal["flag", "digits", "decimal", "bits", "time", "date", "characters", "hexadecimal"]
#: How dagster-pandas checks a column of the kind.
FrameColumn = Literal["boolean", "integer", "time", "other"]

PythonTypes = tuple[type, ...]


@dataclass(frozen=True)
class Kind:
    """One kind of column.

    Attributes:
        name: what tables.yaml calls the kind, if it can name it; the sizes of a decimal follow the name.
        type: the SQLAlchemy type. A column is of the first kind in KINDS of whose type its own is an instance.
        noun: the kind in a message.
        words: the kind in a message, with its limits; {precision} and {scale} stand for the column's own.
        arrow: makes the Arrow type from the column's type.
        is_arrow: whether an Arrow type holds values of the kind, whatever its size.
        duckdb: the type of a mirror in DuckDB, with the same fields as `words`.
        bigquery: the type of a mirror in BigQuery; {numeric} stands for NUMERIC or BIGNUMERIC.
        tsql: the type in SQL Server, without sizes, for a column whose type the source's catalogue does not give.
        sqlite: what SQLite's `typeof` may return for a value that fits.
        declared: what catalogues call the types that can hold the kind, without sizes.
        text: the form of the canonical text.
        frame: the check of dagster-pandas.
        yaml: the Python types that YAML gives to the values that tables.yaml may list for a column.
        in_file: whether tables.yaml can name it.
    """

    name: KindName
    type: type[sa.types.TypeEngine[Any]]
    noun: str
    words: str
    arrow: Callable[[Any], pa.DataType]
    is_arrow: Callable[[pa.DataType], bool]
    duckdb: str
    bigquery: str
    tsql: str
    sqlite: frozenset[str]
    declared: frozenset[str]
    text: TextForm
    frame: FrameColumn = "other"
    yaml: PythonTypes = ()
    in_file: bool = True


def _as(kind: pa.DataType) -> Callable[[Any], pa.DataType]:
    return lambda _: kind


def _any_of(*families: Callable[[pa.DataType], bool]) -> Callable[[pa.DataType], bool]:
    return lambda type_: any(is_in(type_) for is_in in families)


_is_text = _any_of(pa.types.is_string, pa.types.is_large_string)
_is_bytes = _any_of(pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
_INTEGERS = frozenset({"INT", "INTEGER", "BIGINT", "SMALLINT", "TINYINT", "INT2", "INT4", "INT8"})
_TEXTS = frozenset({"CHAR", "VARCHAR", "NCHAR", "NVARCHAR", "TEXT", "NTEXT", "CHARACTER VARYING"})

KINDS: tuple[Kind, ...] = (
    Kind(
        name="integer",
        type=sa.BigInteger,
        noun="a whole number",
        words="a whole number of at most 64 bits",
        arrow=_as(pa.int64()),
        is_arrow=pa.types.is_integer,
        duckdb="BIGINT",
        bigquery="INT64",
        tsql="bigint",
        sqlite=frozenset({"integer"}),
        declared=_INTEGERS,
        text="digits",
        frame="integer",
        yaml=(int,),
    ),
    Kind(
        name="integer32",
        type=sa.Integer,
        noun="a whole number",
        words="a whole number of at most 32 bits",
        arrow=_as(pa.int32()),
        is_arrow=pa.types.is_integer,
        duckdb="INTEGER",
        bigquery="INT64",
        tsql="bigint",
        sqlite=frozenset({"integer"}),
        declared=_INTEGERS,
        text="digits",
        frame="integer",
        in_file=False,
    ),
    Kind(
        name="flag",
        type=sa.Boolean,
        noun="a flag",
        words="a flag (0 or 1)",
        arrow=_as(pa.bool_()),
        is_arrow=pa.types.is_boolean,
        duckdb="BOOLEAN",
        bigquery="BOOL",
        tsql="bit",
        sqlite=frozenset({"integer"}),
        declared=frozenset({"BOOLEAN", "BOOL", "BIT"}),
        text="flag",
        frame="boolean",
    ),
    Kind(
        name="float",
        type=sa.Float,
        noun="a float",
        words="a float",
        arrow=_as(pa.float64()),
        is_arrow=pa.types.is_floating,
        duckdb="DOUBLE",
        bigquery="FLOAT64",
        tsql="float",
        sqlite=frozenset({"integer", "real"}),
        declared=frozenset({"REAL", "FLOAT", "DOUBLE", "DOUBLE PRECISION"}),
        text="bits",
        yaml=(int, float),
    ),
    Kind(
        name="decimal",
        type=sa.Numeric,
        noun="a decimal",
        words="a decimal of at most {precision} digits, {scale} of them after the point",
        arrow=lambda type_: pa.decimal128(type_.precision, type_.scale),
        is_arrow=pa.types.is_decimal,
        duckdb="DECIMAL({precision},{scale})",
        bigquery="{numeric}({precision}, {scale})",
        tsql="decimal",
        sqlite=frozenset({"integer", "real"}),
        declared=frozenset({"DECIMAL", "NUMERIC", "MONEY", "SMALLMONEY"}),
        text="decimal",
        yaml=(int, float),
    ),
    Kind(
        name="any",
        type=AnyValue,
        noun="a text",
        words="a value of any type",
        arrow=_as(pa.string()),
        is_arrow=_is_text,
        duckdb="VARCHAR",
        bigquery="STRING",
        tsql="nvarchar",
        sqlite=frozenset({"integer", "real", "text", "blob"}),
        declared=_TEXTS,
        text="characters",
    ),
    Kind(
        name="text",
        type=sa.String,
        noun="a text",
        words="a text",
        arrow=_as(pa.string()),
        is_arrow=_is_text,
        duckdb="VARCHAR",
        bigquery="STRING",
        tsql="nvarchar",
        sqlite=frozenset({"text"}),
        declared=_TEXTS,
        text="characters",
        yaml=(str,),
    ),
    Kind(
        name="time",
        type=sa.DateTime,
        noun="a time",
        words="a time (YYYY-MM-DD hh:mm:ss, years 1 to 9999, at most microseconds, no zone)",
        arrow=_as(pa.timestamp("us")),
        is_arrow=pa.types.is_timestamp,
        duckdb="TIMESTAMP",
        bigquery="TIMESTAMP",
        tsql="datetime2",
        sqlite=frozenset({"text"}),
        declared=frozenset({"DATETIME", "DATETIME2", "SMALLDATETIME", "TIMESTAMP"}),
        text="time",
        frame="time",
        yaml=(datetime,),
    ),
    Kind(
        name="date",
        type=sa.Date,
        noun="a date",
        words="a date (YYYY-MM-DD, years 1 to 9999)",
        arrow=_as(pa.date32()),
        is_arrow=pa.types.is_date,
        duckdb="DATE",
        bigquery="DATE",
        tsql="date",
        sqlite=frozenset({"text"}),
        declared=frozenset({"DATE"}),
        text="date",
        yaml=(date,),
    ),
    Kind(
        name="bytes",
        type=sa.LargeBinary,
        noun="bytes",
        words="bytes",
        arrow=_as(pa.binary()),
        is_arrow=_is_bytes,
        duckdb="BLOB",
        bigquery="BYTES",
        tsql="varbinary",
        sqlite=frozenset({"blob"}),
        declared=frozenset({"BLOB", "BINARY", "VARBINARY", "IMAGE"}),
        text="hexadecimal",
    ),
)
#: The types that tables.yaml names by a word alone; a decimal is named with its sizes.
NAMED: dict[str, type[sa.types.TypeEngine[Any]]] = {
    **{kind.name: kind.type for kind in KINDS if kind.in_file and kind.name != "decimal"},
    "float": sa.Double,
}


def kind_of(column: sa.Column[Any]) -> Kind:
    """Return the kind of a column.

    Raises:
        TypeError: the type is of no kind, so the column can't be mirrored.
    """
    kind = kind_of_type(column.type)
    if kind is None:
        raise TypeError(f"{column.table.name}.{column.name}: {column.type!r} can't be mirrored")
    return kind


def kind_of_type(type_: sa.types.TypeEngine[Any]) -> Kind | None:
    """Return the kind of a type; None if it is of no kind.

    A decimal without a declared precision and scale has no size that a mirror could keep, so it is of no kind.
    """
    kind = next((kind for kind in KINDS if isinstance(type_, kind.type)), None)
    return None if kind is not None and kind.text == "decimal" and None in sizes(type_) else kind


def kind_of_arrow(type_: pa.DataType) -> Kind | None:
    """Return the kind of the values of an Arrow type; None if they are of no kind."""
    return next((kind for kind in KINDS if kind.is_arrow(type_)), None)


def sizes(type_: sa.types.TypeEngine[Any]) -> tuple[int | None, int | None]:
    """Return precision and scale of a decimal type; None for each that the type does not have."""
    return getattr(type_, "precision", None), getattr(type_, "scale", None)


def decimal_sizes(type_: sa.types.TypeEngine[Any]) -> tuple[int, int]:
    """Return precision and scale of a decimal. Raises TypeError for a type that lacks one."""
    precision, scale = sizes(type_)
    if precision is None or scale is None:
        raise TypeError(f"{type_!r} has no precision and scale")
    return precision, scale


def sized(template: str, type_: sa.types.TypeEngine[Any], **more: str) -> str:
    """Return a template of a kind, filled with the type's precision and scale.

    >>> sized("DECIMAL({precision},{scale})", sa.Numeric(10, 2))
    'DECIMAL(10,2)'
    """
    precision, scale = sizes(type_)
    return template.format(precision=precision, scale=scale, **more)
