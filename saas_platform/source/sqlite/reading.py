"""Read the values of a SQLite column by its declared type, and check how SQLite stores each value.

Contains: for each type, the expressions to select, and the conversion of their values.
Out of scope: the query, finding the row that does not fit (misfits.py), and the texts of the proof
(canonical.py).

A column of SQLite may hold values of any type, and its driver silently converts some of them. Where the driver
would convert values, the selected expression fails in SQLite itself for each value of another storage class.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from saas_platform.schema.arrow import arrow_type
from saas_platform.schema.kinds import KindName, decimal_sizes, kind_of, kind_of_type
from saas_platform.source.sqlite.sql import BINARY, column_sql
from saas_platform.source.sqlite.streaming import MOST_COLUMNS, Channel

#: Floats hold all whole numbers up to this one exactly.
WIDEST = 1 << 53
#: Decimals with no more digits than this stay distinct as floats.
_FLOAT_DIGITS = 15
#: Floats hold the powers of ten up to this exponent exactly.
_FLOAT_POWERS = 22
_FIRST_SECOND = -62_135_596_800
_FIRST_DAY = -719_162
_WORD = (1 << 64) - 1
_EXACTLY = Context(prec=100)


class DoesNotFitError(Exception):
    """A value does not fit its column's type."""

    def __init__(self, column: sa.Column[Any], value: int | float | bytes | None) -> None:
        super().__init__(column.name)
        self.column = column
        self.value = value


@dataclass(frozen=True)
class ColumnReading:
    """The expressions that read a column, and the function that makes its values from theirs.

    `make` raises DoesNotFitError.
    """

    column: sa.Column[Any]
    channels: tuple[Channel, ...]
    make: Callable[[Sequence[pa.Array]], pa.Array]


#: The expression from a column's name, the expression's type, and the function that makes
#: the column's values.
_How = tuple[Callable[[str], str], pa.DataType, Callable[[sa.Column[Any], pa.Array], pa.Array]]


def readings(columns: Sequence[sa.Column[Any]], *, utf16: bool = False) -> list[ColumnReading]:
    """Return how each column is read. With `utf16`, a text that SQLite would alter ends the query (`is_altered`)."""
    wide = sum(is_wide(column.type) for column in columns)
    pairs = len(columns) + wide <= MOST_COLUMNS
    return [_reading(column, pairs=pairs, utf16=utf16) for column in columns]


def _reading(column: sa.Column[Any], *, pairs: bool, utf16: bool) -> ColumnReading:
    """Return how the column is read. `pairs`: whether a wide decimal may use two expressions."""
    name, kind = column_sql(column), kind_of(column).name
    if kind == "decimal" and is_wide(column.type):
        if pairs:
            return _wide_decimal(column, name)
        return _one(column, _number_text_sql(name), pa.string(), _decimals_of_texts)
    expression, type_, make = _by_kind()[kind]
    sql = expression(name)
    if utf16 and type_ == pa.string():
        sql = f"CASE WHEN {is_altered(name)} THEN {_fails(name)} ELSE {sql} END"
    return _one(column, sql, type_, make)


def is_altered(name: str) -> str:
    """Return a condition: SQLite alters the text when it converts it between UTF-16 and UTF-8.

    In a database in UTF-16, it converts each text that a function or the driver reads, and reports no error. A
    surrogate without its pair becomes another character, as do U+FFFE and U+FFFF.
    """
    return (
        f"(typeof({name}) = 'text'"
        f" AND CAST(concat({name}) AS BLOB) <> CAST({name} AS BLOB) {BINARY})"
    )


def _by_kind() -> Mapping[KindName, _How]:
    """Return how each kind is read, except for wide decimals."""
    return {
        "integer": (str, pa.int64(), _integers),
        "integer32": (str, pa.int64(), _integers),
        "flag": (str, pa.int64(), _flags),
        "float": (_float_sql, pa.float64(), _as_it_is),
        "decimal": (_float_sql, pa.float64(), _decimals),
        "any": (_literal_sql, pa.string(), _texts),
        "text": (lambda name: _only(name, "text"), pa.string(), _texts),
        "time": (lambda name: _only(name, "text"), pa.string(), _times),
        "date": (lambda name: _only(name, "text"), pa.string(), _dates),
        "bytes": (lambda name: _only(name, "blob"), pa.binary(), _as_it_is),
    }


