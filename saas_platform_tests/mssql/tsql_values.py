"""Values of T-SQL's types and their conversions, without a server, as Microsoft's documentation describes them.

The conversions include those that lose something. Out of scope: expressions (tsql.py).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, localcontext
from typing import Any

NUMBERS = frozenset({"tinyint", "smallint", "int", "bigint", "bit"})
_TEXTS = frozenset(
    {"char", "varchar", "nchar", "nvarchar", "text", "ntext", "xml", "json", "hierarchyid"}
)
#: The types to which the server converts these; it refuses every other conversion of them (529).
ONLY_TO = {
    "ntext": frozenset({"char", "varchar", "nchar", "nvarchar", "xml"}),
    "text": frozenset({"char", "varchar", "nchar", "nvarchar", "xml"}),
    "image": frozenset({"binary", "varbinary", "rowversion"}),
}
#: The units of a datetime2, which are tenths of microseconds.
_SECOND = 10_000_000


@dataclass(frozen=True)
class Sql:
    """A value with its type. A `value` of None is NULL.

    `datetime2`, `time` and `datetimeoffset` count tenths of microseconds, the last together with the minutes of
    its offset. `datetime` counts units of 1/300 s. All of them count from the first of January of the year 1.
    """

    kind: str
    value: Any
    #: The number of digits after the second, or after the decimal point.
    scale: int = 0
    #: Whether the collation is binary.
    binary: bool = False


def convert(value: Sql, kind: str, size: int | None, scale: int, *, style: int) -> Sql:
    """Convert a value to another type by a style, with the losses that the server has."""
    if value.kind == "sql_variant":
        inner = value.value
        return Sql(kind, None) if inner is None else convert(inner, kind, size, scale, style=style)
    assert kind in ONLY_TO.get(value.kind, {kind}), f"no conversion of {value.kind} to {kind} (529)"
    if value.value is None:
        return Sql(kind, None)
    if kind in ("char", "varchar", "nchar", "nvarchar"):
        if isinstance(value.value, bytes) and style == 0 and kind in ("nchar", "nvarchar"):
            text = value.value.decode("utf-16-le", "surrogatepass")
        else:
            text = _text(value, style)
        if kind == "char" and size is not None:
            text = text.ljust(size)
        assert size is None or len(text) <= size or value.kind not in NUMBERS, "overflow"
        return Sql(kind, text if size is None else text[:size], binary=value.binary)
    if kind in ("binary", "varbinary"):
        return Sql(kind, _bytes(value)[:size])
    if kind == "bigint":
        made = value.value
        return Sql(
            kind, int.from_bytes(made, "big", signed=True) if isinstance(made, bytes) else int(made)
        )
    if kind in ("decimal", "numeric"):
        return Sql(kind, _rounded(Decimal(value.value), scale), scale)
    if kind == "float":
        given = value.value
        return Sql(kind, float(given.strip() if isinstance(given, str) else given))
    if kind == "date":
        return Sql(kind, value.value) if value.kind == "date" else Sql(kind, _day(ticks_in(value)))
    if kind == "datetime":
        return Sql(kind, round(Decimal(ticks_in(value)) * 300 / _SECOND))
    assert kind in ("datetime2", "time", "datetimeoffset"), kind
    digits = 7 if size is None else size
    step = 10 ** (7 - digits)
    moment = _parsed(value.value) if isinstance(value.value, str) else None
    if kind == "datetimeoffset":
        ticks, offset = value.value
        return Sql(kind, ((ticks + step // 2) // step * step, offset), digits)
    ticks = ticks_in(value) if moment is None else moment
    rounded = (ticks + step // 2) // step * step
    assert rounded < 3_652_059 * 86_400 * _SECOND, "an overflow at the end of time"
    return Sql(kind, rounded, digits)


def _rounded(value: Decimal, scale: int) -> Decimal:
    with localcontext(prec=80):
        return value.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)


def _day(ticks: int) -> date:
    return date.fromordinal(1 + ticks // (86_400 * _SECOND))


def _parsed(text: str) -> int:
    return ticks_of(text)


def ticks_of(text: str) -> int:
    """Return the tenths of microseconds of a timestamp in ISO format."""
    seconds, _, fraction = text.replace("T", " ").partition(".")
    since = datetime.fromisoformat(seconds) - datetime(1, 1, 1)
    return (since.days * 86_400 + since.seconds) * _SECOND + int((fraction + "0" * 7)[:7])


def moment_of(text: str, kind: str = "datetime2", scale: int = 7) -> Sql:
    """Return a timestamp as a value of the type."""
    return Sql(kind, ticks_of(text), scale)


def ticks_in(value: Sql) -> int:
    if value.kind == "datetime":
        # Rounded to the nearest digit, because a third has no exact decimal form.
        return int((Decimal(value.value) * _SECOND / 300).to_integral_value(ROUND_HALF_UP))
    if value.kind == "datetimeoffset":
        return int(value.value[0])
    if isinstance(value.value, str):
        return ticks_of(value.value)
    return int(value.value)


def _bytes(value: Sql) -> bytes:
    if isinstance(value.value, bytes):
        return value.value
    if isinstance(value.value, str):
        return value.value.encode("utf-16-le", "surrogatepass")
    return struct.pack(">d", value.value)


def _text(value: Sql, style: int) -> str:
    made, kind = value.value, value.kind
    if kind in NUMBERS:
        return str(int(made))
    if kind in ("decimal", "numeric"):
        return f"{made:.{value.scale}f}"
    if kind in ("money", "smallmoney"):
        return f"{made:.4f}" if style == 2 else f"{_rounded(made, 2):.2f}"
    if kind in ("float", "real"):
        if style == 3:
            digits, power = f"{made:.16e}".split("e")
            return f"{digits}e{int(power):+04d}"
        return f"{made:.6g}"
    if kind in ("binary", "varbinary", "rowversion"):
        return {1: "0x", 2: ""}[style] + made.hex().upper() if style else made.decode("latin-1")
    if kind == "date":
        return str(made.isoformat())
    if kind in _TEXTS:
        if style == 0 and isinstance(made, str):
            return made
        return str(made)
    if kind == "uniqueidentifier":
        return str(made).upper()
    return _time_text(value, style)


def _time_text(value: Sql, style: int) -> str:
    kind = value.kind
    ticks = ticks_in(value)
    seconds = datetime(1, 1, 1) + timedelta(seconds=ticks // _SECOND)
    if style == 0 and kind in ("datetime", "smalldatetime"):
        return f"{seconds:%b} {seconds.day:2} {seconds.year:04} {seconds:%I:%M%p}"
    plain = f"{seconds.year:04}-{seconds:%m-%d %H:%M:%S}"
    if kind == "datetime":
        milliseconds = int((Decimal(value.value % 300) * 10 / 3).to_integral_value(ROUND_HALF_UP))
        return plain if style == 120 else f"{plain}.{milliseconds:03}"
    if kind == "smalldatetime":
        return plain if style == 120 else f"{plain}.000"
    fraction = f"{ticks % _SECOND:07}"[: value.scale]
    if kind == "time":
        plain = plain[11:]
    text = plain if style == 120 or not fraction else f"{plain}.{fraction}"
    if kind == "datetimeoffset":
        hours, minutes = divmod(abs(value.value[1]), 60)
        text += f" {'-' if value.value[1] < 0 else '+'}{hours:02}:{minutes:02}"
    return text


def driven(value: Sql) -> Any:
    """Return what a driver returns for the value."""
    made, kind = value.value, value.kind
    if made is None:
        return None
    if kind == "bit":
        return bool(made)
    if kind in ("datetime2", "datetime", "smalldatetime"):
        micros = ticks_in(value) // 10
        return datetime(1, 1, 1) + timedelta(microseconds=micros)
    if kind == "money":
        return Decimal(made).quantize(Decimal("1.0000"), ROUND_DOWN)
    return made
