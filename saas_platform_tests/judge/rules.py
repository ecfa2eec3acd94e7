"""Say how the mirror must hold a value of a SQLite database, by its column's type in tables.yaml.

Contains: plain rules from the value that `sqlite3` returns to the value that `duckdb` must return, or to the
verdict that the table must stop. They share no code with the package, whose conversions they judge.
Out of scope: reading either side (own.py).
"""

from __future__ import annotations

import enum
import re
import struct
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

_DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)")
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?)?)?", re.ASCII
)
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_NUMBER = re.compile(r"[-+]?(?:\d[\d.]*(?:e[-+]?\d+)?|inf)", re.IGNORECASE | re.ASCII)
#: The number of characters of a value that a report must show.
_SHOWN = 200
#: How a report marks a value that does not fit its type.
_NOT = ", which is not "
#: Floats hold all whole numbers up to this one exactly.
_WIDEST = 1 << 53
#: Two decimals of more than 15 digits may be the same float, so refusing such a float is right as well.
_CROWDED = 10**15


class Text(bytes):
    """The bytes of a value that SQLite stores as text. They need not be UTF-8."""

    def stored(self) -> set[bytes]:
        """Return the bytes that the file may hold: of a file in UTF-16, `sqlite3` returns a conversion."""
        held = {bytes(self)}
        with suppress(UnicodeDecodeError):
            characters = self.decode(errors="surrogatepass")
            held |= {
                characters.encode(f"utf-16-{order}", "surrogatepass") for order in ("le", "be")
            }
        return held

    def valid(self) -> str | None:
        """Return the text; None if the bytes are not UTF-8."""
        try:
            return self.decode()
        except UnicodeDecodeError:
            return None


#: A value as `sqlite3` returns it, with `Text` as its `text_factory`.
Stored = None | int | float | bytes
#: A value with its kind, so that no two values of different types are equal: ("integer", 1), ("flag", True).
Normal = tuple[Any, ...]
NULL: Normal = ("null",)


class Stops(enum.Enum):
    """Whether a value stops the sync of its table."""

    NEVER = enum.auto()
    #: Both the value that the rule names and stopping are right.
    MAY = enum.auto()
    MUST = enum.auto()


@dataclass(frozen=True)
class Right:
    """The value that the mirror must have; None if the table must stop."""

    value: Normal | None
    stops: Stops


_MUST_STOP = Right(None, Stops.MUST)


def right(kind: str, nullable: bool, value: Stored) -> Right:
    """Return how the value must be mirrored in a column of the type."""
    if value is None:
        return _exactly(NULL) if nullable else _MUST_STOP
    decimal = _DECIMAL.fullmatch(kind)
    if decimal is not None:
        return _decimal(int(decimal[1]), int(decimal[2]), value)
    normal = _RULES[kind](value)
    return _MUST_STOP if normal is None else _exactly(normal)


def _exactly(value: Normal) -> Right:
    return Right(value, Stops.NEVER)


def _integer(value: Stored) -> Normal | None:
    return ("integer", value) if isinstance(value, int) else None


def _flag(value: Stored) -> Normal | None:
    return ("flag", value == 1) if isinstance(value, int) and value in (0, 1) else None


def _float(value: Stored) -> Normal | None:
    if isinstance(value, int) and abs(value) <= _WIDEST:
        value = float(value)
    return ("float", bits(value)) if isinstance(value, float) else None


def _text(value: Stored) -> Normal | None:
    text = value.valid() if isinstance(value, Text) else None
    return None if text is None else ("text", text)


def _time(value: Stored) -> Normal | None:
    parts = _matched(_TIME, value)
    if parts is None:
        return None
    year, month, day, hour, minute, second, fraction = parts
    try:
        return (
            "time",
            datetime(
                int(year),
                int(month),
                int(day),
                int(hour or 0),
                int(minute or 0),
                int(second or 0),
                int((fraction or "0").ljust(6, "0")),
            ),
        )
    except ValueError:
        return None


def _date(value: Stored) -> Normal | None:
    parts = _matched(_DATE, value)
    try:
        return None if parts is None else ("date", date(*map(int, parts)))
    except ValueError:
        return None


def _matched(pattern: re.Pattern[str], value: Stored) -> tuple[str, ...] | None:
    text = value.valid() if isinstance(value, Text) else None
    found = None if text is None else pattern.fullmatch(text)
    return None if found is None else found.groups()


def _bytes(value: Stored) -> Normal | None:
    return ("bytes", value) if isinstance(value, bytes) and not isinstance(value, Text) else None


def _any(value: Stored) -> Normal | None:
    match value:
        case Text():
            text = value.valid()
            return None if text is None else ("any", "text", text)
        case bytes():
            return ("any", "bytes", value)
        case float():
            return ("any", "float", bits(value))
    return ("any", "integer", value)


_RULES = {
    "integer": _integer,
    "flag": _flag,
    "float": _float,
    "text": _text,
    "time": _time,
    "date": _date,
    "bytes": _bytes,
    "any": _any,
}