def _one(
    column: sa.Column[Any],
    sql: str,
    kind: pa.DataType,
    make: Callable[[sa.Column[Any], pa.Array], pa.Array],
) -> ColumnReading:
    def made(arrays: Sequence[pa.Array]) -> pa.Array:
        (values,) = arrays
        if values.null_count and not column.nullable:
            raise DoesNotFitError(column, None)
        return make(column, values)

    return ColumnReading(column, (Channel(sql, kind),), made)


# Expressions that SQLite evaluates


def _fails(name: str) -> str:
    """Return an expression that overflows, which ends the query.

    It refers to the column, because SQLite would evaluate a constant expression only once, in advance.
    """
    return f"abs(-9223372036854775807 - 1 + ({name} IS NULL))"


def _only(name: str, stored: str) -> str:
    """Return an expression for the value that fails if the value is stored in another class.

    The driver would silently convert such a value.
    """
    return (
        f"CASE WHEN typeof({name}) = '{stored}' THEN {name}"
        f" WHEN {name} IS NOT NULL THEN {_fails(name)} END"
    )


def _float_sql(name: str) -> str:
    """Return an expression for the number, which fails for whole numbers that a float may not hold exactly.

    The driver itself refuses a value that is not a number.
    """
    wide = f"{name} {BINARY} NOT BETWEEN {-WIDEST} AND {WIDEST}"
    return f"CASE WHEN typeof({name}) = 'integer' AND {wide} THEN {_fails(name)} ELSE {name} END"


def _number_text_sql(name: str) -> str:
    return (
        f"CASE typeof({name}) WHEN 'integer' THEN CAST({name} AS TEXT)"
        f" WHEN 'real' THEN format('%!.17g', {name}) WHEN 'null' THEN NULL"
        f" ELSE {_fails(name)} END"
    )


def _literal_sql(name: str) -> str:
    """Return an expression for a value's literal. SQLite's `quote` would end a text at a NUL character."""
    return (
        f"CASE typeof({name}) WHEN 'text' THEN '''' || replace({name}, '''', '''''') || ''''"
        f" WHEN 'null' THEN NULL ELSE quote({name}) END"
    )


# Conversion of the values


def _as_it_is(_column: sa.Column[Any], values: pa.Array) -> pa.Array:
    return values


def _flags(column: sa.Column[Any], values: pa.Array) -> pa.Array:
    _check_range(column, values, 0, 1)
    return values.cast(pa.bool_())


def _integers(column: sa.Column[Any], values: pa.Array) -> pa.Array:
    if arrow_type(column) == pa.int64():
        return values
    _check_range(column, values, -(1 << 31), (1 << 31) - 1)
    return values.cast(pa.int32())


def _check_range(column: sa.Column[Any], values: pa.Array, first: int, last: int) -> None:
    ends = pc.min_max(values)
    for end in (ends["min"].as_py(), ends["max"].as_py()):
        if end is not None and not first <= end <= last:
            raise DoesNotFitError(column, end)


def _texts(column: sa.Column[Any], values: pa.Array) -> pa.Array:
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        for value in values.cast(pa.binary()).to_pylist():
            if value is not None and not is_utf8(value):
                raise DoesNotFitError(column, value) from None
        raise
    return values


def is_utf8(value: bytes) -> bool:
    """Return whether the bytes are valid UTF-8."""
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _times(column: sa.Column[Any], values: pa.Array) -> pa.Array:
    return _parsed(column, values, pa.timestamp("us"), _FIRST_SECOND * 1_000_000)


def _dates(column: sa.Column[Any], values: pa.Array) -> pa.Array:
    return _parsed(column, values, pa.date32(), _FIRST_DAY)


def _parsed(column: sa.Column[Any], values: pa.Array, wanted: pa.DataType, first: int) -> pa.Array:
    """Parse ISO texts. Arrow accepts only days that exist, but also the year 0, which is refused here."""
    try:
        found = values.cast(wanted)
    except pa.ArrowInvalid:
        raise DoesNotFitError(column, _first_not(values, wanted)) from None
    numbers = found.view(pa.int64() if pa.types.is_timestamp(wanted) else pa.int32())
    lowest = pc.min(numbers).as_py()
    if lowest is not None and lowest < first:
        place = pc.index(numbers, lowest).as_py()
        raise DoesNotFitError(column, values.cast(pa.binary())[place].as_py())
    return found


def _first_not(values: pa.Array, wanted: pa.DataType) -> bytes:
    """Return the first value that Arrow does not accept."""
    while len(values) > 1:
        half = values.slice(0, len(values) // 2)
        try:
            half.cast(wanted)
        except pa.ArrowInvalid:
            values = half
        else:
            values = values.slice(len(half))
    return bytes(values.cast(pa.binary())[0].as_py())


# Decimals: a whole number is exact. A float is read as the decimal with 15 digits that converts to it, if exactly
# one does, or else as the one with 16 digits. A float that needs 17 digits was computed, and fits no decimal.


def is_wide(type_: sa.types.TypeEngine[Any]) -> bool:
    """Return whether the type is a decimal that holds whole numbers which no float holds exactly."""
    kind = kind_of_type(type_)
    if kind is None or kind.name != "decimal":
        return False
    precision, scale = decimal_sizes(type_)
    return precision - scale > _FLOAT_DIGITS


def _wide_decimal(column: sa.Column[Any], name: str) -> ColumnReading:
    whole = Channel(f"CASE WHEN typeof({name}) = 'integer' THEN {name} END", pa.int64())
    other = Channel(f"CASE WHEN typeof({name}) <> 'integer' THEN {name} END", pa.float64())

    def made(arrays: Sequence[pa.Array]) -> pa.Array:
        integers, floats = arrays
        if integers.null_count + floats.null_count > len(integers) and not column.nullable:
            raise DoesNotFitError(column, None)
        return _unscaled(column, integers, floats)

    return ColumnReading(column, (whole, other), made)


def _decimals(column: sa.Column[Any], values: pa.Array) -> pa.Array:
    return _unscaled(column, pa.nulls(len(values), pa.int64()), values)


def _decimals_of_texts(column: sa.Column[Any], values: pa.Array) -> pa.Array:
    whole, other = [], []
    for value in values.to_pylist():
        is_whole = value is not None and value.lstrip("-").isdecimal()
        whole.append(int(value) if is_whole else None)
        other.append(None if is_whole or value is None else float(value))
    return _unscaled(column, pa.array(whole, pa.int64()), pa.array(other, pa.float64()))


def _unscaled(column: sa.Column[Any], integers: pa.Array, floats: pa.Array) -> pa.Array:
    """Make decimals from whole numbers and floats. Each row has one of the two, or neither.

    Arrow's own casts between decimals and floats are not correctly rounded.
    """
    kind = arrow_type(column)
    limit = 10**kind.precision
    words = np.zeros((len(floats), 2), dtype=np.int64)
    is_float = floats.is_valid().to_numpy(zero_copy_only=False)
    is_whole = integers.is_valid().to_numpy(zero_copy_only=False)
    done = ~is_float & ~is_whole
    if is_float.any() and kind.scale <= _FLOAT_POWERS:
        values = floats.fill_null(0.0).to_numpy()
        power = 10.0**kind.scale
        with np.errstate(over="ignore"):
            scaled = np.rint(values * power)
        quick = is_float & (np.abs(scaled) < min(10**_FLOAT_DIGITS, limit))
        quick &= scaled / power == values
        words[quick, 0] = scaled[quick].astype(np.int64)
        done |= quick
    if is_whole.any() and kind.scale < 19:
        values = integers.fill_null(0).to_numpy()
        most = min(limit - 1, (1 << 63) - 1) // 10**kind.scale
        quick = is_whole & (values <= most) & (values >= -most)
        words[quick, 0] = values[quick] * 10**kind.scale
        done |= quick
    words[:, 1] = words[:, 0] >> 63
    for place in np.flatnonzero(~done):
        value = (integers if is_whole[place] else floats)[int(place)].as_py()
        exact = _exact(value, kind.scale)
        if exact is None or not -limit < exact < limit:
            raise DoesNotFitError(column, value)
        words[place] = np.array([exact & _WORD, exact >> 64 & _WORD], np.uint64).view(np.int64)
    valid = pa.array(is_float | is_whole)
    return pa.Array.from_buffers(
        kind, len(words), [valid.buffers()[1], pa.py_buffer(words)], null_count=-1
    )


def _exact(value: int | float, scale: int) -> int | None:
    """Return the value times 10^scale; None if that is not a whole number, or the float is 2^63 or more."""
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1 << 63):
        return int(value) * 10**scale
    # From 2^63 on, SQLite also stores whole numbers as floats, and the number that was meant is unknown.
    if not math.isfinite(value) or value.is_integer():
        return None
    for digits in (_FLOAT_DIGITS, _FLOAT_DIGITS + 1):
        # A half is rounded up, as in SQLite.
        found = Context(prec=digits, rounding=ROUND_HALF_UP).create_decimal_from_float(value)
        last_place = Decimal(1).scaleb(found.adjusted() - digits + 1)
        if float(found) == value and math.ulp(value) < last_place:
            scaled = _EXACTLY.scaleb(found, scale)
            return int(scaled) if scaled == scaled.to_integral_value() else None
    return None