def _decimal(precision: int, scale: int, value: Stored) -> Right:
    """Return a whole number exactly, and a float as the decimal with the fewest digits that reads as it."""
    if isinstance(value, bytes) or value is None:
        return _MUST_STOP
    if isinstance(value, float) and value in (float("inf"), float("-inf")):
        return _MUST_STOP
    whole = isinstance(value, int) or value.is_integer()
    exact = Decimal(int(value)) if whole else Decimal(repr(value))
    scaled = exact.scaleb(scale)
    if scaled != scaled.to_integral_value() or abs(scaled) >= 10**precision:
        return _MUST_STOP
    crowded = isinstance(value, float) and abs(scaled) >= _CROWDED
    return Right(("decimal", exact), Stops.MAY if crowded else Stops.NEVER)


def bits(value: float) -> int:
    """Return the bits of a double. Both zeros have the same bits, because SQL treats them as equal."""
    (found,) = struct.unpack(">q", struct.pack(">d", value + 0.0))
    return int(found)


def mirrored(kind: str, value: Any) -> Normal:
    """Return the value that `duckdb` returned, with the kind of its Python type."""
    if value is None:
        return NULL
    if kind == "any" and isinstance(value, str):
        return _of_literal(value)
    # The order matters, because in Python a bool is an int and a datetime is a date.
    for name, python in (
        ("flag", bool),
        ("integer", int),
        ("decimal", Decimal),
        ("text", str),
        ("time", datetime),
        ("date", date),
        ("bytes", bytes),
    ):
        if isinstance(value, python):
            return (name, value)
    if isinstance(value, float):
        return ("float", bits(value))
    return ("unknown", type(value).__name__, repr(value))


def _of_literal(literal: str) -> Normal:
    if re.fullmatch(r"[-+]?\d+", literal, re.ASCII):
        return ("any", "integer", int(literal))
    if re.fullmatch(r"'(?:[^']|'')*'", literal):
        return ("any", "text", literal[1:-1].replace("''", "'"))
    if re.fullmatch(r"X'(?:[0-9A-F]{2})*'", literal):
        return ("any", "bytes", bytes.fromhex(literal[2:-1]))
    if _NUMBER.fullmatch(literal):
        return ("any", "float", bits(float(literal)))
    return ("any", "no literal", literal)


# How a report shows a value.


def is_shown(shown: Any, kind: str, value: Stored) -> bool:
    """Return whether a report shows a value of the source correctly, whether it fits its type or not."""
    found = right(kind, True, value)
    if isinstance(shown, str):
        # A report may hold the characters themselves or escaped ones. Other tests judge what is printed.
        shown = shortened(shown, most=len(shown))
    if found.stops is Stops.MAY and isinstance(shown, str) and _NOT in shown:
        return names_literal(shown, value)
    if found.value is None:
        return isinstance(shown, str) and names_literal(shown, value)
    match found.value:
        case ("null",):
            return shown is None
        case ("float", wanted):
            return isinstance(shown, float) and bits(shown) == wanted
        case ("decimal", exact):
            return isinstance(shown, str) and Decimal(shown) == exact
        case ("time", timestamp):
            return bool(shown == timestamp.isoformat(" "))
        case ("date", day):
            return bool(shown == day.isoformat())
        case ("bytes", held):
            return _is_cut(shown, f"X'{held.hex().upper()}'")
        case ("text", text):
            return _is_cut(shown, text)
        case ("any", *_):
            return isinstance(shown, str) and names_literal(shown, value)
        case (_, plain):
            return type(shown) is type(plain) and shown == plain
    raise AssertionError(found)


def _is_cut(shown: Any, text: str) -> bool:
    """Return whether the report shows the text, or the beginning of a long text."""
    if len(text) <= _SHOWN:
        return bool(shown == shortened(text))
    return isinstance(shown, str) and shown.startswith(shortened(text)) and len(shown) < 2 * _SHOWN


def names_literal(sentence: str, value: Stored) -> bool:
    """Return whether the sentence has the value as an SQL literal, with control characters escaped."""
    match value:
        case None:
            return "NULL" in sentence
        case Text():
            text = value.valid()
            if text is not None:
                quoted = "'" + text.replace("'", "''") + "'"
                return shortened(quoted) in sentence
            # The sentence shows the bytes, or the text with the invalid bytes escaped.
            escaped = shortened(value.decode(errors="backslashreplace"))
            literals = [f"X'{held.hex().upper()}'" for held in value.stored()]
            return any(each in sentence for each in (escaped, *literals))
        case bytes():
            return shortened(f"X'{value.hex().upper()}'") in sentence or (
                f"X'{value[:50].hex().upper()}" in sentence and len(value) > 50
            )
        case float():
            return any(
                _as_float(token) == value
                for token in _NUMBER.findall(sentence)
                if "." in token or "inf" in token.lower()
            )
    return re.search(rf"(?<![\d.]){re.escape(str(value))}(?!\.?\d)", sentence) is not None


def _as_float(token: str) -> float | None:
    try:
        return float(token.rstrip("."))
    except ValueError:
        return None


def shortened(text: str, most: int = _SHOWN) -> str:
    """Return the text as a report may show it: cut if too long, with unprintable characters escaped."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text[:most]
    )
